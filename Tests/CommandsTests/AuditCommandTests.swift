import Model
import Testing

@Suite("The audit on the command line")
struct AuditCommandTests {
    @Test("tells who did what, when and why, with what was before and what is after")
    func tells() throws {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            echo one | loci add --name a.md --set user=bob -q --actor bob --reason 'first try'
            loci mv user=bob/a.md user=eve/a.md -q --actor eve
            """
        )
        let changes = try sandbox.must("loci audit --json --limit 2").json
        #expect(changes.map { $0["op"]?.stringValue } == ["rename", "add"])
        #expect(changes.map { $0["actor"]?.stringValue } == ["eve", "bob"])
        #expect(changes[1]["reason"]?.stringValue == "first try")
        #expect(changes[1]["process"]?.stringValue == "loci")
        #expect(changes[1]["path"]?.stringValue == "user=bob/a.md")
        #expect(changes[0]["before"]?["attributes"] == ["user": "bob"])
        #expect(changes[0]["after"]?["attributes"] == ["user": "eve"])
        let lines = try sandbox.must("loci audit --actor bob --op add --under user=bob").lines
        #expect(lines.count == 1)
        #expect(lines[0].hasSuffix("\tadd\tuser=bob/a.md\tfirst try"))
        #expect(try sandbox.must("loci audit --memory user=eve/a.md --since 1h").lines.count == 2)
        #expect(try sandbox.must("loci audit --until 1h").lines == [])
        let wrong = try sandbox.run("loci audit --op edti")
        #expect(wrong.status == 2)
        #expect(wrong.errors.contains("did you mean 'edit'?"))
    }

    @Test("verify says which change does not fit, and exits 1")
    func verifies() throws {
        let sandbox = try Sandbox()
        try sandbox.must("for i in 1 2 3; do echo $i | loci add --name $i.md -q; done")
        let clean = try sandbox.must("loci audit verify")
        let mark = try #require(clean.lines.last?.split(separator: " ").last)
        try sandbox.must("echo 4 | loci add --name 4.md -q; loci audit verify --expect \(mark)")
        let number = try #require(Int64(mark.split(separator: ":")[0]))
        let report = try #require(try sandbox.must("loci audit verify --json").json.first)
        #expect(report["whole"]?.boolValue == true)
        #expect(report["head"]?.integerValue == number + 1)
        try sandbox.must(
            """
            python3 -c 'import sqlite3
            log = sqlite3.connect("store/main/catalog.db")
            log.execute("UPDATE change SET actor = ? WHERE seq = ?", ["mallory", \(number)])
            log.commit()'
            """
        )
        let broken = try sandbox.run("loci audit verify")
        #expect(broken.status == 1)
        #expect(broken.output.contains("change \(number) does not fit"))
        let checked = try sandbox.run("loci fsck --quick")
        #expect(checked.status == 1)
        #expect(checked.output.contains("change \(number)"))
        #expect(try sandbox.run("loci audit verify --expect 5").status == 2)
    }

    @Test("watch prints each change once, and goes on from a cursor")
    func watches() throws {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            for i in 1 2 3; do echo $i | loci add --name $i.md --set user=u$i -q; done
            loci watch --json >first
            for i in 4 5; do echo $i | loci add --name $i.md --set user=u$i -q; done
            """
        )
        let first = try sandbox.must("cat first").json
        let cursor = try #require(first.last?["cursor"]?.integerValue)
        let rest = try sandbox.must("loci watch --json --from \(cursor)").json
        #expect(rest.map { $0["path"]?.stringValue } == ["user=u4/4.md", "user=u5/5.md"])
        #expect(rest.map { $0["cursor"]?.integerValue } == [cursor + 1, cursor + 2])
        #expect(
            try sandbox.must("loci watch --under user=u2 --op add").lines.map {
                $0.split(separator: "\t").last.map(String.init)
            } == ["user=u2/2.md"]
        )
    }

    @Test("watch --follow tells what a mount and a command do, as they do it")
    func follows() throws {
        let sandbox = try Sandbox(store: "user={user}")
        let outcome = try sandbox.must(
            """
            mkdir mnt; loci mount store mnt
            loci watch --follow --json --op add >events & watcher=$!
            trap 'kill $watcher 2>/dev/null || true' EXIT
            sleep 0.3
            mkdir mnt/user=bob; echo a >mnt/user=bob/a.md; sync mnt/user=bob/a.md
            loci ls -q
            echo b | loci add --name b.md --set user=eve -q
            for i in $(seq 100); do [ "$(wc -l <events)" -ge 2 ] && break; sleep 0.1; done
            loci umount mnt
            cat events
            """
        )
        #expect(
            try outcome.json.map { $0["path"]?.stringValue } == ["user=bob/a.md", "user=eve/b.md"]
        )
    }
}

@Suite("The trash on the command line")
struct TrashCommandTests {
    @Test("lists what was deleted by the paths that it would go back to")
    func lists() throws {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            for i in 1 2; do echo $i | loci add --name $i.md --set user=bob -q; done
            loci rm user=bob/1.md -q --actor eve
            """
        )
        let trash = try sandbox.must("loci trash list --json").json
        #expect(trash.map { $0["formerPath"]?.stringValue } == ["user=bob/1.md"])
        #expect(trash.map { $0["by"]?.stringValue } == ["eve"])
        #expect(try sandbox.must("loci trash list").lines[0].hasSuffix("\tuser=bob/1.md"))
    }

    @Test("is emptied only with --yes, and what a snapshot holds stays, with exit 7")
    func empties() throws {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            echo 1 | loci add --name 1.md --set user=bob -q; loci snapshot create s -q
            echo 2 | loci add --name 2.md --set user=bob -q
            loci rm user=bob/1.md user=bob/2.md -q
            """
        )
        #expect(try sandbox.run("loci trash empty").status == 2)
        let emptied = try sandbox.run("loci trash empty --yes")
        #expect(emptied.status == 7)
        #expect(emptied.errors.contains("the snapshot \"s\" holds it"))
        #expect(try sandbox.must("loci trash list").lines.count == 1)
        try sandbox.must("loci snapshot delete s --yes -q; loci trash empty --yes -q")
        #expect(try sandbox.must("loci trash list").lines == [])
        try sandbox.must("loci fsck -q")
    }

    @Test("purge takes a path or an id, wants --yes, and refuses what is not in the trash")
    func purges() throws {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must("echo secret | loci add --name 1.md --set user=bob -q")
        let live = try sandbox.run("loci purge user=bob/1.md --yes")
        #expect(live.status == 6)
        #expect(live.errors.contains("loci rm user=bob/1.md"))
        try sandbox.must("loci rm user=bob/1.md -q")
        #expect(try sandbox.run("loci purge user=bob/1.md").status == 2)
        #expect(
            try sandbox.must("loci purge user=bob/1.md --yes").lines
                == ["Purged 1 memory, removed 1 content."]
        )
        #expect(try sandbox.run("loci restore user=bob/1.md").status == 4)
        let stub = try sandbox.must("loci audit --op add --json --limit 1").json
        #expect(stub.first?["purged"]?.boolValue == true)
        #expect(stub.first?["after"] == .null)
    }

    @Test("purge under a running mount leaves nothing of the text in the store after gc")
    func purgesUnderAMount() throws {
        let sandbox = try Sandbox(store: "user={user}")
        let outcome = try sandbox.must(
            """
            mkdir mnt; loci mount store mnt
            mkdir mnt/user=bob
            echo xylophone >mnt/user=bob/zeppelin.md
            echo other >mnt/user=bob/other.md
            loci ls -q
            rm mnt/user=bob/zeppelin.md
            loci purge user=bob/zeppelin.md --yes -q
            loci gc --delete --yes -q || true
            test ! -e mnt/user=bob/zeppelin.md
            cat mnt/user=bob/other.md
            grep -rai -e xylophone -e zeppelin store && exit 1
            loci umount mnt
            loci fsck -q
            """
        )
        #expect(outcome.output == "other\n")
    }
}

import Model
import Testing

@Suite("Verbs")
struct VerbTests {
    @Test("add prints the path that results, and cat the bytes")
    func addsAndReads() throws {
        let sandbox = try Sandbox(store: "user={user}/topic={topic}")
        let path = try sandbox.must(
            "printf 'hello\\n' | loci add - --name a.md --set user=bob --set topic=auth"
        ).lines
        #expect(path == ["user=bob/topic=auth/a.md"])
        #expect(try sandbox.must("loci cat \(path[0])").output == "hello\n")
        let stat = try #require(try sandbox.must("loci stat --json \(path[0])").json.first)
        #expect(stat["attributes"]?["user"]?.stringValue == "bob")
        #expect(stat["revision"]?.integerValue == 1)
        #expect(stat["size"]?.integerValue == 6)
        #expect(stat["paths"]?.arrayValue?.count == 1)
    }

    @Test("edit makes a revision, and --if-revision refuses another one with exit 6")
    func edits() throws {
        let sandbox = try Sandbox()
        try sandbox.must("echo one | loci add --name a.md -q; echo two | loci edit a.md - -q")
        #expect(try sandbox.must("loci cat a.md").output == "two\n")
        #expect(try sandbox.must("loci cat a.md --revision 1").output == "one\n")
        let outcome = try sandbox.run("echo three | loci edit a.md - --if-revision 1")
        #expect(outcome.status == 6)
        #expect(try sandbox.must("loci cat a.md").output == "two\n")
        #expect(try sandbox.run("echo x | loci edit a.md - --if-absent").status == 6)
        try sandbox.must("echo new | loci edit b/c.md -")
        #expect(try sandbox.must("loci cat b/c.md").output == "new\n")
    }

    @Test("set moves a memory, and 'key=' removes an attribute")
    func setsAttributes() throws {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must("echo a | loci add --name a.md --set user=bob -q")
        #expect(
            try sandbox.must("loci set user=bob/a.md user=eve topic=x").lines == ["user=eve/a.md"]
        )
        let stat = try sandbox.must("loci set user=eve/a.md topic= --json").json.first
        #expect(stat?["attributes"]?["topic"] == nil)
    }

    @Test("mv renames, moves into directories, and moves directories whole")
    func moves() throws {
        let sandbox = try Sandbox()
        try sandbox.must(
            """
            for i in 1 2 3; do echo $i | loci add --name $i.md --set folder=a/b -q; done
            loci mv a/b/1.md a/one.md; loci mv a/one.md a/b; loci mv a/b c
            """
        )
        #expect(
            Set(try sandbox.must("loci ls -R").lines) == ["c/one.md", "c/2.md", "c/3.md"]
        )
    }

    @Test("rm puts into the trash, and restore brings back identity and place")
    func removesAndRestores() throws {
        let sandbox = try Sandbox()
        try sandbox.must("echo a | loci add --name a.md --set folder=x -q")
        let id = try sandbox.must("loci stat x/a.md --json").json.first?["id"]
        #expect(try sandbox.run("loci rm x").status == 2)
        try sandbox.must("loci rm -r x")
        #expect(try sandbox.run("loci cat x/a.md").status == 4)
        #expect(try sandbox.must("loci restore x/a.md").lines == ["x/a.md"])
        #expect(try sandbox.must("loci stat x/a.md --json").json.first?["id"] == id)
        #expect(try sandbox.run("loci rm nowhere.md --if-absent").status == 0)
    }

    @Test("restore --under takes back what was deleted since a time; --dry-run only tells")
    func restoresInBulk() throws {
        let sandbox = try Sandbox()
        try sandbox.must(
            """
            for i in 1 2 3; do echo $i | loci add --name $i.md --set folder=x -q; done
            loci rm -r x -q
            """
        )
        try sandbox.must("loci restore --under x --since 10m --dry-run")
        #expect(try sandbox.must("loci ls -R").lines.isEmpty)
        let report = try sandbox.must("loci restore --under x --since 10m --json").json.first
        #expect(report?["untrashed"]?.integerValue == 3)
        #expect(try sandbox.must("loci ls -R").lines.count == 3)
    }

    @Test("restore --revision goes back with a new revision")
    func restoresRevision() throws {
        let sandbox = try Sandbox()
        try sandbox.must(
            """
            echo one | loci add --name a.md -q; loci snapshot create s -q
            echo two | loci edit a.md - -q; loci restore a.md --revision 1 -q
            """
        )
        #expect(try sandbox.must("loci cat a.md").output == "one\n")
        try sandbox.must("echo four | loci edit a.md - -q; loci restore a.md --snapshot s -q")
        #expect(try sandbox.must("loci cat a.md").output == "one\n")
    }

    @Test("snapshots restore everything")
    func snapshots() throws {
        let sandbox = try Sandbox()
        try sandbox.must(
            """
            echo a | loci add --name a.md -q; loci snapshot create before
            echo b | loci add --name b.md -q; loci rm a.md -q; loci snapshot restore before
            """
        )
        #expect(try sandbox.must("loci ls").lines == ["a.md"])
        #expect(
            try sandbox.must("loci snapshot list --json").json.first?["snapshot"]?.stringValue
                == "before"
        )
        try sandbox.must("loci snapshot delete before --yes")
        #expect(try sandbox.must("loci snapshot list").output.isEmpty)
    }

    @Test("the actor and the reason land in the log")
    func logs() throws {
        let sandbox = try Sandbox()
        try sandbox.must(
            "echo a | loci add --name a.md --actor ann --reason because -q"
        )
        let change = try sandbox.must("loci log a.md --json").json.first
        #expect(change?["actor"]?.stringValue == "ann")
        #expect(change?["reason"]?.stringValue == "because")
        #expect(change?["op"]?.stringValue == "add")
    }

    @Test("tenants are made, globbed, renamed and deleted")
    func tenants() throws {
        let sandbox = try Sandbox()
        try sandbox.must("loci tenant create team-a; loci tenant create team-b")
        #expect(try sandbox.run("loci ls").status == 2)
        let states = try sandbox.must("loci migrate status --json --tenant 'team-*'").json
        #expect(states.map { $0["tenant"]?.stringValue } == ["team-a", "team-b"])
        #expect(states.allSatisfy { $0["state"]?.stringValue == "none" })
        #expect(try sandbox.must("loci fsck --all-tenants").lines.count == 3)
        try sandbox.must("loci tenant rename team-b b; loci tenant delete team-a --yes")
        let names = try sandbox.must("loci tenant list --json").json
        #expect(names.compactMap { $0["tenant"]?.stringValue } == ["b", "main"])
    }

    @Test("a tenant that lost its catalog is passed over by no verb")
    func lostCatalog() throws {
        let sandbox = try Sandbox()
        try sandbox.must("loci tenant create other -q; rm store/main/catalog.db*")
        let verbs = ["fsck --all-tenants", "tenant list", "backup create new --all-tenants"]
        for verb in verbs {
            let outcome = try sandbox.run("loci \(verb)")
            #expect(outcome.status == 7, "\(verb): \(outcome.errors)")
            #expect(outcome.errors.contains("main: The catalog of the tenant 'main' is missing"))
        }
        try sandbox.must("loci tenant delete other --yes")
        for verb in verbs + ["ls", "fsck"] {
            let outcome = try sandbox.run("loci \(verb)")
            #expect(outcome.status == 9, "\(verb): \(outcome.errors)")
            #expect(outcome.errors.contains("restore it from a backup"))
        }
    }

    @Test("a migration goes through its states by commands alone")
    func migrates() throws {
        let sandbox = try Sandbox(store: "user={user}/topic={topic}")
        try sandbox.must(
            "for i in 1 2 3; do echo $i | loci add --name $i.md --set user=u$i --set topic=t -q; done"
        )
        let state = { (expected: String) in
            let status = try sandbox.must("loci migrate status --json").json.first
            #expect(status?["state"]?.stringValue == expected)
        }
        try state("none")
        let plan = try sandbox.must("loci migrate plan 'topic={topic}/user={user}'")
        #expect(plan.output.contains("memories 3   to move 3   already in place 0"))
        #expect(plan.output.contains("Nothing has been changed."))
        let start = try sandbox.must("loci migrate start 'topic={topic}/user={user}'")
        #expect(
            start.output
                == "Started. No worker: mount the tenant, or run  loci migrate run\n"
        )
        try state("moving")
        #expect(
            try sandbox.must("loci cat topic=t/user=u1/1.md user=u1/topic=t/1.md").output
                == "1\n1\n"
        )
        #expect(try sandbox.run("loci migrate wait ready --timeout 1s").status == 1)
        try sandbox.must("loci migrate run -q; loci migrate wait ready")
        try state("ready")
        #expect(try sandbox.run("loci migrate retire --check").status == 6)
        try sandbox.must("loci migrate cutover --check; loci migrate cutover")
        try state("complete")
        #expect(try sandbox.must("loci ls").lines == ["topic=t"])
        #expect(
            try sandbox.must("loci layout translate topic=t/user=u2/2.md --to 1").lines
                == ["user=u2/topic=t/2.md"]
        )
        try sandbox.must("loci migrate revert; loci migrate cutover --old-paths nodelete")
        try sandbox.must("loci migrate retire --yes --force")
        try state("retired")
        let gone = try sandbox.run("loci stat user=u1/topic=t/1.md")
        #expect(gone.status == 4)
        #expect(gone.errors.contains("topic=t/user=u1/1.md"))
        #expect(
            try sandbox.must("loci migrate history --json").json.first?["outcome"]?.stringValue
                != nil
        )
        try sandbox.must("loci fsck")
    }

    @Test("abort gives a migration up, and the old paths stay")
    func aborts() throws {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            echo 1 | loci add --name 1.md --set user=u --set topic=t -q
            loci migrate start 'topic={topic}' -q; loci migrate pause; loci migrate resume
            loci migrate throttle 500; loci migrate abort
            """
        )
        let status = try sandbox.must("loci migrate status --json").json.first
        #expect(status?["state"]?.stringValue == "aborted")
        #expect(try sandbox.must("loci cat user=u/1.md").output == "1\n")
        try sandbox.must("loci fsck")
    }

    @Test("paths come out with NUL for -0, and nothing for -q")
    func endsPaths() throws {
        let sandbox = try Sandbox()
        try sandbox.must("echo a | loci add --name a.md -q; echo b | loci add --name b.md -q")
        #expect(try sandbox.must("loci ls -0").output == "a.md\0b.md\0")
        #expect(try sandbox.must("loci ls -q").output.isEmpty)
    }

    @Test("help groups the verbs, and shows no internals")
    func helps() throws {
        let sandbox = try Sandbox(store: nil)
        let help = try sandbox.must("loci --help").output
        for group in ["START", "USE", "BRING", "MOUNT", "MOVE", "TIME", "TRUST"] {
            #expect(help.contains("\(group) SUBCOMMANDS"))
        }
        #expect(try !sandbox.must("loci mount --help").output.contains("ready-descriptor"))
        #expect(try sandbox.must("loci --version").output.hasPrefix("loci "))
    }

    @Test("a closed pipe ends a list quietly")
    func endsQuietly() throws {
        let sandbox = try Sandbox()
        try sandbox.must("mkdir src; for i in $(seq 2000); do echo $i >src/$i.md; done")
        try sandbox.must("loci import src -q")
        let outcome = try sandbox.run("loci ls -R --json | head -1")
        #expect(outcome.status == 0)
        #expect(outcome.errors.isEmpty)
    }
}

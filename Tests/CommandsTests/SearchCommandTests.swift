import Model
import Testing

@Suite("loci search")
struct SearchCommandTests {
    private func sandbox() throws -> Sandbox {
        let sandbox = try Sandbox(store: "user={user}/topic={topic}")
        try sandbox.must(
            """
            printf '# Keys\\nrotate the token keys\\n' | loci add - --name keys.md \\
                --set user=bob --set topic=auth
            printf 'a token\\n' | loci add - --name note.md --set user=eve --set topic=misc
            """
        )
        return sandbox
    }

    @Test("prints path:line:text into a pipe, the best first")
    func lines() throws {
        let outcome = try sandbox().must("loci search 'token keys' OR token")
        #expect(
            outcome.lines == [
                "user=bob/topic=auth/keys.md:2:rotate the token keys",
                "user=eve/topic=misc/note.md:1:a token",
            ]
        )
        #expect(outcome.errors == "")
    }

    @Test("tells everything with --json, and where in the line the words are")
    func json() throws {
        let hit = try #require(try sandbox().must("loci search --json rotat*").json.first)
        #expect(hit["path"]?.stringValue == "user=bob/topic=auth/keys.md")
        #expect(hit["line"]?.integerValue == 2)
        #expect(hit["text"]?.stringValue == "rotate the token keys")
        #expect(hit["matches"]?.text() == "[[0,6]]")
        #expect(hit["attributes"]?["user"]?.stringValue == "bob")
    }

    @Test("keeps to attributes, a directory, a time, a number and an offset")
    func filters() throws {
        let sandbox = try sandbox()
        func paths(_ options: String) throws -> [String] {
            try sandbox.must("loci search -l token \(options)").lines
        }
        let (keys, note) = ("user=bob/topic=auth/keys.md", "user=eve/topic=misc/note.md")
        #expect(try paths("--where user=eve") == [note])
        #expect(try paths("--under user=bob") == [keys])
        #expect(try Set(paths("--since 1h")) == [keys, note])
        #expect(try paths("--limit 1").count == 1)
        #expect(try paths("--limit 1 --offset 1").count == 1)
        #expect(try Set(paths("--limit 1") + paths("--limit 1 --offset 1")) == [keys, note])
        let nul = try sandbox.must("loci search -0 rotate | od -c | head -3")
        #expect(nul.output.contains("\\0"))
        #expect(try sandbox.run("loci search token --since tomorrow").status == 2)
        #expect(try sandbox.run("loci search token --where user").status == 2)
    }

    @Test("answers by its exit code, 1 where nothing matches")
    func exitCodes() throws {
        let sandbox = try sandbox()
        let found = try sandbox.run("loci search -q token")
        #expect(found.status == 0 && found.output == "" && found.errors == "")
        let nothing = try sandbox.run("loci search nothing")
        #expect(nothing.status == 1 && nothing.output == "")
        #expect(try sandbox.run("loci search token --under user=nobody").status == 4)
    }

    @Test("says where a query is wrong, exit 2")
    func wrongQuery() throws {
        let outcome = try sandbox().run("loci search 'token \"keys'")
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("quote that is not closed, at character 7"))
        #expect(outcome.errors.contains("Add a \""))
    }

    @Test("marks what was found on a terminal, and lets no text steer it")
    func colours() throws {
        let sandbox = try sandbox()
        try sandbox.must("printf 'evil \\033[2J token' | loci add - --name e --set user=e")
        let shown = try sandbox.must("script -qec 'loci search evil --color always' /dev/null")
        #expect(shown.output.contains("\u{1B}[1;31mevil\u{1B}[0m"))
        #expect(!shown.output.contains("\u{1B}[2J"))
        #expect(shown.output.contains("%1B[2J"))
    }

    @Test("is built anew by loci reindex, kept by none with --off, and checked by fsck")
    func reindex() throws {
        let sandbox = try sandbox()
        #expect(try sandbox.must("loci reindex --json").json[0]["indexed"]?.integerValue == 2)
        #expect(
            try sandbox.must("loci reindex --scope user=bob").output
                == "Indexed 1 memory; 0 are not searched.\n"
        )
        let status = try sandbox.must("loci status --json").json[0]["search"]
        #expect(status?["searched"]?.integerValue == 2)
        try sandbox.must("loci reindex --off")
        let refused = try sandbox.run("loci search token")
        #expect(refused.status == 6)
        #expect(refused.errors.contains("loci reindex"))
        try sandbox.must("loci fsck; loci reindex; loci search -q token")
        try sandbox.must(
            """
            python3 -c 'import sqlite3
            catalog = sqlite3.connect("store/main/catalog.db")
            catalog.execute("UPDATE searchable SET revision = 9")
            catalog.commit()'
            """
        )
        let broken = try sandbox.run("loci fsck")
        #expect(broken.status == 1)
        #expect(broken.output.contains("loci reindex"))
        try sandbox.must("loci reindex; loci fsck; loci search -q token")
    }

    @Test("finds imported memories, and what a mount has just written")
    func importAndMount() throws {
        let sandbox = try sandbox()
        try sandbox.must(
            """
            mkdir -p notes/al/tea mnt
            echo 'green tea' >notes/al/tea/one.md
            loci import notes --scheme-of-source '{user}/{topic}'
            loci mount store mnt
            echo 'black tea' >mnt/user=al/topic=tea/two.md
            sleep 0.1
            """
        )
        #expect(try sandbox.must("loci search -l tea").lines.count == 2)
        #expect(
            try sandbox.must("loci search -l black --under mnt/user=al").lines
                == ["user=al/topic=tea/two.md"]
        )
        try sandbox.must("loci umount mnt")
    }
}

import Linux
import Model
import Testing

@Suite("loci search by meaning")
struct EmbedderCommandTests {
    private static let root =
        #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()

    private func sandbox() throws -> Sandbox {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            cat >embed.py <<'END'
            import json, sys
            name = sys.argv[1]
            print(json.dumps({"protocol": 1, "id": name, "dimensions": 2}), flush=True)
            for line in sys.stdin:
                asked = json.loads(line)
                text = asked["text"].split()
                near = [sum(w in m for w in text) for m in (["cat", "feline"], ["tea", "coffee"])]
                print(json.dumps({"id": asked["id"], "vector": near}), flush=True)
            END
            echo 'a cat' | loci add - --name pet.md --set user=bob
            echo 'some tea' | loci add - --name cup.md --set user=eve
            """
        )
        return sandbox
    }

    private let embedder = "--embedder 'python3 embed.py pets-and-drinks'"

    @Test("makes vectors, finds by them, and tells everything with --json")
    func finds() throws {
        let sandbox = try sandbox()
        let made = try sandbox.must("loci reindex \(embedder)")
        #expect(
            made.output
                == "Looked at 2 memories: 2 of the tenant have a vector of 'pets-and-drinks' "
                + "with 2 dimensions, 0 have none.\n"
        )
        let found = try sandbox.must("loci search --semantic feline -n 1 \(embedder)")
        #expect(found.lines == ["user=bob/pet.md:1:a cat"])
        let json = try sandbox.must("loci search --hybrid --json coffee OR cat \(embedder)").json
        #expect(json.count == 2)
        #expect(json[0]["path"] == "user=bob/pet.md")
        let again = try sandbox.must("loci reindex --json \(embedder)").json[0]
        #expect(again["lookedAt"] == 0)
        #expect(again["vectors"]?["dimensions"] == 2)
        let status = try sandbox.must("loci status --json").json[0]["vectors"]
        #expect(status?["embedder"] == "pets-and-drinks")
        #expect(status?["embedded"] == 2)
        try sandbox.must("loci fsck")
    }

    @Test("takes the command from the caller alone, and stores nothing of it")
    func command() throws {
        let sandbox = try sandbox()
        try sandbox.must("loci reindex \(embedder)")
        let none = try sandbox.run("loci search --semantic feline")
        #expect(none.status == 2)
        #expect(none.errors.contains("LOCI_EMBEDDER"))
        try sandbox.must(
            "LOCI_EMBEDDER='python3 embed.py pets-and-drinks' loci search -q --semantic feline"
        )
        #expect(try sandbox.run("grep -rqa embed.py store").status == 1)
        #expect(try sandbox.run("loci search cat \(embedder)").status == 2)
        #expect(try sandbox.run("loci search --semantic --hybrid cat \(embedder)").status == 2)
    }

    @Test("exits 6 without vectors, 9 where the embedder fails, 10 where it is another one")
    func exitCodes() throws {
        let sandbox = try sandbox()
        let none = try sandbox.run("loci search --semantic feline \(embedder)")
        #expect(none.status == 6)
        #expect(none.errors.contains("loci reindex --embedder CMD"))
        let broken = try sandbox.run("loci reindex --embedder false")
        #expect(broken.status == 9)
        #expect(broken.errors.contains("ended with exit code 1"))
        try sandbox.must("loci reindex \(embedder)")
        let other = "--embedder 'python3 embed.py others'"
        let refused = try sandbox.run("loci search --semantic feline \(other)")
        #expect(refused.status == 10)
        #expect(refused.errors.contains("'pets-and-drinks' with 2 dimensions"))
        #expect(refused.errors.contains("'others' with 2 dimensions"))
        #expect(refused.errors.contains("loci reindex --embedder CMD --scope all"))
        try sandbox.must("loci reindex --scope all \(other)")
        try sandbox.must("loci search -q --semantic tea \(other)")
        #expect(try sandbox.run("loci search --semantic feline \(embedder)").status == 10)
    }

    @Test("with a real model finds a memory by its meaning, without a word in common")
    func realModel() throws {
        let python = Self.root + "/.build/embedder/bin/python"
        try #require(
            (try? File.status(of: Self.root + "/.build/embedder/installed")) != nil,
            "The model of Tools/embedder is not installed: Tools/check does it."
        )
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            export LOCI_EMBEDDER='\(python) \(Self.root)/Tools/embedder'
            echo 'Customers who are unhappy with a purchase get their money back within 30 days.' |
                loci add - --name refunds.md --set user=bob
            echo 'The kitten sleeps on the warm windowsill all afternoon.' |
                loci add - --name pet.md --set user=bob
            echo 'Rotate the signing keys of the service every ninety days.' |
                loci add - --name keys.md --set user=eve
            echo 'Schmelze die Butter und schlage drei Eier hinein.' |
                loci add - --name pancakes.md --set user=eve
            loci reindex --embedder "$LOCI_EMBEDDER"
            """
        )
        let semantic = "LOCI_EMBEDDER='\(python) \(Self.root)/Tools/embedder' loci search -l"
        func best(_ query: String) throws -> String? {
            try sandbox.must("\(semantic) --semantic '\(query)'").lines.first
        }
        #expect(try sandbox.run("loci search -q reimbursement").status == 1)
        #expect(try best("reimbursement of dissatisfied buyers") == "user=bob/refunds.md")
        #expect(try best("a cat taking a nap") == "user=bob/pet.md")
        #expect(try best("credential security policy") == "user=eve/keys.md")
        let hybrid = try sandbox.must("\(semantic) --hybrid 'reimbursement OR signing'").lines
        #expect(Set(hybrid.prefix(2)) == ["user=bob/refunds.md", "user=eve/keys.md"])
        let status = try sandbox.must("loci status --json").json[0]["vectors"]
        #expect(status?["embedder"] == "all-MiniLM-L6-v2")
        #expect(status?["dimensions"] == 384)
    }
}

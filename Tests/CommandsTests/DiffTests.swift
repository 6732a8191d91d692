import Linux
import Model
import Testing

@testable import Commands

@Suite("A difference")
struct DiffTests {
    @Test(
        "of two texts turns one into the other when it is applied, for any seed",
        arguments: 1...40
    )
    func isUnified(seed: UInt64) throws {
        var random = Numbers(state: seed)
        let old = Self.text(&random, count: Int(seed) * 3 % 50)
        let new = Self.change(old, &random)
        let diff = UnifiedDiff(Self.bytes(old), Self.bytes(new))
        #expect(diff.isEmpty == (Self.bytes(old) == Self.bytes(new)))
        guard !diff.isEmpty else { return }
        let sandbox = try Sandbox(store: nil)
        let patch = Array("--- a\n+++ a\n".utf8) + diff.hunks()
        for (name, bytes) in [("a", Self.bytes(old)), ("b", Self.bytes(new)), ("p", patch)] {
            let file = try File.open("\(sandbox.root)/\(name)", [.writeOnly, .create])
            try file.write(bytes)
        }
        try sandbox.must("git apply -p0 p; cmp a b")
    }

    private struct Numbers: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 1
        }
    }

    private static func text(_ random: inout Numbers, count: Int) -> [String] {
        (0..<count).map { _ in "line \(Int.random(in: 0..<9, using: &random))\n" }
    }

    private static func change(_ lines: [String], _ random: inout Numbers) -> [String] {
        var lines = lines
        for _ in 0..<Int.random(in: 0..<6, using: &random) {
            let place = Int.random(in: 0...lines.count, using: &random)
            if Bool.random(using: &random), place < lines.count {
                lines.remove(at: place)
            } else {
                lines.insert("new \(place)\n", at: place)
            }
        }
        if Bool.random(using: &random), let last = lines.popLast() {
            lines.append(String(last.dropLast()))
        }
        return lines
    }

    private static func bytes(_ lines: [String]) -> [UInt8] { Array(lines.joined().utf8) }

    @Test("of two revisions is shown with exit 1, none with 0, and bytes are said to be binary")
    func revisions() throws {
        let sandbox = try Sandbox()
        try sandbox.must(
            """
            printf 'a\\nb\\nc\\n' | loci add --name x.md -q
            printf 'a\\nB\\nc' | loci edit x.md - -q
            """
        )
        let outcome = try sandbox.run("loci diff x.md")
        #expect(outcome.status == 1)
        #expect(
            outcome.output == """
                --- x.md\trevision 1
                +++ x.md\trevision 2
                @@ -1,3 +1,3 @@
                 a
                -b
                -c
                +B
                +c
                \\ No newline at end of file

                """
        )
        #expect(try sandbox.must("loci diff x.md 1 1").output == "")
        let json = try sandbox.run("loci diff x.md 0 1 --json").json.first
        #expect(json?["diff"]?.stringValue?.contains("@@ -0,0 +1,3 @@") == true)
        try sandbox.must("printf 'a\\0b' | loci edit x.md - -q")
        #expect(
            try sandbox.run("loci diff x.md 2 3").lines.last
                == "Binary contents differ: 5 and 3 bytes"
        )
        #expect(try sandbox.run("loci diff x.md 7").status == 4)
    }

    @Test("of a snapshot and now tells what was added, deleted, moved and edited")
    func snapshots() throws {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            for i in 1 2 3 4 5; do echo $i | loci add --name $i.md --set user=bob -q; done
            loci snapshot create then -q
            """
        )
        #expect(try sandbox.must("loci snapshot diff then").lines == [])
        try sandbox.must(
            """
            loci rm user=bob/1.md -q
            loci mv user=bob/2.md user=eve/2.md -q
            echo new | loci edit user=bob/3.md - -q
            loci set user=bob/4.md topic=x -q
            echo 6 | loci add --name 6.md --set user=bob -q
            echo 7 | loci add --name 7.md --set user=bob -q; loci rm user=bob/7.md -q
            """
        )
        let outcome = try sandbox.run("loci snapshot diff then now")
        #expect(outcome.status == 1)
        #expect(
            outcome.lines == [
                "D\tuser=bob/1.md", "R\tuser=bob/2.md\tuser=eve/2.md", "M\tuser=bob/3.md",
                "T\tuser=bob/4.md", "A\tuser=bob/6.md",
            ]
        )
        try sandbox.must("loci snapshot create later -q; loci rm user=eve/2.md -q")
        #expect(try sandbox.run("loci snapshot diff then later").lines == outcome.lines)
        let back = try sandbox.run("loci snapshot diff later then").lines
        #expect(back.contains("A\tuser=bob/1.md"))
        #expect(back.contains("R\tuser=eve/2.md\tuser=bob/2.md"))
        #expect(try sandbox.run("loci snapshot diff thne now").status == 4)
    }

    @Test("of two writers of one memory is kept, and status tells of it until the next edit")
    func conflict() throws {
        let sandbox = try Sandbox(store: "user={user}")
        let outcome = try sandbox.must(
            """
            mkdir mnt; loci mount store mnt
            echo base | loci add --name a.md --set user=bob -q
            loci ls -q; exec 3<>mnt/user=bob/a.md
            (for i in $(seq 150); do echo mine >&3; sleep 0.01; done) & writer=$!
            sleep 0.3; echo other | loci edit user=bob/a.md - -q
            wait $writer; exec 3>&-; sleep 0.2; loci ls -q
            loci status --json
            loci audit --op conflict --json
            echo settled | loci edit user=bob/a.md - -q
            loci status --json
            loci umount mnt
            """
        ).json
        try #require(outcome.count == 3)
        #expect(outcome[0]["conflicts"]?.integerValue == 1)
        #expect(outcome[1]["path"]?.stringValue == "user=bob/a.md")
        #expect(outcome[2]["conflicts"]?.integerValue == 0)
        let all = try sandbox.must("for i in 1 2 3; do loci cat user=bob/a.md --revision $i; done")
        #expect(all.output.contains("other"))
        #expect(all.output.contains("mine"))
    }
}

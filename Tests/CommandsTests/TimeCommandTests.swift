import Model
import Testing

@Suite("Verbs of time")
struct TimeCommandTests {
    /// A memory of two revisions and two places, and a snapshot between.
    private static func moved() throws -> Sandbox {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            echo one | loci add --name a.md --set user=bob -q
            echo keep | loci add --name b.md --set user=bob -q
            loci snapshot create then -q
            echo two | loci edit user=bob/a.md - -q
            loci set user=bob/a.md user=eve mood=good -q
            loci rm user=bob/b.md -q
            """
        )
        return sandbox
    }

    @Test("ls, cat, stat and log read any moment: a snapshot, a change, a time")
    func reading() throws {
        let sandbox = try Self.moved()
        let number = try #require(
            try sandbox.must("loci snapshot show then --json").json[0]["seq"]?.integerValue
        )
        let time = try #require(
            try sandbox.must("loci snapshot show then --json").json[0]["created"]?.stringValue
        )
        for at in ["then", "snapshot:then", "\(number)", time] {
            #expect(
                try sandbox.must("loci ls -R --at \(at)").lines.sorted() == [
                    "user=bob/a.md", "user=bob/b.md",
                ]
            )
            #expect(try sandbox.must("loci ls user=bob --at \(at)").lines == ["a.md", "b.md"])
            #expect(try sandbox.must("loci cat user=bob/a.md --at \(at)").output == "one\n")
            let stat = try sandbox.must("loci stat user=bob/a.md --json --at \(at)").json[0]
            #expect(stat["attributes"]?["mood"] == nil)
            #expect(stat["revision"]?.integerValue == 1)
            #expect(stat["paths"]?.arrayValue?.count == 1)
            #expect(try sandbox.must("loci log user=bob/a.md --at \(at)").lines.count == 1)
        }
        #expect(try sandbox.must("loci ls -R").lines == ["user=eve/a.md"])
        #expect(try sandbox.run("loci cat user=eve/a.md --at then").status == 4)
        #expect(try sandbox.run("loci ls --at 2001-01-01").status == 4)
        let unknown = try sandbox.run("loci ls --at thn")
        #expect(unknown.status == 4 && unknown.errors.contains("then"))
        #expect(try sandbox.run("loci cat user=bob/a.md --at then --revision 1").status == 2)
    }

    @Test("restore --at brings one memory back whole, and --under a partition; --dry-run neither")
    func restoring() throws {
        let sandbox = try Self.moved()
        let dry = try sandbox.must("loci restore --under user=bob --at then --dry-run --json").json
        #expect(dry[0]["places"]?.integerValue == 1 && dry[0]["untrashed"]?.integerValue == 1)
        #expect(try sandbox.must("loci ls -R").lines == ["user=eve/a.md"])
        #expect(
            try sandbox.must("loci restore user=bob/a.md --snapshot then").lines
                == ["user=bob/a.md"]
        )
        #expect(try sandbox.must("loci cat user=bob/a.md").output == "one\n")
        #expect(
            try sandbox.must("loci stat user=bob/a.md --json").json[0]["attributes"]?["mood"] == nil
        )
        try sandbox.must("loci restore --under user=bob --at then")
        #expect(
            try sandbox.must("loci ls -R").lines.sorted() == ["user=bob/a.md", "user=bob/b.md"]
        )
        try sandbox.must("loci fsck")
        #expect(try sandbox.run("loci restore --under user=bob").status == 2)
        #expect(try sandbox.run("loci restore user=bob/a.md --at 9999").status != 0)
    }

    @Test(
        "retention is shown and set; less of it wants --yes; then the past is an error, not wrong"
    )
    func retention() throws {
        let sandbox = try Self.moved()
        #expect(try sandbox.must("loci retention").output.contains("90d"))
        let before = try sandbox.must("loci retention --json").json[0]
        #expect(before["retentionSeconds"]?.integerValue == 7_776_000)
        #expect(before["revisions"]?.integerValue == 1 && before["snapshots"]?.integerValue == 1)
        #expect(try sandbox.run("loci retention 0s").status == 2)
        try sandbox.must("loci retention 100d -q; loci retention 0s --yes -q")
        // A revision that only the time held, and one that the snapshot holds.
        try sandbox.must("echo three | loci edit user=eve/a.md - -q")
        let number =
            try sandbox.must("loci log user=eve/a.md --json -n 2").json
            .compactMap { $0["seq"]?.integerValue }.min() ?? 0
        #expect(try sandbox.must("loci cat user=eve/a.md --at \(number)").output == "two\n")
        try sandbox.must("loci gc --delete --yes -q")
        let lost = try sandbox.run("loci cat user=eve/a.md --at \(number)")
        #expect(lost.status == 4 && lost.errors.contains("no longer kept"), "\(lost.errors)")
        #expect(lost.errors.contains("loci retention"))
        #expect(try sandbox.must("loci cat user=bob/a.md --at then").output == "one\n")
        let status = try sandbox.must("loci status --json").json[0]["history"]
        #expect(status?["retentionSeconds"]?.integerValue == 0)
        #expect(status?["wholeSince"]?.stringValue != nil)
    }
}

import Testing

/// Short runs of the programs that show, at any size, what the README promises; each is also seen to
/// fail where the promise is broken.
@Suite("What Tools show", .serialized)
struct ShownTests {
    private static let tools =
        #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/Tools"

    private func run(_ words: String) async throws -> MountedStore.Outcome {
        let tenant = try MountedStore(mounted: false)
        return try await tenant.longShell(
            "TMPDIR=\"$W\" '\(Self.tools)'/\(words) --loci \"$(command -v loci)\""
        )
    }

    @Test(
        "watchers that are killed all the time see the changes of all writers, each once, in order"
    )
    func feed() async throws {
        let size = "feed --changes 600 --watchers 4 --seed 7"
        let shown = try await run(size)
        #expect(shown.status == 0, "\(shown.output)\(shown.errors)")
        #expect(shown.lines.last?.hasSuffix("the same sequence, no gap, no repeat") == true)
    }

    @Test(
        "a watcher that leaves out a change or has one twice is found",
        arguments: ["gap", "repeat"]
    )
    func brokenFeed(damage: String) async throws {
        let shown = try await run("feed --changes 100 --watchers 2 --seed 7 --damage \(damage)")
        #expect(shown.status == 1)
        #expect(shown.lines.contains { $0.hasPrefix("wrong: watcher 0, line ") })
    }

    @Test("by a mounted tenant no byte of another one is reached")
    func isolation() async throws {
        let shown = try await run("isolation --operations 1200 --seed 7")
        #expect(shown.status == 0, "\(shown.output)\(shown.errors)")
        #expect(shown.lines.last?.hasSuffix("none of another tenant") == true)
        let leak = try await run("isolation --operations 100 --seed 7 --leak")
        #expect(leak.status == 1)
        #expect(leak.lines.contains { $0.hasPrefix("leak: ") })
    }

    @Test("a snapshot that is taken while others write stays the same")
    func snapshots() async throws {
        let size = "snapshots --memories 300 --changes 100 --rounds 2 --storm 2"
        let shown = try await run(size)
        #expect(shown.status == 0, "\(shown.output)\(shown.errors)")
        #expect(shown.lines.last?.hasSuffix("after: equal") == true)
    }

    @Test("a snapshot of which a content changes is found")
    func brokenSnapshot() async throws {
        let size = "snapshots --memories 100 --changes 20 --rounds 1 --storm 0"
        let shown = try await run(size + " --damage")
        #expect(shown.status == 1)
        #expect(shown.lines.last?.hasSuffix("after: DIFFERENT") == true)
    }
}

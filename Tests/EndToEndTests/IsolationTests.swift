import Testing

/// A short run of the program that tries, at any size, to reach another tenant; it is also seen to
/// fail where there is a way.
@Suite("Isolation of tenants")
struct IsolationTests {
    private static let tools =
        #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/Tools"

    private func run(_ words: String) async throws -> MountedStore.Outcome {
        let tenant = try MountedStore(mounted: false)
        return try await tenant.longShell(
            "TMPDIR=\"$W\" '\(Self.tools)'/\(words) --loci \"$(command -v loci)\""
        )
    }

    @Test("by a mounted tenant no byte of another one is reached")
    func isolation() async throws {
        let shown = try await run("isolation --operations 400 --seed 7")
        #expect(shown.status == 0, "\(shown.output)\(shown.errors)")
        #expect(shown.lines.last?.hasSuffix("none of another tenant") == true)
        let leak = try await run("isolation --operations 100 --seed 7 --leak")
        #expect(leak.status == 1)
        #expect(leak.lines.contains { $0.hasPrefix("leak: ") })
    }
}

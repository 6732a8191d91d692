import Testing

/// A short run of the program that kills Loci at random moments.
@Suite("Tools/crashloop", .serialized)
struct CrashloopTests {
    private static let program =
        #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        + "/Tools/crashloop"

    @Test("three rounds of kills lose nothing and leave nothing wrong")
    func threeRounds() throws {
        let tenant = try MountedStore(mounted: false)
        let outcome = try tenant.must(
            "'\(Self.program)' --rounds 3 --seed 7 --loci \"$(command -v loci)\""
        )
        #expect(outcome.lines.contains("rounds 3"))
        #expect(outcome.lines.suffix(2) == ["lost   0", "wrong  0"])
    }
}

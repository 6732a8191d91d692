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
            "TMPDIR=\"$W\" '\(Self.program)' --rounds 3 --seed 7 --loci \"$(command -v loci)\""
        )
        #expect(outcome.lines.contains("rounds         3"))
        #expect(outcome.lines.suffix(2) == ["lost           0", "wrong          0"])
    }

    @Test("a memory that is damaged or gone is named, and the store is kept")
    func damage() throws {
        let tenant = try MountedStore(mounted: false)
        for (damage, word) in [("bytes", "wrong: "), ("remove", "lost: ")] {
            let outcome = try tenant.shell(
                "TMPDIR=\"$W\" '\(Self.program)' --rounds 3 --seed 7 --memories 20 "
                    + "--damage \(damage) --loci \"$(command -v loci)\""
            )
            #expect(outcome.status == 1, "\(outcome.output)\(outcome.errors)")
            #expect(outcome.lines.contains { $0.hasPrefix(word) && $0.contains("/k-0.") })
            #expect(
                outcome.lines.contains { $0.hasPrefix("seed 7, round 1; the store is kept in") }
            )
        }
    }
}

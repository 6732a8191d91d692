import Testing

@testable import Catalog
@testable import Loci

@Suite("The nearest first")
struct NearestFirstTests {
    @Test("are handed out in the order of sorting, what was added last first among equals")
    func order() {
        for count in [0, 1, 2, 3, 10, 100, 101] {
            var seed: UInt64 = 1
            let matches = (0..<count).map { number in
                seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                // So few scores that many are equal.
                return VectorMatch(memory: Int64(number), score: Float(seed >> 60))
            }
            let sorted = matches.sorted { ($1.score, $1.memory) < ($0.score, $0.memory) }
            #expect(NearestFirst(matches).map(\.memory) == sorted.map(\.memory))
        }
    }
}

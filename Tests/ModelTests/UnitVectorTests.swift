import Testing

@testable import Model

@Suite("A vector of a meaning")
struct UnitVectorTests {
    private func cosine(_ a: [Float], _ b: [Float]) throws -> Float {
        try #require(UnitVector(a)).cosine(try #require(UnitVector(b)))
    }

    @Test("is as near to another as their directions are, whatever their lengths")
    func directions() throws {
        #expect(abs(try cosine([3, 4, 0], [300, 400, 0]) - 1) < 0.01)
        #expect(abs(try cosine([1, 0], [0, 7])) < 0.01)
        #expect(abs(try cosine([1, 1], [-2, -2]) + 1) < 0.01)
        #expect(abs(try cosine([1, 0], [1, 1]) - 0.7071) < 0.01)
    }

    @Test("keeps the cosine of random directions to a hundredth")
    func precision() throws {
        var random = SplitMix64(seed: 11)
        for _ in 0..<50 {
            let (a, b) = (random.vector(384), random.vector(384))
            let exact = zip(a, b).map(*).reduce(0, +) / (length(a) * length(b))
            #expect(abs(try cosine(a, b) - exact) < 0.01)
        }
    }

    private func length(_ vector: [Float]) -> Float {
        vector.map { $0 * $0 }.reduce(0, +).squareRoot()
    }

    @Test("has to have a direction, and nothing but numbers")
    func noDirection() {
        #expect(UnitVector([0, 0, 0]) == nil)
        #expect(UnitVector([1, .nan]) == nil)
        #expect(UnitVector([.infinity, 1]) == nil)
        #expect(UnitVector([]) == nil)
        #expect(UnitVector([Float.greatestFiniteMagnitude, 1]) != nil)
        #expect(UnitVector([Float.leastNormalMagnitude, 0]) != nil)
    }
}

extension SplitMix64 {
    fileprivate mutating func vector(_ count: Int) -> [Float] {
        (0..<count).map { _ in Float(next() >> 40) / Float(1 << 24) - 0.5 }
    }
}

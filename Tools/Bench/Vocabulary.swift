/// Words that occur as in a language: the n-th most frequent one n times as seldom as the first.
struct Vocabulary: Sendable {
    private let words: [[UInt8]]
    /// Each word as many times as it occurs among so many.
    private let dealt: [UInt16]

    /// Of a seed, so that it is the same at every run.
    static let shared = Vocabulary(count: 50_000)

    private init(count: Int) {
        var random = SplitMix(state: 1)
        words = (0..<count).map { _ in
            let length = 3 + Int(random.next() % 7)
            return (0..<length).map { _ in UInt8(ascii: "a") + UInt8(random.next() % 26) }
        }
        let sum = (1...count).reduce(0.0) { $0 + 1 / Double($1) }
        var dealt: [UInt16] = []
        var share = 0.0
        for rank in 0..<count {
            share += 1 / Double(rank + 1) / sum
            while Double(dealt.count) < share * Double(1 << 20) { dealt.append(UInt16(rank)) }
        }
        self.dealt = dealt
    }

    /// A word as often as it occurs.
    func word(_ random: inout SplitMix) -> [UInt8] {
        words[Int(dealt[Int(random.next() >> 20) % dealt.count])]
    }

    func text(_ count: Int, _ random: inout SplitMix) -> String {
        (0..<count).map { _ in String(decoding: word(&random), as: UTF8.self) }
            .joined(separator: " ")
    }

    /// The word that so many are more frequent than.
    subscript(rank: Int) -> String { String(decoding: words[rank], as: UTF8.self) }
}

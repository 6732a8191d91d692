import Loci

/// Notes of 60 to 240 words, as a seed makes them: the same at every run.
///
/// Words occur as in a language, the n-th most frequent one n times as seldom as the first; and
/// some that occur in a known share of the notes.
struct SearchCorpus {
    /// A word, and of how many notes one has it.
    static let markers = [
        (word: "tenfold", every: 10_000), (word: "thousandfold", every: 100),
        (word: "halfway", every: 2), (word: "another", every: 2),
    ]

    private static let vocabulary = 50_000
    let words: [String]
    private let shares: [Double]

    init() {
        var random = SplitMix(state: 1)
        words = (0..<Self.vocabulary).map { _ in
            let length = 3 + Int(random.next() % 7)
            let letters = (0..<length).map { _ in UInt8(ascii: "a") + UInt8(random.next() % 26) }
            return String(decoding: letters, as: UTF8.self)
        }
        var sum = 0.0
        shares = (1...Self.vocabulary).map { rank in
            sum += 1 / Double(rank)
            return sum
        }
    }

    /// The text of a note.
    subscript(index: Int) -> [UInt8] {
        var random = SplitMix(state: UInt64(index) &* 0x1234_5678_9ABC)
        let count = 60 + Int(random.next() % 180)
        var chosen = (0..<count).map { _ in word(&random) }
        for (place, marker) in Self.markers.enumerated() {
            // The last one is in half of those that have the word before it.
            let number = place == 3 ? index / 2 : index
            guard number % marker.every == 0 else { continue }
            chosen[Int(random.next() % UInt64(count))] = marker.word
        }
        var text = ""
        for (position, word) in chosen.enumerated() {
            text += word
            text += position % 12 == 11 ? "\n" : " "
        }
        return Array(text.utf8)
    }

    /// A word as often as it occurs.
    func word(_ random: inout SplitMix) -> String {
        let wanted = Double(random.next() >> 11) / Double(1 << 53) * (shares.last ?? 1)
        var (low, high) = (0, shares.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if shares[middle] < wanted { low = middle + 1 } else { high = middle }
        }
        return words[low]
    }

    func memory(_ index: Int) throws -> NewMemory {
        NewMemory(
            .bytes(self[index]),
            name: try Name("note-\(index).md"),
            attributes: ["user": "u\(index / 250 % 40)", "topic": "t\(index / 10_000)"]
        )
    }
}

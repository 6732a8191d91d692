import Loci

/// Notes of 60 to 240 words, as a seed makes them: the same at every run.
///
/// Of the vocabulary, and of words that occur in a known share of the notes.
struct SearchCorpus {
    /// A word, and of how many notes one has it.
    static let markers = [
        (word: "tenfold", every: 10_000), (word: "thousandfold", every: 100),
        (word: "halfway", every: 2), (word: "another", every: 2),
    ]

    /// The text of a note.
    subscript(index: Int) -> [UInt8] {
        var random = SplitMix(state: UInt64(index) &* 0x1234_5678_9ABC)
        let count = 60 + Int(random.next() % 180)
        var chosen = (0..<count).map { _ in Vocabulary.shared.word(&random) }
        for (place, marker) in Self.markers.enumerated() {
            // The last one is in half of those that have the word before it.
            let number = place == 3 ? index / 2 : index
            guard number % marker.every == 0 else { continue }
            chosen[Int(random.next() % UInt64(count))] = Array(marker.word.utf8)
        }
        var text: [UInt8] = []
        for (position, word) in chosen.enumerated() {
            text += word
            text.append(UInt8(ascii: position % 12 == 11 ? "\n" : " "))
        }
        return text
    }

    func memory(_ index: Int) throws -> NewMemory {
        NewMemory(
            .bytes(self[index]),
            name: try Name("note-\(index).md"),
            attributes: ["user": "u\(index / 250 % 40)", "topic": "t\(index / 10_000)"]
        )
    }
}

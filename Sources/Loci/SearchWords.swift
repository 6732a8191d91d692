import Model
import SQL

/// What a text is looked through for, as the index has it: each phrase as its folded words.
struct SearchWords {
    private let phrases: [Phrase]

    private struct Phrase {
        var words: [[UInt8]] = []
        let isPrefix: Bool

        /// Whether `word` may stand at `index` of the phrase.
        func allows(_ word: UnsafeRawBufferPointer, at index: Int) -> Bool {
            let expected = words[index]
            if isPrefix, index == words.count - 1 { return unsafe word.starts(with: expected) }
            return unsafe word.elementsEqual(expected)
        }
    }

    /// After so many words of a text that follow a first match nobody looks for a better line.
    private static let patience = 20_000
    /// So many comparisons of words one page of hits may cost, some tenths of a second: the lines of
    /// hits after that are their texts' first.
    private var left = 10_000_000
    /// The bytes of a line that are shown around its first match.
    private static let shown = 160

    init(_ phrases: [SearchQuery.Phrase], _ connection: any SQLConnection) throws(SQLError) {
        var made: [Phrase] = []
        for phrase in phrases {
            var read = Phrase(isPrefix: phrase.isPrefix)
            unsafe try connection.words(of: Array(phrase.text.utf8)) { word, _ in
                unsafe read.words.append(Array(word))
                return true
            }
            if !read.words.isEmpty { made.append(read) }
        }
        self.phrases = made
    }

    /// The line of a text with the most of the phrases, the first of equals.
    mutating func excerpt(
        of text: [UInt8],
        _ connection: any SQLConnection
    ) throws(SQLError) -> SearchExcerpt {
        var search = LineSearch(text: text)
        var begun: [(phrase: Int, count: Int, start: Int)] = []
        var patience = Self.patience
        var left = left
        defer { self.left = left }
        if left <= 0 { return search.excerpt(around: Self.shown) }
        unsafe try connection.words(of: text) { word, range in
            var going: [(phrase: Int, count: Int, start: Int)] = []
            for index in phrases.indices { begun.append((index, 0, range.lowerBound)) }
            for (index, count, start) in begun where unsafe phrases[index].allows(word, at: count) {
                if count + 1 == phrases[index].words.count {
                    search.note(start..<range.upperBound, of: index)
                } else {
                    going.append((index, count + 1, start))
                }
            }
            left -= begun.count
            begun = going
            if search.hasAny { patience -= 1 }
            return left > 0 && patience > 0 && !search.isDone(phrases.count)
        }
        return search.excerpt(around: Self.shown)
    }
}

/// Finds the best line while matches come in, in the order of their ends.
private struct LineSearch {
    private let text: [UInt8]
    private var line: Line
    private var best: Line?
    /// Where the search for ends of lines goes on.
    private var scanned = 0

    private struct Line {
        var number = 1
        var start = 0
        var phrases: Set<Int> = []
        var matches: [Range<Int>] = []
    }

    /// Matches of one line that are shown.
    private static let mostMatches = 64

    init(text: [UInt8]) {
        self.text = text
        line = Line()
    }

    var hasAny: Bool { best != nil || !line.matches.isEmpty }

    /// Whether an earlier line has all there is to have.
    func isDone(_ count: Int) -> Bool { best?.phrases.count == count }

    mutating func note(_ range: Range<Int>, of phrase: Int) {
        advance(to: range.lowerBound)
        line.phrases.insert(phrase)
        if line.matches.count < Self.mostMatches { line.matches.append(range) }
    }

    private mutating func advance(to offset: Int) {
        var next = line
        while scanned < offset {
            if text[scanned] == UInt8(ascii: "\n") {
                next = Line(number: next.number + 1, start: scanned + 1)
            }
            scanned += 1
        }
        guard next.start > line.start else { return }
        keepBest()
        line = next
    }

    private mutating func keepBest() {
        guard line.phrases.count > best?.phrases.count ?? 0 else { return }
        best = line
    }

    mutating func excerpt(around width: Int) -> SearchExcerpt {
        keepBest()
        let line = best ?? Line()
        var end = text[line.start...].firstIndex(of: UInt8(ascii: "\n")) ?? text.endIndex
        if end > line.start, text[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        var range = line.start..<end
        let first = line.matches.first ?? line.start..<line.start
        if range.count > width {
            let start = max(range.lowerBound, min(first.lowerBound, end) - width / 4)
            range = boundary(start)..<boundary(min(end, start + width))
        }
        let before = range.lowerBound > line.start ? "…" : ""
        let after = range.upperBound < end ? "…" : ""
        let shift = before.utf8.count - range.lowerBound
        return SearchExcerpt(
            line: line.number,
            text: before + String(decoding: text[range], as: UTF8.self) + after,
            matches: Self.merged(line.matches).compactMap { match in
                let shown = match.clamped(to: range)
                return shown.isEmpty
                    ? nil : shown.lowerBound + shift..<shown.upperBound + shift
            }
        )
    }

    /// The next offset at or after `offset` where a character begins.
    private func boundary(_ offset: Int) -> Int {
        var offset = offset
        while offset < text.count, text[offset] & 0xC0 == 0x80 { offset += 1 }
        return offset
    }

    /// By rising start, without overlaps.
    private static func merged(_ ranges: [Range<Int>]) -> [Range<Int>] {
        var merged: [Range<Int>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, range.lowerBound < last.upperBound {
                merged[merged.count - 1] =
                    last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        return merged
    }
}

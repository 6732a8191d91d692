import Model

/// Reads what people type, character by character, so that an error can say where.
struct SearchQueryReader {
    private let text: String
    private let characters: [Unicode.Scalar]
    private var position = 0
    private var depth = 0
    private var wordCount = 0
    private var beginningCount = 0

    /// Parentheses within parentheses.
    private static let deepest = 16

    init(_ text: String) {
        self.text = text
        characters = Array(text.unicodeScalars)
    }

    mutating func read() throws(LociError) -> SearchNode {
        guard let node = try either() else {
            throw SearchQuery.wrong(
                text,
                wordCount == 0 ? "is empty" : "has no letter and no digit",
                remedy: "Give a word."
            )
        }
        guard position == characters.count else {
            throw wrong("has a ) without a ( before it", at: position, remedy: "Leave it out.")
        }
        return node
    }

    /// `a b OR c`; nil where nothing of it can be searched for.
    private mutating func either() throws(LociError) -> SearchNode? {
        var nodes: [SearchNode] = []
        var isAny = false
        while true {
            let start = position
            let (node, isEmpty) = try together()
            if isEmpty, isAny || isAtWord("OR") {
                throw wrong(
                    "has an OR with nothing \(isAny ? "after" : "before") it",
                    at: isAny ? start : position,
                    remedy: "Put a word on both sides, or write \"OR\" in quotes."
                )
            }
            if let node { nodes.append(node) }
            guard take("OR") else { break }
            isAny = true
        }
        return nodes.count > 1 ? .any(nodes) : nodes.first
    }

    /// `a -b`.
    private mutating func together() throws(LociError) -> (SearchNode?, isEmpty: Bool) {
        var wanted: [SearchNode] = []
        var unwanted: [SearchNode] = []
        var firstUnwanted: Int?
        var isEmpty = true
        while true {
            skipSpace()
            if position == characters.count || characters[position] == ")" || isAtWord("OR") {
                break
            }
            if take("AND") { continue }
            let start = position
            let isNot = takeNot()
            if isNot { firstUnwanted = firstUnwanted ?? start }
            isEmpty = false
            guard let node = try item(from: start, isNot: isNot) else { continue }
            if isNot { unwanted.append(node) } else { wanted.append(node) }
        }
        guard let first = unwanted.first else {
            return (wanted.count > 1 ? .all(wanted) : wanted.first, isEmpty)
        }
        guard let needed = wanted.first else {
            throw wrong(
                "says only what must not be there",
                at: firstUnwanted ?? 0,
                remedy: "Add a word that must be there."
            )
        }
        return (
            .except(
                wanted.count > 1 ? .all(wanted) : needed,
                unwanted.count > 1 ? .any(unwanted) : first
            ), false
        )
    }

    private mutating func takeNot() -> Bool {
        if take("NOT") {
            skipSpace()
            return true
        }
        guard characters[position] == "-" else { return false }
        position += 1
        return true
    }

    private mutating func item(
        from start: Int,
        isNot: Bool
    ) throws(LociError) -> SearchNode? {
        guard position < characters.count, !isSpace(characters[position]) else {
            throw wrong(
                "has nothing after \(isNot && characters[start] == "N" ? "NOT" : "the -")",
                at: start,
                remedy: "Put a word there, or write it in quotes."
            )
        }
        switch characters[position] {
        case "(": return try group()
        case "\"": return try quoted()
        default: return try word()
        }
    }

    private mutating func group() throws(LociError) -> SearchNode? {
        let start = position
        position += 1
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.deepest else {
            throw wrong("has too many ( within each other", at: start, remedy: "Write it flatter.")
        }
        let node = try either()
        guard position < characters.count else {
            throw wrong("has a ( that is not closed", at: start, remedy: "Add a ) at its end.")
        }
        position += 1
        return node
    }

    private mutating func quoted() throws(LociError) -> SearchNode? {
        let start = position
        position += 1
        guard let end = characters[position...].firstIndex(of: "\"") else {
            throw wrong("has a quote that is not closed", at: start, remedy: "Add a \" at its end.")
        }
        let content = characters[position..<end]
        position = end + 1
        return try phrase(content, from: start, isPrefix: takeStar())
    }

    private mutating func word() throws(LociError) -> SearchNode? {
        let start = position
        var open = 0
        scanning: while position < characters.count {
            switch characters[position] {
            case "(": open += 1
            case ")":
                // Of a word such as `main()`.
                if open == 0 { break scanning }
                open -= 1
            case "*", "\"": break scanning
            case let character where isSpace(character): break scanning
            default: break
            }
            position += 1
        }
        let content = characters[start..<position]
        let isPrefix = takeStar()
        guard !content.isEmpty else {
            throw wrong(
                "has a * with nothing before it",
                at: start,
                remedy: "Put the beginning of a word before it, as in rotat*."
            )
        }
        if isPrefix, position < characters.count, !isSpace(characters[position]),
            characters[position] != ")"
        {
            throw wrong(
                "has a * within a word",
                at: position - 1,
                remedy: "Put it at the end of a word, or put the word in quotes."
            )
        }
        return try phrase(content, from: start, isPrefix: isPrefix)
    }

    private mutating func takeStar() -> Bool {
        guard position < characters.count, characters[position] == "*" else { return false }
        position += 1
        return true
    }

    private mutating func phrase(
        _ content: ArraySlice<Unicode.Scalar>,
        from start: Int,
        isPrefix: Bool
    ) throws(LociError) -> SearchNode? {
        wordCount += Self.mostWords(in: content)
        guard wordCount <= SearchQuery.mostWords else {
            throw wrong(
                "has more than \(SearchQuery.mostWords) words",
                at: start,
                remedy: "Search for fewer."
            )
        }
        if isPrefix { beginningCount += 1 }
        guard beginningCount <= SearchQuery.mostBeginnings else {
            throw wrong(
                "has more than \(SearchQuery.mostBeginnings) beginnings of words",
                at: start,
                remedy: "Search for fewer."
            )
        }
        guard !content.contains("\0") else {
            throw wrong("has a NUL", at: start, remedy: "Leave it out.")
        }
        guard content.contains(where: Self.isOfWords) else { return nil }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: content)
        return .phrase(SearchQuery.Phrase(text: String(text), isPrefix: isPrefix))
    }

    /// How many words a text has for the index, at most: characters of scripts that put no space
    /// between words are a word each.
    private static func mostWords(in content: ArraySlice<Unicode.Scalar>) -> Int {
        var count = 0
        var isInWord = false
        for character in content {
            let isOfWord = isOfWords(character)
            if isOfWord, !isInWord || character.value >= 0x0E00 { count += 1 }
            isInWord = isOfWord
        }
        // A sign alone is asked for too.
        return max(1, count)
    }

    /// Whether a character is part of words for the index: letters, digits, private use.
    private static func isOfWords(_ character: Unicode.Scalar) -> Bool {
        switch character.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
            .decimalNumber, .letterNumber, .otherNumber, .privateUse:
            true
        default: false
        }
    }

    // MARK: Characters

    private func isSpace(_ character: Unicode.Scalar) -> Bool {
        character.properties.isWhitespace
    }

    private mutating func skipSpace() {
        while position < characters.count, isSpace(characters[position]) { position += 1 }
    }

    /// Whether an operator stands here, as a word of its own.
    private func isAtWord(_ word: String) -> Bool {
        let end = position + word.unicodeScalars.count
        guard end <= characters.count, characters[position..<end].elementsEqual(word.unicodeScalars)
        else { return false }
        return end == characters.count || isSpace(characters[end]) || characters[end] == "("
            || characters[end] == ")"
    }

    private mutating func take(_ word: String) -> Bool {
        guard isAtWord(word) else { return false }
        position += word.unicodeScalars.count
        return true
    }

    private func wrong(_ problem: String, at position: Int, remedy: String) -> LociError {
        SearchQuery.wrong(text, problem + ", at character \(position + 1)", remedy: remedy)
    }
}

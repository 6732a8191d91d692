public import Model

/// What somebody searches for: words, phrases in quotes, beginnings of words, and what must not be
/// there.
///
/// ```
/// token rotation          both words, anywhere in the text
/// "token rotation"        the words one after the other
/// rotat*                  words that begin so
/// token -expired          the first word and not the second
/// token OR key            either; binds less than words side by side
/// (token OR key) rotation  grouping
/// ```
///
/// Letters are compared without case and accents. `AND` and `NOT` are understood too.
///
/// What people type is read here, and written anew for the engine, never handed on.
public struct SearchQuery: Hashable, Sendable {
    /// The query as it was given.
    public let text: String

    /// The expression for the engine; nil where only the meaning is searched for.
    package let expression: String?
    /// What a text may show for it: words, or the words of a phrase, and whether the last one may
    /// be the beginning of a longer one.
    package let phrases: [Phrase]

    package struct Phrase: Hashable, Sendable {
        package let text: String
        package let isPrefix: Bool
    }

    /// The most words, those of phrases counted; each costs time, and a page of memory for each part
    /// that the index has.
    package static let mostWords = 128
    /// The most beginnings of words: each may stand for very many.
    package static let mostBeginnings = 8
    /// The longest query, in bytes.
    package static let longest = 4096

    /// Reads a query.
    ///
    /// Throws `invalidArgument`, naming where the query is wrong and how to mend it.
    public init(_ text: String) throws(LociError) {
        guard text.utf8.count <= Self.longest else {
            throw Self.wrong(
                text,
                "is longer than \(Self.longest) bytes",
                remedy: "Search for fewer words."
            )
        }
        var reader = SearchQueryReader(text)
        let node = try reader.read()
        self.text = text
        expression = node.expression
        phrases = node.positive
    }

    /// What is searched for by its meaning alone: any text, in which no character says more than it
    /// does in a sentence.
    ///
    /// Throws `invalidArgument` where it is empty or too long.
    public init(meaning text: String) throws(LociError) {
        guard text.utf8.count <= Self.longest else {
            throw Self.wrong(
                text,
                "is longer than \(Self.longest) bytes",
                remedy: "Search for a sentence or two."
            )
        }
        guard text.contains(where: { !$0.isWhitespace }) else {
            throw Self.wrong(text, "is empty", remedy: "Say what you look for.")
        }
        self.text = text
        expression = nil
        // A line that has some of its words shows best why a text was found.
        var words = SearchQueryReader(text)
        phrases = (try? words.read())?.positive ?? []
    }

    static func wrong(_ text: String, _ problem: String, remedy: String) -> LociError {
        LociError(
            .invalidArgument,
            subject: text,
            message: "The query \(problem).",
            remedy: remedy
        )
    }
}

/// A query as a tree.
indirect enum SearchNode {
    case phrase(SearchQuery.Phrase)
    case all([SearchNode])
    case any([SearchNode])
    /// What the first has and the second has not.
    case except(SearchNode, SearchNode)

    /// In the engine's language: each word is in quotes, so none of them is an operator there.
    var expression: String {
        switch self {
        case .phrase(let phrase):
            "\""
                + phrase.text.split(separator: "\"", omittingEmptySubsequences: false)
                .joined(separator: "\"\"") + "\"" + (phrase.isPrefix ? " *" : "")
        case .all(let nodes):
            "(" + nodes.map(\.expression).joined(separator: " AND ") + ")"
        case .any(let nodes):
            "(" + nodes.map(\.expression).joined(separator: " OR ") + ")"
        case .except(let wanted, let unwanted):
            "(" + wanted.expression + " NOT " + unwanted.expression + ")"
        }
    }

    /// The phrases that a text may have.
    var positive: [SearchQuery.Phrase] {
        switch self {
        case .phrase(let phrase): [phrase]
        case .all(let nodes), .any(let nodes): nodes.flatMap(\.positive)
        case .except(let wanted, _): wanted.positive
        }
    }
}

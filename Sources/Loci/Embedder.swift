public import Model

/// What turns texts into vectors whose directions tell what the texts mean: the nearer two
/// directions, the nearer the meanings.
public protocol Embedder: Sendable {
    /// Runs `body` with a session, on a thread that may block; the session ends with it.
    func run<R: Sendable>(
        _ body: @escaping @Sendable (any EmbedderSession) throws(LociError) -> R
    ) async throws(LociError) -> R
}

/// An embedder at work, for one thread.
public protocol EmbedderSession {
    /// Whose vectors these are.
    var model: EmbedderModel { get }

    /// A vector of `model.dimensions` numbers for each of at most `Embedding.mostAtOnce` texts, in
    /// order; nil for a text that has none.
    ///
    /// Throws `embedderFailed`.
    func vectors(of inputs: [EmbedderInput]) throws(LociError) -> [[Float]?]
}

/// A text for an embedder.
public struct EmbedderInput: Hashable, Sendable {
    /// What the text is: some models read the two differently.
    public enum Kind: String, Hashable, Sendable {
        /// The text of a memory.
        case text
        /// What somebody searches for.
        case query
    }

    /// What it is.
    public let kind: Kind
    /// The text.
    public let text: String
    /// How sentences name it.
    public let name: String

    /// Makes an input.
    public init(_ kind: Kind, _ text: String, name: String) {
        self.kind = kind
        self.text = text
        self.name = name
    }
}

/// The bounds of embedding.
public enum Embedding {
    /// Texts that an embedder is given at once, and that one transaction stores: of 384 dimensions,
    /// some 16 KiB.
    public static let mostAtOnce = 32

    /// So many vectors that are missing are made before a search answers: with a small model on one
    /// processor, about a second's work.
    ///
    /// Where more are missing, it makes none and says how many.
    public static let mostBeforeASearch: Int64 = 32
}

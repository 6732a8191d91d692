import Catalog
public import Model

/// What to search for, and among which memories.
public struct SearchRequest: Sendable {
    /// The words.
    public var query: SearchQuery
    /// Only memories with all of these attributes.
    public var attributes: [String: String]
    /// Only memories below this directory, of any live layout; nil: all.
    public var directory: NamePath?
    /// Only memories whose content changed then or later.
    public var since: Timestamp?
    /// The most hits of a page.
    public var limit: Int
    /// So many hits are left out before them.
    public var offset = 0
    /// A directory by its node, as `directory`.
    package var node: NodeNumber?
    /// Where an earlier page ended.
    public var cursor: SearchCursor?

    /// Makes a request; by default for the first 20 among all memories.
    public init(
        _ query: SearchQuery,
        attributes: [String: String] = [:],
        under directory: NamePath? = nil,
        since: Timestamp? = nil,
        limit: Int = 20,
        after cursor: SearchCursor? = nil
    ) {
        self.query = query
        self.attributes = attributes
        self.directory = directory
        self.since = since
        self.limit = limit
        self.cursor = cursor
    }
}

/// A memory that matches, and the line that shows it best.
public struct SearchHit: Hashable, Sendable {
    /// The memory.
    public let memory: Memory
    /// Higher is better; comparable within one page only.
    public let score: Double
    /// The line, the first with the most of what was searched for.
    public let excerpt: SearchExcerpt
}

/// A line of a text, and what in it was searched for.
public struct SearchExcerpt: Hashable, Sendable {
    /// The number of the line, from 1.
    public let line: Int
    /// The line without its end; cut to what stands around the first match, with `…` where it was.
    public let text: String
    /// What was searched for, as ranges of the text's UTF-8.
    public let matches: [Range<Int>]
}

/// A page of hits, the best first.
public struct SearchPage: Hashable, Sendable {
    /// The hits.
    public let hits: [SearchHit]
    /// Where the next page begins; nil after the last.
    public let next: SearchCursor?
    /// How many memories match; nil where they are more than are ranked at once.
    public let total: Int?
    /// How many memories could not be indexed before this search, as the catalog could not be
    /// written: what they hold now is not among the hits, nor is what they held.
    public let waiting: Int
    /// Of a search by meaning: how many memories have no vector of their current text, and are not
    /// among the hits for it.
    public internal(set) var unembedded: Int64 = 0

    /// Both as one page: the other goes on where this one ends.
    package func followed(by other: SearchPage) -> SearchPage {
        SearchPage(
            hits: hits + other.hits,
            next: other.next,
            total: total,
            waiting: other.waiting,
            unembedded: other.unembedded
        )
    }
}

/// What makes a memory a hit, and a better one.
public enum SearchRanking: Hashable, Sendable {
    /// The nearness of its meaning: whatever there is has its place.
    case meaning
    /// Its words and its meaning, by reciprocal rank fusion: each list adds 1 / (60 + place) to what
    /// it has among its best.
    case both
}

/// How many memories can be found by meaning, and how many cannot, and why.
public struct EmbeddingStatus: Hashable, Sendable {
    /// Whose vectors there are; nil where there are none.
    public let model: EmbedderModel?
    /// Memories that have a vector of their current text, those of the trash among them.
    public let embedded: Int64
    /// Memories that wait for one: an embedder has to be run.
    public let waiting: Int64
    /// Memories that are not UTF-8 text, or empty.
    public let notText: Int64
    /// Memories above the size that is searched.
    public let tooLarge: Int64
    /// Memories whose content could not be read; the next run tries again.
    public let unread: Int64
    /// Memories for which the embedder had no vector.
    public let refused: Int64
}

/// Where a search goes on.
public struct SearchCursor: Hashable, Sendable {
    /// Only rows of the index below it.
    let before: Int64
    /// The hits among those that were handed out.
    let skipping: Int
}

/// How many memories are searched, and how many are not, and why.
public struct SearchStatus: Hashable, Sendable {
    /// Whether the tenant keeps an index.
    public let isOn: Bool
    /// Memories that are searched, those of the trash among them.
    public let indexed: Int64
    /// Memories that are not UTF-8 text.
    public let notText: Int64
    /// Memories above the size that is indexed.
    public let tooLarge: Int64
    /// Memories whose content could not be read when it was to be indexed; rebuilding tries again.
    public let unread: Int64
    /// Memories that were committed and not yet indexed: the next search does it first.
    public let waiting: Int64

    /// Memories that are not searched.
    public var left: Int64 { notText + tooLarge + unread }

    /// The largest text that is indexed, in bytes.
    public static var largestText: Int64 { TextIndex.largestText }
}

package import Model

/// The full-text index over the current revisions: words to rows, and rows to memories.
///
/// ```
///  memory_text(rowid ▸ words)   searchable(row, memory, revision)   unsearchable(memory, revision)
///        └──────── row ─────────────┘           │                            │
///                                               └── exactly one row a memory ┘
///  waiting(memory, revision)    what was committed, and stands in none of them as it is now
/// ```
///
/// A commit only says that a text waits; every `waitingTexts` of them, and before a search, those
/// that wait are indexed at once: writing a part of the index costs as much for one text as for
/// thirty. Where a batch left a backlog, no commit is held up by it: it is worked off a little at a
/// time, by a mount or before a search, and a search says how many wait still.
///
/// The words alone are kept, not the text: with the text the index of 100,000 notes was three and a
/// half times as large, and adding them took twice as long. So a text leaves the index only by being
/// handed in again, which its blob can always do; where that fails its words stay, lead nowhere, and
/// end with the next rebuilding.
///
/// Rows rise with each commit, so that a query meets what changed last first. What is in the trash
/// keeps its row and is passed over: to go there and to come back costs the index nothing.
package struct TextIndex: Sendable {
    /// What is searched.
    package static let live = TextIndex(suffix: "")
    /// What is built beside it, to take its place.
    package static let building = TextIndex(suffix: "_new")

    /// Above so many bytes a text is not indexed: it holds up every other writer of the tenant while
    /// its words are taken, about 60 ms for a MiB.
    package static let largestText: Int64 = 1 << 20

    /// So many texts may wait: indexing them takes some 3 ms, which the next search waits for.
    package static let waitingTexts = 32
    /// More than so many are a backlog.
    package static let backlog = 64

    let words: String
    let rows: String
    let others: String

    private init(suffix: String) {
        words = "memory_text" + suffix
        rows = "searchable" + suffix
        others = "unsearchable" + suffix
    }

    /// The tables, for SQLite.
    ///
    /// The tokenizer is in Sources/CSearch, with the reasons for it.
    /// Merging sixteen parts at a time, not four, writes each word half as often; words of a large
    /// transaction are gathered in up to 4 MiB of memory before they are written.
    var ddl: String {
        """
        CREATE TABLE IF NOT EXISTS \(rows)(
            row INTEGER PRIMARY KEY, memory INTEGER NOT NULL UNIQUE,
            revision INTEGER NOT NULL) STRICT;
        CREATE TABLE IF NOT EXISTS \(others)(
            memory INTEGER PRIMARY KEY, revision INTEGER NOT NULL,
            reason INTEGER NOT NULL) STRICT;
        CREATE VIRTUAL TABLE IF NOT EXISTS \(words) USING fts5(
            text, content='', tokenize='loci');
        INSERT INTO \(words)(\(words), rank) VALUES ('automerge', 16),
            ('crisismerge', 32), ('hashsize', 4194304);
        """
    }

    /// Of both indexes.
    static let waitingTable = """
        CREATE TABLE waiting(
            memory INTEGER PRIMARY KEY, revision INTEGER NOT NULL) STRICT;
        """

    var dropping: String {
        """
        DROP TABLE IF EXISTS \(rows);
        DROP TABLE IF EXISTS \(others);
        DROP TABLE IF EXISTS \(words);
        """
    }

    /// Why a memory's current revision is not among what is searched.
    package enum Reason: Int64, Hashable, Sendable {
        /// Not UTF-8, or with a NUL.
        case notText = 1
        /// Above `largestText`.
        case tooLarge = 2
        /// Its content could not be read when it was committed: rebuilding tries again.
        case unread = 3
    }

    /// A revision and what the index gets of it.
    package struct Item: Sendable {
        let memory: Int64
        let revision: RevisionNumber
        let entry: Entry

        package init(_ memory: Int64, _ revision: RevisionNumber, _ entry: Entry) {
            self.memory = memory
            self.revision = revision
            self.entry = entry
        }

        package init(_ revision: RevisionRow, _ bytes: () -> [UInt8]?) {
            let entry = Entry(size: revision.size, bytes)
            self.init(revision.memory, revision.number, entry)
        }
    }

    /// A text for the index, or why it is none.
    package enum Entry: Sendable {
        case text([UInt8])
        case none(Reason)

        package init(size: Int64, _ bytes: () -> [UInt8]?) {
            guard size <= TextIndex.largestText else {
                self = .none(.tooLarge)
                return
            }
            guard let bytes = bytes() else {
                self = .none(.unread)
                return
            }
            let isText = !bytes.contains(0) && String(validating: bytes, as: UTF8.self) != nil
            self = isText ? .text(bytes) : .none(.notText)
        }
    }
}

/// A revision that became a memory's current one.
struct NewText {
    let memory: Int64
    let revision: RevisionNumber
    let bytes: [UInt8]?

    init(_ memory: Int64, _ revision: RevisionNumber, _ content: PlacedContent) {
        self.memory = memory
        self.revision = revision
        bytes = content.bytes
    }
}

package import Model

/// The vectors of memories: what their texts mean, for a search by meaning.
///
/// ```
///  vector(memory ▸ revision, scale, numbers)
///  unembeddable(memory ▸ revision, reason)       or why it has none: beside the vectors, so that
///                                                counting it reads none of them
///  unembedded(memory ▸ revision)                 current revisions that are in neither yet
/// ```
///
/// A vector is of one revision and ends with it, or when that of a later one takes its place: only
/// current texts are searched. Once an embedder was used, each commit says in its own transaction
/// what waits for a vector; no commit runs an embedder.
///
/// Rows are found by scanning all of them: see Tools/bench search for what that takes.
package struct VectorTable: Hashable, Sendable {
    /// What is searched.
    package static let live = VectorTable(
        suffix: "",
        id: Setting.embedderID,
        dimensions: Setting.embedderDimensions
    )
    /// What is built beside it, to take its place.
    package static let building = VectorTable(
        suffix: "_new",
        id: Setting.newEmbedderID,
        dimensions: Setting.newEmbedderDimensions
    )

    let vectors: String
    let others: String
    let waiting: String
    /// The settings that tell whose vectors these are; not there where there are none.
    let id: String
    let dimensions: String

    private init(suffix: String, id: String, dimensions: String) {
        vectors = "vector" + suffix
        others = "unembeddable" + suffix
        waiting = "unembedded" + suffix
        (self.id, self.dimensions) = (id, dimensions)
    }

    /// The tables, for SQLite.
    var ddl: String {
        """
        CREATE TABLE \(vectors)(
            memory INTEGER PRIMARY KEY, revision INTEGER NOT NULL,
            scale REAL NOT NULL, numbers BLOB NOT NULL) STRICT;
        CREATE TABLE \(others)(
            memory INTEGER PRIMARY KEY, revision INTEGER NOT NULL,
            reason INTEGER NOT NULL) STRICT;
        CREATE TABLE \(waiting)(
            memory INTEGER PRIMARY KEY, revision INTEGER NOT NULL) STRICT;
        """
    }

    var dropping: String { names.map { "DROP TABLE \($0);" }.joined() }

    /// Of all tables.
    var names: [String] { [vectors, others, waiting] }

    /// Why a revision has no vector.
    package enum Reason: Int64, Hashable, Sendable {
        /// Not UTF-8, with a NUL, or nothing but white space.
        case notText = 1
        /// Above `TextIndex.largestText`.
        case tooLarge = 2
        /// Its content could not be read: the next run tries again.
        case unread = 3
        /// The embedder had none for it.
        case refused = 4
    }

    /// A revision and what the table gets of it.
    package struct Item: Sendable {
        let memory: Int64
        let revision: RevisionNumber
        let vector: Result<UnitVector, NoVector>

        package init(_ revision: RevisionRow, _ vector: Result<UnitVector, NoVector>) {
            memory = revision.memory
            self.revision = revision.number
            self.vector = vector
        }
    }

    /// That a revision has no vector, and why.
    package struct NoVector: Error, Hashable {
        let reason: Reason

        package init(_ reason: Reason) { self.reason = reason }
    }
}

/// How many memories have a vector of their current text, and how many do not.
package struct VectorCounts: Hashable, Sendable {
    package var embedded: Int64 = 0
    /// Not looked at yet.
    package var waiting: Int64 = 0
    package var notText: Int64 = 0
    package var tooLarge: Int64 = 0
    package var unread: Int64 = 0
    package var refused: Int64 = 0

    package init() {}
}

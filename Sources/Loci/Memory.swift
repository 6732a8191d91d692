package import Catalog
public import Model

/// One remembered thing, as it was when it was asked for.
public struct Memory: Hashable, Sendable, Identifiable {
    /// The id that it keeps for life.
    public let id: MemoryID
    /// The last component of its paths.
    public let name: Name
    /// Where the listed layout has it; nil in the trash.
    ///
    /// Its last component is `name`, but for a suffix where another memory has that name.
    public let path: NamePath?
    /// Its attributes; a layout shows some of them as directories.
    public let attributes: [String: String]
    /// When it was made; never changes.
    public let created: Timestamp
    /// When its content last changed.
    public let updated: Timestamp
    /// Its current revision.
    public let revision: RevisionNumber
    /// The bytes of the current revision.
    public let size: Int64
    /// The SHA-256 of the current revision.
    public let hash: ContentHash
    /// Whether it is in the trash.
    public let isTrashed: Bool
    /// Its row in the catalog.
    package let row: Int64
    /// The node that its names lead to.
    package let node: NodeNumber
}

extension Memory {
    package init(
        _ memory: MemoryRow,
        path: NamePath?,
        attributes: [String: String],
        size: Int64,
        hash: ContentHash
    ) {
        id = memory.id
        name = memory.name
        self.path = path
        self.attributes = attributes
        created = memory.created
        updated = memory.updated
        revision = memory.revision
        self.size = size
        self.hash = hash
        isTrashed = memory.trashed != nil
        row = memory.row
        node = memory.node
    }
}

/// One committed version of a memory's content.
public struct Revision: Hashable, Sendable {
    /// Counts from 1 within its memory.
    public let number: RevisionNumber
    /// Its bytes.
    public let size: Int64
    /// The SHA-256 of its content.
    public let hash: ContentHash
    /// When it was committed.
    public let created: Timestamp
    /// Who committed it.
    public let actor: String
    /// Whether it is the memory's current one.
    public let isCurrent: Bool
    /// Where its bytes are kept.
    package let blobKey: String
}

/// A page of memories.
public struct MemoryPage: Hashable, Sendable {
    /// The memories, in the order in which they were added.
    public let memories: [Memory]
    /// Where the next page begins; nil after the last.
    public let next: ListCursor?
}

/// Where a list goes on.
///
/// It stays good while memories come and go: nothing that was there all the time is missed or met
/// twice.
public struct ListCursor: Hashable, Sendable {
    /// The row of the last memory that was handed out.
    package let row: Int64

    package init(row: Int64) { self.row = row }
}

/// One name of a directory.
public struct DirectoryEntry: Hashable, Sendable {
    /// What a name is.
    public enum Kind: String, Hashable, Sendable {
        /// A directory, which a layout has.
        case directory
        /// A memory.
        case memory
        /// A file, directory or link that tools keep beside memories.
        case foreign
    }

    /// The name.
    public let name: Name
    /// What it is.
    public let kind: Kind
    /// Bytes; 0 for directories.
    public let size: Int64
    /// When its content last changed.
    public let modified: Timestamp
    /// The memory, where it is one.
    public let memory: MemoryID?
}

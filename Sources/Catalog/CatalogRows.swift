package import Model
import SQL

/// What the kernel knows by number, as the catalog keeps it.
package struct Node: Hashable, Sendable {
    package enum Kind: Int64, Hashable, Sendable {
        case directory = 1
        case memory = 2
        /// A file, directory or symbolic link that tools keep beside memories.
        case foreign = 3
    }

    package var number: NodeNumber
    package var kind: Kind
    /// Row id of the memory whose content this node shows.
    package var memory: Int64?
    /// Set when the node was replaced or unlinked: it shows this revision for ever.
    package var pinned: RevisionNumber?
    /// Bytes.
    package var size: Int64
    /// Type and permissions, as in `st_mode`.
    package var mode: UInt32
    package var uid: UInt32
    package var gid: UInt32
    /// Nanoseconds since 1970.
    package var mtime: Int64
    /// Nanoseconds since 1970.
    package var ctime: Int64

    package init(
        number: NodeNumber,
        kind: Kind,
        memory: Int64? = nil,
        pinned: RevisionNumber? = nil,
        size: Int64 = 0,
        mode: UInt32,
        uid: UInt32,
        gid: UInt32,
        mtime: Int64,
        ctime: Int64
    ) {
        self.number = number
        self.kind = kind
        self.memory = memory
        self.pinned = pinned
        self.size = size
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.mtime = mtime
        self.ctime = ctime
    }

    /// The columns `number, kind, memory, revision, size, mode, uid, gid, mtime, ctime` from `first`.
    init(_ row: any SQLStatement, from first: Int32 = 0) {
        number = NodeNumber(UInt64(row.integer(first)))
        kind = Kind(rawValue: row.integer(first + 1)) ?? .foreign
        memory = row.optionalInteger(first + 2)
        pinned = row.optionalInteger(first + 3).map { RevisionNumber(Int($0)) }
        size = row.integer(first + 4)
        mode = UInt32(truncatingIfNeeded: row.integer(first + 5))
        uid = UInt32(truncatingIfNeeded: row.integer(first + 6))
        gid = UInt32(truncatingIfNeeded: row.integer(first + 7))
        mtime = row.integer(first + 8)
        ctime = row.integer(first + 9)
    }
}

/// The fact that a directory holds a name, which is a node, in a set of layouts.
package struct Entry: Hashable, Sendable {
    package var directory: NodeNumber
    package var name: Name
    package var node: NodeNumber
    package var layouts: LayoutSet
    package var since: ChangeNumber
    package var position: ListingPosition

    package init(
        directory: NodeNumber,
        name: Name,
        node: NodeNumber,
        layouts: LayoutSet,
        since: ChangeNumber,
        position: ListingPosition
    ) {
        self.directory = directory
        self.name = name
        self.node = node
        self.layouts = layouts
        self.since = since
        self.position = position
    }

    /// The columns `directory, name, node, layouts, since, position`.
    init(_ row: any SQLStatement) {
        directory = NodeNumber(UInt64(row.integer(0)))
        name = Name(unchecked: row.bytes(1))
        node = NodeNumber(UInt64(row.integer(2)))
        layouts = LayoutSet(rawValue: row.integer(3))
        since = ChangeNumber(row.integer(4))
        position = ListingPosition(rawValue: UInt64(row.integer(5)))
    }
}

/// Where listings show a name: entries of a directory are listed by rising position.
///
/// It is a node number, as a rule that of the node with which the name came. It stays with the name
/// when that leads to another node, as after each save of an editor, and with a node that is renamed
/// within its directory: a listing in pieces meets neither of them twice, nor misses them. No two
/// nodes have rows of one directory with the same.
package struct ListingPosition: Hashable, Comparable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// That of a node whose name is new.
    package init(_ node: NodeNumber) { rawValue = node.rawValue }

    /// Before all entries.
    package static let start = ListingPosition(rawValue: 0)

    package static func < (one: ListingPosition, other: ListingPosition) -> Bool {
        one.rawValue < other.rawValue
    }
}

/// One remembered thing, as its row has it.
package struct MemoryRow: Hashable, Sendable {
    package var row: Int64
    package var id: MemoryID
    package var name: Name
    package var node: NodeNumber
    package var created: Timestamp
    package var updated: Timestamp
    package var revision: RevisionNumber
    /// The change that put it into the trash; nil while it is not there.
    package var trashed: ChangeNumber?
    /// The change that gave it its name, or its place in the trash.
    package var since: ChangeNumber

    static let columns = "id, ulid, name, node, created, updated, revision, trashed, since"
}

extension MemoryRow {
    /// The columns of `columns`.
    init(_ row: any SQLStatement) {
        self.row = row.integer(0)
        id = MemoryID(column: row.bytes(1))
        name = Name(unchecked: row.bytes(2))
        node = NodeNumber(UInt64(row.integer(3)))
        created = Timestamp(nanoseconds: row.integer(4))
        updated = Timestamp(nanoseconds: row.integer(5))
        revision = RevisionNumber(Int(row.integer(6)))
        trashed = row.optionalInteger(7).map { ChangeNumber($0) }
        since = ChangeNumber(row.integer(8))
    }
}

/// One committed version of a memory's content.
package struct RevisionRow: Hashable, Sendable {
    package var memory: Int64
    package var number: RevisionNumber
    /// Bytes.
    package var size: Int64
    package var hash: ContentHash
    package var created: Timestamp
    package var actor: String
    /// Where its bytes are.
    ///
    /// Text here; `Blobs` checks it when it opens it.
    package var blobKey: String
    /// The layout under whose path the blob was placed; nil when that path has changed since.
    package var layout: LayoutNumber?
    package var since: ChangeNumber

    static let columns =
        "memory, number, size, sha256, created, actor, blob_key, layout, since"
}

extension RevisionRow {
    /// The columns of `columns`.
    init(_ row: any SQLStatement) {
        memory = row.integer(0)
        number = RevisionNumber(Int(row.integer(1)))
        size = row.integer(2)
        hash = ContentHash(column: row.bytes(3))
        created = Timestamp(nanoseconds: row.integer(4))
        actor = row.text(5)
        blobKey = row.text(6)
        layout = row.optionalInteger(7).map { LayoutNumber(Int($0)) }
        since = ChangeNumber(row.integer(8))
    }
}

/// What reading a node's content takes.
package struct ShownContent: Sendable {
    package let kind: Node.Kind
    /// Bytes of the revision; 0 where the node shows none.
    package let size: Int64
    /// Nil where the node shows no revision.
    package let revision: RevisionNumber?
    /// Where its bytes are, to be checked before use; empty where the node shows no revision.
    package let blobKey: [UInt8]

    /// The columns `kind, size, number, blob_key`.
    init(_ row: any SQLStatement) {
        kind = Node.Kind(rawValue: row.integer(0)) ?? .foreign
        size = row.integer(1)
        revision = row.optionalInteger(2).map { RevisionNumber(Int($0)) }
        blobKey = row.bytes(3)
    }
}

/// A row of the change log.
package struct ChangeRow: Hashable, Sendable {
    package var number: ChangeNumber
    package var time: Timestamp
    package var session: String
    package var origin: Origin
    /// nil where a newer program wrote a word that this one does not know.
    package var operation: Operation?
    package var memory: Int64?
    package var directory: NodeNumber?
    /// JSON.
    package var detail: String?
    /// What was before and what is after, as JSON.
    package var effect: String?
    /// Whether a purge took the reason, the detail and the effect away.
    package var isForgotten = false
}

extension MemoryID {
    /// A column whose constraint says that it has 16 bytes.
    init(column bytes: [UInt8]) {
        guard let id = MemoryID(bytes: bytes) else {
            preconditionFailure("memory.ulid has 16 bytes by its constraint")
        }
        self = id
    }
}

extension ContentHash {
    /// A column whose constraint says that it has 32 bytes.
    init(column bytes: [UInt8]) {
        guard let hash = try? ContentHash(bytes: bytes) else {
            preconditionFailure("revision.sha256 has 32 bytes by its constraint")
        }
        self = hash
    }
}

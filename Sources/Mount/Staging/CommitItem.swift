import Catalog
import Linux
import Model

/// One staged file on its way to a row: what it was when it was sealed, and what it is to become.
struct CommitItem: Sendable {
    enum Goal: Hashable, Sendable {
        /// A memory that was written; `base` is the revision that the copy was made of.
        case revision(Int64, base: RevisionNumber)
        /// An unborn file, also one that was renamed over a memory.
        ///
        /// `recalls`: the memory that lost this name a moment ago.
        case birth(StagedPlace, recalls: Int64?)
        /// Renamed over a memory.
        case replacing(Int64)
    }

    let staged: StagedNode
    let goal: Goal
    let bytes: StagedBytes
    let size: Int64
    /// Where it was taken before the commit began.
    let hash: ContentHash?
    let attributes: JournalAttributes
    let ctime: Int64
    let origin: Origin
    let isDoubtful: Bool
    let isRecovered: Bool
    /// The request that is done by this commit.
    var request: UInt64?

    var node: NodeNumber { staged.node }

    var appearance: NodeAppearance {
        NodeAppearance(
            number: node,
            permissions: attributes.permissions,
            uid: attributes.uid,
            gid: attributes.gid,
            mtime: attributes.mtime,
            ctime: ctime
        )
    }
}

/// What the catalog makes of an item at one moment.
///
/// Decided before the bytes are placed and again in the transaction: another process may have come
/// between.
enum CommitFate: Hashable, Sendable {
    /// The memory has this content already.
    case unchanged(Int64)
    /// The next revision of a memory, or one kept beside where the node lost its name.
    case revision(Int64, RevisionNumber)
    /// A new memory; with a suffix where something else than a memory has the name.
    case birth(needsSuffix: Bool)
    /// The next revision of a memory that was unlinked a moment ago.
    case takeBack(Int64, RevisionNumber)
    /// The next revision of a memory that was renamed away a moment ago; what it was renamed to
    /// becomes a memory of its own.
    case split(Int64, RevisionNumber)
    /// The next revision of a memory, whose names lead to this node from now on.
    case replacing(Int64, RevisionNumber, isConflict: Bool)
    /// Nobody knows whether the bytes are whole, or their memory is no longer there.
    case trash

    /// The memory that gets a revision.
    var memory: Int64? {
        switch self {
        case .revision(let row, _), .takeBack(let row, _), .split(let row, _),
            .replacing(let row, _, _):
            row
        case .unchanged, .birth, .trash: nil
        }
    }

    /// Whether a memory gets the name back that it lost a moment ago.
    var isRecall: Bool {
        switch self {
        case .takeBack, .split: true
        case .unchanged, .revision, .birth, .replacing, .trash: false
        }
    }

    var number: RevisionNumber {
        switch self {
        case .revision(_, let number), .takeBack(_, let number), .split(_, let number),
            .replacing(_, let number, _):
            number
        case .unchanged, .birth, .trash: RevisionNumber(1)
        }
    }
}

extension CommitItem {
    /// What becomes of this item in the catalog as `reader` sees it.
    func fate(hash: ContentHash, _ reader: CatalogReader) throws -> CommitFate {
        // A crash after the transaction: the rows are there, and recovery comes again.
        if let row = try reader.node(node), row.kind == .memory, let memory = row.memory {
            return try revision(of: memory, hash, reader)
        }
        switch goal {
        case .revision: return .trash
        case .replacing(let row):
            if isDoubtful { return .trash }
            guard let memory = try reader.memory(row: row), memory.trashed == nil else {
                if isRecovered { return .trash }
                throw LociError.noLongerThere(row)
            }
            return .replacing(row, try reader.nextRevisionNumber(of: row), isConflict: false)
        case .birth(let place, let recalls):
            if isDoubtful { return .trash }
            return try birth(place, recalls, reader)
        }
    }

    private func revision(
        of row: Int64,
        _ hash: ContentHash,
        _ reader: CatalogReader
    ) throws -> CommitFate {
        guard let shown = try reader.revision(shownBy: node) else { return .trash }
        if shown.hash == hash { return .unchanged(row) }
        if isDoubtful { return .trash }
        return .revision(row, try reader.nextRevisionNumber(of: row))
    }

    private func birth(
        _ place: StagedPlace,
        _ recalls: Int64?,
        _ reader: CatalogReader
    ) throws -> CommitFate {
        let table = try reader.layouts()
        if let entry = try reader.entry(
            in: place.directory,
            named: place.name,
            layouts: table.occupied
        ) {
            guard let node = try reader.node(entry.node), node.kind == .memory,
                let row = node.memory
            else { return .birth(needsSuffix: true) }
            // The one over which it was renamed, as that one was then, and no other.
            let current = try reader.memory(row: row)?.revision
            let isExpected =
                place.replaces.map { $0.memory == row && $0.base == current } ?? false
            return .replacing(
                row,
                try reader.nextRevisionNumber(of: row),
                isConflict: !isExpected
            )
        }
        // A memory that was given other attributes meanwhile is not called back from there.
        let directories =
            try reader.path(ofDirectory: place.directory)?.names ?? place.directories
        guard let recalls, let memory = try reader.memory(row: recalls),
            let scheme = table[place.layout]?.scheme,
            try scheme.render(reader.fields(of: memory)) == directories
        else { return .birth(needsSuffix: false) }
        let number = try reader.nextRevisionNumber(of: recalls)
        return memory.trashed == nil ? .split(recalls, number) : .takeBack(recalls, number)
    }

    /// The fields of a new memory at this item's place.
    func newFields(
        at place: StagedPlace,
        _ reader: CatalogReader,
        now: Timestamp,
        makeID: (Timestamp) -> MemoryID
    ) throws -> MemoryFields {
        let table = try reader.layouts()
        var directories = place.directories
        var layout = table[place.layout] ?? table.listed
        // The directory may have got another name meanwhile.
        if let path = try reader.path(ofDirectory: place.directory),
            let current = table.layout(forDirectoryIn: path.layouts, preferring: layout)
        {
            directories = path.names
            layout = current
        }
        let parsed = try layout.scheme.parse(directories, now: now)
        let mtime = attributes.mtimeIsSet ? Timestamp(nanoseconds: attributes.mtime) : nil
        let fields = try Scheme.resolve(parsed, now: now, mtime: mtime) { makeID(now) }
        if try reader.memory(fields.id) != nil { throw LociError.nameTaken(place.name) }
        return fields
    }
}

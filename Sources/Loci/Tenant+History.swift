import Catalog
public import Model
import SQL

extension Tenant {
    /// All kept revisions of a memory, oldest first.
    ///
    /// Throws `notFound`.
    public func revisions(of id: MemoryID) throws(LociError) -> [Revision] {
        try read { reader in
            let memory = try self.row(id, reader)
            return try reader.revisions(of: memory.row).map { row in
                Revision(
                    number: row.number,
                    size: row.size,
                    hash: row.hash,
                    created: row.created,
                    actor: row.actor,
                    isCurrent: row.number == memory.revision,
                    blobKey: row.blobKey
                )
            }
        }
    }

    /// The changes of one memory, newest first.
    ///
    /// Throws `notFound`.
    public func history(of id: MemoryID, limit: Int = 1000) throws(LociError) -> [Change] {
        try read { reader in
            let memory = try self.row(id, reader)
            return try reader.changes(ofMemory: memory.row, limit: limit).map {
                Change($0, memory: id)
            }
        }
    }

    /// Changes above a number, oldest first.
    public func changes(
        after number: ChangeNumber,
        limit: Int = 1000
    ) throws(LociError) -> [Change] {
        try read { reader in
            try reader.changes(after: number, limit: limit).map { try self.change($0, reader) }
        }
    }

    /// The number of the newest change.
    public func lastChange() throws(LociError) -> ChangeNumber {
        try read { reader in try reader.lastChange() }
    }

    /// All layouts there ever were, by number.
    public func layouts() throws(LociError) -> [LayoutInfo] {
        try read { reader in
            try reader.layouts().all.map { LayoutInfo($0) }
        }
    }

    /// The scheme version: 1 at first, it rises when a layout is listed for the first time.
    public func schemeVersion() throws(LociError) -> Int {
        try read { reader in Int(try reader.setting(Setting.schemeVersion) ?? 1) }
    }

    /// How many memories have the contents of two writers, of which nobody has made one since.
    public func conflictCount() throws(LociError) -> Int {
        try read { reader in Int(try reader.conflictCount()) }
    }

    /// How many memories there are, outside the trash and in it.
    public func counts() throws(LociError) -> (live: Int, trashed: Int) {
        try read { reader in
            let counts = try reader.memoryCounts()
            return (Int(counts.live), Int(counts.trashed))
        }
    }
}

extension LayoutInfo {
    init(_ layout: Layout) {
        self.init(
            number: layout.number,
            scheme: layout.scheme,
            status: layout.status,
            isListed: layout.isListed,
            isTarget: layout.isTarget,
            isApart: layout.root != Catalog.rootNode
        )
    }
}

extension Layout {
    /// What the layout's row says, in words.
    package var status: LayoutStatus {
        switch state {
        case .building: .building
        case .live: .live
        case .retired: listedSince == nil ? .aborted : .retired
        case .cleared: .retired
        case .clearedAborted: .aborted
        }
    }
}

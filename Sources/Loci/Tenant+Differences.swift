import Catalog
public import Model
import SQL

/// How one memory differs between two moments.
public struct MemoryDifference: Hashable, Sendable {
    /// The memory.
    public let memory: MemoryID
    /// Its path at the first moment, as the layout that is listed now renders it; nil where it did
    /// not exist or was in the trash.
    public let before: NamePath?
    /// Its path at the second moment; nil where it does not exist or is in the trash.
    public let after: NamePath?
    /// Its revision at the first moment, where it existed.
    public let oldRevision: RevisionNumber?
    /// Its revision at the second moment, where it existed.
    public let newRevision: RevisionNumber?
    /// Whether its content differs.
    public let isContentChanged: Bool
    /// Whether attributes differ.
    public let areAttributesChanged: Bool
}

/// Some of the memories that differ.
public struct DifferencePage: Hashable, Sendable {
    /// By the order in which the memories were added.
    public let differences: [MemoryDifference]
    /// Where to go on; nil at the end.
    public let next: ListCursor?
}

extension Tenant {
    /// The memories that differ between a snapshot and another one, or now.
    ///
    /// Throws `snapshotNotFound`.
    ///
    /// Complexity: reads the changes since the older moment, and the memories that they tell of.
    public func differences(
        from first: String,
        to second: String?,
        after cursor: ListCursor? = nil,
        limit: Int = 1000
    ) throws(LociError) -> DifferencePage {
        try read { reader in
            let old = try self.snapshotRow(first, reader).number
            let new =
                try second.map { try self.snapshotRow($0, reader).number }
                ?? reader.lastChange()
            let rows = try reader.memoriesChanged(
                after: min(old, new),
                cursor: cursor?.row ?? 0,
                limit: limit
            )
            let scheme = try reader.layouts().listed.scheme
            return DifferencePage(
                differences: try rows.compactMap { row in
                    try self.difference(of: row, old, new, scheme, reader)
                },
                next: rows.count < limit ? nil : rows.last.map { ListCursor(row: $0) }
            )
        }
    }

    private func difference(
        of row: Int64,
        _ old: ChangeNumber,
        _ new: ChangeNumber,
        _ scheme: Scheme,
        _ reader: CatalogReader
    ) throws -> MemoryDifference? {
        // Purged since: no snapshot held it.
        guard let memory = try reader.memory(row: row) else { return nil }
        let before = try state(of: memory, at: old, scheme, reader)
        let after = try state(of: memory, at: new, scheme, reader)
        let attributes = Self.differ(before?.attributes, after?.attributes)
        guard before?.path != after?.path || before?.hash != after?.hash || attributes else {
            return nil
        }
        return MemoryDifference(
            memory: memory.id,
            before: before?.path,
            after: after?.path,
            oldRevision: before?.revision,
            newRevision: after?.revision,
            isContentChanged: before?.hash != after?.hash,
            areAttributesChanged: attributes
        )
    }

    private struct State {
        let path: NamePath
        let attributes: [String: String]
        let revision: RevisionNumber
        let hash: ContentHash?
    }

    /// What a memory was at a moment; nil where it did not exist, or was in the trash.
    private func state(
        of memory: MemoryRow,
        at number: ChangeNumber,
        _ scheme: Scheme,
        _ reader: CatalogReader
    ) throws -> State? {
        guard let past = try reader.past(of: memory, at: number), !past.isTrashed else {
            return nil
        }
        let fields = MemoryFields(
            id: memory.id,
            created: memory.created,
            attributes: past.attributes
        )
        return State(
            path: NamePath(try scheme.render(fields) + [past.name]),
            attributes: past.attributes,
            revision: past.revision,
            hash: try reader.revision(of: memory.row, past.revision)?.hash
        )
    }

    /// By bytes, as values compare.
    private static func differ(_ a: [String: String]?, _ b: [String: String]?) -> Bool {
        guard let a, let b, a.count == b.count else { return a != nil || b != nil }
        return a.contains { key, value in b[key].map { !$0.hasSameBytes(as: value) } ?? true }
    }
}

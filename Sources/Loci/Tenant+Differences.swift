import Catalog
public import Model
import SQL

/// What one memory was at two moments.
public struct MemoryDifference: Hashable, Sendable {
    /// As it was at the first moment; nil where it was not shown: not born, or in the trash.
    public let before: Memory?
    /// As it was at the second moment; nil where it was not shown.
    public let after: Memory?

    /// Whether its bytes differ, of one that was shown both times.
    public var hasOtherContent: Bool {
        before != nil && after != nil && before?.hash != after?.hash
    }

    /// Whether its attributes or its name differ, of one that was shown both times.
    public var isElsewhere: Bool {
        guard let before, let after else { return false }
        return before.name != after.name
            || JSON(attributes: before.attributes) != JSON(attributes: after.attributes)
    }
}

extension Tenant {
    /// The memories that are not the same at two moments, by the order in which they were added.
    ///
    /// Another layout alone is no difference. `second`: nil for now.
    ///
    /// Throws what `change(at:)` throws.
    ///
    /// Complexity: that of the changes since the earlier moment.
    public func differences(
        from first: PastMoment,
        to second: PastMoment? = nil
    ) throws(LociError) -> [MemoryDifference] {
        let start = try change(at: first)
        let end =
            if let second { try change(at: second) } else { try lastChange() }
        var differences: [MemoryDifference] = []
        var cursor: Int64 = 0
        while true {
            let (rows, found) = try read { reader in
                let rows = try reader.memoriesChanged(
                    after: min(start, end),
                    cursor: cursor,
                    limit: Self.batchSize
                )
                return (rows, try rows.map { try self.difference($0, start, end, reader) })
            }
            guard let last = rows.last else { return differences }
            differences += found.compactMap { $0 }
            cursor = last
        }
    }

    private func difference(
        _ row: Int64,
        _ start: ChangeNumber,
        _ end: ChangeNumber,
        _ reader: CatalogReader
    ) throws -> MemoryDifference? {
        guard let memory = try reader.memory(row: row) else { return nil }
        let difference = MemoryDifference(
            before: try shown(memory, start, reader),
            after: try shown(memory, end, reader)
        )
        let isOne = (difference.before == nil) != (difference.after == nil)
        return isOne || difference.hasOtherContent || difference.isElsewhere ? difference : nil
    }

    private func shown(
        _ memory: MemoryRow,
        _ number: ChangeNumber,
        _ reader: CatalogReader
    ) throws -> Memory? {
        let path = try path(of: memory, in: reader.pastTree(at: number), reader)
        return try path.flatMap { try value(of: memory, at: $0, number, reader) }
    }
}

package import Model
import SQL

extension CatalogTransaction {
    /// Takes a memory's names away.
    ///
    /// Its content, attributes and history stay.
    package func trash(_ memory: MemoryRow, operation: Operation = .delete) throws -> MemoryRow {
        let since = try record(operation, memory: memory.row)
        try recordPast(memory, until: since)
        log.explain(since, memory: memory.row) { effect in
            effect.before.isTrashed = false
            effect.after.isTrashed = true
        }
        for entry in try reader.entries(of: memory.node, layouts: LayoutSet(rawValue: .max)) {
            try unlink(entry, layouts: entry.layouts, until: since)
        }
        try run(
            "UPDATE memory SET trashed = ?, since = ? WHERE id = ?",
            .integer(since.rawValue),
            .integer(since.rawValue),
            .integer(memory.row)
        )
        try noteChanged(memory.node)
        var memory = memory
        memory.trashed = since
        memory.since = since
        return memory
    }

    /// Gives a memory of the trash its names again, as the layouts of today render them.
    package func untrash(
        _ memory: MemoryRow,
        primary: LayoutNumber,
        operation: Operation = .restore
    ) throws -> MemoryRow {
        let since = try record(operation, memory: memory.row)
        try recordPast(memory, until: since)
        log.explain(since, memory: memory.row) { effect in
            effect.before.isTrashed = true
            effect.after.isTrashed = false
        }
        try run(
            "UPDATE memory SET trashed = NULL, since = ? WHERE id = ?",
            .integer(since.rawValue),
            .integer(memory.row)
        )
        var memory = memory
        memory.trashed = nil
        memory.since = since
        try place(memory, try reader.fields(of: memory), primary: primary, since: since)
        return memory
    }
}

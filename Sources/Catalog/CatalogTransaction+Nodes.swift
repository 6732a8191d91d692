package import Model
import SQL

extension CatalogTransaction {
    /// Makes `node` the one that a memory's names lead to: a file was renamed over it.
    ///
    /// The old node is pinned to the revision it shows, so open files read on.
    package func replaceNode(
        of memory: MemoryRow,
        by appearance: NodeAppearance,
        since: ChangeNumber
    ) throws -> MemoryRow {
        var replacement = memory
        let old = try reader.node(memory.node)
        replacement.node = appearance.number ?? newNodeNumber()
        try insert(
            Node(
                number: replacement.node,
                kind: .memory,
                memory: memory.row,
                size: old?.size ?? 0,
                mode: 0o100000 | appearance.permissions,
                uid: appearance.uid,
                gid: appearance.gid,
                mtime: appearance.mtime,
                ctime: appearance.ctime ?? now.nanoseconds
            )
        )
        try run(
            "UPDATE node SET revision = ? WHERE number = ?",
            .integer(Int64(memory.revision.rawValue)),
            .integer(Int64(memory.node.rawValue))
        )
        try noteChanged(memory.node)
        try run(
            "UPDATE memory SET node = ? WHERE id = ?",
            .integer(Int64(replacement.node.rawValue)),
            .integer(memory.row)
        )
        for entry in try reader.entries(of: memory.node, layouts: LayoutSet(rawValue: .max)) {
            try remember(entry, layouts: entry.layouts, until: since)
            try run(
                "UPDATE entry SET node = ?, since = ? WHERE directory = ? AND name = ?",
                .integer(Int64(replacement.node.rawValue)),
                .integer(since.rawValue),
                .integer(Int64(entry.directory.rawValue)),
                .blob(entry.name.bytes)
            )
            touch(entry.directory)
        }
        return replacement
    }
}

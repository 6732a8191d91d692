import SQL

extension CatalogMender {
    /// ⑫ Vectors whose revision is gone go, and what has none waits: the next run of the embedder
    /// makes it.
    mutating func mendVectors() throws {
        for table in [VectorTable.live, .building] {
            var removed = 0
            for name in table.names {
                try reader.connection.execute(
                    """
                    DELETE FROM \(name) WHERE NOT EXISTS
                        (SELECT 1 FROM revision r WHERE r.memory = \(name).memory
                         AND r.number = \(name).revision)
                    """
                )
                removed += reader.connection.changedRows
            }
            try reader.connection.execute(
                """
                INSERT INTO \(table.waiting)(memory, revision)
                SELECT m.id, m.revision FROM memory m
                WHERE EXISTS (SELECT 1 FROM setting WHERE key = '\(table.id)')
                AND NOT EXISTS (SELECT 1 FROM
                    (\(table.names.map { "SELECT memory, revision FROM \($0)" }
                        .joined(separator: " UNION ALL "))) v
                    WHERE v.memory = m.id AND v.revision = m.revision)
                ON CONFLICT(memory) DO UPDATE SET revision = excluded.revision
                """
            )
            let waiting = reader.connection.changedRows
            guard removed + waiting > 0 else { continue }
            try note(
                9,
                "vectors",
                "\(removed) of revisions that are gone were removed, and \(waiting) memories wait "
                    + "for theirs"
            )
        }
    }
}

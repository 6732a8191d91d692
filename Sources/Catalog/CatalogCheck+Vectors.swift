import SQL

extension CatalogCheck {
    /// That each memory has a vector of its current revision, or a reason for none, or waits for
    /// one, and that no vector outlives its revision.
    static let vectorQuestions = [VectorTable.live, .building].flatMap { table in
        [
            Question(
                rule: 9,
                message: "has no vector of its current revision and waits for none; "
                    + "loci reindex --embedder CMD --scope all mends it",
                sql: """
                    SELECT lower(hex(m.ulid)) FROM memory m
                    LEFT JOIN \(table.vectors) v ON v.memory = m.id AND v.revision = m.revision
                    LEFT JOIN \(table.others) o ON o.memory = m.id AND o.revision = m.revision
                    LEFT JOIN \(table.waiting) w ON w.memory = m.id AND w.revision = m.revision
                    WHERE coalesce(v.memory, o.memory, w.memory) IS NULL
                    AND EXISTS (SELECT 1 FROM setting WHERE key = '\(table.id)')
                    """
            ),
            Question(
                rule: 9,
                message: "a vector belongs to no revision; "
                    + "loci reindex --embedder CMD --scope all mends it",
                sql: """
                    SELECT 'row ' || v.memory FROM
                    (\(table.names.map { "SELECT memory, revision FROM \($0)" }
                        .joined(separator: " UNION ALL "))) v
                    LEFT JOIN revision r ON r.memory = v.memory AND r.number = v.revision
                    WHERE r.memory IS NULL
                    """
            ),
        ]
    }
}

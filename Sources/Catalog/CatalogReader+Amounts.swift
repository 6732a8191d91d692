package import Model
package import SQL

// Where most of a tenant is.

/// How much is kept.
package struct RevisionTotals: Hashable, Sendable {
    package var revisions: Int64 = 0
    package var bytes: Int64 = 0
    /// Those of them that no memory shows now.
    package var superseded: Int64 = 0
    package var supersededBytes: Int64 = 0
}

extension CatalogReader {
    /// How many revisions are kept, and how many of them no memory shows now, with their bytes.
    ///
    /// Complexity: reads every revision.
    package func revisionTotals() throws(SQLError) -> RevisionTotals {
        try statement(
            """
            SELECT count(*), coalesce(sum(r.size), 0), coalesce(sum(r.number <> m.revision), 0),
                   coalesce(sum(iif(r.number <> m.revision, r.size, 0)), 0)
            FROM revision r JOIN memory m ON m.id = r.memory
            """
        ).first { row throws(SQLError) in
            RevisionTotals(
                revisions: row.integer(0),
                bytes: row.integer(1),
                superseded: row.integer(2),
                supersededBytes: row.integer(3)
            )
        } ?? RevisionTotals()
    }

    /// The directories of a layout that hold most memories themselves.
    ///
    /// Complexity: reads every entry.
    package func fullestDirectories(
        layout: LayoutSet,
        limit: Int
    ) throws(SQLError) -> [(NodeNumber, Int64)] {
        try statement(
            """
            SELECT e.directory, count(*) AS memories FROM entry e JOIN node n ON n.number = e.node
            WHERE n.kind = 2 AND e.layouts & ? <> 0
            GROUP BY e.directory ORDER BY memories DESC, e.directory LIMIT ?
            """
        ).all(.integer(layout.rawValue), .integer(Int64(limit))) { row throws(SQLError) in
            (NodeNumber(UInt64(row.integer(0))), row.integer(1))
        }
    }

    /// The memories outside the trash whose current revision is largest, with its bytes.
    ///
    /// Complexity: reads every memory.
    package func largestMemories(limit: Int) throws(SQLError) -> [(MemoryRow, Int64)] {
        try statement(
            """
            SELECT m.id, m.ulid, m.name, m.node, m.created, m.updated, m.revision, m.trashed,
                   m.since, r.size
            FROM memory m JOIN revision r ON r.memory = m.id AND r.number = m.revision
            WHERE m.trashed IS NULL ORDER BY r.size DESC, m.id LIMIT ?
            """
        ).all(.integer(Int64(limit))) { row throws(SQLError) in
            (MemoryRow(row), row.integer(9))
        }
    }
}

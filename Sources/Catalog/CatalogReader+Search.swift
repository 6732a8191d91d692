package import Model
package import SQL

/// A memory whose text matches, as the index has it.
package struct TextMatch: Sendable {
    /// Higher for texts that were committed later.
    package let row: Int64
    /// Higher for texts that fit better.
    package let score: Double
    package let memory: MemoryRow
}

/// How many memories of a tenant are searched, and how many are not, and why.
package struct TextCounts: Hashable, Sendable {
    /// In the trash or not.
    package var indexed: Int64 = 0
    package var notText: Int64 = 0
    package var tooLarge: Int64 = 0
    package var unread: Int64 = 0
    /// Not yet looked at; the others tell of their former revisions, if they have one.
    package var waiting: Int64 = 0
}

extension CatalogReader {
    /// Whether the tables of an index are there.
    func hasTextIndex(_ index: TextIndex) throws(SQLError) -> Bool {
        try statement("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?")
            .first(.text(index.words)) { _ throws(SQLError) in true } ?? false
    }

    /// Hands over memories outside the trash whose text matches, what was committed last first.
    ///
    /// `match`: an expression of the engine; only `SearchQuery` writes those.
    /// `before`: only rows below it.
    /// `body`: returns false to stop.
    ///
    /// Complexity: some microseconds for each text that matches, however often its words occur.
    package func search(
        _ match: String,
        before: Int64,
        since: Timestamp,
        attributes: [(key: String, value: String)],
        _ body: (TextMatch) throws -> Bool
    ) throws {
        let condition =
            " AND EXISTS (SELECT 1 FROM attribute WHERE memory = m.id "
            + "AND key = ? AND value = ?)"
        let statement = try connection.prepare(
            """
            SELECT m.id, m.ulid, m.name, m.node, m.created, m.updated, m.revision, m.trashed,
                   m.since, s.row, loci_rank(memory_text)
            FROM memory_text CROSS JOIN searchable s ON s.row = memory_text.rowid
            CROSS JOIN memory m ON m.id = s.memory AND m.revision = s.revision
            WHERE memory_text MATCH ? AND memory_text.rowid < ? AND m.trashed IS NULL
                  AND m.updated >= ?
            """ + String(repeating: condition, count: attributes.count)
                + " ORDER BY memory_text.rowid DESC"
        )
        defer { statement.reset() }
        var values: [SQLValue] = [.text(match), .integer(before), .integer(since.nanoseconds)]
        for attribute in attributes { values += [.text(attribute.key), .text(attribute.value)] }
        try statement.bind(values)
        while try statement.step() {
            let match = TextMatch(
                row: statement.integer(9),
                score: statement.double(10),
                memory: MemoryRow(statement)
            )
            guard try body(match) else { return }
        }
    }

    /// Current revisions that wait to be indexed.
    package func waitingTexts(limit: Int) throws(SQLError) -> [RevisionRow] {
        try statement(
            """
            SELECT r.memory, r.number, r.size, r.sha256, r.created, r.actor, r.blob_key, r.layout,
                   r.since
            FROM waiting w CROSS JOIN revision r ON r.memory = w.memory AND r.number = w.revision
            ORDER BY w.memory LIMIT ?
            """
        ).all(.integer(Int64(limit))) { row throws(SQLError) in RevisionRow(row) }
    }

    /// How many texts wait to be indexed; counted as far as `limit`.
    package func waitingCount(upTo limit: Int) throws(SQLError) -> Int {
        try statement("SELECT count(*) FROM (SELECT 1 FROM waiting LIMIT ?)")
            .first(.integer(Int64(limit))) { row throws(SQLError) in Int(row.integer(0)) } ?? 0
    }

    /// How many memories are searched, and how many are not.
    package func textCounts() throws(SQLError) -> TextCounts {
        var counts = TextCounts()
        counts.waiting =
            try statement("SELECT count(*) FROM waiting").first { row throws(SQLError) in
                row.integer(0)
            } ?? 0
        counts.indexed =
            try statement("SELECT count(*) FROM searchable").first { row throws(SQLError) in
                row.integer(0)
            } ?? 0
        let others = try statement("SELECT reason, count(*) FROM unsearchable GROUP BY reason")
            .all { row throws(SQLError) in (row.integer(0), row.integer(1)) }
        for (reason, count) in others {
            switch TextIndex.Reason(rawValue: reason) {
            case .notText: counts.notText = count
            case .tooLarge: counts.tooLarge = count
            case .unread, nil: counts.unread += count
            }
        }
        return counts
    }

    /// Memories whose current revision an index does not have, by rising row above `after`.
    package func memoriesUnindexed(
        in index: TextIndex,
        after: Int64,
        limit: Int
    ) throws(SQLError) -> [RevisionRow] {
        try statement(
            of: """
                SELECT r.memory, r.number, r.size, r.sha256, r.created, r.actor, r.blob_key,
                       r.layout, r.since
                FROM memory m LEFT JOIN \(index.rows) s ON s.memory = m.id
                LEFT JOIN \(index.others) u ON u.memory = m.id
                JOIN revision r ON r.memory = m.id AND r.number = m.revision
                WHERE m.id > ? AND coalesce(s.revision, u.revision) IS NOT m.revision
                ORDER BY m.id LIMIT ?
                """
        ).all(.integer(after), .integer(Int64(limit))) { row throws(SQLError) in
            RevisionRow(row)
        }
    }
}

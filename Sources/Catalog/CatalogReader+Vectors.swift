package import Model
package import SQL

/// A memory, and how near its text is to what was searched for.
package struct VectorMatch: Sendable {
    package let memory: Int64
    /// The cosine: 1 for the same direction.
    package let score: Float
}

extension CatalogReader {
    /// Whose vectors a table has; nil where it has none.
    package func embedder(of table: VectorTable) throws(SQLError) -> EmbedderModel? {
        guard let id = try settingText(table.id),
            let dimensions = try setting(table.dimensions)
        else { return nil }
        return EmbedderModel(id: id, dimensions: Int(dimensions))
    }

    /// Current revisions that wait for a vector, by memory.
    package func unembedded(
        in table: VectorTable,
        limit: Int
    ) throws(SQLError) -> [RevisionRow] {
        try statement(
            of: """
                SELECT r.memory, r.number, r.size, r.sha256, r.created, r.actor, r.blob_key,
                       r.layout, r.since
                FROM \(table.waiting) w
                CROSS JOIN revision r ON r.memory = w.memory AND r.number = w.revision
                ORDER BY w.memory LIMIT ?
                """
        ).all(.integer(Int64(limit))) { row throws(SQLError) in RevisionRow(row) }
    }

    /// How many memories wait for a vector of their current text.
    package func unembeddedCount(in table: VectorTable) throws(SQLError) -> Int64 {
        try statement(of: "SELECT count(*) FROM \(table.waiting)").first { row throws(SQLError) in
            row.integer(0)
        } ?? 0
    }

    /// How near to a vector the current texts of the memories outside the trash are, in no order.
    ///
    /// Complexity: looks at all vectors.
    package func matches(
        of vector: UnitVector,
        since: Timestamp,
        attributes: [(key: String, value: String)]
    ) throws(SQLError) -> [VectorMatch] {
        let condition =
            " AND EXISTS (SELECT 1 FROM attribute WHERE memory = m.id "
            + "AND key = ? AND value = ?)"
        let statement = try connection.prepare(
            """
            SELECT v.memory, v.scale, v.numbers
            FROM vector v CROSS JOIN memory m ON m.id = v.memory AND m.revision = v.revision
            WHERE length(v.numbers) = ? AND m.trashed IS NULL AND m.updated >= ?
            """ + String(repeating: condition, count: attributes.count)
        )
        defer { statement.reset() }
        var values: [SQLValue] = [
            .integer(Int64(vector.numbers.count)), .integer(since.nanoseconds),
        ]
        for attribute in attributes { values += [.text(attribute.key), .text(attribute.value)] }
        try statement.bind(values)
        var matches: [VectorMatch] = []
        while try statement.step() {
            let scale = Float(statement.double(1))
            let score = unsafe statement.withBytes(2) { bytes in
                unsafe vector.cosine(bytes, scale: scale)
            }
            matches.append(VectorMatch(memory: statement.integer(0), score: score))
        }
        return matches
    }

    /// How many memories have a vector, those of the trash among them.
    ///
    /// Each memory has one, or a reason for none, or waits: what has one is what is left.
    package func vectorCounts() throws(SQLError) -> VectorCounts {
        var counts = VectorCounts()
        counts.waiting = try unembeddedCount(in: .live)
        let all = try memoryCounts()
        counts.embedded = all.live + all.trashed - counts.waiting
        let rows = try statement(
            """
            SELECT reason, count(*) FROM unembeddable
            WHERE memory NOT IN (SELECT memory FROM unembedded) GROUP BY 1
            """
        ).all { row throws(SQLError) in (row.integer(0), row.integer(1)) }
        for (reason, count) in rows {
            counts.embedded -= count
            switch VectorTable.Reason(rawValue: reason) {
            case nil: break
            case .notText: counts.notText = count
            case .tooLarge: counts.tooLarge = count
            case .unread: counts.unread = count
            case .refused: counts.refused = count
            }
        }
        return counts
    }
}

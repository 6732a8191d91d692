package import SQL

extension CatalogCheck {
    /// Whether the text index needs no rebuilding.
    package static func isTextIndexRight(_ reader: CatalogReader) throws(SQLError) -> Bool {
        for question in textQuestions {
            let finding = try reader.connection.first(question.sql + " LIMIT 1") {
                row throws(SQLError) in row.text(0)
            }
            if finding != nil { return false }
        }
        return true
    }

    /// That the text index has each memory's current revision, and no memory that is not there.
    ///
    /// Words that lead nowhere are no error: see `TextIndex`.
    static let textQuestions = [
        Question(
            rule: 9,
            message: "the search index has not its current revision; loci reindex mends it",
            sql: """
                SELECT lower(hex(m.ulid)) FROM memory m
                LEFT JOIN searchable s ON s.memory = m.id
                LEFT JOIN unsearchable u ON u.memory = m.id
                LEFT JOIN waiting w ON w.memory = m.id
                WHERE coalesce(w.revision, s.revision, u.revision) IS NOT m.revision
                AND NOT EXISTS (SELECT 1 FROM setting WHERE key = 'search' AND value = 0)
                """
        ),
        Question(
            rule: 9,
            message: "is searched and not searched at once; loci reindex mends it",
            sql: """
                SELECT lower(hex(m.ulid)) FROM memory m JOIN searchable s ON s.memory = m.id
                JOIN unsearchable u ON u.memory = m.id
                """
        ),
        Question(
            rule: 9,
            message: "the search index has no words of its text; loci reindex mends it",
            sql: """
                SELECT lower(hex(m.ulid)) FROM searchable s JOIN memory m ON m.id = s.memory
                WHERE s.row NOT IN (SELECT id FROM memory_text_docsize)
                """
        ),
        Question(
            rule: 9,
            message: "the search index has a text that belongs to no memory; loci reindex mends it",
            sql: """
                SELECT 'row ' || s.memory FROM
                (SELECT memory FROM searchable UNION ALL SELECT memory FROM unsearchable
                 UNION ALL SELECT memory FROM waiting) s
                LEFT JOIN memory m ON m.id = s.memory WHERE m.id IS NULL
                """
        ),
    ]
}

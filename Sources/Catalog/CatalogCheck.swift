import Model
import SQL

/// The rules of a catalog that no constraint of its tables expresses, as questions whose answer
/// must be empty.
///
/// `loci fsck` and every crash test ask them.
package enum CatalogCheck {
    /// One thing that is not as it must be.
    package struct Finding: Hashable, Sendable, CustomStringConvertible {
        /// The rule, by its number in the design's list.
        package let rule: Int
        package let subject: String
        package let message: String
        /// What to do where `fsck --repair` cannot mend it.
        package let remedy: String

        package var description: String { "rule \(rule): \(subject): \(message)" }

        package init(
            rule: Int,
            subject: String,
            message: String,
            remedy: String = CatalogCheck.restoring
        ) {
            self.rule = rule
            self.subject = Self.shown(subject)
            self.message = message
            self.remedy = remedy
        }

        /// Questions name memories as SQL can, by the digits of their ids.
        private static func shown(_ subject: String) -> String {
            guard subject.utf8.count == 32, let bytes = Hex.bytes(subject),
                let id = MemoryID(bytes: bytes)
            else { return subject }
            return id.description
        }
    }

    /// What is left to do about rows of which nothing says what they were.
    package static let restoring =
        "restore the tenant from a backup under another id: "
        + "loci backup restore BACKUP STORE --tenant ID --as NEW"
    private static let keeping =
        "no change can be put back; keep a copy of the store for whoever looks into it, and go on, "
        + "or \(restoring)"

    /// Runs every question, at most `limit` findings each.
    ///
    /// Complexity: reads every row of the catalog once or twice.
    package static func findings(
        _ reader: CatalogReader,
        limit: Int = 100
    ) throws -> [Finding] {
        var findings: [Finding] = []
        for question in questions + textQuestions + vectorQuestions {
            let rows = try reader.connection.all(
                question.sql + " LIMIT \(limit)"
            ) { row throws(SQLError) in row.text(0) }
            findings += rows.map {
                Finding(
                    rule: question.rule,
                    subject: $0,
                    message: question.message,
                    remedy: question.remedy
                )
            }
        }
        // Without a listed layout or a target, which was found above, there is no table of them.
        for layout in (try? reader.layouts())?.liveLayouts ?? [] {
            findings += try namesMissing(reader, layout, limit: limit)
        }
        let log = try reader.verifyLog()
        if let broken = log.broken {
            findings.append(
                Finding(
                    rule: 7,
                    subject: "change \(broken.number)",
                    message: broken.message,
                    remedy: keeping
                )
            )
        }
        return findings
    }

    struct Question {
        let rule: Int
        let message: String
        var remedy = CatalogCheck.restoring
        let sql: String
    }

    /// The highest number that a node has, or that something knows a node by.
    static let highestNode = """
        SELECT max(coalesce((SELECT max(number) FROM node), 0),
                   coalesce((SELECT max(node) FROM memory), 0),
                   coalesce((SELECT max(node) FROM entry), 0),
                   coalesce((SELECT max(position) FROM entry), 0))
        """

    static let memoriesOfWrongSize = """
        SELECT m.id FROM memory m JOIN node n ON n.number = m.node
        JOIN revision r ON r.memory = m.id AND r.number = m.revision WHERE n.size <> r.size
        """

    /// Entries of a directory that have the position of another node.
    static let entriesAtOnePosition = """
        SELECT e.directory, e.name, e.node, e.layouts, e.since, e.position
        FROM (SELECT directory, position, min(node) AS first FROM entry INDEXED BY entry_listing
              GROUP BY directory, position HAVING min(node) <> max(node)) AS twice
        JOIN entry e INDEXED BY entry_listing
            ON e.directory = twice.directory AND e.position = twice.position
        WHERE e.node <> twice.first
        """

    private static let questions = [
        Question(
            rule: 1,
            message: "a memory has no current revision",
            sql: """
                SELECT lower(hex(m.ulid)) FROM memory m LEFT JOIN revision r
                ON r.memory = m.id AND r.number = m.revision WHERE r.number IS NULL
                """
        ),
        Question(
            rule: 1,
            message: "a revision belongs to no memory",
            sql: """
                SELECT r.blob_key FROM revision r LEFT JOIN memory m ON m.id = r.memory
                WHERE m.id IS NULL
                """
        ),
        Question(
            rule: 1,
            message: "a memory's node shows another size than its current revision",
            sql: """
                SELECT r.blob_key FROM memory m
                JOIN revision r ON r.memory = m.id AND r.number = m.revision
                WHERE m.id IN (\(memoriesOfWrongSize))
                """
        ),
        Question(
            rule: 2,
            message: "the next node would get a number that is taken",
            sql: """
                SELECT 'next_node' WHERE (\(highestNode)) >=
                    coalesce((SELECT value FROM setting WHERE key = 'next_node'), 0)
                """
        ),
        Question(
            rule: 2,
            message: "an entry leads to no node",
            sql: """
                SELECT CAST(e.name AS TEXT) FROM entry e LEFT JOIN node n ON n.number = e.node
                WHERE n.number IS NULL
                """
        ),
        Question(
            rule: 2,
            message: "an entry has another type than its node",
            sql: """
                SELECT CAST(e.name AS TEXT) FROM entry e JOIN node n ON n.number = e.node
                WHERE e.type <> n.mode >> 12
                """
        ),
        Question(
            rule: 2,
            message: "an entry is listed where another one is",
            sql: "SELECT CAST(name AS TEXT) FROM (\(entriesAtOnePosition))"
        ),
        Question(
            rule: 2,
            message: "an entry of a served layout is in a directory that is not there",
            sql: """
                SELECT CAST(e.name AS TEXT) FROM entry e LEFT JOIN node n ON n.number = e.directory
                WHERE (n.number IS NULL OR n.kind = 2) AND EXISTS
                    (SELECT 1 FROM layout l WHERE l.state < 3 AND e.layouts >> l.slot & 1)
                """
        ),
        Question(
            rule: 2,
            message: "a memory's node belongs to another memory",
            sql: """
                SELECT lower(hex(m.ulid)) FROM memory m LEFT JOIN node n ON n.number = m.node
                WHERE n.memory IS NOT m.id OR n.kind <> 2
                """
        ),
        Question(
            rule: 2,
            message: "a name of the past leads to a memory that is not there",
            sql: """
                SELECT CAST(p.name AS TEXT) FROM entry_past p LEFT JOIN memory m ON m.id = p.memory
                WHERE p.memory IS NOT NULL AND m.id IS NULL
                """
        ),
        Question(
            rule: 4,
            message: "a layout is listed, and the record of listings does not end with it",
            sql: """
                SELECT CAST(number AS TEXT) FROM layout WHERE listed = 1
                AND number IS NOT (SELECT layout FROM listing ORDER BY since DESC LIMIT 1)
                """
        ),
        Question(
            rule: 2,
            message: "a memory in the trash still has a name",
            sql: """
                SELECT lower(hex(m.ulid)) FROM memory m JOIN entry e ON e.node = m.node
                WHERE m.trashed IS NOT NULL
                """
        ),
        Question(
            rule: 3,
            message: "a key is named by a revision and collectable at once",
            sql: """
                SELECT c.blob_key FROM collectable c JOIN revision r ON r.blob_key = c.blob_key
                WHERE c.reason <> 'placing'
                """
        ),
        Question(
            rule: 4,
            message: "not exactly one layout is listed, or not exactly one is the target",
            sql: """
                SELECT 'layout' WHERE (SELECT sum(listed) FROM layout) <> 1
                OR (SELECT sum(target) FROM layout) <> 1
                """
        ),
        Question(
            rule: 7,
            message: "a revision has no row of its memory in the change log",
            sql: """
                SELECT r.blob_key FROM revision r WHERE NOT EXISTS
                (SELECT 1 FROM change c WHERE c.seq = r.since AND c.memory = r.memory)
                AND r.since >= (SELECT coalesce(min(seq), 0) FROM change)
                """
        ),
    ]

    private static func namesMissing(
        _ reader: CatalogReader,
        _ layout: Layout,
        limit: Int
    ) throws -> [Finding] {
        try reader.connection.all(
            """
            SELECT lower(hex(m.ulid)),
                   (SELECT count(*) FROM entry e WHERE e.node = m.node AND e.layouts & ? <> 0)
                   AS names
            FROM memory m WHERE m.trashed IS NULL AND names <> 1 LIMIT ?
            """,
            .integer(layout.bit.rawValue),
            .integer(Int64(limit))
        ) { row throws(SQLError) in
            Finding(
                rule: 2,
                subject: row.text(0),
                message: "has \(row.integer(1)) names in layout \(layout.number), not one"
            )
        }
    }
}

import Model
import SQL
import Testing

@testable import Catalog

@Suite("The change log")
struct LogTests {
    private let temporary: TemporaryCatalog

    /// Ten changes, from 1 to 10.
    init() throws {
        temporary = try TemporaryCatalog()
        let memory = try temporary.add("x.md", ["user": "bob"])
        while try temporary.read({ try $0.lastChange() }) < ChangeNumber(10) {
            let value = "\(try temporary.read { try $0.lastChange() })"
            try temporary.write { tx in
                let now = try #require(try tx.reader.memory(row: memory.row))
                _ = try tx.change(
                    now,
                    attributes: [AttributeChange(key: "n", value: value)],
                    primary: LayoutNumber(1),
                    operation: .set
                )
            }
        }
    }

    private func broken(expecting mark: LogMark? = nil) throws -> Int64? {
        try temporary.read { try $0.verifyLog(expecting: mark) }.broken?.number
    }

    /// As somebody would who has the file and `sqlite3`: no lock, no log.
    private func damage(_ sql: String) throws {
        let connection = try SQLiteConnection(path: temporary.catalog.path, access: .write)
        try connection.execute(sql)
    }

    @Test("of a tenant that works is whole")
    func isWhole() throws {
        let check = try temporary.read { try $0.verifyLog() }
        #expect(check.broken == nil)
        #expect(check.changes == 10)
        #expect(check.head.number == 10)
        #expect(check.anchor.number == 0)
    }

    @Test(
        "shows the first change that was tampered with",
        arguments: [
            (5, "UPDATE change SET actor = 'eve' WHERE seq = 5"),
            (5, "UPDATE change SET time = time + 1 WHERE seq = 5"),
            (5, "UPDATE change SET uid = 0 + 7 WHERE seq = 5"),
            (5, "UPDATE change SET pid = 1 WHERE seq = 5"),
            (5, "UPDATE change SET process = 'vim' WHERE seq = 5"),
            (5, "UPDATE change SET reason = 'none' WHERE seq = 5"),
            (5, "UPDATE change SET op = 'edit' WHERE seq = 5"),
            (5, "UPDATE change SET memory = 99 WHERE seq = 5"),
            (5, "UPDATE change SET directory = 1 WHERE seq = 5"),
            (5, "UPDATE change SET detail = '{}' WHERE seq = 5"),
            (5, "UPDATE change SET request = 1 WHERE seq = 5"),
            (5, "UPDATE change SET session = 'other' WHERE seq = 5"),
            (5, "UPDATE change SET effect = replace(effect, 'n', 'm') WHERE seq = 5"),
            (5, "UPDATE change SET effect = NULL WHERE seq = 5"),
            (5, "UPDATE change SET salt = zeroblob(16) WHERE seq = 5"),
            (5, "UPDATE change SET hash = zeroblob(32) WHERE seq = 5"),
            (5, "DELETE FROM change WHERE seq = 5"),
            (1, "DELETE FROM change WHERE seq = 1"),
            (1, "DELETE FROM change WHERE seq < 5"),
            (10, "DELETE FROM change WHERE seq = 10"),
            (8, "DELETE FROM change WHERE seq > 7"),
            (
                11,
                """
                INSERT INTO change SELECT 11, time, session, actor, uid, pid, process, reason, op,
                    memory, directory, detail, request, effect, salt, sealed, hash
                FROM change WHERE seq = 10
                """
            ),
            (
                5,
                """
                UPDATE change SET seq = -1 WHERE seq = 5; UPDATE change SET seq = 5 WHERE seq = 6;
                UPDATE change SET seq = 6 WHERE seq = -1
                """
            ),
            (
                5,
                """
                UPDATE change SET reason = NULL, detail = NULL, effect = NULL, salt = NULL,
                    sealed = zeroblob(32) WHERE seq = 5
                """
            ),
            (11, "DELETE FROM setting WHERE key = 'log_head'"),
        ]
    )
    func finds(first: Int64, sql: String) throws {
        try damage(sql)
        #expect(try broken() == first)
        #expect(try temporary.findings().contains { $0.rule == 7 })
    }

    @Test("shows an edit of any column of any change, with and without its text")
    func findsEveryEdit() throws {
        try addPurged()
        let connection = try SQLiteConnection(path: temporary.catalog.path, access: .write)
        // Whoever edits the file is not stopped by what its schema forbids.
        try connection.execute("PRAGMA ignore_check_constraints = ON")
        let columns = try connection.all(
            "SELECT name, type, \"notnull\" + pk FROM pragma_table_info('change')"
        ) { row throws(SQLError) in (row.text(0), row.text(1), row.integer(2) > 0) }
        #expect(columns.count == 17)
        let last = try temporary.read { try $0.lastChange() }.rawValue
        var tried = 0
        for number in 1...last {
            for (column, type, isRequired) in columns {
                for value in Self.otherValues(column, type, isRequired) {
                    let sql = "UPDATE change SET \(column) = \(value) WHERE seq = \(number)"
                    guard
                        try connection.first(
                            "SELECT \(column) IS NOT \(value) FROM change WHERE seq = \(number)",
                            read: { row throws(SQLError) in row.integer(0) }
                        ) == 1
                    else { continue }
                    // A number below all others comes first.
                    let first = column == "seq" && ["0", "-1"].contains(value) ? 1 : number
                    #expect(try broken(after: sql, on: connection) == first, "\(sql)")
                    tried += 1
                }
            }
        }
        #expect(tried > 400)
        #expect(try broken() == nil)
    }

    @Test("shows where rows were taken out, changed places, were doubled, or the tail was cut")
    func findsEveryCut() throws {
        try addPurged()
        let connection = try SQLiteConnection(path: temporary.catalog.path, access: .write)
        let last = try temporary.read { try $0.lastChange() }.rawValue
        let all =
            "time, session, actor, uid, pid, process, reason, op, memory, directory, detail, "
            + "request, effect, salt, sealed, hash"
        for first in 1...last {
            #expect(
                try broken(after: "DELETE FROM change WHERE seq >= \(first)", on: connection)
                    == first
            )
            for second in first...last {
                let gone = "DELETE FROM change WHERE seq BETWEEN \(first) AND \(second)"
                #expect(try broken(after: gone, on: connection) == first, "\(gone)")
                // A copy at the end, and one in the place of another row.
                let copy = "INSERT INTO change SELECT \(last + 1), \(all) FROM change WHERE seq = "
                #expect(try broken(after: copy + "\(second)", on: connection) == last + 1)
                guard second > first else { continue }
                for sql in [
                    """
                    UPDATE change SET seq = -1 WHERE seq = \(first);
                    UPDATE change SET seq = \(first) WHERE seq = \(second);
                    UPDATE change SET seq = \(second) WHERE seq = -1
                    """,
                    """
                    DELETE FROM change WHERE seq = \(first);
                    INSERT INTO change SELECT \(first), \(all) FROM change WHERE seq = \(second)
                    """,
                    """
                    DELETE FROM change WHERE seq = \(first);
                    UPDATE change SET seq = -seq WHERE seq > \(first);
                    UPDATE change SET seq = -seq - 1 WHERE seq < 0
                    """,
                ] { #expect(try broken(after: sql, on: connection) == first, "\(sql)") }
            }
        }
        #expect(try broken() == nil)
    }

    /// Two changes of a memory that was purged: text is gone from them.
    private func addPurged() throws {
        let memory = try temporary.add("secret.md", ["user": "secret"], seed: 5)
        let trashed = try temporary.write { try $0.trash(memory) }
        try temporary.write { try $0.purge(trashed) }
    }

    /// Where the log is broken after an edit, which is then taken back.
    private func broken(after sql: String, on connection: SQLiteConnection) throws -> Int64? {
        try connection.execute("BEGIN; " + sql)
        defer { try? connection.execute("ROLLBACK") }
        return try CatalogReader(connection).verifyLog().broken?.number
    }

    /// What a column could be edited to, as SQL: for each value that it may have, another one.
    private static func otherValues(
        _ column: String,
        _ type: String,
        _ isRequired: Bool
    ) -> [String] {
        var values = isRequired ? [] : ["NULL"]
        switch type {
        case "INTEGER": values += ["coalesce(\(column), 0) + 1000", "0", "-1"]
        case "TEXT":
            values += [
                "coalesce(\(column), '') || 'x'", "coalesce(\(column), '') || char(0) || 'x'",
                "''", "coalesce(upper(\(column)), '-')",
            ]
        default:
            values += [
                "zeroblob(32)", "zeroblob(16)", "x''",
                "CAST(substr(coalesce(\(column), x'00'), 2) || x'41' AS BLOB)",
            ]
        }
        return values
    }

    @Test("whose beginning was removed, anchor moved along, is found out")
    func movedAnchor() throws {
        let mark = try temporary.read { reader in
            try reader.connection.first("SELECT hash FROM change WHERE seq = 4") {
                row throws(SQLError) in LogMark(number: 4, hash: row.bytes(0))
            }
        }
        let anchor = try #require(mark)
        let value = Hex.text(anchor.setting)
        try damage(
            """
            DELETE FROM change WHERE seq < 5;
            INSERT INTO setting VALUES ('log_anchor', x'\(value)')
            """
        )
        #expect(try broken() == 5)
    }

    @Test("that was shortened does not grow over the gap")
    func shortenedGoesOn() throws {
        try damage("DELETE FROM change WHERE seq > 7")
        try temporary.add("y.md", ["user": "eve"], seed: 9)
        #expect(try temporary.read { try $0.lastChange() } == ChangeNumber(11))
        #expect(try broken() == 8)
    }

    @Test("that was written anew as a whole differs from a mark that was kept elsewhere")
    func expectedMark() throws {
        let head = try temporary.read { try $0.logHead() }
        #expect(try broken(expecting: head) == nil)
        try temporary.add("y.md", ["user": "eve"], seed: 9)
        #expect(try broken(expecting: head) == nil)
        var other = head
        other.hash[0] ^= 1
        #expect(try broken(expecting: other) == 10)
        #expect(try broken(expecting: LogMark(number: 99, hash: head.hash)) == 12)
    }

    @Test("is whole after retention has cut it, and after a purge has made stubs of its rows")
    func cutAndPurged() throws {
        let memory = try temporary.add("secret.md", ["user": "secret"], seed: 5)
        let trashed = try temporary.write { try $0.trash(memory) }
        try temporary.write { try $0.purge(trashed) }
        var check = try temporary.read { try $0.verifyLog() }
        #expect(check.broken == nil)
        #expect(check.forgotten == 2)
        temporary.advance(.seconds(100))
        _ = try temporary.write { tx in try tx.applyRetention(horizon: tx.now, limit: 4) }
        check = try temporary.read { try $0.verifyLog() }
        #expect(check.broken == nil)
        #expect(check.anchor.number == 4)
        try damage("UPDATE setting SET value = zeroblob(40) WHERE key = 'log_anchor'")
        #expect(try broken() == 1)
    }

    @Test("tells what was before and what is after")
    func effects() throws {
        let memory = try temporary.add("y.md", ["user": "eve"], seed: 9)
        try temporary.write { tx in
            let moved = try tx.change(
                memory,
                attributes: [
                    AttributeChange(key: "user", value: "bob"),
                    AttributeChange(key: "topic", value: "auth"),
                ],
                name: try Name("z.md"),
                primary: LayoutNumber(1),
                operation: .rename
            )
            _ = try tx.trash(try tx.addRevision(moved, content: .sample("k2"), mtime: 0))
        }
        let rows = try temporary.read { try $0.changes(ofMemory: memory.row, limit: 9) }
        let effects = try rows.reversed().map { row in
            try #require(try row.effect.map { try JSON(parsing: $0) })
        }
        #expect(effects[0]["before"] == nil)
        #expect(effects[0]["after"]?["name"] == "y.md")
        #expect(effects[0]["after"]?["attributes"] == ["user": "eve"])
        #expect(effects[0]["after"]?["revision"] == 1)
        #expect(effects[0]["after"]?["sha256"]?.stringValue?.count == 64)
        #expect(
            effects[1]["before"] == ["name": "y.md", "attributes": ["user": "eve"]]
        )
        #expect(
            effects[1]["after"]
                == ["name": "z.md", "attributes": ["user": "bob", "topic": "auth"]]
        )
        #expect(effects[2]["before"] == ["revision": 1])
        #expect(effects[2]["after"]?["revision"] == 2)
        #expect(effects[3]["after"] == ["trashed": true])
    }
}

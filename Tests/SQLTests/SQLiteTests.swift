import Linux
import SQL
import TestSupport
import Testing

extension Scratch {
    fileprivate var database: String { path + "/test.db" }
}

@Suite("SQLite")
struct SQLiteTests {
    @Test("gives back every kind of value as it was bound")
    func values() throws {
        let scratch = try Scratch()
        let database = try SQLiteConnection(path: scratch.database, access: .create)
        try database.execute("CREATE TABLE t(a, b, c, d, e)")
        let insert = try database.prepare("INSERT INTO t VALUES (?, ?, ?, ?, ?)")
        try insert.run(.integer(.min), .text("e\u{301} %41 \0x"), .blob([0, 255]), .blob([]), nil)
        let row = try #require(
            try database.first("SELECT * FROM t") { row throws(SQLError) in
                (
                    row.integer(0), row.text(1), row.bytes(2), row.bytes(3), row.isNull(3),
                    row.isNull(4)
                )
            }
        )
        #expect(row.0 == .min)
        #expect(Array(row.1.utf8) == Array("e\u{301} %41 \0x".utf8))
        #expect(row.2 == [0, 255])
        #expect(row.3 == [] && !row.4 && row.5)
    }

    @Test("an empty text is not NULL")
    func emptyText() throws {
        let scratch = try Scratch()
        let database = try SQLiteConnection(path: scratch.database, access: .create)
        try database.execute("CREATE TABLE t(a TEXT NOT NULL)")
        try database.run("INSERT INTO t VALUES (?)", .text(""))
        let empty = try database.first("SELECT a FROM t") { row throws(SQLError) in row.text(0) }
        #expect(empty == "")
    }

    @Test("a constraint that refuses a row is named as one")
    func constraint() throws {
        let scratch = try Scratch()
        let database = try SQLiteConnection(path: scratch.database, access: .create)
        try database.execute("CREATE TABLE t(a PRIMARY KEY); INSERT INTO t VALUES (1)")
        let error = #expect(throws: SQLError.self) {
            try database.execute("INSERT INTO t VALUES (1)")
        }
        #expect(error?.kind == .constraint)
    }

    @Test("a file that is no database is named as such")
    func notADatabase() throws {
        let scratch = try Scratch()
        let file = try File.open(scratch.database, [.writeOnly, .create])
        try file.write(Array(String(repeating: "not a database ", count: 100).utf8))
        let error = #expect(throws: SQLError.self) {
            try SQLiteConnection(path: scratch.database, access: .write)
                .execute("SELECT * FROM sqlite_schema")
        }
        #expect(error?.kind == .notADatabase)
    }

    @Test("a reader cannot write")
    func readOnly() throws {
        let scratch = try Scratch()
        let writer = try SQLiteConnection(path: scratch.database, access: .create)
        try writer.execute("CREATE TABLE t(a)")
        let reader = try SQLiteConnection(path: scratch.database, access: .read)
        let error = #expect(throws: SQLError.self) {
            try reader.execute("INSERT INTO t VALUES (1)")
        }
        #expect(error?.kind == .readOnly)
    }

    @Test("the WAL grows until a checkpoint is asked for, and a close makes none")
    func checkpoints() throws {
        let scratch = try Scratch()
        func walSize() -> Int64 {
            (try? File.status(of: scratch.database + "-wal"))?.size ?? 0
        }
        do {
            let writer = try SQLiteConnection(path: scratch.database, access: .create)
            try writer.execute("CREATE TABLE t(a)")
            for _ in 0..<1_200 { try writer.execute("INSERT INTO t VALUES (randomblob(4000))") }
        }
        #expect(walSize() > 4_000_000)
        let again = try SQLiteConnection(path: scratch.database, access: .write)
        #expect(try again.checkpoint())
        #expect(walSize() == 0)
    }
}

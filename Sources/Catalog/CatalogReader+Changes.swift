package import Model
package import SQL

extension CatalogReader {
    /// The number of the newest change; 0 in a catalog without any.
    package func lastChange() throws(SQLError) -> ChangeNumber {
        ChangeNumber(
            try statement("SELECT max(seq) FROM change").first {
                row throws(SQLError) in row.integer(0)
            } ?? 0
        )
    }

    /// Differs from the last call's answer where another connection has committed since.
    package func dataVersion() throws(SQLError) -> Int64 {
        try statement("PRAGMA data_version").first { row throws(SQLError) in row.integer(0) } ?? 0
    }

    /// Changes above `after`, oldest first.
    package func changes(
        after: ChangeNumber,
        limit: Int
    ) throws(SQLError) -> [ChangeRow] {
        try statement(
            """
            SELECT seq, time, session, actor, uid, pid, process, reason, op, memory, directory,
                   detail, effect, sealed IS NOT NULL
            FROM change WHERE seq > ? ORDER BY seq LIMIT ?
            """
        ).all(.integer(after.rawValue), .integer(Int64(limit))) {
            row throws(SQLError) in ChangeRow(row)
        }
    }

    /// Changes below `before`, newest first.
    package func changes(before: ChangeNumber, limit: Int) throws(SQLError) -> [ChangeRow] {
        try statement(
            """
            SELECT seq, time, session, actor, uid, pid, process, reason, op, memory, directory,
                   detail, effect, sealed IS NOT NULL
            FROM change WHERE seq < ? ORDER BY seq DESC LIMIT ?
            """
        ).all(.integer(before.rawValue), .integer(Int64(limit))) {
            row throws(SQLError) in ChangeRow(row)
        }
    }

    /// The requests of a mount that changes above `after` were made for.
    package func requestsDone(
        by session: String,
        after: ChangeNumber
    ) throws(SQLError) -> Set<UInt64> {
        Set(
            try statement(
                """
                SELECT DISTINCT request FROM change
                WHERE seq > ? AND session = ? AND request IS NOT NULL
                """
            ).all(.integer(after.rawValue), .text(session)) { row throws(SQLError) in
                UInt64(bitPattern: row.integer(0))
            }
        )
    }

    /// The changes of one memory below `before`, newest first.
    package func changes(
        ofMemory memory: Int64,
        before: ChangeNumber = ChangeNumber(.max),
        limit: Int
    ) throws(SQLError) -> [ChangeRow] {
        try statement(
            """
            SELECT seq, time, session, actor, uid, pid, process, reason, op, memory, directory,
                   detail, effect, sealed IS NOT NULL
            FROM change WHERE memory = ? AND seq < ? ORDER BY seq DESC LIMIT ?
            """
        ).all(.integer(memory), .integer(before.rawValue), .integer(Int64(limit))) {
            row throws(SQLError) in ChangeRow(row)
        }
    }

    /// How many memories have the contents of two writers, of which nobody has made one since.
    package func conflictCount() throws(SQLError) -> Int64 {
        try statement(
            """
            SELECT count(DISTINCT c.memory) FROM change c JOIN memory m ON m.id = c.memory
            WHERE c.op = 'conflict' AND m.trashed IS NULL AND NOT EXISTS
                (SELECT 1 FROM revision r
                 WHERE r.memory = c.memory AND r.beside = 0 AND r.since > c.seq)
            """
        ).first { row throws(SQLError) in row.integer(0) } ?? 0
    }

    /// The newest change at or before a time: any time is a change number.
    package func change(at time: Timestamp) throws(SQLError) -> ChangeNumber {
        ChangeNumber(
            try statement("SELECT seq FROM change WHERE time <= ? ORDER BY seq DESC LIMIT 1")
                .first(.integer(time.nanoseconds)) { row throws(SQLError) in row.integer(0) } ?? 0
        )
    }

    /// Names that ended with change `number`: rows of `entry_past`.
    package func namesEnded(by number: ChangeNumber) throws(SQLError) -> [Entry] {
        try statement(
            """
            SELECT directory, name, node, layouts, since, position FROM entry_past WHERE until = ?
            """
        ).all(.integer(number.rawValue)) { row throws(SQLError) in Entry(row) }
    }
}

extension ChangeRow {
    fileprivate init(_ row: any SQLStatement) {
        self.init(
            number: ChangeNumber(row.integer(0)),
            time: Timestamp(nanoseconds: row.integer(1)),
            session: row.text(2),
            origin: Origin(
                actor: row.text(3),
                uid: UInt32(truncatingIfNeeded: row.integer(4)),
                pid: row.optionalInteger(5).map { Int32(truncatingIfNeeded: $0) },
                process: row.optionalText(6),
                reason: row.optionalText(7)
            ),
            operation: Operation(rawValue: row.text(8)),
            memory: row.optionalInteger(9),
            directory: row.optionalInteger(10).map { NodeNumber(UInt64($0)) },
            detail: row.optionalText(11),
            effect: row.optionalText(12),
            isForgotten: row.integer(13) == 1
        )
    }
}

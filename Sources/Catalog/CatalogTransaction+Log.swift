import Digest
import Linux
package import Model
package import SQL

// The change log has one writer at a time, in whichever process: who holds the writer lock. All
// rows of it are written here, each bound to the one before it by its hash.

extension CatalogTransaction {
    /// The number of the newest change, of this transaction or before it.
    ///
    /// The rows of this transaction are not there yet: they are written when it ends.
    package var newestChange: ChangeNumber { ChangeNumber(log.newest) }

    /// Adds a row to the change log and gives its number, which the rows it explains carry.
    @discardableResult
    package func record(
        _ operation: Operation,
        memory: Int64? = nil,
        directory: NodeNumber? = nil,
        detail: String? = nil
    ) throws(SQLError) -> ChangeNumber {
        log.append(
            LoggedChange(
                number: log.newest + 1,
                time: now.nanoseconds,
                session: session,
                actor: origin.actor,
                uid: Int64(origin.uid),
                pid: origin.pid.map(Int64.init),
                process: origin.process,
                reason: origin.reason,
                operation: operation.rawValue,
                memory: memory,
                directory: directory.map { Int64($0.rawValue) },
                detail: detail,
                request: request.map { Int64(bitPattern: $0) }
            )
        )
        return newestChange
    }

    /// Writes the rows that were recorded, before the commit.
    func writeLog() throws {
        guard log.count > 0 else { return }
        let rows = log.finished()
        let salts = try Machine.random(count: rows.count * LoggedChange.saltLength)
        var hasher = ContentHasher()
        var mark = log.start
        for (index, row) in rows.enumerated() {
            let from = index * LoggedChange.saltLength
            let salt = Array(salts[from..<from + LoggedChange.saltLength])
            let sealed = row.sealed(salt: salt, &hasher)
            mark.hash = row.hash(after: mark.hash, sealed: sealed, &hasher)
            mark.number = row.number
            try insert(row, salt: salt, hash: mark.hash)
        }
        try setSetting(Setting.logHead, .blob(mark.setting))
    }

    private func insert(
        _ row: LoggedChange,
        salt: [UInt8],
        hash: [UInt8]
    ) throws(SQLError) {
        try reader.statement(
            """
            INSERT INTO change(seq, time, session, actor, uid, pid, process, reason, op, memory,
                               directory, detail, request, effect, salt, hash)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        ).run { (values) throws(SQLError) in
            try values.add(row.number)
            try values.add(row.time)
            try values.add(row.session)
            try values.add(row.actor)
            try values.add(row.uid)
            try values.add(row.pid)
            try values.add(row.process)
            try values.add(row.reason)
            try values.add(row.operation)
            try values.add(row.memory)
            try values.add(row.directory)
            try values.add(row.detail)
            try values.add(row.request)
            try values.add(row.effect)
            try values.add(salt)
            try values.add(hash)
        }
    }

    /// Cuts the oldest rows off the log, up to `floor` and at most `limit` of them, and records it.
    ///
    /// Only ever the oldest: what is left is one piece, and the mark of the last row that was cut
    /// stands where the chain begins now. The newest row stays.
    func cutLog(upTo floor: ChangeNumber, limit: Int) throws -> Int {
        let rows = try reader.statement(
            """
            SELECT seq, hash FROM change
            WHERE seq <= ? AND seq < (SELECT max(seq) FROM change) ORDER BY seq LIMIT ?
            """
        ).all(.integer(floor.rawValue), .integer(Int64(limit))) { row throws(SQLError) in
            LogMark(number: row.integer(0), hash: row.bytes(1))
        }
        guard let last = rows.last else { return 0 }
        try run("DELETE FROM change WHERE seq <= ?", .integer(last.number))
        try setSetting(Setting.logAnchor, .blob(last.setting))
        try record(
            .retention,
            detail: JSON.object([
                .init("through", .integer(last.number)),
                .init("hash", .string(Hex.text(last.hash))),
            ]).text()
        )
        return rows.count
    }
}

extension CatalogReader {
    /// The newest row of the change log.
    package func logHead() throws(SQLError) -> LogMark {
        try settingBytes(Setting.logHead).flatMap { LogMark(setting: $0) } ?? LoggedChange.origin
    }

    /// The newest row that was cut off the change log; number 0 where none was.
    package func logAnchor() throws(SQLError) -> LogMark {
        try settingBytes(Setting.logAnchor).flatMap { LogMark(setting: $0) }
            ?? LoggedChange.origin
    }
}

import Digest
import Model
package import SQL

/// What a look at the whole change log found.
package struct LogCheck: Hashable, Sendable {
    /// How many changes the log holds.
    package var changes: Int64 = 0
    /// How many of them a purge took the text from.
    package var forgotten: Int64 = 0
    /// The newest change that was cut off; number 0 where none was.
    package var anchor: LogMark
    /// The newest change: whoever wrote it down elsewhere sees whether all before it still stands.
    package var head: LogMark
    /// The first change that is not as it was written; nil where all are.
    package var broken: Broken?

    package struct Broken: Hashable, Sendable {
        package let number: Int64
        package let message: String
    }
}

extension CatalogReader {
    /// Looks through the pages of the database (`PRAGMA quick_check`).
    ///
    /// Returns what is wrong first; nil where they are whole.
    ///
    /// Complexity: reads every page once.
    package func damage() throws(SQLError) -> String? {
        let word = try connection.first("PRAGMA quick_check(1)") { row throws(SQLError) in
            row.text(0)
        }
        return word == "ok" ? nil : word
    }

    /// Follows the chain of the change log from where it begins to its newest change.
    ///
    /// `expecting`: a mark that was written down before, which the log must still hold.
    /// `head`: the newest change, where it is another than the catalog has noted.
    ///
    /// Complexity: reads every change once.
    package func verifyLog(
        expecting: LogMark? = nil,
        head: LogMark? = nil
    ) throws(SQLError) -> LogCheck {
        let noted = try logHead()
        var walk = LogWalk(anchor: try logAnchor(), head: head ?? noted, expected: expecting)
        let statement = try statement(
            """
            SELECT seq, time, session, actor, uid, pid, process, reason, op, memory, directory,
                   detail, request, effect, salt, sealed, hash
            FROM change ORDER BY seq
            """
        )
        defer { statement.reset() }
        while walk.check.broken == nil, try statement.step() { walk.take(statement) }
        walk.end()
        return walk.check
    }
}

/// The way along the chain: a row in, a verdict kept.
private struct LogWalk: ~Copyable {
    var check: LogCheck
    private var mark: LogMark
    private let expected: LogMark?
    private var hasher = ContentHasher()
    /// Memories whose text is gone, by the newest change it is gone from.
    private var forgotten: [Int64: Int64] = [:]
    /// Memories that were purged, by the change that says so.
    private var purged: [Int64: Int64] = [:]
    /// Where the newest record of a cut says that the log begins.
    private var cut = LoggedChange.origin

    init(anchor: LogMark, head: LogMark, expected: LogMark?) {
        check = LogCheck(anchor: anchor, head: head)
        mark = anchor
        self.expected = expected
    }

    mutating func take(_ statement: any SQLStatement) {
        let row = LoggedChange(statement)
        guard row.number == mark.number + 1 else {
            return fail(mark.number + 1, "the change is missing")
        }
        let kept = statement.isNull(15) ? nil : statement.bytes(15)
        let sealed = kept ?? row.sealed(salt: statement.bytes(14), &hasher)
        let hash = row.hash(after: mark.hash, sealed: sealed, &hasher)
        guard hash == statement.bytes(16) else {
            return fail(row.number, "the change is not as it was written")
        }
        mark = LogMark(number: row.number, hash: hash)
        if let expected, expected.number == mark.number, expected.hash != mark.hash {
            return fail(row.number, "the change has another hash than the one that was given")
        }
        check.changes += 1
        if kept != nil {
            check.forgotten += 1
            // What the hash of such a row does not cover.
            guard [7, 11, 13, 14].allSatisfy({ statement.isNull($0) }) else {
                return fail(row.number, "its text was gone, and it has one again")
            }
            guard let memory = row.memory else {
                return fail(row.number, "its text is gone, and it is of no memory")
            }
            forgotten[memory] = row.number
        }
        note(row)
    }

    private mutating func note(_ row: LoggedChange) {
        switch Operation(rawValue: row.operation) {
        case .purge: if let memory = row.memory { purged[memory] = row.number }
        case .retention:
            guard let detail = row.detail.flatMap({ try? JSON(parsing: $0) }),
                let through = detail["through"]?.integerValue,
                let hash = detail["hash"]?.stringValue.flatMap(Hex.bytes)
            else { return }
            cut = LogMark(number: through, hash: hash)
        default: break
        }
    }

    mutating func end() {
        guard check.broken == nil else { return }
        if mark != check.head {
            return fail(mark.number + 1, "the newest changes are missing")
        }
        if cut != check.anchor {
            return fail(check.anchor.number + 1, "older changes are missing, and nothing cut them")
        }
        if let expected, expected.number > mark.number {
            return fail(mark.number + 1, "the change whose hash was given is missing")
        }
        if let expected, expected.number < check.anchor.number {
            return fail(
                expected.number,
                "the change whose hash was given is kept no longer, and cannot be compared"
            )
        }
        if let expected, expected.number == check.anchor.number, expected.hash != check.anchor.hash
        {
            return fail(expected.number, "the change has another hash than the one that was given")
        }
        for (memory, number) in forgotten where purged[memory, default: 0] < number {
            return fail(number, "its text is gone, and its memory was not purged")
        }
    }

    private mutating func fail(_ number: Int64, _ message: String) {
        check.broken = LogCheck.Broken(number: number, message: message)
    }
}

extension LoggedChange {
    /// The columns of `verifyLog`, to `effect`.
    fileprivate init(_ row: any SQLStatement) {
        self.init(
            number: row.integer(0),
            time: row.integer(1),
            session: row.text(2),
            actor: row.text(3),
            uid: row.optionalInteger(4),
            pid: row.optionalInteger(5),
            process: row.optionalText(6),
            reason: row.optionalText(7),
            operation: row.text(8),
            memory: row.optionalInteger(9),
            directory: row.optionalInteger(10),
            detail: row.optionalText(11),
            request: row.optionalInteger(12),
            effect: row.optionalText(13)
        )
    }
}

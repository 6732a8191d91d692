package import Model
package import SQL

/// One write transaction on a catalog, under the tenant's writer lock.
///
/// Every change of a memory has its row in `change`, written by `finish` in the same transaction, and
/// every row that it makes or ends carries that row's number: a snapshot is a number, cache
/// invalidation a difference of entry rows.
///
/// Not `Sendable`; lives only inside `Catalog.write`.
package final class CatalogTransaction {
    /// Reads on the same connection: sees what this transaction wrote.
    package let reader: CatalogReader
    /// Whom the changes that follow are ascribed to.
    ///
    /// A mount sets it for each request.
    package var origin: Origin
    /// The request of this session's mount that the changes that follow answer, by the kernel's
    /// number: who takes the mount over sees by it what was done.
    package var request: UInt64?
    /// Who watches the log skips rows of its own session.
    package let session: String
    /// The time of every row that this transaction writes.
    package let now: Timestamp

    /// The changes of this transaction, which `finish` writes.
    var log: PendingLog
    private var nextNode: UInt64
    /// The newest row of `memory`, once this transaction has added one.
    var lastMemoryRow: Int64?
    /// The directory that was made sure of last, as long as no name is taken away: memories of a
    /// batch come by directory.
    var ensured: (layout: LayoutNumber, names: [Name], node: NodeNumber)?
    private let firstFreeNode: UInt64
    /// Where listings show names that this transaction takes away, or is about to make.
    var positions: [PositionKey: ListingPosition] = [:]
    /// Directories whose entries changed: their times are written once, at the end.
    private var touchedDirectories: Set<NodeNumber> = []
    /// Directories whose entries changed before this transaction, and when.
    private var touchedEarlier: [NodeNumber: Int64] = [:]
    private(set) var changedLayouts = false
    /// Whether a directory holds names that no row tells of: it is not empty then.
    package var holdsNames: (NodeNumber) -> Bool = { _ in false }

    /// The bytes of a revision; nil where they cannot be had whole.
    var content: (RevisionRow) -> [UInt8]? = { _ in nil }
    /// Texts that this transaction made current, in order: the index takes them at the end, since
    /// each savepoint after the first would write what the engine has gathered.
    var newTexts: [NewText] = []

    struct PositionKey: Hashable {
        let directory: NodeNumber
        let name: Name
    }

    init(
        _ reader: CatalogReader,
        origin: Origin,
        session: String,
        now: Timestamp
    ) throws {
        self.reader = reader
        self.origin = origin
        self.session = session
        self.now = now
        log = PendingLog(after: try reader.logHead())
        firstFreeNode = try reader.nextNode()
        nextNode = firstFreeNode
    }

    /// Writes what was gathered, before the commit.
    func finish() throws {
        try writeLog()
        try noteUnembedded()
        try indexNewTexts()
        for directory in touchedDirectories { try writeTimes(of: directory, now.nanoseconds) }
        for (directory, time) in touchedEarlier { try writeTimes(of: directory, time) }
        if nextNode != firstFreeNode {
            try setSetting(Setting.nextNode, .integer(Int64(nextNode)))
        }
    }

    /// Not where the names in the directory changed since.
    ///
    /// A later `ctime` alone does not say so: the mode or the name of the directory may have
    /// changed. A later `mtime` alone does not either: it may have been set.
    private func writeTimes(of directory: NodeNumber, _ time: Int64) throws(SQLError) {
        try reader.statement(
            """
            UPDATE node SET mtime = ?1, ctime = max(ctime, ?1)
            WHERE number = ?2 AND mode & 61440 = 16384 AND (ctime <= ?1 OR mtime <= ?1)
            """
        ).run(.integer(time), .integer(Int64(directory.rawValue)))
    }

    func run(_ sql: StaticString, _ values: SQLValue...) throws(SQLError) {
        let statement = try reader.statement(sql)
        defer { statement.reset() }
        try statement.bind(values)
        while try statement.step() {}
    }

    /// The same for rows that come by the thousand: no value is made of each parameter.
    func run(
        _ sql: StaticString,
        binding bind: (inout SQLParameters) throws(SQLError) -> Void
    ) throws(SQLError) {
        try reader.statement(sql).run(bind)
    }

    package func setSetting(_ key: String, _ value: SQLValue) throws(SQLError) {
        try run(
            """
            INSERT INTO setting(key, value) VALUES (?, ?)
            ON CONFLICT(key) DO UPDATE SET value = excluded.value
            """,
            .text(key),
            value
        )
    }

    package func removeSetting(_ key: String) throws(SQLError) {
        try run("DELETE FROM setting WHERE key = ?", .text(key))
    }

    // MARK: Nodes

    /// A node number that was never used and never will be again.
    package func newNodeNumber() -> NodeNumber {
        defer { nextNode += 1 }
        return NodeNumber(nextNode)
    }

    /// Whether a node got its number in this transaction.
    func isNew(_ node: NodeNumber) -> Bool { node.rawValue >= firstFreeNode }

    /// Numbers for nodes that a mount makes before it writes them.
    package func reserveNodeNumbers(_ count: Int) -> Range<UInt64> {
        let first = nextNode
        nextNode += UInt64(count)
        return first..<nextNode
    }

    /// Gives out no number below `number` any more.
    func skipNodeNumbers(below number: UInt64) { nextNode = max(nextNode, number) }

    package func insert(_ node: Node) throws(SQLError) {
        try reader.statement(
            """
            INSERT INTO node(number, kind, memory, revision, size, mode, uid, gid, mtime, ctime)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        ).run { (values) throws(SQLError) in
            try values.add(Int64(node.number.rawValue))
            try values.add(node.kind.rawValue)
            try values.add(node.memory)
            try values.add(node.pinned.map { Int64($0.rawValue) })
            try values.add(node.size)
            try values.add(Int64(node.mode))
            try values.add(Int64(node.uid))
            try values.add(Int64(node.gid))
            try values.add(node.mtime)
            try values.add(node.ctime)
        }
    }

    /// Writes a node's owner, permissions, size and times.
    package func update(_ node: Node) throws(SQLError) {
        try run(
            """
            UPDATE node SET memory = ?, revision = ?, size = ?, mode = ?, uid = ?, gid = ?,
                            mtime = ?, ctime = ?
            WHERE number = ?
            """,
            SQLValue(node.memory),
            SQLValue(node.pinned.map { Int64($0.rawValue) }),
            .integer(node.size),
            .integer(Int64(node.mode)),
            .integer(Int64(node.uid)),
            .integer(Int64(node.gid)),
            .integer(node.mtime),
            .integer(node.ctime),
            .integer(Int64(node.number.rawValue))
        )
    }

    package func deleteNode(_ number: NodeNumber) throws(SQLError) {
        ensured = nil
        try run("DELETE FROM node WHERE number = ?", .integer(Int64(number.rawValue)))
    }

    /// Notes that the entries of `directory` changed, for its times.
    func touch(_ directory: NodeNumber) {
        touchedDirectories.insert(directory)
    }

    /// Notes that the entries of `directory` changed at a time that is past.
    package func touch(_ directory: NodeNumber, at time: Int64) {
        touchedEarlier[directory] = time
    }

    /// Runs `body`, which gives rows to names that `directory` has shown before: its times are right
    /// as they are.
    package func keepingTimes<R>(of directory: NodeNumber, _ body: () throws -> R) rethrows -> R {
        let wasTouched = touchedDirectories.contains(directory)
        defer { if !wasTouched { touchedDirectories.remove(directory) } }
        return try body()
    }

    /// Sets the time at which a node's attributes or names changed; it never goes back.
    func noteChanged(_ node: NodeNumber, at time: Int64? = nil) throws(SQLError) {
        try run(
            "UPDATE node SET ctime = max(ctime, ?) WHERE number = ?",
            .integer(time ?? now.nanoseconds),
            .integer(Int64(node.rawValue))
        )
    }

    func layoutsChanged() throws(SQLError) {
        changedLayouts = true
        let version = try reader.setting(Setting.layoutVersion) ?? 0
        try setSetting(Setting.layoutVersion, .integer(version + 1))
        reader.forgetLayouts()
        ensured = nil
    }
}

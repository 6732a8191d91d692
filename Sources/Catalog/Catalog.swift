import Linux
package import Model
package import SQL
import Synchronization

/// A tenant's SQL database: the mapping from names to memories, their attributes and history.
///
/// Any number of processes open it. Who writes holds the tenant's writer lock, an OFD lock that dies
/// with its process, around the transaction; checkpoints run only under that lock.
///
/// Threads: safe to share. `write` runs one body at a time; each reader belongs to one thread at a
/// time.
// Safe to share: `writer` and what follows it are touched under `gate` only, everything else is
// immutable.
package final class Catalog: @unchecked Sendable {
    /// The first number of a lasting node.
    ///
    /// Below: the kernel's root, `.loci`, generated nodes.
    package static let firstNode: UInt64 = 1 << 32

    /// The tenant's root directory.
    package static let rootNode = NodeNumber(firstNode)

    /// A checkpoint is due when the WAL has this many bytes, and as many more after each that
    /// readers kept from its end.
    package static let checkpointBytes: Int64 = 8 << 20

    /// `STORE/<tenant>`.
    package let directory: String
    /// Tells this process's changes from others'; unique among processes.
    package let session: String

    private let commits = Atomic<UInt64>(0)
    private let readers = ReaderPool()
    private let gate = Lock()
    private let lockFile: WriterLock
    private var writer: Writer?
    /// Bytes of the WAL after the last commit, and at which the next checkpoint is tried.
    private var lastSize: Int64 = 0
    private var checkpointDue = Catalog.checkpointBytes
    private let clock: @Sendable () -> Timestamp
    private let wrap: @Sendable (any SQLConnection) -> any SQLConnection
    private let content: @Sendable (RevisionRow) -> [UInt8]?
    private let refusal: LociError?

    private struct Writer {
        let connection: any SQLConnection
        let reader: CatalogReader
        var durability: SQLDurability
    }

    package var path: String { directory + "/catalog.db" }

    /// Opens the catalog in `directory`.
    ///
    /// `wrap`: stands around the connection that writes; in tests a hand in its steps.
    /// `content`: the bytes of a revision, for the text index; nil where they cannot be had whole.
    /// `refusing`: what every transaction throws that would add to the change log.
    ///
    /// Throws `notAStore`, `formatTooNew`, `formatUnknown`.
    package init(
        directory: String,
        session: String,
        clock: @escaping @Sendable () -> Timestamp,
        wrap: @escaping @Sendable (any SQLConnection) -> any SQLConnection = { $0 },
        content: @escaping @Sendable (RevisionRow) -> [UInt8]? = { _ in nil },
        refusing refusal: LociError? = nil
    ) throws(LociError) {
        self.directory = directory
        self.session = session
        self.clock = clock
        self.wrap = wrap
        self.content = content
        self.refusal = refusal
        lockFile = try WriterLock(directory: directory)
        try checkFormat()
    }

    /// Makes the catalog of a new tenant, whose first layout is `scheme`.
    package static func create(
        directory: String,
        session: String,
        scheme: Scheme,
        origin: Origin,
        clock: @escaping @Sendable () -> Timestamp
    ) throws(LociError) {
        do {
            let connection = try SQLiteConnection(
                path: directory + "/catalog.db",
                access: .create
            )
            try connection.execute("BEGIN IMMEDIATE")
            try connection.execute(Schema.ddl)
            try connection.execute(TextIndex.waitingTable + TextIndex.live.ddl)
            try connection.execute(VectorTable.live.ddl + VectorTable.building.ddl)
            let reader = CatalogReader(connection)
            try connection.run(
                "INSERT INTO setting(key, value) VALUES (?, ?)",
                .text(Setting.nextNode),
                .integer(Int64(firstNode + 1))
            )
            let transaction = try CatalogTransaction(
                reader,
                origin: origin,
                session: session,
                now: clock()
            )
            try transaction.makeFirstLayout(scheme)
            try transaction.finish()
            try connection.execute("PRAGMA application_id=\(Schema.applicationID)")
            try connection.execute("PRAGMA user_version=\(Schema.version)")
            try connection.execute("COMMIT")
        } catch {
            throw LociError(catalogError: error, subject: directory)
        }
    }

    /// Also leaves the first reader where the next one looks: to open a database takes longer than
    /// most of what is asked of it.
    private func checkFormat() throws(LociError) {
        let found: (id: Int64, version: Int64)
        let reader = try makeReader()
        do {
            let connection = reader.connection
            found = (
                try connection.first("PRAGMA application_id") { row throws(SQLError) in
                    row.integer(0)
                } ?? 0,
                try connection.first("PRAGMA user_version") { row throws(SQLError) in
                    row.integer(0)
                } ?? 0
            )
        } catch {
            throw LociError(catalogError: error, subject: path)
        }
        guard found.id == Schema.applicationID else {
            throw LociError(
                .notAStore,
                subject: path,
                message: "\(path) is a database, but not of Loci",
                remedy: "Give the directory that loci init made"
            )
        }
        guard found.version <= Schema.version else {
            throw LociError(
                .formatTooNew,
                subject: path,
                message: "\(path) has format \(found.version), and this program knows "
                    + "\(Schema.version)",
                remedy: "Use a newer loci"
            )
        }
        guard found.version == Schema.version else {
            throw LociError(
                .formatUnknown,
                subject: path,
                message: "\(path) has format \(found.version), and this program knows only "
                    + "\(Schema.version)",
                remedy: "Export it with the loci that made it (loci export DIR --attributes FILE), "
                    + "and import that into a new store"
            )
        }
        readers.keep(reader)
    }

    // MARK: Reading

    /// A new connection for the calling thread.
    package func makeReader(cacheBytes: Int = 4 << 20) throws(LociError) -> CatalogReader {
        do {
            return CatalogReader(
                try SQLiteConnection(path: path, access: .read, cacheBytes: cacheBytes)
            )
        } catch {
            throw LociError(catalogError: error, subject: path)
        }
    }

    /// Runs `body` on one state of the catalog, with a connection that nobody else uses meanwhile.
    ///
    /// The reader is not to be kept.
    package func read<R>(_ body: (CatalogReader) throws -> R) throws(LociError) -> R {
        do {
            return try readers.read({ try makeReader() }, body)
        } catch {
            throw LociError(catalogError: error, subject: path)
        }
    }

    // MARK: Generations

    /// Rises with every commit that this process made or was told of: a reader that keeps a read
    /// transaction open begins a new one when it changed.
    package var generation: UInt64 { commits.load(ordering: .acquiring) }

    /// Says that another process has committed.
    package func noteForeignCommit() { commits.add(1, ordering: .releasing) }

    /// Bytes in the WAL; 0 where there is none.
    package var walSize: Int64 { lockFile.walSize(of: path) }

    // MARK: Writing

    /// Runs `body` as one transaction under the writer lock, and commits it.
    ///
    /// `durability`: `.full` where the answer promises that a power cut takes nothing
    /// back; else the commit survives a kill, and a power cut after the next `sync`.
    /// `request`: the kernel's number of the request that asks for it, where one does.
    package func write<R>(
        _ durability: SQLDurability = .full,
        origin: Origin,
        request: UInt64? = nil,
        _ body: (CatalogTransaction) throws -> R
    ) throws(LociError) -> R {
        let result = gate.withLock {
            Result {
                try writeLocked(durability, origin) { transaction in
                    transaction.request = request
                    return try body(transaction)
                }
            }
        }
        do {
            return try result.get()
        } catch {
            throw LociError(catalogError: error, subject: path)
        }
    }

    private func writeLocked<R>(
        _ durability: SQLDurability,
        _ origin: Origin,
        _ body: (CatalogTransaction) throws -> R
    ) throws -> R {
        var writer = try takeWriter()
        try lockFile.lock()
        defer { lockFile.unlock() }
        if writer.durability != durability {
            try writer.connection.setDurability(durability)
            writer.durability = durability
            self.writer = writer
        }
        let result = try writer.reader.writing { try transact(writer, origin, body) }
        commits.add(1, ordering: .releasing)
        lockFile.wake()
        checkpointIfDue(writer)
        return result
    }

    private func transact<R>(
        _ writer: Writer,
        _ origin: Origin,
        _ body: (CatalogTransaction) throws -> R
    ) throws -> R {
        try writer.connection.execute("BEGIN IMMEDIATE")
        do {
            let transaction = try CatalogTransaction(
                writer.reader,
                origin: origin,
                session: session,
                now: clock()
            )
            transaction.content = content
            let result = try body(transaction)
            if let refusal, transaction.log.count > 0 { throw refusal }
            try transaction.finish()
            try writer.connection.execute("COMMIT")
            return result
        } catch {
            if writer.connection.isInTransaction {
                try? writer.connection.execute("ROLLBACK")
            }
            writer.reader.forgetLayouts()
            throw error
        }
    }

    private func takeWriter() throws -> Writer {
        if let writer { return writer }
        let connection = wrap(
            try SQLiteConnection(path: path, access: .write, durability: .normal)
        )
        let made = Writer(
            connection: connection,
            reader: CatalogReader(connection),
            durability: .normal
        )
        writer = made
        return made
    }

    /// The transaction before it stands, so nothing here may fail its caller: where the database
    /// cannot grow, the next commit tries again.
    ///
    /// Where readers are in the way, a later one: such a checkpoint copies and syncs all the same.
    private func checkpointIfDue(_ writer: Writer) {
        let size = lockFile.walSize(of: path)
        // Somebody emptied it.
        if size < lastSize { checkpointDue = Self.checkpointBytes }
        lastSize = size
        guard size >= checkpointDue, let isDone = try? writer.connection.checkpoint() else {
            return
        }
        checkpointDue = isDone ? Self.checkpointBytes : size + Self.checkpointBytes
    }

    /// Copies the WAL into the database now, if no reader is in the way.
    @discardableResult
    package func checkpoint() throws(LociError) -> Bool {
        let result = gate.withLock {
            Result {
                let writer = try takeWriter()
                try lockFile.lock()
                defer { lockFile.unlock() }
                return try writer.connection.checkpoint()
            }
        }
        do {
            return try result.get()
        } catch {
            throw LociError(catalogError: error, subject: path)
        }
    }

    /// Writes the database anew, so that nothing of rows that were deleted is left in its file, nor
    /// in its log.
    ///
    /// Holds the writer lock meanwhile: about as long as copying the file takes. Readers go on.
    ///
    /// Returns false where a reader kept the log from being emptied.
    package func scrub() throws(LociError) -> Bool {
        let result = gate.withLock {
            Result {
                let writer = try takeWriter()
                try lockFile.lock()
                defer { lockFile.unlock() }
                try writer.connection.execute("VACUUM")
                commits.add(1, ordering: .releasing)
                for _ in 0..<Self.scrubTries {
                    if try writer.connection.checkpoint() { return true }
                    SystemClock.sleep(.milliseconds(20))
                }
                return false
            }
        }
        do {
            return try result.get()
        } catch {
            throw LociError(catalogError: error, subject: path)
        }
    }

    /// How often a scrub looks whether readers have ended their transactions; mounts do so when they
    /// were idle for 10 ms.
    private static let scrubTries = 100

    /// Makes every commit so far survive a power cut.
    ///
    /// The WAL is synced through a descriptor of its own: no lock is taken, so that `fsync` of one
    /// file never waits for a transaction.
    package func sync() throws(LociError) {
        do {
            try lockFile.syncLog(of: path)
        } catch {
            throw LociError(catalogError: error, subject: path)
        }
    }
}

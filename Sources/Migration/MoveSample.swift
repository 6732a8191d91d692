import Blobs
import Catalog
import Linux
import Loci
import SQL

/// What moving a blob costs on this store, measured on a sample that leaves nothing behind.
///
/// It does what the mover does for a batch: rows in a transaction, which is rolled back; links,
/// syncs and unlinks of files of its own, in a staging folder, which is removed. A crash leaves a
/// staging folder that the next mount removes.
struct MoveSample {
    /// Nanoseconds for the rows of one blob, in all of its transactions.
    private var rows: Double = 0
    /// Nanoseconds to link one blob and to remove its old name.
    private var names: Double = 0
    /// Nanoseconds to make a directory or the log durable.
    private var sync: Double = 0

    /// Files and rows of the sample.
    private static let count = 64
    private static let syncs = 4
    /// Above so many directories the mover syncs the file system once instead.
    private static let directoriesSynced = 16
    private static let batch = 1000

    /// Measures; some milliseconds of work, of which one holds the writer lock.
    init(_ tenant: Tenant) throws {
        try measureFiles(tenant)
        try measureRows(tenant)
    }

    /// How long the moves of a plan take when nothing holds the mover back.
    func estimate(_ plan: MigrationPlan) -> Duration {
        let moves = Double(plan.contentsToMove)
        let batches = (moves / Double(Self.batch)).rounded(.up)
        let directories = Double(plan.fanOut.directories + plan.shared.count)
        let synced = min(Double(Self.directoriesSynced), max(1, directories / batches))
        // What is rolled back changed pages in memory only; a commit writes them to the log and a
        // checkpoint to the database: about as much work again.
        let perMove = 2 * rows + names
        // The log is synced once for each batch.
        let nanoseconds = moves * perMove + batches * (synced + 1) * sync
        return .nanoseconds(Int64(nanoseconds))
    }

    // MARK: Files

    private mutating func measureFiles(_ tenant: Tenant) throws {
        let name = "plan-\(tenant.session)"
        let session = try tenant.staging.begin(session: name)
        defer { try? session.end() }
        let directory = try File.open(
            "\(tenant.directory)/staging/\(name)",
            [.readOnly, .directory]
        )
        for number in 0..<Self.count {
            let file = try directory.open("old-\(number)", [.writeOnly, .create])
            try file.write(Array("sample".utf8))
        }
        try directory.sync()
        var time: Int64 = 0
        var syncing: Int64 = 0
        for number in 0..<Self.count {
            let began = SystemClock.monotonic()
            try directory.link("old-\(number)", to: directory, "new-\(number)")
            let linked = SystemClock.monotonic()
            time += linked - began
            if number % (Self.count / Self.syncs) == 0 {
                try directory.sync()
                syncing += SystemClock.monotonic() - linked
            }
        }
        let began = SystemClock.monotonic()
        for number in 0..<Self.count { try directory.unlink("old-\(number)") }
        time += SystemClock.monotonic() - began
        names = Double(time) / Double(Self.count)
        sync = Double(syncing) / Double(Self.syncs)
    }

    // MARK: Rows

    /// Ends the transaction without a commit.
    private struct RolledBack: Error {}

    private mutating func measureRows(_ tenant: Tenant) throws {
        var measured: Double?
        do {
            try tenant.catalog.write(.normal, origin: .thisProcess) { transaction in
                let began = SystemClock.monotonic()
                let count = try Self.rewrite(transaction)
                let time = SystemClock.monotonic() - began
                if count > 0 { measured = Double(time) / Double(count) }
                throw RolledBack()
            }
        } catch {
            guard let measured else { throw error }
            rows = measured
        }
    }

    /// Does to some current revisions what moving and collecting does; returns how many.
    private static func rewrite(_ transaction: CatalogTransaction) throws -> Int {
        let reader = transaction.reader
        let target = try reader.layouts().target
        // No revision is of that layout, so all are found.
        let found = try reader.misplaced(
            target: LayoutNumber(0),
            currentOnly: true,
            after: 0,
            limit: count
        )
        for (one, fields) in zip(found, try reader.fields(of: found.map(\.memory))) {
            let old = one.revision.blobKey
            _ = try target.scheme.render(fields)
            let new = "\(old).sample"
            _ = try transaction.claim(new, notBefore: transaction.now)
            _ = try transaction.moveBlob(
                memory: one.memory.row,
                one.revision.number,
                from: old,
                to: new,
                layout: target.number,
                collectOldAfter: transaction.now
            )
            _ = try transaction.release(
                CollectableKey(key: old, notBefore: transaction.now, reason: .moved)
            )
        }
        return found.count
    }
}

extension MigrationPlan {
    /// Current contents that move, and with them, in the same proportion, earlier ones and those
    /// in the trash.
    var contentsToMove: Int {
        guard memories > 0 else { return 0 }
        return Int(Double(revisions) * Double(toMove) / Double(memories))
    }
}

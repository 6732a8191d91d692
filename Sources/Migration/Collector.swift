import Catalog
import Linux
import Loci
import SQL

/// ④ Removes blobs whose grace time is over and that no row names, a chunk a transaction.
///
/// A value of its own, so that another thread can do it while blobs are linked.
struct Collector: Sendable {
    private let tenant: Tenant
    private let tuning: MigrationTuning
    private let origin: Origin
    /// How many rows a transaction that removes something may have.
    var sizer: BatchSizer

    init(_ tenant: Tenant, _ tuning: MigrationTuning, _ origin: Origin, limit: Int) {
        self.tenant = tenant
        self.tuning = tuning
        self.origin = origin
        sizer = BatchSizer(aim: tuning.lockAim.wholeNanoseconds, limit: limit)
    }

    /// Learns from a transaction of another kind that removes rows.
    mutating func learn(rows: Int, nanoseconds: Int64) {
        sizer.learn(rows: rows, nanoseconds: nanoseconds)
    }

    /// Removes what is under these keys; what gave them up must be durable.
    ///
    /// `rest`: called after each transaction, with the time for which it held the lock.
    mutating func collect(_ keys: [CollectableKey], rest: (Duration) -> Void) throws(LociError) {
        var left = keys[...]
        while !left.isEmpty {
            let chunk = left.prefix(sizer.size)
            left = left.dropFirst(chunk.count)
            try tuning.before(.collect)
            let batch = try tenant.collect(chunk, durability: .normal, origin: origin)
            rest(.nanoseconds(batch.held))
            sizer.learn(rows: chunk.count, nanoseconds: batch.held)
        }
    }
}

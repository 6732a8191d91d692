import Catalog
import Linux
import Loci
import SQL
import Synchronization

/// ④ Removes blobs whose grace time is over and that no row names, a chunk a transaction.
///
/// A value of its own, so that another thread can do it while blobs are linked: neither touches
/// what the other does.
struct Collector: Sendable {
    private let tenant: Tenant
    private let tuning: MigrationTuning
    private let origin: Origin
    /// How many rows a transaction that removes something may have.
    private(set) var sizer: BatchSizer

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
    mutating func collect(_ keys: [String], rest: (Duration) -> Void) throws(LociError) {
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

    /// The same on another thread, while the caller does something else.
    ///
    /// Returns when both are done; throws what went wrong with either.
    mutating func collect(
        _ keys: [String],
        beside body: () throws(LociError) -> Void
    ) throws(LociError) {
        let lane = Lane(self, keys)
        let thread: Thread
        do throws(Errno) {
            thread = try Thread.spawn(name: "loci-collect") { lane.run() }
        } catch {
            throw LociError(errno: error, subject: "thread")
        }
        let other = Result { () throws(LociError) in try body() }
        thread.join()
        self = try lane.result.withLock(\.self).get()
        try other.get()
    }

    private final class Lane: Sendable {
        let result: Mutex<Result<Collector, LociError>>
        private let keys: [String]

        init(_ collector: Collector, _ keys: [String]) {
            result = Mutex(.success(collector))
            self.keys = keys
        }

        func run() {
            result.withLock { result in
                do throws(LociError) {
                    var collector = try result.get()
                    try collector.collect(keys) { _ in }
                    result = .success(collector)
                } catch {
                    result = .failure(error)
                }
            }
        }
    }
}

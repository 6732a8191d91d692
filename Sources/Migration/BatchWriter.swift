import Catalog
import Linux
import Loci
import SQL

/// Writes many rows in transactions that each hold the writer lock for about a given time.
struct BatchWriter: Sendable {
    let tenant: Tenant
    let origin: Origin
    var sizer: BatchSizer

    /// `limit`: the most rows of one transaction; `lockAim` how long it holds the lock at first.
    init(_ tenant: Tenant, _ tuning: MigrationTuning, _ origin: Origin, limit: Int) {
        self.tenant = tenant
        self.origin = origin
        sizer = BatchSizer(aim: tuning.lockAim.wholeNanoseconds, limit: limit)
    }

    /// Calls `body` for each chunk of `items`, in a transaction of its own.
    ///
    /// `rest`: called after each, with the time for which it held the lock.
    mutating func write<Item>(
        _ items: [Item],
        rest: (Duration) -> Void,
        _ body: (ArraySlice<Item>, CatalogTransaction) throws -> Void
    ) throws(LociError) {
        var left = items[...]
        while !left.isEmpty {
            let chunk = left.prefix(sizer.size)
            left = left.dropFirst(chunk.count)
            var began: Int64 = 0
            try tenant.catalog.write(.normal, origin: origin) { transaction in
                began = SystemClock.monotonic()
                try body(chunk, transaction)
            }
            let held = SystemClock.monotonic() - began
            rest(.nanoseconds(held))
            sizer.learn(rows: chunk.count, nanoseconds: held)
        }
    }
}

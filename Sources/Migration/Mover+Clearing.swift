import Catalog
import Linux
import Loci
import SQL

extension Mover {
    /// Takes a batch of an ended layout's entries away; frees its slot after the last.
    ///
    /// Returns whether there was anything to do.
    func clearBatch() throws(LociError) -> Bool {
        guard let layout = try read({ try $0.layouts().all.first { $0.state == .retired } })
        else { return false }
        let (last, limit) = (cleared[layout.number], collector.sizer.size)
        let entries = try read { try $0.endedEntries(of: layout, after: last, limit: limit) }
        guard let newest = entries.last else {
            try tuning.before(.finishClearing)
            _ = try write { try $0.finishClearing(layout) }
            cleared[layout.number] = nil
            return true
        }
        try tuning.before(.clear)
        let held = try write { try $0.clear(entries, of: layout) }.held
        collector.learn(rows: entries.count, nanoseconds: held)
        cleared[layout.number] = newest
        return true
    }

    /// Lets go of a batch of the past that is kept no longer.
    ///
    /// Returns whether there may be more.
    func applyRetention() throws(LociError) -> Bool {
        let horizon = tenant.clock() - (try tenant.retention())
        let limit = batchSize
        let cursor = retained
        let outcome = try write { transaction in
            try transaction.applyRetention(horizon: horizon, limit: limit, after: cursor)
        }.result
        retained = outcome.isPartial ? outcome.next ?? .max : 0
        return outcome.isPartial
    }
}

import Catalog
import Linux
import Loci
import SQL

extension Mover {
    /// ④ Removes blobs whose grace time is over and that no row names.
    ///
    /// Returns how many keys were dealt with.
    func collect(_ keys: [String]) throws(LociError) -> Int {
        var left = keys[...]
        while !left.isEmpty {
            let chunk = left.prefix(collectSizer.size)
            left = left.dropFirst(chunk.count)
            try tuning.before(.collect)
            let batch = try tenant.collect(chunk, durability: .normal, origin: origin)
            rest(.nanoseconds(batch.held))
            collectSizer.learn(rows: chunk.count, nanoseconds: batch.held)
        }
        return keys.count
    }

    // MARK: Ended layouts

    /// Takes a batch of an ended layout's entries away; frees its slot after the last.
    ///
    /// Returns whether there was anything to do.
    func clearBatch() throws(LociError) -> Bool {
        guard let layout = try read({ try $0.layouts().all.first { $0.state == .retired } })
        else { return false }
        let (last, limit) = (cleared[layout.number], collectSizer.size)
        let entries = try read { try $0.endedEntries(of: layout, after: last, limit: limit) }
        guard let newest = entries.last else {
            try tuning.before(.finishClearing)
            _ = try write { try $0.finishClearing(layout) }
            cleared[layout.number] = nil
            return true
        }
        try tuning.before(.clear)
        let held = try write { try $0.clear(entries, of: layout) }.held
        collectSizer.learn(rows: entries.count, nanoseconds: held)
        cleared[layout.number] = newest
        return true
    }

    /// Lets go of a batch of the past that is kept no longer.
    ///
    /// Returns whether there may be more.
    func applyRetention() throws(LociError) -> Bool {
        let horizon = tenant.clock() - (try tenant.retention())
        let limit = batchSize
        return try write { transaction in
            try transaction.applyRetention(horizon: horizon, limit: limit).isPartial
        }.result
    }
}

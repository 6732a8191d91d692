import Catalog
import Linux
import Model
import SQL

// Commits say which texts wait for the search index. A few are indexed by one of the next commits;
// what a batch left is worked off here, by a mount or before a search.

extension Tenant {
    /// Texts that one transaction indexes: some 20 ms of the writer lock, for texts of 4 KiB.
    static let indexedAtOnce = 100

    /// Indexes all texts that wait, a little at a time; other writers get their turn between.
    ///
    /// Returns how many it did. Where the catalog cannot be written they wait on, and searches say
    /// so.
    @discardableResult
    public func catchUp(progress: ProgressFeed? = nil) async throws(LociError) -> Int {
        try await work { [self] () throws(LociError) in
            defer { progress?.finish() }
            var done = 0
            while true {
                let count = indexSomeWaiting(atMost: Self.indexedAtOnce)
                guard count > 0 else { return done }
                done += count
                let left = (try? read { try $0.waitingCount(upTo: .max) }) ?? 0
                if left > 0 { progress?.report(Int64(done), of: Int64(done + left)) }
            }
        }
    }

    /// Texts that a request of a mount indexes first, if there are no more: it takes some 100 ms.
    private static let indexedForRequest = 500

    /// Indexes what waits, unless it is so much that a request of a mount cannot wait for it.
    package func indexWaitingForRequest() {
        let count = (try? read { try $0.waitingCount(upTo: Self.indexedForRequest + 1) }) ?? 0
        guard count <= Self.indexedForRequest else { return }
        indexWaiting(count)
    }

    /// Indexes all that waits, however long it takes.
    func indexAllWaiting() { indexWaiting(.max) }

    private func indexWaiting(_ count: Int) {
        var left = count
        while left > 0 {
            let done = indexSomeWaiting(atMost: min(left, Self.indexedAtOnce))
            if done == 0 { return }
            left -= done
        }
    }

    /// Indexes up to `limit` of what waits; returns how many it was, 0 also where the catalog cannot
    /// be written.
    package func indexSomeWaiting(atMost limit: Int) -> Int {
        do throws(LociError) {
            let revisions = try read { try $0.waitingTexts(limit: limit) }
            guard !revisions.isEmpty else { return 0 }
            // Read before the transaction: nobody waits for the disk.
            let items = revisions.map { revision in
                TextIndex.Item(revision) { TextSource.bytes(of: revision, in: blobs) }
            }
            try catalog.write(.normal, origin: Self.indexing) { try $0.indexWaiting(items) }
            return revisions.count
        } catch {
            return 0
        }
    }

    /// No change is recorded by it.
    static var indexing: Origin { Origin(actor: "loci", uid: EffectiveUser.id) }
}

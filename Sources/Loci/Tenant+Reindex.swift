import Catalog
import Linux
public import Model
import SQL

extension Tenant {
    /// Builds the search index anew beside the live one, which answers until then, and puts it in
    /// its place in one commit.
    ///
    /// What was built when a process ended is used by the next call. Memories may change all the
    /// while. Where the tenant kept no index, it keeps one from then on.
    ///
    /// Returns how many memories were indexed.
    ///
    /// Throws `lockHeld` while another process does it; `readOnly` for a backup.
    public func reindex(
        origin: Origin,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> Int64 {
        try await work { [self] () throws(LociError) in
            defer { progress?.finish() }
            try requireWritable()
            return try rebuildTextIndex(origin: origin, progress: progress)
        }
    }

    /// The same on this thread.
    func rebuildTextIndex(
        origin: Origin,
        progress: ProgressFeed? = nil
    ) throws(LociError) -> Int64 {
        let lock = try buildersLock("indexer", "builds the search index of this tenant")
        defer { try? lock.unlock() }
        try catalog.write(.normal, origin: origin) { try $0.beginTextIndex() }
        let counts = try read { try $0.memoryCounts() }
        var done: Int64 = 0
        repeat {
            try forEachUnindexed { (memories) throws(LociError) in
                try self.index(memories, in: .building, origin)
                done += Int64(memories.count)
                progress?.report(done, of: max(done, counts.live + counts.trashed))
            }
        } while try !catalog.write(.full, origin: origin) { try $0.swapTextIndex() }
        return done
    }

    /// Indexes the memories below a directory anew, in the live index.
    ///
    /// Throws `lockHeld` while another process rebuilds the index, `notFound`, `wrongState` where
    /// the tenant keeps no index.
    public func reindex(
        under path: NamePath,
        origin: Origin,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> Int64 {
        try await work { [self] () throws(LociError) in
            defer { progress?.finish() }
            let lock = try buildersLock("indexer", "builds the search index of this tenant")
            defer { try? lock.unlock() }
            guard try searchStatus().isOn else { throw Self.isNotSearched }
            var done: Int64 = 0
            var cursor: ListCursor?
            repeat {
                let page = try list(under: path, after: cursor, limit: Self.indexedAtOnce)
                let revisions = try read { reader in
                    try page.memories.compactMap { try reader.revision(shownBy: $0.node) }
                }
                try index(revisions, in: .live, origin)
                done += Int64(page.memories.count)
                progress?.report(done, of: nil)
                cursor = page.next
            } while cursor != nil
            return done
        }
    }

    /// Empties the search index and keeps none from now on, and no vectors: for a tenant whose words
    /// may stand in no second place.
    ///
    /// The next `collect` takes the traces of them out of the database's file.
    public func endSearch(origin: Origin) throws(LociError) {
        let lock = try buildersLock("indexer", "builds the search index of this tenant")
        defer { try? lock.unlock() }
        let embedder = try buildersLock("embedder", "makes the vectors of this tenant")
        defer { try? embedder.unlock() }
        try catalog.write(.full, origin: origin) { tx in
            try tx.endTextIndex()
            try tx.endVectors()
            // Words stay readable in the file's free pages until `collect` has rewritten it.
            try tx.setSetting(Setting.needsScrub, .integer(tx.newestChange.rawValue))
            try tx.record(
                .setting,
                detail: JSON.object([.init(Setting.search, .bool(false))]).text()
            )
        }
    }

    // MARK: Parts

    /// The lock of who builds something that is searched.
    ///
    /// `work`: what else holds it, to follow "Another process".
    func buildersLock(_ name: String, _ work: String) throws(LociError) -> FileLock {
        let lock = try lock(name)
        let isOurs: Bool
        do throws(Errno) {
            isOurs = try lock.tryLock()
        } catch {
            throw LociError(errno: error, subject: "lock/\(name)")
        }
        guard isOurs else {
            throw LociError(
                .lockHeld,
                subject: "lock/\(name)",
                message: "Another process \(work).",
                remedy: "Wait until it is done."
            )
        }
        return lock
    }

    /// Looks again where it has come to, so that nothing is missed that changed meanwhile.
    private func forEachUnindexed(
        _ body: ([RevisionRow]) throws(LociError) -> Void
    ) throws(LociError) {
        var cursor: Int64 = 0
        while true {
            let page = try read { reader in
                try reader.memoriesUnindexed(
                    in: .building,
                    after: cursor,
                    limit: Self.indexedAtOnce
                )
            }
            guard let last = page.last else { return }
            try body(page)
            cursor = last.memory
        }
    }

    /// Reads texts, then writes them to an index, and waits as long as that took: else others hardly
    /// get the lock.
    private func index(
        _ revisions: [RevisionRow],
        in index: TextIndex,
        _ origin: Origin
    ) throws(LociError) {
        let items = revisions.map { revision in
            TextIndex.Item(revision) { TextSource.bytes(of: revision, in: blobs) }
        }
        let began = SystemClock.monotonic()
        try catalog.write(.normal, origin: origin) { tx in
            // What changed since is found again, or was indexed by its own commit.
            let current = try zip(revisions, items).filter { revision, _ in
                try tx.reader.memory(row: revision.memory)?.revision == revision.number
            }
            try tx.index(index, current.map(\.1))
        }
        SystemClock.sleep(.nanoseconds(SystemClock.monotonic() - began))
    }
}

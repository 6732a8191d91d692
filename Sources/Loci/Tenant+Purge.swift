import Blobs
import Catalog
import Linux
public import Model
import SQL

/// What a purge did.
public struct PurgeReport: Hashable, Sendable {
    /// Memories that are gone for good.
    public var purged = 0
    /// Contents that were removed, and their bytes.
    public var contents = 0
    /// Bytes of those contents.
    public var bytes: Int64 = 0
    /// Contents of purged memories that whoever moves the blobs has yet to remove.
    public var waiting = 0
    /// Memories that something holds back: the first 32.
    public var held: [Hold] = []
    /// How many something holds back.
    public var heldCount = 0

    /// A memory that was not purged.
    public struct Hold: Hashable, Sendable {
        /// The memory.
        public let memory: MemoryID
        /// What holds it back.
        public let reason: String
    }

    package init() {}

    mutating func note(_ reason: String, holding memory: MemoryID) {
        heldCount += 1
        if held.count < RestoreReport.kept { held.append(Hold(memory: memory, reason: reason)) }
    }
}

extension Tenant {
    /// How many memories one transaction purges: each may have many revisions.
    private static let purgedAtOnce = 64

    /// Removes memories of the trash for good: contents, attributes, names and history, present and
    /// past.
    ///
    /// The change log keeps a stub: that there was a memory of that id, who did what with it, and
    /// when. A memory that a snapshot holds, or that is not in the trash, stays and is reported.
    ///
    /// In steps that are each durable: ① the rows go, in one transaction for some memories, and
    /// their contents become collectable; ② the contents are removed, by whoever moves the blobs
    /// where somebody does; ③ `collect` rewrites the text index and the database's file, where
    /// words and rows that are gone leave traces. A crash leaves some memories purged and others as
    /// they were, and `collect` finishes what was begun.
    ///
    /// Throws `busy` while a mount still writes: it may hold content of these memories.
    public func purge(
        _ ids: [MemoryID],
        origin: Origin,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> PurgeReport {
        try await work { [self] () throws(LociError) in
            defer { progress?.finish() }
            try askMountsToLetGo()
            var report = PurgeReport()
            var done = 0
            while done < ids.count {
                let batch = ids[done..<min(ids.count, done + Self.purgedAtOnce)]
                try purgeRows(batch, &report, origin)
                done += batch.count
                progress?.report(Int64(done), of: Int64(ids.count))
            }
            if report.purged > 0 { try removePurged(&report, origin) }
            return report
        }
    }

    /// Mounts commit what was written, and have seen by then that the memories lost their names.
    private func askMountsToLetGo() throws(LociError) {
        let silent = try askMountsToCommit(timeout: .seconds(2))
        guard let first = silent.first else { return }
        throw LociError(
            .busy,
            subject: id.rawValue,
            message: "The mount at \(first.mountPoint) is still writing, and may hold content of "
                + "what is to be purged.",
            remedy: "Try again when it is quiet, or unmount it: loci umount \(first.mountPoint)"
        )
    }

    /// ① The rows.
    private func purgeRows(
        _ ids: ArraySlice<MemoryID>,
        _ report: inout PurgeReport,
        _ origin: Origin
    ) throws(LociError) {
        var next = report
        try catalog.write(.full, origin: origin) { tx in
            for id in ids {
                let memory = try self.row(id, tx.reader)
                let holding = try tx.reader.snapshotsHolding(memory.row)
                if memory.trashed == nil {
                    next.note("it is not in the trash", holding: id)
                } else if let first = holding.first {
                    let others = holding.count > 1 ? " and \(holding.count - 1) more" : ""
                    next.note("the snapshot \"\(first)\"\(others) holds it", holding: id)
                } else {
                    try tx.purge(memory)
                    next.purged += 1
                }
            }
        }
        report = next
    }

    /// ② The contents: here, or by who moves blobs already.
    private func removePurged(
        _ report: inout PurgeReport,
        _ origin: Origin
    ) throws(LociError) {
        let deadline = SystemClock.monotonic() + Self.moverPatience.wholeNanoseconds
        while true {
            do throws(LociError) {
                let lock = try takeMoverLock()
                defer { try? lock.unlock() }
                try collectPurged(&report, origin)
                return
            } catch  where error.code == .lockHeld {
                let waiting = try read { reader in Int(try reader.purgedBlobCount()) }
                report.waiting = waiting
                if waiting == 0 || SystemClock.monotonic() > deadline { return }
                SystemClock.sleep(.milliseconds(50))
            }
        }
    }

    /// How long a purge waits for who moves blobs to remove the contents.
    private static let moverPatience: Duration = .seconds(5)

    private func collectPurged(
        _ report: inout PurgeReport,
        _ origin: Origin
    ) throws(LociError) {
        while true {
            let due = try read { reader in try reader.purgedBlobs(limit: 256) }
            if due.isEmpty { break }
            let batch = try collect(due, durability: .full, measuring: true, origin: origin)
            if batch.keys == 0 { break }
            report.contents += batch.blobs
            report.bytes += batch.bytes
        }
        report.waiting = try read { reader in Int(try reader.purgedBlobCount()) }
    }

    /// All memories of the trash.
    public func trashedIDs() throws(LociError) -> [MemoryID] {
        var ids: [MemoryID] = []
        var cursor: Int64 = 0
        while true {
            let page = try read { reader in
                try reader.memories(after: cursor, limit: Self.batchSize, trashed: true)
            }
            guard let last = page.last else { return ids }
            ids += page.map(\.id)
            cursor = last.row
        }
    }

    /// ③ Rewrites the text index and the database's file where a purge left traces in them, and has
    /// mounts forget what was written through them.
    ///
    /// Returns whether there are no traces.
    func scrubIfNeeded(origin: Origin) throws(LociError) -> Bool {
        let since = try read { reader in try reader.setting(Setting.needsScrub) }
        guard let since else { return true }
        // The rows that name them go when they are removed.
        guard try read({ reader in try reader.purgedBlobCount() }) == 0 else { return false }
        guard try areJournalsEmpty() else { return false }
        try forgetWords(origin)
        guard try catalog.scrub() else { return false }
        return try catalog.write(.full, origin: origin) { tx in
            // Not where another purge came between.
            guard try tx.reader.setting(Setting.needsScrub) == since else { return false }
            try tx.removeSetting(Setting.needsScrub)
            return true
        }
    }

    /// Writes the text index anew without the words that were taken out of it; where some could not
    /// be, since a content was damaged, it is built anew from the contents that there are.
    private func forgetWords(_ origin: Origin) throws(LociError) {
        if try read({ reader in try reader.setting(Setting.strayWords) }) != nil {
            _ = try rebuildTextIndex(origin: origin)
        } else {
            try catalog.write(.normal, origin: origin) { try $0.mergeWords() }
        }
    }

    /// Whether no mount, nor one that was killed, keeps what was written through it.
    private func areJournalsEmpty() throws(LociError) -> Bool {
        guard try askMounts(.forget, timeout: .seconds(2)).isEmpty else { return false }
        let staged = directory + "/staging"
        let sessions = try StoreFiles.names(in: staged)
        for session in sessions {
            let path = "\(staged)/\(session)/journal"
            do throws(Errno) {
                guard try File.status(of: path).size == 0 else { return false }
            } catch .noSuchFile, .notDirectory {
                continue
            } catch {
                throw LociError(errno: error, subject: path)
            }
        }
        return true
    }
}

import Blobs
package import Catalog
package import Linux
public import Model
package import SQL

/// What a collection removed, or without `delete` would.
public struct CollectReport: Hashable, Sendable {
    /// Blobs that nobody needs any more.
    public var blobs = 0
    /// Their bytes.
    public var bytes: Int64 = 0
    /// Blobs whose grace time is not over.
    public var waiting = 0
    /// Whether the database's file may hold traces of rows that a purge deleted.
    public var hasTraces = false

    package init() {}
}

extension Tenant {
    /// How long a blob that nobody needs any more stays, for readers that have its key in hand.
    package static let collectGrace: Duration = .seconds(10)

    /// Removes contents that no revision names any more.
    ///
    /// `delete`: false tells what would be removed, and changes nothing.
    ///
    /// Throws `lockHeld` with `delete` while somebody else moves or collects.
    public func collect(
        delete: Bool,
        origin: Origin,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> CollectReport {
        try await work { [self] () throws(LociError) in
            defer { progress?.finish() }
            var report = try survey()
            guard delete else { return report }
            try requireWritable()
            // Where a mount has the lock, it removes the blobs; the file is still to be rewritten.
            report.hasTraces = try !scrubIfNeeded(origin: origin)
            let total = Int64(report.blobs)
            report.blobs = 0
            report.bytes = 0
            let lock = try takeMoverLock()
            defer { try? lock.unlock() }
            while true {
                let due = try dueKeys(limit: 256)
                if due.isEmpty {
                    report.hasTraces = try !scrubIfNeeded(origin: origin)
                    return report
                }
                try catalog.sync()
                let batch = try collect(due, durability: .full, measuring: true, origin: origin)
                report.blobs += batch.blobs
                report.bytes += batch.bytes
                progress?.report(Int64(report.blobs), of: total)
            }
        }
    }

    /// Takes the mover's lock.
    ///
    /// Throws `lockHeld`, naming who has it.
    package func takeMoverLock() throws(LociError) -> FileLock {
        let lock = try moverLock()
        do throws(Errno) {
            if try lock.tryLock() {
                try lock.announce()
                return lock
            }
        } catch {
            throw LociError(errno: error, subject: directory + "/lock/mover")
        }
        let holder = try? lock.holder()
        throw LociError(
            .lockHeld,
            subject: id.rawValue,
            message: "Another process moves the blobs of the tenant '\(id)'"
                + (holder.map { ": \($0.command), process \($0.process)." } ?? "."),
            remedy: "Wait until it is done, or pause it with: loci migrate pause"
        )
    }

    /// What a collection would remove.
    private func survey() throws(LociError) -> CollectReport {
        try read { reader in
            var report = CollectReport()
            let keys = try reader.collectable(at: self.clock(), limit: .max)
            report.waiting = Int(try reader.collectableCount()) - keys.count
            report.hasTraces = try reader.setting(Setting.needsScrub) != nil
            for due in keys where try !reader.use(ofBlobKey: due.key).isNamed {
                let size = try storing { () throws(BlobError) in
                    try self.blobs.size(of: try BlobKey(due.key))
                }
                guard let size else { continue }
                report.blobs += 1
                report.bytes += size
            }
            return report
        }
    }

    /// What one batch of a collection did.
    package struct CollectedBatch: Hashable, Sendable {
        /// Rows of `collectable` that are gone.
        package var keys = 0
        package var blobs = 0
        /// Their bytes, where they were measured.
        package var bytes: Int64 = 0
        /// How long the writer lock was held, in nanoseconds.
        package var held: Int64 = 0
    }

    /// Up to `limit` keys whose grace time is over, for `collect(_:)`.
    ///
    /// The rows that gave them up may be lost in a power cut until `catalog.sync()`. Blocks.
    package func dueKeys(limit: Int) throws(LociError) -> [CollectableKey] {
        try read { reader in try reader.collectable(at: self.clock(), limit: limit) }
    }

    /// Removes the blobs of keys that `dueKeys` gave, in one transaction.
    ///
    /// The caller holds the mover's lock, and has made durable what gave the keys up.
    ///
    /// Each is looked at again under the writer lock, in the transaction that forgets it: nothing
    /// can come to need it in between, and what came to need it since `dueKeys` is no longer due.
    /// A crash after the unlink leaves a row whose blob is gone, which the next batch forgets.
    /// Blocks.
    package func collect(
        _ due: some Collection<CollectableKey>,
        durability: SQLDurability,
        measuring: Bool = false,
        origin: Origin
    ) throws(LociError) -> CollectedBatch {
        var batch = CollectedBatch()
        var removed: [BlobKey] = []
        try catalog.write(durability, origin: origin) { tx in
            let began = SystemClock.monotonic()
            // A backup that began since `dueKeys` relies on all of them.
            let isHeld = try tx.reader.areBlobsHeld(at: tx.now)
            for one in isHeld ? [] : Array(due) {
                guard try tx.release(one) else {
                    let use = try tx.reader.use(ofBlobKey: one.key)
                    guard use.isNamed, use.isDue(at: tx.now) else { continue }
                    try tx.forgetCollectable(one.key)
                    batch.keys += 1
                    continue
                }
                batch.keys += 1
                guard let key = try? BlobKey(one.key) else { continue }
                if measuring { batch.bytes += try self.size(of: key) }
                if try self.remove(key, one.reason, tx.now) { batch.blobs += 1 }
                removed.append(key)
            }
            batch.held = SystemClock.monotonic() - began
        }
        try storing { () throws(BlobError) in
            try blobs.removeEmptyDirectories(above: removed)
        }
        return batch
    }

    /// In bytes; 0 where the blob is gone.
    private func size(of key: BlobKey) throws(LociError) -> Int64 {
        try storing { () throws(BlobError) in try blobs.size(of: key) } ?? 0
    }

    /// Removes a blob, and what a crash left half written beside it.
    ///
    /// Returns whether it was there.
    private func remove(
        _ key: BlobKey,
        _ reason: CollectReason?,
        _ now: Timestamp
    ) throws(LociError) -> Bool {
        try storing { () throws(BlobError) in
            let wasThere = try blobs.remove(key)
            switch reason {
            case .placing, .moving:
                let before = now - Self.placingGrace
                try blobs.removePartials(besides: key, before: before.nanoseconds)
            case .purged:
                try blobs.removePartials(besides: key, before: now.nanoseconds)
            case .moved, .expired, .unnamed, nil: break
            }
            return wasThere
        }
    }
}

import Catalog
package import Linux
public import Loci
import SQL

/// Moves blobs, collects what they leave, and clears ended layouts, in the background.
///
/// It holds the mover's lock while it runs; a second one, in any process, waits for that.
///
/// It is told
/// what to do by rows of the catalog only, and may be killed at any moment.
public final class MigrationWorker: Sendable {
    let tenant: Tenant
    let tuning: MigrationTuning
    let batchSize: Int

    /// Makes a worker; nothing runs yet.
    ///
    /// `batchSize`: the most blobs that are moved together.
    public convenience init(_ tenant: Tenant, batchSize: Int = 1000) {
        self.init(tenant, batchSize: batchSize, tuning: MigrationTuning())
    }

    package init(_ tenant: Tenant, batchSize: Int = 1000, tuning: MigrationTuning) {
        self.tenant = tenant
        self.batchSize = batchSize
        self.tuning = tuning
    }

    /// Works until `stop` is signalled.
    ///
    /// For a thread of its own: it blocks.
    ///
    /// Idle it costs one small query for each commit of others, at most ten a second.
    ///
    /// `readers`: what readers of the mount that it works for met since this was last called.
    package func run(
        until stop: WakeEvent,
        readers: (() -> ReaderCourtesy.Times)? = nil
    ) {
        while !Self.isSignalled(stop) {
            do throws(LociError) {
                let lock = try tenant.moverLock()
                guard try Self.take(lock) else {
                    Self.wait(stop, tuning.lockRetry)
                    continue
                }
                let session = try MoverSession(self, stop, readers: readers)
                try session.work(until: { _ in false })
                Self.release(lock)
            } catch {
                // Opening failed, or the catalog is gone for now: try again, as for the lock.
                Self.wait(stop, tuning.lockRetry)
            }
        }
    }

    // MARK: The lock

    static func take(_ lock: FileLock) throws(LociError) -> Bool {
        do throws(Errno) {
            guard try lock.tryLock() else { return false }
            try lock.announce()
            return true
        } catch {
            throw LociError(errno: error, subject: "lock/mover")
        }
    }

    static func release(_ lock: FileLock) {
        // Unlocking a descriptor that is open cannot fail.
        try? lock.unlock()
    }

    // MARK: Waiting

    static func isSignalled(_ stop: WakeEvent) -> Bool { wait(stop, .zero) }

    /// Returns whether `stop` was signalled within the time.
    @discardableResult
    static func wait(_ stop: WakeEvent, _ time: Duration) -> Bool {
        do throws(Errno) {
            return try Poll.isReadable(stop.descriptor, timeout: time)
        } catch {
            // Without poll there is no way to wait: stop rather than spin.
            return true
        }
    }
}

package import Blobs
package import Catalog
package import Linux
public import Model

/// An isolated set of memories: its own catalog, contents, layouts and migrations.
///
/// Safe to share between threads. Functions that take long are `async` and never occupy the threads
/// that tasks share; the others answer from the catalog, in microseconds to milliseconds, on the
/// caller's thread.
public final class Tenant: Sendable {
    /// Its id, unique in its store.
    public let id: TenantID
    /// The store that holds it.
    public let store: Store

    /// Names, attributes and history.
    package let catalog: Catalog
    /// Contents.
    package let blobs: any BlobStore
    /// Contents being written.
    package let staging: StagingArea
    /// `STORE/<tenant>`.
    package let directory: String

    let watcher: WakeWatcher

    init(id: TenantID, store: Store, catalog: Catalog, blobs: any BlobStore, directory: String) {
        self.id = id
        self.store = store
        self.catalog = catalog
        self.blobs = blobs
        self.directory = directory
        watcher = WakeWatcher(path: directory + "/wake")
        staging = StagingArea(directory: directory + "/staging")
    }

    /// Whether it is a backup, which takes no changes.
    package var isBackup: Bool { store.refusal(of: directory) != nil }

    /// Throws `readOnly` where it is a backup.
    package func requireWritable() throws(LociError) {
        if let refusal = store.refusal(of: directory) { throw refusal }
    }

    /// Tells this process's changes from others'.
    package var session: String { catalog.session }

    /// The time of every row.
    package var clock: @Sendable () -> Timestamp { store.environment.clock }

    /// Runs `body` on one state of the catalog, on the calling thread.
    package func read<R>(_ body: (CatalogReader) throws -> R) throws(LociError) -> R {
        try catalog.read(body)
    }

    /// Runs work that blocks, away from the threads that tasks share.
    func work<R: Sendable>(
        _ body: @escaping @Sendable () throws(LociError) -> R
    ) async throws(LociError) -> R {
        try await BlockingPool.shared.run(body)
    }

    /// The lock of who moves or collects blobs: `lock/mover`.
    ///
    /// Each call opens it anew, so that two threads of one process exclude each other too.
    package func moverLock() throws(LociError) -> FileLock { try lock("mover") }

    /// The lock of who prepares a layout: `lock/preparer`.
    package func preparerLock() throws(LociError) -> FileLock { try lock("preparer") }

    func lock(_ name: String) throws(LociError) -> FileLock {
        do throws(Errno) {
            return try FileLock(path: "\(directory)/lock/\(name)")
        } catch {
            throw LociError(errno: error, subject: "\(directory)/lock/\(name)")
        }
    }
}

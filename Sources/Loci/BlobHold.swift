import Catalog
import Linux
import Model
import SQL
import Synchronization

/// Keeps every blob of a tenant from being removed, for one backup that is being made of it.
///
/// It is a row of the catalog with a time: where its process is killed, it ends by itself. A thread
/// renews it, since what the process does may take longer than it lasts: copying the catalog is one
/// statement. Any number of them stand beside each other.
// Safe to share: everything that changes is behind a mutex.
final class BlobHold: Sendable {
    /// How long it lasts where nobody renews it.
    static let length: Duration = .seconds(300)

    private let tenant: Tenant
    private let origin: Origin
    private let id: String
    private let until = Mutex(Timestamp(nanoseconds: 0))
    private let over: WakeEvent
    private let thread = Mutex<Thread?>(nil)

    /// Begins one, and records that a backup is made; durable when it returns.
    init(
        _ tenant: Tenant,
        _ origin: Origin,
        renewing period: Duration = .seconds(30)
    ) throws(LociError) {
        self.tenant = tenant
        self.origin = origin
        id = try Store.randomName(8)
        do throws(Errno) { over = try WakeEvent() } catch {
            throw LociError(errno: error, subject: tenant.id.rawValue)
        }
        try hold(.full, recording: true)
        do throws(Errno) {
            let started = try Thread.spawn(name: "loci-hold") { [self] in renew(every: period) }
            thread.withLock { $0 = started }
        } catch {
            release()
            throw LociError(errno: error, subject: tenant.id.rawValue)
        }
    }

    private func hold(_ durability: SQLDurability, recording: Bool) throws(LociError) {
        let time = try tenant.catalog.write(durability, origin: origin) { [id] tx in
            if recording { try tx.record(.backup) }
            let time = tx.now + Self.length
            try tx.holdBlobs(for: id, until: time)
            return time
        }
        until.withLock { $0 = time }
    }

    private func renew(every period: Duration) {
        // Where the time cannot be waited for, or a renewal fails, `require` sees the end come.
        while (try? over.wait(timeout: period)) == false {
            try? hold(.normal, recording: false)
        }
    }

    /// Throws `busy` where it ended because it could not be renewed.
    func require() throws(LociError) {
        guard tenant.clock() >= until.withLock(\.self) else { return }
        throw LociError(
            .busy,
            subject: tenant.id.rawValue,
            message: "The contents of the tenant '\(tenant.id)' could not be held for the backup: "
                + "others kept its catalog for \(Self.length.components.seconds) seconds.",
            remedy: "Make the backup again."
        )
    }

    /// Ends it.
    func end() {
        over.signal()
        thread.withLock(\.self)?.join()
        release()
    }

    private func release() {
        // One that cannot be released ends by itself.
        try? tenant.catalog.write(.normal, origin: origin) { [id] in try $0.releaseBlobs(for: id) }
    }
}

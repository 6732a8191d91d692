import Catalog
import Linux
import Synchronization

/// What commands ask of a mount, for the one thread that answers; another one puts it in.
final class RequestInbox: Sendable {
    private let wake: WakeEvent
    private let rows = Mutex<[RequestRow]>([])

    init() throws(Errno) { wake = try WakeEvent() }

    /// Puts in all that stands in the catalog, in place of what was there.
    func put(_ asked: [RequestRow]) {
        rows.withLock { $0 = asked }
        if !asked.isEmpty { wake.signal() }
    }

    /// Waits for `put` or `interrupt`, a second at most, and takes what there is.
    func take() -> [RequestRow] {
        // A wait that fails is a wait of no time: the caller looks again.
        _ = try? wake.wait(timeout: .seconds(1))
        return rows.withLock { rows in
            defer { rows = [] }
            return rows
        }
    }

    /// Forgets what was put in again before it was seen to be done.
    func drop(_ done: [RequestRow]) { rows.withLock { $0.removeAll { done.contains($0) } } }

    /// Ends a wait.
    func interrupt() { wake.signal() }
}

import FUSE
import Synchronization

/// Directories whose last listing brought names only.
///
/// The kernel keeps a listing, and whoever stats what it names then looks up each file. So it is
/// told to drop such a listing at its end; the next one, whoever asks, is a full one, and stays.
final class NamesListings: Sendable {
    /// A set of some hundred kilobytes; then it begins anew.
    private static let limit = 1 << 14

    /// Whether the kernel was told, for each.
    private let listed = Mutex<[NodeID: Bool]>([:])
    private let queue = Mutex<NotificationQueue?>(nil)

    /// Where the kernel is told from now on.
    func tell(_ queue: NotificationQueue) { self.queue.withLock { $0 = queue } }

    /// Notes that a directory is listed by names; false where it is to be listed in full, since it
    /// was the last time.
    func begin(_ directory: NodeID) -> Bool {
        listed.withLock { listed in
            guard listed.removeValue(forKey: directory) == nil else { return false }
            if listed.count >= Self.limit { listed = [:] }
            listed[directory] = false
            return true
        }
    }

    /// Ends a listing: the kernel is to drop it.
    func end(_ directory: NodeID) {
        let isNew = listed.withLock { listed in
            guard listed[directory] == false else { return false }
            listed[directory] = true
            return true
        }
        guard isNew, let queue = queue.withLock(\.self) else { return }
        // Where the queue is full it stays, and costs who stats its files a lookup each.
        queue.offer { _ = try? $0.invalidateNode(directory) }
    }
}

import FUSE
import Linux
import Synchronization

/// Directories whose last listing brought names only.
///
/// The kernel keeps a listing, and whoever stats what it names then looks up each file. So it is
/// told to drop such a listing at its end; the next one, whoever asks, is a full one, and stays.
///
/// A file of such a directory that is looked up, by whomever, tells that names were not all that
/// was wanted: for a while no listing brings names only.
final class NamesListings: Sendable {
    /// Some hundred kilobytes; directories beyond are listed in full.
    static let limit = 1 << 14
    /// In nanoseconds.
    private static let pause: Int64 = 10_000_000_000

    /// Whether the kernel was told, for each.
    private let listed = Mutex<[NodeID: Bool]>([:])
    private let isEmpty = Atomic<Bool>(true)
    /// Monotonic nanoseconds.
    private let pausedUntil = Atomic<Int64>(0)
    private let queue = Mutex<NotificationQueue?>(nil)

    /// Where the kernel is told from now on.
    func tell(_ queue: NotificationQueue) { self.queue.withLock { $0 = queue } }

    /// Begins a listing of a directory; returns how it is to be served where that is wished for.
    func begin(_ directory: NodeID, _ wished: ListingHabits.Manner) -> ListingHabits.Manner {
        if wished != .names, isEmpty.load(ordering: .relaxed) { return wished }
        return listed.withLock { listed in
            defer { isEmpty.store(listed.isEmpty, ordering: .relaxed) }
            let wasByNames = listed.removeValue(forKey: directory) != nil
            guard wished == .names else { return wished }
            guard !wasByNames, listed.count < Self.limit,
                SystemClock.monotonic() >= pausedUntil.load(ordering: .relaxed)
            else { return .full }
            listed[directory] = false
            return .names
        }
    }

    /// Whether the last listing of a directory is one by names.
    func contains(_ directory: NodeID) -> Bool {
        guard !isEmpty.load(ordering: .relaxed) else { return false }
        return listed.withLock { $0[directory] != nil }
    }

    /// Notes that a file of a directory was looked up.
    func noteLookup(in directory: NodeID) {
        guard contains(directory) else { return }
        pausedUntil.store(SystemClock.monotonic() + Self.pause, ordering: .relaxed)
    }

    /// Ends a listing: where it was one by names, the kernel is to drop it.
    func end(_ directory: NodeID) {
        guard !isEmpty.load(ordering: .relaxed) else { return }
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

import FUSE
import Linux
import Synchronization

/// Directories whose last listing began with names only.
///
/// The kernel keeps a listing, and whoever stats what it names then looks up each file. As long as
/// nobody does, it stays: the next `find` asks nothing. Where a process looks up a second file of
/// such directories, the kernel is told to drop all those listings, in the order in which a walk
/// comes to them, and for a while every listing is a full one.
final class NamesListings: Sendable {
    /// Some hundred kilobytes; directories beyond are listed in full.
    static let limit = 1 << 14
    /// In nanoseconds.
    private static let pause: Int64 = 10_000_000_000
    /// How many listings are dropped in one piece: what else is to be told does not wait for all.
    private static let piece = 256

    private let listed = Mutex<Set<NodeID>>([])
    private let isEmpty = Atomic<Bool>(true)
    /// Who looked up a file of such a directory last.
    private let looker = Atomic<Int32>(-1)
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
            guard wished == .names else {
                listed.remove(directory)
                return wished
            }
            guard listed.count < Self.limit || listed.contains(directory),
                SystemClock.monotonic() >= pausedUntil.load(ordering: .relaxed)
            else {
                listed.remove(directory)
                return .full
            }
            listed.insert(directory)
            return .names
        }
    }

    /// Whether the last listing of a directory is one by names.
    func contains(_ directory: NodeID) -> Bool {
        guard !isEmpty.load(ordering: .relaxed) else { return false }
        return listed.withLock { $0.contains(directory) }
    }

    /// Ends a listing during which names changed: the kernel is to drop it, for it may mix two
    /// listings that were taken at once, and show a name that ended between them.
    func endUnsteady(_ directory: NodeID) {
        guard contains(directory), let queue = queue.withLock(\.self) else { return }
        queue.offer { _ = try? $0.invalidateNode(directory) }
    }

    /// Notes that a process looked up a file of a directory.
    func noteLookup(in directory: NodeID, by pid: Int32) {
        guard contains(directory) else { return }
        // One file is opened by whoever knows its path; whoever looks at two may look at all.
        guard looker.exchange(pid, ordering: .relaxed) == pid else { return }
        let now = SystemClock.monotonic()
        pausedUntil.store(now + Self.pause, ordering: .relaxed)
        drop()
    }

    private func drop() {
        let dropped = listed.withLock { listed in
            defer {
                listed = []
                isEmpty.store(true, ordering: .relaxed)
            }
            return listed
        }
        guard let queue = queue.withLock(\.self) else { return }
        // As directories list what they have.
        let ordered = dropped.sorted { $0.rawValue < $1.rawValue }
        for start in stride(from: 0, to: ordered.count, by: Self.piece) {
            let piece = ordered[start..<min(start + Self.piece, ordered.count)]
            // Where the queue is full they stay, and cost who stats their files a lookup each.
            queue.offer { for directory in piece { _ = try? $0.invalidateNode(directory) } }
        }
    }
}

import FUSE
import Synchronization

/// Where the last listings ended.
///
/// The kernel learns that a directory has no more entries by asking once more, after the last one.
/// As long as nobody has committed anything since, the answer is known.
///
/// A lock of its own, held for some nanoseconds; of directories that share a slot the last is known.
final class ListingEnds: Sendable {
    private struct End: Equatable {
        var directory = NodeID(0)
        /// Of the last entry.
        var cookie: UInt64 = 0
        /// Of the catalog that the listing was read from.
        var generation: UInt64 = 0
    }

    private let slots = Mutex(InlineArray<64, End>(repeating: End()))

    /// Notes that nothing comes after an entry.
    func note(_ directory: NodeID, after cookie: UInt64, generation: UInt64) {
        let end = End(directory: directory, cookie: cookie, generation: generation)
        slots.withLock { $0[Self.slot(of: directory)] = end }
    }

    /// Whether it is known that nothing comes after an entry.
    func contains(_ directory: NodeID, after cookie: UInt64, generation: UInt64) -> Bool {
        let end = End(directory: directory, cookie: cookie, generation: generation)
        return slots.withLock { $0[Self.slot(of: directory)] } == end
    }

    private static func slot(of directory: NodeID) -> Int { Int(directory.rawValue % 64) }
}

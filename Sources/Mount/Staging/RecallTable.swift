import Catalog
import Model

/// Memories that lost a name a moment ago: a file that the same user creates there is the memory's
/// next revision.
///
/// A pure value. Bounded: above `capacity` the oldest one is forgotten, and its memory is then
/// like any other that was removed or renamed.
struct RecallTable: Sendable {
    static let capacity = 4096

    private struct Key: Hashable {
        var directory: NodeNumber
        var name: Name
    }

    /// A name that a memory lost.
    struct Loss {
        var memory: Int64
        /// Where the name was listed, and will be again; nil where what was renamed is there now.
        var position: ListingPosition?
        var uid: UInt32
        fileprivate var until: Moment
    }

    private var losses: [Key: Loss] = [:]
    /// In the order of their ends.
    private var order: [(key: Key, until: Moment)] = []
    private let time: Duration

    init(time: Duration) { self.time = time }

    mutating func note(
        _ memory: Int64,
        _ name: Name,
        in directory: NodeNumber,
        listedAt position: ListingPosition?,
        uid: UInt32,
        at now: Moment
    ) {
        expire(at: now)
        if order.count >= Self.capacity { forgetOldest() }
        let key = Key(directory: directory, name: name)
        losses[key] = Loss(memory: memory, position: position, uid: uid, until: now + time)
        order.append((key, now + time))
    }

    /// What a file created now by `uid` continues; it is given once.
    mutating func take(
        _ name: Name,
        in directory: NodeNumber,
        uid: UInt32,
        at now: Moment
    ) -> Loss? {
        guard !losses.isEmpty else { return nil }
        expire(at: now)
        let key = Key(directory: directory, name: name)
        guard let loss = losses[key], loss.uid == uid else { return nil }
        losses[key] = nil
        return loss
    }

    private mutating func expire(at now: Moment) {
        let end = order.firstIndex { $0.until > now } ?? order.endIndex
        for entry in order[..<end] { forget(entry) }
        order.removeSubrange(..<end)
    }

    private mutating func forgetOldest() {
        // A quarter at once: removing from the front costs what is left.
        let count = max(1, Self.capacity / 4)
        for entry in order.prefix(count) { forget(entry) }
        order.removeFirst(min(count, order.count))
    }

    private mutating func forget(_ entry: (key: Key, until: Moment)) {
        if losses[entry.key]?.until == entry.until { losses[entry.key] = nil }
    }
}

import Catalog
import Model
import Synchronization

/// The directories below `.loci/search` that the kernel knows: each the answer to one query, for
/// one user, at one moment.
///
/// A path through one looks it up again for each of its components, so the same directory is
/// answered as long as nothing was committed. Nobody finds what another user asked for: what is
/// shown depends on what the user may read.
final class SearchDirectories: Sendable {
    /// Who asked for what, when.
    struct Key: Hashable, Sendable {
        let query: [UInt8]
        let asker: Reader
        let change: ChangeNumber
    }

    /// The hits that one directory shows.
    static let hits = 50
    /// The directories that are kept: some 20 KiB each.
    ///
    /// An older one is given up; who has it open gets ESTALE, and another one at the next path.
    static let most = 64

    private struct State {
        var numbers: [Key: UInt64] = [:]
        /// How often the kernel was told of each: where a name led to another directory before, it
        /// forgets the new one once and asks again.
        var lookups: [UInt64: UInt64] = [:]
        /// The oldest first.
        var order: [Key] = []
    }

    private let state = Mutex(State())
    private let running = Atomic<Int>(0)

    /// Notes that a query is about to be answered; false where as many are as may be.
    func begin(limit: Int) -> Bool {
        if running.add(1, ordering: .relaxed).newValue <= limit { return true }
        end()
        return false
    }

    func end() { running.subtract(1, ordering: .relaxed) }

    var count: Int { state.withLock { $0.numbers.count } }

    /// The directory of a key, which the kernel is about to be told of.
    func find(_ key: Key) -> UInt64? {
        state.withLock { state in
            guard let number = state.numbers[key] else { return nil }
            state.lookups[number, default: 0] += 1
            return number
        }
    }

    /// Keeps a directory that the kernel is about to be told of; returns one that is given up for
    /// it.
    func add(_ number: UInt64, _ key: Key) -> UInt64? {
        state.withLock { state in
            state.lookups[number] = 1
            // Another thread answered the same query: who was told of that directory keeps it.
            guard state.numbers.updateValue(number, forKey: key) == nil else { return nil }
            state.order.append(key)
            guard state.order.count > Self.most else { return nil }
            let old = state.numbers.removeValue(forKey: state.order.removeFirst())
            if let old { state.lookups.removeValue(forKey: old) }
            return old
        }
    }

    /// Notes that the kernel forgot so many lookups of a node; true where it knows it no more.
    func forget(_ number: UInt64, count: UInt64) -> Bool {
        state.withLock { state in
            guard let known = state.lookups[number] else { return true }
            guard known <= count else {
                state.lookups[number] = known - count
                return false
            }
            state.lookups.removeValue(forKey: number)
            if let key = state.order.first(where: { state.numbers[$0] == number }) {
                state.numbers.removeValue(forKey: key)
                state.order.removeAll { $0 == key }
            }
            return true
        }
    }
}

/// Whose permissions count: a user and the groups of the process that asks.
struct Reader: Hashable, Sendable {
    let uid: UInt32
    let groups: [UInt32]

    /// Whether they may read a file, as the kernel decides it.
    func mayRead(mode: UInt32, uid owner: UInt32, gid: UInt32) -> Bool {
        if uid == 0 { return true }
        if uid == owner { return mode & 0o400 != 0 }
        return mode & (groups.contains(gid) ? 0o040 : 0o004) != 0
    }
}

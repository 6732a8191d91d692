import Catalog
import Linux
import Model
import Synchronization

/// Has the next file's bytes at hand when files are read one after the other as they were listed.
///
/// Between an answer and the next request a thread only looks for that one. `grep -r`, `tar` and
/// `cp -r` read small files in the order in which a listing named them, so meanwhile the thread
/// fetches what will be asked for. Bytes that are not in memory are left to the request; where in
/// the catalog they stand was read just before, as a rule, with the attributes.
///
/// For one walk at a time: several at once take each other's place, and get nothing from it.
final class ReadAhead: Sendable {
    /// What is larger takes longer to copy than to open.
    static let limit = 64 << 10
    /// Files of one listing that are remembered.
    private static let mostListed = 4096

    /// A file of a listing.
    struct Listed {
        let node: NodeNumber
        let position: ListingPosition
    }

    private struct State {
        /// The files of the directory that was listed last, in that order.
        var listed: [Listed] = []
        /// Where in `listed` those are that were saved over: listings show them by another number
        /// than their own.
        var saved: [NodeNumber: Int] = [:]
        /// Where in `listed` the last file was read.
        var last = -1
        /// What will be read next, and is not at hand.
        var wanted: NodeNumber?
        /// Whose bytes are at hand, and as of which commit.
        var node = NodeNumber(0)
        var generation: UInt64 = 0
        /// `limit` of them, but for a moment; `count` are the file's.
        var bytes: [UInt8] = []
        var count = 0
        /// Whether anything was read since the last `rest`.
        var isUsed = false
    }

    private let state = Mutex(State())

    // MARK: Noticing

    /// Notes a piece of a listing: its files, by rising position.
    ///
    /// `isFirst`: where a listing begins.
    func noteListed(_ files: [Listed], isFirst: Bool) {
        state.withLock { state in
            if isFirst {
                state.listed.removeAll(keepingCapacity: true)
                state.saved.removeAll(keepingCapacity: true)
                (state.last, state.wanted) = (-1, nil)
            }
            // Some come again, and a piece of another listing is of no use.
            let last = state.listed.last?.position ?? .start
            let room = Self.mostListed - state.listed.count
            for file in files.drop(while: { $0.position <= last }).prefix(room) {
                if file.position != ListingPosition(file.node) {
                    state.saved[file.node] = state.listed.count
                }
                state.listed.append(file)
            }
        }
    }

    /// Notes that a file was read from its start.
    func noteRead(_ node: NodeNumber) {
        state.withLock { state in
            (state.wanted, state.isUsed) = (nil, true)
            let next = state.last + 1
            guard next < state.listed.count, state.listed[next].node == node else {
                state.last = state.saved[node] ?? Self.index(of: node, in: state.listed) ?? -1
                return
            }
            state.last = next
            if next + 1 < state.listed.count { state.wanted = state.listed[next + 1].node }
        }
    }

    /// What will be read next, if somebody is to fetch it.
    func takeWanted() -> NodeNumber? {
        state.withLock { state in
            defer { state.wanted = nil }
            return state.wanted
        }
    }

    /// Where a file is that is listed by its own number.
    private static func index(of node: NodeNumber, in listed: [Listed]) -> Int? {
        let wanted = ListingPosition(node)
        var (low, high) = (0, listed.count)
        while low < high {
            let middle = (low + high) / 2
            if listed[middle].position < wanted { low = middle + 1 } else { high = middle }
        }
        return low < listed.count && listed[low].node == node ? low : nil
    }

    // MARK: Bytes

    /// Fetches a small file's bytes, those that the commit `generation` shows.
    func fetch(_ node: NodeNumber, from file: borrowing File, size: Int, generation: UInt64) {
        guard size <= Self.limit else { return }
        state.withLock { state in
            (state.node, state.count) = (NodeNumber(0), 0)
            if state.bytes.isEmpty { state.bytes = [UInt8](repeating: 0, count: Self.limit) }
            let isRead = unsafe state.bytes.withUnsafeMutableBytes { buffer in
                unsafe File.readCached(
                    file.descriptor,
                    into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<size])
                )
            }
            guard isRead else { return }
            (state.node, state.generation, state.count) = (node, generation, size)
        }
    }

    /// The whole content of a file, the first bytes of an array, if it was fetched and `generation`
    /// is still the newest commit.
    ///
    /// The array is to be given back.
    func take(_ node: NodeNumber, generation: UInt64) -> (bytes: [UInt8], count: Int)? {
        state.withLock { state in
            guard node == state.node, generation == state.generation else { return nil }
            state.node = NodeNumber(0)
            var bytes: [UInt8] = []
            swap(&bytes, &state.bytes)
            return (bytes, state.count)
        }
    }

    func giveBack(_ bytes: consuming [UInt8]) {
        state.withLock { state in
            if state.bytes.isEmpty { state.bytes = bytes }
        }
    }

    /// Lets go of all memory where nothing was read since the last call.
    ///
    /// For one caller, now and then: a request thread that is idle knows nothing of the others.
    func rest() {
        state.withLock { state in
            if !state.isUsed { state = State() }
            state.isUsed = false
        }
    }
}

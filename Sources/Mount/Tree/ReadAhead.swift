import Linux
import Model

/// Has the next file's bytes at hand when files are read one after the other as they were listed.
///
/// Between an answer and the next request a thread only looks for that one. `grep -r`, `tar` and
/// `cp -r` read small files in the order in which a listing named them, so meanwhile the thread
/// fetches what will be asked for, where that waits for no disk.
///
/// For one request thread; whoever is served by several threads in turn gets nothing from it.
final class ReadAhead {
    /// What is larger takes longer to copy than to open.
    static let limit = 64 << 10
    /// Files of one listing that are remembered.
    private static let mostListed = 4096

    /// The files of the directory that was listed last, rising.
    private var listed: [NodeNumber] = []
    /// Where in `listed` the last file was read.
    private var position = -1
    /// What will be read next, and is not at hand.
    private(set) var wanted: NodeNumber?

    private var node = NodeNumber(0)
    private var generation: UInt64 = 0
    /// `limit` of them once there were any.
    private(set) var bytes: [UInt8] = []
    private var count = 0

    // MARK: Noticing

    func beginListing() {
        listed.removeAll(keepingCapacity: true)
        (position, wanted) = (-1, nil)
    }

    /// Notes a file of the listing; they come by rising number, and one that did not fit twice.
    func noteListed(_ node: NodeNumber) {
        if listed.count < Self.mostListed, listed.last != node { listed.append(node) }
    }

    /// Notes that a file was read from its start.
    func noteRead(_ node: NodeNumber) {
        wanted = nil
        let next = position + 1
        guard next < listed.count, listed[next] == node else {
            position = index(of: node) ?? -1
            return
        }
        position = next
        if next + 1 < listed.count { wanted = listed[next + 1] }
    }

    private func index(of node: NodeNumber) -> Int? {
        var (low, high) = (0, listed.count)
        while low < high {
            let middle = (low + high) / 2
            if listed[middle] < node { low = middle + 1 } else { high = middle }
        }
        return low < listed.count && listed[low] == node ? low : nil
    }

    // MARK: Bytes

    /// Fetches a small file's bytes, those that the commit `generation` shows.
    func fetch(_ node: NodeNumber, from file: borrowing File, size: Int, generation: UInt64) {
        drop()
        guard size <= Self.limit else { return }
        if bytes.isEmpty { bytes = [UInt8](repeating: 0, count: Self.limit) }
        let isRead = unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe File.readCached(
                file.descriptor,
                into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<size])
            )
        }
        if isRead { (self.node, self.generation, count) = (node, generation, size) }
    }

    /// How many of `bytes` are the whole content of a file, if that was fetched and `generation` is
    /// still the newest commit.
    func size(of node: NodeNumber, generation: UInt64) -> Int? {
        node == self.node && generation == self.generation ? count : nil
    }

    /// Forgets what was wanted, for it was tried.
    func settle() { wanted = nil }

    private func drop() { (node, count) = (NodeNumber(0), 0) }

    /// Lets go of all memory.
    func rest() {
        drop()
        bytes = []
        listed = []
        (position, wanted) = (-1, nil)
    }
}

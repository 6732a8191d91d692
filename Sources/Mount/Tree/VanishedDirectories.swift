import Catalog
import FUSE
import Linux
import Model
import Synchronization

/// Directories of unlisted layouts that ended because somebody removed the last name in them.
///
/// Such a directory lives while it holds something. But who empties a directory to remove it, as
/// `rm -r` does, removes it next and takes ENOENT for a failure: so for a moment it is an empty
/// directory still, for that process alone.
final class VanishedDirectories: Sendable {
    private struct Key: Hashable {
        let parent: NodeNumber
        let name: Name
        let pid: Int32
    }

    private struct Vanished {
        let node: Node
        /// On the monotonic clock, in nanoseconds.
        let until: Int64
    }

    private static let moment: Int64 = 2_000_000_000
    /// Beyond it the oldest promise is not kept: ENOENT is the truth.
    private static let capacity = 1024

    private let state = Mutex<[Key: Vanished]>([:])

    func note(_ node: Node, _ name: Name, in parent: NodeNumber, by pid: Int32) {
        let now = SystemClock.monotonic()
        state.withLock { state in
            if state.count >= Self.capacity { state = state.filter { $0.value.until > now } }
            guard state.count < Self.capacity else { return }
            state[Key(parent: parent, name: name, pid: pid)] =
                Vanished(node: node, until: now + Self.moment)
        }
    }

    /// The directory that `pid` emptied a moment ago; nil for all others.
    func find(_ name: Name, in parent: NodeNumber, by pid: Int32) -> Node? {
        state.withLock { state in
            guard !state.isEmpty, let found = state[Key(parent: parent, name: name, pid: pid)],
                found.until > SystemClock.monotonic()
            else { return nil }
            return found.node
        }
    }

    /// The directory of that number, for whoever has it open.
    func node(_ number: NodeNumber) -> Node? {
        let now = SystemClock.monotonic()
        return state.withLock { state in
            state.values.first { $0.node.number == number && $0.until > now }?.node
        }
    }

    /// Removes it; returns whether it was there.
    func remove(_ name: Name, in parent: NodeNumber, by pid: Int32) -> Bool {
        guard find(name, in: parent, by: pid) != nil else { return false }
        state.withLock { _ = $0.removeValue(forKey: Key(parent: parent, name: name, pid: pid)) }
        return true
    }
}

extension LociFileSystem {
    /// A directory and its name, before something in it is removed.
    struct Perishable {
        let entry: CatalogEntry
        let node: Node
    }

    /// The directories that end with the last name in the one of `place`: it and those above it
    /// that only unlisted layouts have, from the innermost on.
    ///
    /// `reader`: the transaction's that removes the name. Another one may not know yet that a
    /// cut-over made a layout one that is not listed.
    func perishable(_ place: Place, _ reader: CatalogReader) throws -> [Perishable] {
        guard let directory = try directory(place, reader), directory.view == .main else {
            return []
        }
        let table = directory.table
        var found: [Perishable] = []
        var current = directory.number
        while current != directory.mainRoot,
            !table.liveLayouts.contains(where: { $0.root == current }),
            let entry = try reader.entries(of: current, layouts: table.resolvable).first,
            !entry.layouts.contains(table.listed.bit), !entry.layouts.contains(.foreign),
            let node = try reader.node(current)
        {
            found.append(Perishable(entry: entry, node: node))
            current = entry.directory
        }
        return found
    }

    /// Notes those that did end.
    func noteVanished(
        _ directories: [Perishable],
        _ caller: Caller,
        _ thread: ThreadReader
    ) throws {
        guard !directories.isEmpty, let pid = caller.origin.pid else { return }
        let reader = try thread.current()
        let occupied = try reader.layouts().occupied
        for directory in directories {
            let (entry, parent) = (directory.entry, directory.entry.directory)
            let isThere = try reader.entry(in: parent, named: entry.name, layouts: occupied) != nil
            if isThere { return }
            vanished.note(directory.node, entry.name, in: parent, by: pid)
        }
    }

    /// What such a directory looks like to who has it open; nil where it is none.
    func vanishedAppearance(of id: NodeID) throws -> Attributes? {
        guard case .node(let number) = Place(id), let node = vanished.node(number) else {
            return nil
        }
        return try appearance(of: node, id: id)
    }

    /// What a lookup of a directory answers to who emptied it a moment ago.
    func vanishedEntry(
        _ name: Name,
        in place: Place,
        _ pid: Int32,
        _ thread: ThreadReader
    ) throws -> KernelEntry? {
        guard let parent = try number(place, thread.current()),
            let node = vanished.find(name, in: parent, by: pid)
        else { return nil }
        return KernelEntry(
            try appearance(of: node, id: Place.node(node.number).id),
            nameTimeout: .none,
            attributeTimeout: .none
        )
    }
}

import Catalog
import Model
import Synchronization

/// The trash as a tree: each memory at the path that restoring would give it in the mount's layout.
///
/// Kept between requests and brought up to date by the change log: a look costs the changes since
/// the last one, not the trash. Of several memories of one path the one that was deleted last has
/// the name; others show as `name~id`.
final class TrashTree: Sendable {
    /// What a name in the trash is.
    enum Item: Hashable, Sendable {
        case directory(UInt64)
        case memory(Int64, node: NodeNumber)

        /// Orders a listing; directories' numbers and nodes' never meet.
        var number: UInt64 {
            switch self {
            case .directory(let number): number
            case .memory(_, let node): node.rawValue
            }
        }
    }

    private struct Trashed: Hashable {
        let row: Int64
        let id: MemoryID
        let name: Name
        let node: NodeNumber
        let deleted: ChangeNumber
    }

    private struct Shown {
        /// By rising number.
        let list: [(name: Name, item: Item)]
        let names: [Name: Item]
    }

    private struct Directory {
        let path: NamePath
        let parent: UInt64
        /// By what they were called; those of one name by when they were deleted, the last first.
        var memories: [Name: [Trashed]] = [:]
        var directories: [Name: UInt64] = [:]
        /// All that it shows, until something changes.
        var shown: Shown?

        var isEmpty: Bool { memories.isEmpty && directories.isEmpty }
    }

    private struct State {
        var layout: LayoutNumber?
        var seen = ChangeNumber(-1)
        var directories: [UInt64: Directory] = [:]
        var places: [Int64: (directory: UInt64, name: Name)] = [:]
        /// When something last changed.
        var modified = Timestamp(nanoseconds: 0)
    }

    /// The number of the trash itself; below 2⁴⁷ are nodes, from there on directories of the trash.
    static let root: UInt64 = 1 << 47
    /// Beyond so many changes it is read anew.
    private static let followed = 4096

    private let state = Mutex(State())
    /// What a mount of a subdirectory does not show.
    private let prefix: [Name]

    init(below prefix: [Name]) { self.prefix = prefix }

    // MARK: Looking

    /// What a name in a directory is; nil where there is none, or no directory of that number.
    func find(
        _ name: Name,
        in directory: UInt64,
        _ layout: Layout,
        _ reader: CatalogReader
    ) throws -> Item? {
        try state.withLock { state in
            try update(&state, layout, reader)
            return Self.shown(in: directory, &state)?.names[name]
        }
    }

    /// What a directory shows above a number, by rising number; nil where there is none.
    func list(
        _ directory: UInt64,
        after number: UInt64,
        limit: Int,
        _ layout: Layout,
        _ reader: CatalogReader
    ) throws -> ArraySlice<(name: Name, item: Item)>? {
        try state.withLock { state in
            try update(&state, layout, reader)
            guard let all = Self.shown(in: directory, &state)?.list else { return nil }
            var low = 0
            var high = all.count
            while low < high {
                let middle = (low + high) / 2
                if all[middle].item.number <= number { low = middle + 1 } else { high = middle }
            }
            return all[low..<min(all.count, low + limit)]
        }
    }

    /// When anything in the trash last changed; nil where there is no such directory.
    func modified(
        _ directory: UInt64,
        _ layout: Layout,
        _ reader: CatalogReader
    ) throws -> Timestamp? {
        try state.withLock { state in
            try update(&state, layout, reader)
            return state.directories[directory] == nil ? nil : state.modified
        }
    }

    private static func shown(
        in number: UInt64,
        _ state: inout State
    ) -> Shown? {
        guard let directory = state.directories[number] else { return nil }
        if let shown = directory.shown { return shown }
        var list: [(name: Name, item: Item)] = directory.directories.map {
            ($0.key, .directory($0.value))
        }
        for (name, memories) in directory.memories {
            for (index, memory) in memories.enumerated() {
                let isPlain = index == 0 && directory.directories[name] == nil
                let item = Item.memory(memory.row, node: memory.node)
                list.append((isPlain ? name : name.withID(memory.id), item))
            }
        }
        list.sort { $0.item.number < $1.item.number }
        let shown = Shown(
            list: list,
            names: Dictionary(list.map { ($0.name, $0.item) }) { first, _ in first }
        )
        state.directories[number]?.shown = shown
        return shown
    }

    // MARK: Following

    private func update(
        _ state: inout State,
        _ layout: Layout,
        _ reader: CatalogReader
    ) throws {
        let last = try reader.lastChange()
        // A thread whose reader is older than what is known takes what is known.
        guard state.layout != layout.number || last > state.seen else { return }
        if state.layout == layout.number {
            let changes = try reader.changes(after: state.seen, limit: Self.followed)
            // Where retention has cut the log in between, they do not tell all.
            let isWhole = changes.first?.number.rawValue == state.seen.rawValue + 1
            if isWhole, changes.count < Self.followed {
                for change in changes {
                    guard let row = change.memory else { continue }
                    if try follow(row, &state, layout, reader) { state.modified = change.time }
                }
                state.seen = last
                return
            }
        }
        try readAll(&state, layout, reader)
        state.seen = last
    }

    private func readAll(
        _ state: inout State,
        _ layout: Layout,
        _ reader: CatalogReader
    ) throws {
        state = State(layout: layout.number)
        state.directories[Self.root] = Directory(path: NamePath(), parent: Self.root)
        var cursor: Int64 = 0
        while true {
            let page = try reader.memories(after: cursor, limit: 512, trashed: true)
            guard let last = page.last else { break }
            for memory in page { try insert(memory, &state, layout, reader) }
            cursor = last.row
        }
        state.modified =
            try reader.changes(
                after: ChangeNumber(reader.lastChange().rawValue - 1),
                limit: 1
            ).first?.time ?? state.modified
    }

    /// Takes in what a change did to a memory; returns whether the tree changed.
    private func follow(
        _ row: Int64,
        _ state: inout State,
        _ layout: Layout,
        _ reader: CatalogReader
    ) throws -> Bool {
        let wasThere = remove(row, &state)
        guard let memory = try reader.memory(row: row), memory.trashed != nil else {
            return wasThere
        }
        try insert(memory, &state, layout, reader)
        return true
    }

    private func insert(
        _ memory: MemoryRow,
        _ state: inout State,
        _ layout: Layout,
        _ reader: CatalogReader
    ) throws {
        let names = try layout.scheme.render(try reader.fields(of: memory))
        guard let deleted = memory.trashed, names.starts(with: prefix) else { return }
        var current = Self.root
        for name in names.dropFirst(prefix.count) {
            current = Self.ensure(name, in: current, &state)
        }
        let trashed = Trashed(
            row: memory.row,
            id: memory.id,
            name: memory.name,
            node: memory.node,
            deleted: deleted
        )
        var same = state.directories[current]?.memories[memory.name] ?? []
        same.insert(trashed, at: same.firstIndex { $0.deleted < deleted } ?? same.endIndex)
        state.directories[current]?.memories[memory.name] = same
        state.directories[current]?.shown = nil
        state.places[memory.row] = (current, memory.name)
    }

    private static func ensure(
        _ name: Name,
        in parent: UInt64,
        _ state: inout State
    ) -> UInt64 {
        if let known = state.directories[parent]?.directories[name] { return known }
        let path = (state.directories[parent]?.path ?? NamePath()).appending(name)
        var number = root | hash(path)
        // The same after a daemon's end, but where two paths meet in one hash.
        while state.directories[number] != nil { number = root | (number + 1) & (root - 1) }
        state.directories[number] = Directory(path: path, parent: parent)
        state.directories[parent]?.directories[name] = number
        state.directories[parent]?.shown = nil
        return number
    }

    /// FNV-1a, folded to 47 bits.
    private static func hash(_ path: NamePath) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in path.bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return (hash ^ hash >> 47) & (root - 1)
    }

    private func remove(_ row: Int64, _ state: inout State) -> Bool {
        guard let place = state.places.removeValue(forKey: row) else { return false }
        var same = state.directories[place.directory]?.memories[place.name] ?? []
        same.removeAll { $0.row == row }
        state.directories[place.directory]?.memories[place.name] = same.isEmpty ? nil : same
        state.directories[place.directory]?.shown = nil
        var current = place.directory
        while current != Self.root, let directory = state.directories[current],
            directory.isEmpty, let name = directory.path.last
        {
            state.directories[current] = nil
            state.directories[directory.parent]?.directories[name] = nil
            state.directories[directory.parent]?.shown = nil
            current = directory.parent
        }
        return true
    }
}

extension Name {
    /// `name~id`, the name cut so that it fits.
    fileprivate func withID(_ id: MemoryID) -> Name {
        let suffix = [ASCII.tilde] + id.text
        return Name(unchecked: Array(bytes.prefix(Self.maximumLength - suffix.count)) + suffix)
    }
}

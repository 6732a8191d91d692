import Catalog
import FUSE
import Glibc
import Loci
import Model

// What a name leads to that is to be renamed, or renamed over.
extension LociFileSystem {
    /// What a name leads to.
    enum Found {
        case unborn(Unborn)
        case memory(CatalogEntry, MemoryRow)
        case foreign(CatalogEntry, Node)
        case directory(CatalogEntry, Node)

        var isDirectory: Bool {
            switch self {
            case .directory: true
            case .foreign(_, let node): node.mode & S_IFMT == S_IFDIR
            case .unborn, .memory: false
            }
        }

        var node: NodeNumber {
            switch self {
            case .unborn(let unborn): unborn.node
            case .memory(let entry, _), .foreign(let entry, _), .directory(let entry, _):
                entry.node
            }
        }

        /// What it is once it has no name, from now on.
        func kind(now: Timestamp) -> UnlinkedNodes.Kind {
            switch self {
            case .unborn, .memory: .file(since: now.nanoseconds)
            case .foreign: .foreign
            case .directory(_, let node): .directory(node)
            }
        }

        var entry: CatalogEntry? {
            switch self {
            case .unborn: nil
            case .memory(let entry, _), .foreign(let entry, _), .directory(let entry, _):
                entry
            }
        }
    }

    /// What a name leads to; a file that was saved over a memory is committed first, and is that
    /// memory then.
    func found(
        _ name: Name,
        in directory: Directory,
        _ thread: ThreadReader
    ) throws -> Found? {
        if let unborn = staging.lookup(name, in: directory.number) {
            guard unborn.replaces != nil else { return .unborn(unborn) }
            try staging.commitReplacing(unborn.node)
        }
        let reader = try thread.current()
        guard
            let entry = try reader.entry(
                in: directory.number,
                named: name,
                layouts: directory.resolvable
            ),
            let node = try reader.node(entry.node)
        else { return nil }
        switch node.kind {
        case .directory: return .directory(entry, node)
        case .foreign: return .foreign(entry, node)
        case .memory:
            guard let row = node.memory, let memory = try reader.memory(row: row) else {
                throw Self.goneNode
            }
            return .memory(entry, memory)
        }
    }
}

import Catalog
public import Model
import SQL

extension Tenant {
    /// The names in a directory of the listed layout, or in one that only other live layouts have,
    /// by their bytes.
    ///
    /// Throws `notFound`, `notADirectory`.
    public func entries(of path: NamePath) throws(LociError) -> [DirectoryEntry] {
        try read { reader in
            let directory = try self.directory(path, reader)
            var found: [DirectoryEntry] = []
            let layouts = directory.layout.bit.union(.foreign)
            try reader.list(directory.node, layouts: layouts) {
                entry,
                node in
                let kind: DirectoryEntry.Kind =
                    switch node.kind {
                    case .directory: .directory
                    case .memory: .memory
                    case .foreign: .foreign
                    }
                found.append(
                    DirectoryEntry(
                        name: entry.name,
                        kind: kind,
                        size: kind == .directory ? 0 : node.size,
                        modified: Timestamp(nanoseconds: node.mtime),
                        memory: try node.memory.flatMap { try reader.id(ofMemory: $0) }
                    )
                )
                return true
            }
            return found.sorted { $0.name < $1.name }
        }
    }

    /// Memories below a directory, by the order in which they were added.
    ///
    /// `path`: a directory of any live layout; the root for all memories.
    /// `cursor`: where the last page ended.
    /// `limit`: the most memories of a page.
    ///
    /// Throws `notFound`, `notADirectory`.
    ///
    /// Complexity: at the root, a page costs what it holds; below it, a walk of the directory.
    public func list(
        under path: NamePath = NamePath(),
        after cursor: ListCursor? = nil,
        limit: Int = 1000
    ) throws(LociError) -> MemoryPage {
        try read { reader in
            let after = cursor?.row ?? 0
            if path.isRoot {
                return try self.page(
                    try reader.memories(after: after, limit: limit + 1),
                    limit,
                    reader
                )
            }
            let directory = try self.directory(path, reader)
            let rows = try self.memories(below: directory, reader).filter { $0 > after }.sorted()
            return try self.page(
                try rows.prefix(limit + 1).compactMap { try reader.memory(row: $0) },
                limit,
                reader
            )
        }
    }

    /// Memories in the trash, by the order in which they were added.
    public func listTrash(
        after cursor: ListCursor? = nil,
        limit: Int = 1000
    ) throws(LociError) -> MemoryPage {
        try read { reader in
            try self.page(
                try reader.memories(after: cursor?.row ?? 0, limit: limit + 1, trashed: true),
                limit,
                reader
            )
        }
    }

    private func page(
        _ rows: [MemoryRow],
        _ limit: Int,
        _ reader: CatalogReader
    ) throws -> MemoryPage {
        let kept = rows.prefix(limit)
        return MemoryPage(
            memories: try kept.map { try self.value(of: $0, reader) },
            next: rows.count > limit ? kept.last.map { ListCursor(row: $0.row) } : nil
        )
    }

    // MARK: Directories

    /// A directory, and the layout by which it is listed.
    struct Directory {
        let node: NodeNumber
        let layout: Layout
        /// nil for the root.
        let entry: Entry?
    }

    func directory(_ path: NamePath, _ reader: CatalogReader) throws -> Directory {
        let table = try reader.layouts()
        if path.isRoot {
            return Directory(node: table.listed.root, layout: table.listed, entry: nil)
        }
        guard
            let entry = try reader.resolve(
                path.names,
                from: table.listed.root,
                layouts: table.resolvable
            )
        else {
            throw LociError(
                .notFound,
                subject: path.description,
                message: "There is no directory \"/\(path)\".",
                remedy: "See what there is with: loci ls"
            )
        }
        guard try reader.node(entry.node)?.kind == .directory,
            let layout = table.layout(forDirectoryIn: entry.layouts, preferring: table.listed)
        else {
            throw LociError(
                .notADirectory,
                subject: path.description,
                message: "\"/\(path)\" is not a directory.",
                remedy: "Give the path of a directory."
            )
        }
        return Directory(node: entry.node, layout: layout, entry: entry)
    }

    /// The rows of all memories beneath a directory.
    func memories(below directory: Directory, _ reader: CatalogReader) throws -> [Int64] {
        var rows: [Int64] = []
        var pending = [directory.node]
        while let next = pending.popLast() {
            try reader.list(next, layouts: directory.layout.bit) { _, node in
                if node.kind == .directory { pending.append(node.number) }
                if node.kind == .memory, let row = node.memory { rows.append(row) }
                return true
            }
        }
        return rows
    }
}

import Catalog
package import Linux
package import Model
import SQL

/// One thing that a layout shows, as a walk meets it.
package struct TreeItem: Sendable {
    package enum Kind: Hashable, Sendable {
        /// A directory of the layout.
        case directory
        case memory
        case foreignDirectory
        case foreignFile
        case foreignLink
    }

    package let path: NamePath
    package let kind: Kind
    package let permissions: UInt32
    /// Nanoseconds since 1970.
    package let modified: Int64
    /// Bytes.
    package let size: Int64
    /// The memory, where it is one.
    package let memory: MemoryID?
    package let attributes: [String: String]
    package let created: Timestamp?
    /// The SHA-256 of a memory's content.
    package let hash: ContentHash?
    let node: NodeNumber
    /// The revision, where it is one of the past.
    var past: (memory: Int64, number: RevisionNumber)?
}

/// Walks the tree of one layout, and looks paths up in it, on one connection.
///
/// Reads are short and each sees the newest state: a walk keeps no transaction open, so that it
/// neither starves checkpoints nor asks for contents that were moved meanwhile. What is added or
/// removed during a walk may be met or not; anything else is met once. One thread at a time.
package final class TreeReader {
    private let tenant: Tenant
    private let reader: CatalogReader

    package init(_ tenant: Tenant) throws(LociError) {
        self.tenant = tenant
        reader = try tenant.catalog.makeReader()
    }

    /// Hands over everything that a layout shows, a directory before what it holds.
    ///
    /// `number`: The layout; nil for the listed one.
    /// `body`: Throwing ends the walk.
    package func walk(
        _ number: LayoutNumber?,
        _ body: (TreeItem) throws -> Void
    ) throws {
        let table = try reader.layouts()
        guard let layout = number.map({ table[$0] }) ?? table.listed, layout.isLive else {
            throw LociError(
                .notFound,
                subject: "layout",
                message: "There is no live layout of that number.",
                remedy: "List them with:  loci layout list"
            )
        }
        var pending: [(node: NodeNumber, path: NamePath)] = [(layout.root, NamePath())]
        while let (directory, path) = pending.popLast() {
            for (entry, node) in try children(of: directory, layout) {
                let item = try item(entry, node, path.appending(entry.name))
                try body(item)
                if item.kind == .directory || item.kind == .foreignDirectory {
                    pending.append((node.number, item.path))
                }
            }
        }
    }

    /// Hands over everything that the listed layout showed at a moment, a directory before what it
    /// holds; what tools keep has no past.
    ///
    /// `path`: only what was below that directory.
    ///
    /// Throws what `Tenant.entries(of:when:)` throws.
    package func walk(
        at moment: PastMoment,
        under path: NamePath = NamePath(),
        _ body: (TreeItem) throws -> Void
    ) throws {
        let tree = try tenant.tree(at: moment, reader)
        let root = try tenant.directory(path, in: tree, moment, reader)
        var pending: [(node: NodeNumber, path: NamePath)] = [(root, path)]
        while let (directory, path) = pending.popLast() {
            var entries: [PastEntry] = []
            try reader.list(directory, of: tree) { entry in
                entries.append(entry)
                return true
            }
            for entry in entries.sorted(by: { $0.name < $1.name }) {
                guard let item = try item(entry, path.appending(entry.name), tree) else { continue }
                try body(item)
                if item.kind == .directory { pending.append((entry.node, item.path)) }
            }
        }
        // What ended meanwhile was passed over without a word.
        try reader.requireStill(tree.number, moment)
    }

    /// What a name of the past was; nil for a memory that was purged since.
    private func item(
        _ entry: PastEntry,
        _ path: NamePath,
        _ tree: PastTree
    ) throws -> TreeItem? {
        guard let row = entry.memory else {
            return TreeItem(
                path: path,
                kind: .directory,
                permissions: 0o755,
                modified: 0,
                size: 0,
                memory: nil,
                attributes: [:],
                created: nil,
                hash: nil,
                node: entry.node
            )
        }
        guard let file = try reader.revisionFile(of: row, at: tree.number),
            let memory = try reader.memory(row: row)
        else { return nil }
        return TreeItem(
            path: path,
            kind: .memory,
            permissions: file.mode & 0o7777,
            modified: file.mtime,
            size: file.size,
            memory: memory.id,
            attributes: try reader.past(of: memory, at: tree.number)?.attributes ?? [:],
            created: memory.created,
            hash: file.hash,
            node: entry.node,
            past: (row, file.number)
        )
    }

    private func children(
        of directory: NodeNumber,
        _ layout: Layout
    ) throws -> [(Entry, Node)] {
        var children: [(Entry, Node)] = []
        let set = layout.bit.union(.foreign)
        try reader.list(directory, layouts: set) { entry, node in
            children.append((entry, node))
            return true
        }
        return children.sorted { $0.0.name < $1.0.name }
    }

    private func item(_ entry: Entry, _ node: Node, _ path: NamePath) throws -> TreeItem {
        var memory: MemoryRow?
        if let row = node.memory { memory = try reader.memory(row: row) }
        let attributes = try memory.map { try reader.attributes(of: $0.row) } ?? [:]
        return TreeItem(
            path: path,
            kind: kind(node),
            permissions: node.mode & 0o7777,
            modified: node.mtime,
            size: node.size,
            memory: memory?.id,
            attributes: attributes,
            created: memory?.created,
            hash: memory == nil ? nil : try reader.revision(shownBy: node.number)?.hash,
            node: node.number
        )
    }

    private func kind(_ node: Node) -> TreeItem.Kind {
        switch node.kind {
        case .directory: .directory
        case .memory: .memory
        case .foreign:
            switch node.mode & 0o170000 {
            case 0o040000: .foreignDirectory
            case 0o120000: .foreignLink
            default: .foreignFile
            }
        }
    }

    /// The bytes of a memory, a foreign file, or where a foreign link leads.
    package func open(_ item: TreeItem) throws(LociError) -> File {
        if let past = item.past {
            return try tenant.openBlob(of: past.memory, revision: past.number, reader: reader)
        }
        if item.kind == .memory { return try tenant.openBlob(shownBy: item.node, reader: reader) }
        let kept = try tenant.foreignDirectory()
        do throws(Errno) {
            return try kept.openBeneath("\(item.node)")
        } catch {
            throw LociError(errno: error, subject: item.path.description)
        }
    }

    /// What is known of the memory at a path of the listed layout; nil where there is none.
    package func known(
        at path: NamePath
    ) throws(LociError) -> (id: MemoryID, size: Int64, hash: ContentHash)? {
        do {
            let listed = try reader.layouts().listed
            guard
                let entry = try reader.resolve(
                    path.names,
                    from: listed.root,
                    layouts: listed.bit
                ),
                let row = try reader.node(entry.node)?.memory,
                let memory = try reader.memory(row: row),
                let revision = try reader.revision(shownBy: entry.node)
            else { return nil }
            return (memory.id, revision.size, revision.hash)
        } catch {
            throw LociError(catalogError: error, subject: path.description)
        }
    }
}

package import Model
package import SQL

// What tools keep beside memories outlives the directories it was in. When a layout ends, foreign
// entries in directories that only it has move to a tree of their own, under the same path:
// `.loci/foreign/` shows that tree.

extension CatalogReader {
    /// The root of the tree that `.loci/foreign/` shows; nil while nothing was ever moved there.
    package func foreignRoot() throws(SQLError) -> NodeNumber? {
        try setting(Setting.foreignRoot).map { NodeNumber(UInt64($0)) }
    }
}

extension CatalogTransaction {
    /// Moves foreign entries out of directories that only `layout` has, before it ends.
    ///
    /// Complexity: reads the foreign entries, however many memories there are.
    ///
    /// Returns how many entries moved; what is beneath a foreign directory moves with it.
    @discardableResult
    package func rescueForeign(ending layout: Layout) throws -> Int {
        let table = try reader.layouts()
        let others = table.occupied.subtracting(layout.bit).subtracting(.foreign)
        var moved = 0
        for directory in try reader.directoriesWithForeignEntries()
        where try isLost(directory, without: layout, others: others) {
            guard let path = try reader.path(ofDirectory: directory) else { continue }
            let since = try record(
                .rename,
                directory: directory,
                detail: JSON.object([.init("foreign", .string("rescued"))]).text()
            )
            let refuge = try refuge(for: path.names, since: since)
            for entry in try foreignEntries(of: directory) {
                try removeRow(entry, layouts: entry.layouts, until: since)
                try linkForeign(entry, in: refuge, since: since)
                moved += 1
            }
        }
        return moved
    }

    /// Whether only the layout that ends has the directory.
    ///
    /// A foreign directory goes with the entry that holds it.
    private func isLost(
        _ directory: NodeNumber,
        without layout: Layout,
        others: LayoutSet
    ) throws -> Bool {
        let table = try reader.layouts()
        if directory == layout.root {
            return !table.served.contains {
                $0.number != layout.number && $0.root == directory
            }
        }
        guard try reader.node(directory)?.kind == .directory else { return false }
        return try reader.entries(of: directory, layouts: layout.bit)
            .contains { $0.layouts.isDisjoint(with: others) }
    }

    private func foreignEntries(of directory: NodeNumber) throws -> [Entry] {
        var entries: [Entry] = []
        try reader.list(directory, layouts: .foreign) { entry, _ in
            entries.append(entry)
            return true
        }
        return entries
    }

    /// The directory of the foreign tree at a path, made where it is missing.
    private func refuge(for path: [Name], since: ChangeNumber) throws -> NodeNumber {
        var current = try foreignTree()
        for name in path {
            let existing = try reader.entry(in: current, named: name, layouts: .foreign)
            if let existing, try reader.node(existing.node)?.isForeignDirectory == true {
                current = existing.node
                continue
            }
            let made = try makeForeignDirectory()
            try linkForeign(
                Entry(
                    directory: current,
                    name: name,
                    node: made,
                    layouts: .foreign,
                    since: since,
                    position: ListingPosition(made)
                ),
                in: current,
                since: since
            )
            current = made
        }
        return current
    }

    private func foreignTree() throws -> NodeNumber {
        if let root = try reader.foreignRoot() { return root }
        let root = try makeForeignDirectory()
        try setSetting(Setting.foreignRoot, .integer(Int64(root.rawValue)))
        return root
    }

    private func makeForeignDirectory() throws(SQLError) -> NodeNumber {
        let number = newNodeNumber()
        try insert(
            Node(
                number: number,
                kind: .foreign,
                mode: 0o040755,
                uid: 0,
                gid: 0,
                mtime: now.nanoseconds,
                ctime: now.nanoseconds
            )
        )
        return number
    }

    /// Links under the name it had, or with a number behind it where an earlier refugee has that.
    private func linkForeign(
        _ entry: Entry,
        in directory: NodeNumber,
        since: ChangeNumber
    ) throws {
        var name = entry.name
        var attempt = 1
        while try reader.entry(in: directory, named: name, layouts: .foreign) != nil {
            attempt += 1
            let ending = Array("~\(attempt)".utf8)
            name = Name(
                unchecked: entry.name.bytes.prefix(Name.maximumLength - ending.count) + ending
            )
        }
        try link(entry.node, in: directory, as: name, layouts: .foreign, since: since)
    }
}

extension Node {
    fileprivate var isForeignDirectory: Bool { kind == .foreign && mode & 0o170000 == 0o040000 }
}

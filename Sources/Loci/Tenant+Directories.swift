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
            try reader.list(directory.node, layouts: layouts, after: NodeNumber(0)) {
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
            try reader.list(next, layouts: directory.layout.bit, after: NodeNumber(0)) { _, node in
                if node.kind == .directory { pending.append(node.number) }
                if node.kind == .memory, let row = node.memory { rows.append(row) }
                return true
            }
        }
        return rows
    }

    // MARK: Moving

    /// Up to so many memories a directory moves in one transaction, and keeps its node.
    package static let movedAtOnce = 10_000

    /// Gives a directory another path, with all that is beneath it: memories get the attributes
    /// that their new paths say.
    ///
    /// Above 10,000 memories it works in batches: each memory moves by itself, a failure leaves some
    /// moved, and the same call moves the rest.
    ///
    /// Returns how many memories moved.
    /// Throws `notFound`, `notADirectory`, `notEmpty` where the new path holds something,
    /// `immutableField`, `pathDoesNotFit`.
    public func moveDirectory(
        from old: NamePath,
        to new: NamePath,
        origin: Origin,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> Int {
        try await moveDirectory(
            from: old,
            to: new,
            atOnce: Self.movedAtOnce,
            origin: origin,
            progress: progress
        )
    }

    func moveDirectory(
        from old: NamePath,
        to new: NamePath,
        atOnce: Int,
        origin: Origin,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> Int {
        try await work { [self] () throws(LociError) in
            defer { progress?.finish() }
            guard let name = new.last, !old.isRoot, !new.isWithin(old) else {
                throw LociError(
                    .invalidArgument,
                    subject: new.description,
                    message: "\"/\(old)\" cannot move to \"/\(new)\".",
                    remedy: "Give a directory that is neither the root nor beneath the one to move."
                )
            }
            let rows = try read { reader in
                try self.memories(below: try self.directory(old, reader), reader)
            }
            let going = try read { try $0.settingText(Setting.directoryMove) }
            if rows.count > atOnce || going == Self.record(old, new) {
                let size = min(Self.batchSize, atOnce)
                return try moveInBatches(rows, old, new, of: size, origin: origin, progress)
            }
            try catalog.write(.full, origin: origin) { tx in
                let directory = try self.directory(old, tx.reader)
                guard let entry = directory.entry else { throw Self.isADirectory(old) }
                let since = try tx.reader.lastChange()
                let parent = try tx.ensureDirectory(
                    new.parent.names,
                    of: directory.layout,
                    since: ChangeNumber(since.rawValue + 1)
                )
                try tx.moveDirectory(
                    entry,
                    to: parent,
                    as: name,
                    view: directory.layout,
                    limit: atOnce * 2
                )
            }
            return rows.count
        }
    }

    /// How a move in batches is recorded, so that the call that goes on with one is known.
    private static func record(_ old: NamePath, _ new: NamePath) -> String {
        Hex.text(old.bytes) + "/" + Hex.text(new.bytes)
    }

    private func moveInBatches(
        _ rows: [Int64],
        _ old: NamePath,
        _ new: NamePath,
        of size: Int,
        origin: Origin,
        _ progress: ProgressFeed?
    ) throws(LociError) -> Int {
        try catalog.write(.full, origin: origin) { tx in
            guard try tx.reader.settingText(Setting.directoryMove) != Self.record(old, new)
            else { return }
            try self.requireEmpty(new, tx.reader)
            try tx.setSetting(Setting.directoryMove, .text(Self.record(old, new)))
        }
        var moved = 0
        for start in stride(from: 0, to: rows.count, by: size) {
            let batch = rows[start..<min(rows.count, start + size)]
            try catalog.write(.full, origin: origin) { tx in
                for row in batch {
                    guard let memory = try tx.reader.memory(row: row), memory.trashed == nil,
                        let path = try self.value(of: memory, tx.reader).path,
                        path.isWithin(old)
                    else { continue }
                    let rest = path.names.dropFirst(old.names.count)
                    _ = try self.relocate(memory, to: NamePath(new.names + rest), .rename, tx)
                    moved += 1
                }
            }
            progress?.report(Int64(moved), of: Int64(rows.count))
        }
        try catalog.write(.full, origin: origin) { tx in
            try self.moveRest(from: old, to: new, tx)
            try tx.removeSetting(Setting.directoryMove)
        }
        return moved
    }

    private func requireEmpty(_ path: NamePath, _ reader: CatalogReader) throws {
        let table = try reader.layouts()
        guard
            let entry = try reader.resolve(
                path.names,
                from: table.listed.root,
                layouts: table.resolvable
            ), try reader.hasEntries(entry.node, layouts: table.resolvable)
        else { return }
        throw LociError(
            .notEmpty,
            subject: path.description,
            message: "The directory \"/\(path)\" is not empty.",
            remedy: "Give a path that is free, or move what is there first."
        )
    }

    /// Moves what batches of memories leave: foreign files go along, and directories without an
    /// entry are removed, innermost first.
    private func moveRest(
        from old: NamePath,
        to new: NamePath,
        _ tx: CatalogTransaction
    ) throws {
        let top = try directory(old, tx.reader)
        var found = [(node: top.node, entry: top.entry, below: [Name]())]
        var next = 0
        while next < found.count {
            let (node, _, below) = found[next]
            var holdsForeign = false
            try tx.reader.list(
                node,
                layouts: top.layout.bit.union(.foreign),
                after: NodeNumber(0)
            ) { entry, child in
                if child.kind == .directory {
                    found.append((child.number, entry, below + [entry.name]))
                }
                if child.kind == .foreign { holdsForeign = true }
                return true
            }
            if holdsForeign {
                let since = ChangeNumber(tx.newestChange.rawValue + 1)
                let names = new.names + below
                let target = try tx.ensureDirectory(names, of: top.layout, since: since)
                try tx.moveForeign(from: node, to: target)
            }
            next += 1
        }
        for case (let node, let entry?, _) in found.reversed() {
            let set = top.layout.bit.union(.foreign)
            if try tx.reader.hasEntries(node, layouts: set) { continue }
            try tx.removeDirectory(entry, view: top.layout)
        }
    }
}

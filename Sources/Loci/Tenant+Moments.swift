package import Catalog
public import Model
import SQL

// Reading the past: the same questions as of today, as they were answered just after a change.

extension Tenant {
    /// The change that a moment means: all up to it had happened.
    ///
    /// What running mounts hold is not asked for.
    ///
    /// Throws `notFound` for a moment that retention no longer keeps, or before the tenant;
    /// `futureDate`, `snapshotNotFound`.
    public func change(at moment: PastMoment) throws(LociError) -> ChangeNumber {
        try read { reader in
            let number = try reader.change(of: moment, now: self.clock())
            _ = try reader.pastTree(at: number)
            return number
        }
    }

    /// The layout that was listed at a moment; it may have ended since.
    public func listedLayout(at moment: PastMoment) throws(LociError) -> LayoutInfo {
        try read { reader in LayoutInfo(try self.tree(at: moment, reader).layout) }
    }

    /// The memory that had a path of the layout that was listed then, as it was.
    ///
    /// Throws `notFound`, `isADirectory`, and what `change(at:)` throws.
    public func memory(at path: NamePath, when moment: PastMoment) throws(LociError) -> Memory {
        try read { reader in
            let tree = try self.tree(at: moment, reader)
            guard let found = try reader.resolve(path.names, in: tree) else {
                throw Self.notThen(path, moment)
            }
            guard let row = found.memory, let memory = try reader.memory(row: row),
                let then = try self.value(of: memory, at: path, tree.number, reader)
            else { throw Self.isADirectory(path) }
            return then
        }
    }

    /// A memory as it was, also one that was in the trash then.
    ///
    /// Throws `notFound` where it was not born yet, and what `change(at:)` throws.
    public func memory(_ id: MemoryID, when moment: PastMoment) throws(LociError) -> Memory {
        try read { reader in
            let tree = try self.tree(at: moment, reader)
            let row = try self.row(id, reader)
            let path = try self.path(of: row, in: tree, reader)
            guard let then = try self.value(of: row, at: path, tree.number, reader) else {
                throw LociError(
                    .notFound,
                    subject: id.description,
                    message: "The memory \(id) was not yet there at \(moment).",
                    remedy: "See its history with: loci log \(id)"
                )
            }
            return then
        }
    }

    /// The names that a directory held, by their bytes; files that tools keep have no past.
    ///
    /// Throws `notFound`, `notADirectory`, and what `change(at:)` throws.
    public func entries(
        of path: NamePath,
        when moment: PastMoment
    ) throws(LociError) -> [DirectoryEntry] {
        try read { reader in
            let tree = try self.tree(at: moment, reader)
            var found: [DirectoryEntry] = []
            let directory = try self.directory(path, in: tree, moment, reader)
            try reader.list(directory, of: tree) { entry in
                let file = try entry.memory.flatMap {
                    try reader.revisionFile(of: $0, at: tree.number)
                }
                if entry.memory != nil, file == nil { return true }
                found.append(
                    DirectoryEntry(
                        name: entry.name,
                        kind: file == nil ? .directory : .memory,
                        size: file?.size ?? 0,
                        modified: file.map { Timestamp(nanoseconds: $0.mtime) }
                            ?? Timestamp(nanoseconds: 0),
                        memory: try entry.memory.flatMap { try reader.id(ofMemory: $0) }
                    )
                )
                return true
            }
            return found.sorted { $0.name < $1.name }
        }
    }

    /// Memories that were below a directory, as they were, by the order in which they were added.
    ///
    /// `cursor`: where the last page of the same moment ended.
    ///
    /// Throws what `entries(of:when:)` throws.
    ///
    /// Complexity: a page costs a walk of the directory.
    public func list(
        under path: NamePath = NamePath(),
        when moment: PastMoment,
        after cursor: ListCursor? = nil,
        limit: Int = 1000
    ) throws(LociError) -> MemoryPage {
        try read { reader in
            let tree = try self.tree(at: moment, reader)
            let root = try self.directory(path, in: tree, moment, reader)
            var rows: [(row: Int64, path: NamePath)] = []
            var pending = [(node: root, path: path)]
            while let (node, path) = pending.popLast() {
                try reader.list(node, of: tree) { entry in
                    let below = path.appending(entry.name)
                    if let memory = entry.memory {
                        rows.append((memory, below))
                    } else {
                        pending.append((entry.node, below))
                    }
                    return true
                }
            }
            let after = cursor?.row ?? 0
            let page = rows.filter { $0.row > after }.sorted { $0.row < $1.row }
            let kept = page.prefix(limit)
            return MemoryPage(
                memories: try kept.compactMap { found in
                    try reader.memory(row: found.row).flatMap {
                        try self.value(of: $0, at: found.path, tree.number, reader)
                    }
                },
                next: page.count > limit ? kept.last.map { ListCursor(row: $0.row) } : nil
            )
        }
    }

    /// The changes of one memory up to a moment, newest first.
    public func history(
        of id: MemoryID,
        until moment: PastMoment,
        limit: Int = 1000
    ) throws(LociError) -> [Change] {
        let number = try change(at: moment)
        return try read { reader in
            let memory = try self.row(id, reader)
            return try reader.changes(ofMemory: memory.row, limit: .max).lazy
                .filter { $0.number <= number }.prefix(limit).map { Change($0, memory: id) }
        }
    }

    // MARK: Trees

    /// The tree of a moment.
    package func tree(at moment: PastMoment, _ reader: CatalogReader) throws -> PastTree {
        try reader.pastTree(at: try reader.change(of: moment, now: clock()))
    }

    func directory(
        _ path: NamePath,
        in tree: PastTree,
        _ moment: PastMoment,
        _ reader: CatalogReader
    ) throws -> NodeNumber {
        guard let found = try reader.resolve(path.names, in: tree) else {
            throw Self.notThen(path, moment)
        }
        guard found.memory == nil else {
            throw LociError(
                .notADirectory,
                subject: path.description,
                message: "\"/\(path)\" was a memory at \(moment), not a directory.",
                remedy: "Give the path of a directory."
            )
        }
        return found.node
    }

    private static func notThen(_ path: NamePath, _ moment: PastMoment) -> LociError {
        LociError(
            .notFound,
            subject: path.description,
            message: "There was nothing at \"/\(path)\" at \(moment).",
            remedy: "See what there was with: loci ls --at; paths are those that were listed then."
        )
    }

    /// Where a memory was in a tree of the past; nil where it had no place.
    ///
    /// Its directories are those that its attributes rendered; its name may have had a suffix.
    func path(
        of memory: MemoryRow,
        in tree: PastTree,
        _ reader: CatalogReader
    ) throws -> NamePath? {
        guard let past = try reader.past(of: memory, at: tree.number), !past.isTrashed else {
            return nil
        }
        let fields = MemoryFields(
            id: memory.id,
            created: memory.created,
            attributes: past.attributes
        )
        let names = try tree.layout.scheme.render(fields)
        guard let directory = try reader.resolve(names, in: tree), directory.memory == nil else {
            return nil
        }
        if try reader.entry(in: directory.node, named: past.name, of: tree)?.memory == memory.row {
            return NamePath(names + [past.name])
        }
        var suffixed: Name?
        try reader.list(directory.node, of: tree) { entry in
            if entry.memory == memory.row { suffixed = entry.name }
            return suffixed == nil
        }
        return suffixed.map { NamePath(names + [$0]) }
    }

    /// A memory as it was just after a change; nil where it was not born yet.
    package func value(
        of memory: MemoryRow,
        at path: NamePath?,
        _ number: ChangeNumber,
        _ reader: CatalogReader
    ) throws -> Memory? {
        guard let past = try reader.past(of: memory, at: number),
            let revision = try reader.revision(of: memory.row, past.revision)
        else { return nil }
        var then = memory
        then.name = past.name
        then.revision = past.revision
        then.updated = revision.created
        if past.isTrashed {
            then.trashed = then.trashed ?? number
        } else {
            then.trashed = nil
        }
        return Memory(
            then,
            path: path,
            attributes: past.attributes,
            size: revision.size,
            hash: revision.hash
        )
    }
}

package import Catalog
public import Model

// Paths to rows and back. A path of any live layout that begins in the root resolves; new paths are
// read by the one layout that can have them.

/// A path that a memory is to have, as the layout that it belongs to reads it.
struct Destination {
    let layout: Layout
    let directories: [Name]
    let name: Name
    let parsed: ParsedPath
}

extension Tenant {
    /// A memory, also one of the trash.
    ///
    /// Throws `notFound`.
    public func memory(_ id: MemoryID) throws(LociError) -> Memory {
        try read { reader in try self.value(of: try self.row(id, reader), reader) }
    }

    /// The memory at a path of any live layout.
    ///
    /// Throws `notFound`, naming where the memory is now if its path is one of the past;
    /// `isADirectory`.
    public func memory(at path: NamePath) throws(LociError) -> Memory {
        try read { reader in
            try self.value(of: try self.memory(at: path, reader: reader).memory, reader)
        }
    }

    /// The memory at a path, and the layout by which the path names it.
    package func memory(
        at path: NamePath,
        reader: CatalogReader
    ) throws -> (memory: MemoryRow, layout: Layout) {
        let table = try reader.layouts()
        guard
            let entry = try reader.resolve(
                path.names,
                from: table.listed.root,
                layouts: table.resolvable
            ),
            let node = try reader.node(entry.node)
        else { throw try missing(path, reader) }
        switch node.kind {
        case .memory: break
        case .directory: throw Self.isADirectory(path)
        case .foreign:
            throw LociError(
                .notFound,
                subject: path.description,
                message: "\"\(path)\" is a file that tools keep here, not a memory.",
                remedy: "Rename it in a mount to make it a memory."
            )
        }
        guard let row = node.memory, let memory = try reader.memory(row: row),
            let layout = table.layout(forDirectoryIn: entry.layouts, preferring: table.listed)
        else { throw try missing(path, reader) }
        return (memory, layout)
    }

    /// The path that `memory(at:)` and its like take for a path of one layout: the same, but for a
    /// layout that was made apart, where it is the memory's listed path.
    ///
    /// Throws `notFound` where nothing, or a directory, of a layout apart is there.
    package func sharedPath(
        of path: NamePath,
        in number: LayoutNumber
    ) throws(LociError) -> NamePath {
        try read { reader in
            let table = try reader.layouts()
            guard let layout = table[number], layout.root != table.listed.root else { return path }
            let entry = try reader.resolve(
                path.names,
                from: layout.root,
                layouts: layout.bit
            )
            guard let entry, let memory = try reader.memory(shownBy: entry.node),
                let shared = try reader.path(of: memory, in: table.listed)
            else {
                throw LociError(
                    .notFound,
                    subject: path.description,
                    message: "There is no memory at \"/\(path)\" of layout \(number).",
                    remedy: "Directories and new names of it are reached through a mount only."
                )
            }
            return NamePath(shared)
        }
    }

    /// Where a memory is in one layout; nil where it has no name there.
    ///
    /// Throws `notFound` for a memory or a layout that is not there.
    public func path(
        of id: MemoryID,
        in layout: LayoutNumber
    ) throws(LociError) -> NamePath? {
        try read { reader in
            guard let layout = try reader.layouts()[layout] else {
                throw LociError(
                    .notFound,
                    subject: "layout \(layout)",
                    message: "There is no layout \(layout).",
                    remedy: "See which there are with: loci layout list"
                )
            }
            return try reader.path(of: try self.row(id, reader), in: layout).map {
                NamePath($0)
            }
        }
    }

    // MARK: Rows

    func row(_ id: MemoryID, _ reader: CatalogReader) throws -> MemoryRow {
        if let memory = try reader.memory(id) { return memory }
        throw LociError(
            .notFound,
            subject: id.description,
            message: "There is no memory \(id).",
            remedy: "See which there are with: loci ls"
        )
    }

    /// The row of a memory that is not in the trash.
    func liveRow(_ id: MemoryID, _ reader: CatalogReader) throws -> MemoryRow {
        let memory = try row(id, reader)
        guard memory.trashed == nil else {
            throw LociError(
                .notFound,
                subject: id.description,
                message: "The memory \(id) is in the trash.",
                remedy: "Take it back with: loci restore \(id)"
            )
        }
        return memory
    }

    func require(_ revision: RevisionNumber?, of memory: MemoryRow) throws(LociError) {
        guard let revision, revision != memory.revision else { return }
        throw LociError(
            .revisionConflict,
            subject: memory.id.description,
            message: "The memory \(memory.id) has revision \(memory.revision) by now, not "
                + "\(revision).",
            remedy: "Look at it again, then repeat the change."
        )
    }

    /// A memory as its readers see it.
    package func value(of memory: MemoryRow, _ reader: CatalogReader) throws -> Memory {
        let fields = try reader.fields(of: memory)
        let listed = try reader.layouts().listed
        guard let revision = try reader.revision(of: memory.row, memory.revision) else {
            throw LociError(
                .corrupt,
                subject: memory.id.description,
                message: "The memory \(memory.id) has no current revision.",
                remedy: "Run: loci fsck"
            )
        }
        var path: NamePath?
        if let entry = try reader.entries(of: memory.node, layouts: listed.bit).first {
            // The directories are those that its attributes render, by the definition of a layout.
            path = NamePath(try listed.scheme.render(fields) + [entry.name])
        }
        return Memory(
            memory,
            path: path,
            attributes: fields.attributes,
            size: revision.size,
            hash: revision.hash
        )
    }

    // MARK: New paths

    /// Reads a path that a memory is to have, by the layout that it belongs to: the listed one, or
    /// another live one that has its root and either claims it or alone can read it.
    ///
    /// Throws what the listed layout has against it, where none can have it.
    func destination(
        _ path: NamePath,
        _ reader: CatalogReader,
        now: Timestamp
    ) throws -> Destination {
        guard let name = path.last else { throw Self.isADirectory(path) }
        try Self.checkName(name)
        let directories = path.parent.names
        let table = try reader.layouts()
        let live = table.liveLayouts.filter { $0.root == table.listed.root }
        var refusal: LociError?
        for layout in [table.listed] + live.reversed() where layout.isLive {
            let isClaimed = live.contains { other in
                other.number != layout.number
                    && other.scheme.claim(over: layout.scheme)?
                        .isBroken(by: directories, name: name) == true
            }
            if isClaimed { continue }
            do throws(LociError) {
                return Destination(
                    layout: layout,
                    directories: directories,
                    name: name,
                    parsed: try layout.scheme.parse(directories, now: now)
                )
            } catch {
                refusal = refusal ?? error
            }
        }
        throw refusal
            ?? LociError(
                .pathDoesNotFit,
                subject: path.description,
                message: "No layout can have the path \"\(path)\".",
                remedy: "See the layouts with: loci layout list"
            )
    }

    static func isADirectory(_ path: NamePath) -> LociError {
        LociError(
            .isADirectory,
            subject: path.description,
            message: "\"/\(path)\" is a directory.",
            remedy: "Give the path of a memory."
        )
    }

    static func checkName(_ name: Name) throws(LociError) {
        guard ForeignNames.isForeign(name) else { return }
        throw LociError(
            .invalidName,
            subject: name.description,
            message: "A memory cannot be called \"\(name)\": such names are for files that tools "
                + "keep beside memories.",
            remedy: "Choose another name."
        )
    }

    // MARK: Paths of the past

    /// The error for a path that leads nowhere: it says where its memory is now, if it once led to
    /// one.
    private func missing(_ path: NamePath, _ reader: CatalogReader) throws -> LociError {
        let table = try reader.layouts()
        var former = FormerPaths(roots: table.roots)
        guard let memory = try former.memory(at: path, reader) else {
            let ended = table.ended.first { $0.reads(path) }
            return LociError(
                .notFound,
                subject: path.description,
                message: "There is nothing at \"/\(path)\".",
                remedy: ended.map {
                    "If it is a path of layout \($0.number), which has ended, ask: "
                        + "loci layout translate --from \($0.number) '\(path)'"
                } ?? "See what there is with: loci ls"
            )
        }
        let now = try value(of: memory, reader)
        guard let place = now.path else {
            return LociError(
                .notFound,
                subject: path.description,
                message: "The memory of \"/\(path)\" is in the trash.",
                remedy: "Take it back with: loci restore \(now.id)"
            )
        }
        return LociError(
            .notFound,
            subject: path.description,
            message: "\"/\(path)\" is a path of the past: its memory is now at \"/\(place)\".",
            remedy: "Use \"/\(place)\"."
        )
    }
}

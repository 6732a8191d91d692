package import Model
import SQL

// Where memories stand in each served layout. A layout is a pure function of attributes: all of
// this could be computed again from `memory` and `attribute`.

extension CatalogTransaction {
    /// Gives a memory that has no name its names, in every served layout.
    func place(
        _ memory: MemoryRow,
        _ fields: MemoryFields,
        primary: LayoutNumber,
        since: ChangeNumber
    ) throws {
        for layout in try reader.layouts().served {
            try place(
                memory,
                fields,
                in: layout,
                isPrimary: layout.number == primary,
                since: since
            )
        }
    }

    /// Gives a memory its name in one layout.
    ///
    /// Returns whether it had to take a suffix.
    @discardableResult
    package func place(
        _ memory: MemoryRow,
        _ fields: MemoryFields,
        in layout: Layout,
        isPrimary: Bool,
        since: ChangeNumber
    ) throws -> Bool {
        let directories = try layout.scheme.render(fields)
        try reader.layouts().checkClaims(on: directories, name: memory.name, of: layout)
        let directory = try ensureDirectory(directories, of: layout, since: since)
        return try link(
            memory,
            in: directory,
            of: layout,
            isPrimary: isPrimary,
            since: since
        )
    }

    private func link(
        _ memory: MemoryRow,
        in directory: NodeNumber,
        of layout: Layout,
        isPrimary: Bool,
        since: ChangeNumber,
        replacing former: Entry? = nil
    ) throws -> Bool {
        let name = try link(
            memory.node,
            in: directory,
            as: memory.name,
            layouts: layout.bit,
            since: since,
            policy: isPrimary ? .fail : .suffix(memory.id),
            replacing: former
        )
        guard name != memory.name else { return false }
        try record(.suffix, memory: memory.row, directory: directory)
        return true
    }

    /// Moves a memory's names to where its new fields and name put them.
    ///
    /// A layout in which neither directory nor name changes keeps its row, suffix and all: nobody's
    /// path changes because of somebody else's memory.
    ///
    /// `renamed`: the layout in which the caller asked for just this name: there a suffix goes.
    func replace(
        _ old: MemoryRow,
        _ before: MemoryFields,
        by new: MemoryRow,
        _ after: MemoryFields,
        primary: LayoutNumber,
        renamed: LayoutNumber?,
        since: ChangeNumber
    ) throws {
        let table = try reader.layouts()
        let entries = try reader.entries(of: old.node, layouts: table.occupied)
        for layout in table.served {
            // A layout that is building may have no place for what is changed to get one there.
            let oldDirectories = try? layout.scheme.render(before)
            let newDirectories = try layout.scheme.render(after)
            if oldDirectories == newDirectories, old.name == new.name, layout.number != renamed {
                continue
            }
            try table.checkClaims(on: newDirectories, name: new.name, of: layout)
            // Linked first: else a directory could go and come again under another node.
            let directory = try ensureDirectory(newDirectories, of: layout, since: since)
            let former = entries.first { $0.layouts.contains(layout.bit) }
            if let former, former.directory == directory, former.name == new.name { continue }
            _ = try link(
                new,
                in: directory,
                of: layout,
                isPrimary: layout.number == primary,
                since: since,
                replacing: former
            )
            if let former,
                let current = try reader.entry(
                    in: former.directory,
                    named: former.name,
                    layouts: layout.bit
                ),
                current.node == former.node
            {
                try unlink(current, layouts: layout.bit, until: since)
            }
        }
        try misplaceBlobs(of: old.row, before, after)
    }

    /// Marks a memory's blobs to be placed again where the target's path for it has changed.
    func misplaceBlobs(
        of memory: Int64,
        _ before: MemoryFields,
        _ after: MemoryFields
    ) throws {
        let target = try reader.layouts().target.scheme
        guard try (try? target.render(before)) != target.render(after) else { return }
        try run("UPDATE revision SET layout = NULL WHERE memory = ?", .integer(memory))
    }

    // MARK: Directories

    /// Renames or moves a directory as its view `layout` shows it, with all that is beneath it.
    ///
    /// The directory keeps its node, so what is cached or open beneath it stays true. Memories
    /// beneath it get the attributes that the new path says, and follow in all other layouts.
    ///
    /// `limit`: how many memories one transaction may move; above it, `busy`.
    ///
    /// Throws `notEmpty` where the target holds something, `immutableField`, `pathDoesNotFit`,
    /// `invalidArgument` where it would be beneath itself.
    package func moveDirectory(
        _ entry: Entry,
        to parent: NodeNumber,
        as name: Name,
        view layout: Layout,
        limit: Int
    ) throws {
        let table = try reader.layouts()
        guard let from = try reader.path(ofDirectory: entry.directory),
            let to = try reader.path(ofDirectory: parent)
        else { throw LociError.gone(entry.name) }
        try refuseBeneathItself(entry, in: parent)
        let oldPath = from.names + [entry.name]
        let newPath = to.names + [name]
        _ = try layout.scheme.parsePrefix(newPath, now: now)
        try table.checkClaims(on: newPath, name: name, of: layout)
        if let occupant = try reader.entry(in: parent, named: name, layouts: table.occupied) {
            try removeDirectory(occupant, view: layout)
        }
        let memories = try memoriesBelow(entry.node, layouts: layout.bit, limit: limit)
        let since = try record(
            .rename,
            directory: entry.node,
            detail: JSON.object([.init("memories", .integer(Int64(memories.count)))]).text()
        )
        let own = entry.layouts
        // The row only: the directory is about to get another name.
        try removeRow(entry, layouts: entry.layouts, until: since)
        try link(
            entry.node,
            in: parent,
            as: name,
            layouts: own,
            since: since,
            replacing: entry
        )
        try prune(entry.directory, layouts: own, until: since)
        try noteChanged(entry.node)
        for (memory, below) in memories {
            try follow(
                memory,
                from: oldPath + below,
                to: newPath + below,
                view: layout,
                moved: own,
                depth: newPath.count,
                since: since
            )
        }
    }

    /// Throws `invalidArgument` where `parent` is the directory of `entry` or beneath it.
    ///
    /// The kernel refuses what it sees; one directory stands in several of a mount's trees.
    package func refuseBeneathItself(_ entry: Entry, in parent: NodeNumber) throws {
        var pending = [parent]
        var seen: Set<NodeNumber> = []
        while let next = pending.popLast() {
            guard next != entry.node else {
                throw LociError(
                    .invalidArgument,
                    subject: entry.name.description,
                    message: "The directory \"\(entry.name)\" cannot be moved beneath itself"
                )
            }
            guard seen.insert(next).inserted else { continue }
            pending += try reader.entries(of: next, layouts: LayoutSet(rawValue: .max))
                .map(\.directory)
        }
    }

    /// Gives one memory beneath a moved directory the attributes of its new path.
    ///
    /// `moved`: layouts in which the directory itself moved: the memory moved with it there,
    /// unless a deeper directory depends on what changed.
    private func follow(
        _ memory: MemoryRow,
        from old: [Name],
        to new: [Name],
        view layout: Layout,
        moved: LayoutSet,
        depth: Int,
        since: ChangeNumber
    ) throws {
        let before = try reader.fields(of: memory)
        let changes = try layout.scheme.changes(from: old, to: new, existing: before)
        var after = before
        for change in changes { after.attributes[change.key] = change.value }
        let number = try record(.rename, memory: memory.row)
        try writeAttributes(
            memory.row,
            changes.filter { $0.differs(from: before) },
            since: number
        )
        let table = try reader.layouts()
        for served in table.served {
            let entries = try reader.entries(of: memory.node, layouts: served.bit)
            guard let former = entries.first,
                let stands = try reader.path(ofDirectory: former.directory)
            else { continue }
            let belongs = try served.scheme.render(after)
            if stands.names == belongs { continue }
            try table.checkClaims(on: belongs, name: memory.name, of: served)
            let directory = try ensureDirectory(belongs, of: served, since: number)
            _ = try link(memory, in: directory, of: served, isPrimary: false, since: number)
            try unlink(former, layouts: served.bit, until: number)
        }
        try misplaceBlobs(of: memory.row, before, after)
    }

    /// The memories beneath a directory in one layout, each with its directories below it.
    private func memoriesBelow(
        _ directory: NodeNumber,
        layouts bits: LayoutSet,
        limit: Int
    ) throws -> [(memory: MemoryRow, directories: [Name])] {
        var found: [(MemoryRow, [Name])] = []
        var pending: [(NodeNumber, [Name])] = [(directory, [])]
        while let (next, names) = pending.popLast() {
            var rows: [Int64] = []
            try reader.list(next, layouts: bits) { entry, node in
                switch node.kind {
                case .directory: pending.append((node.number, names + [entry.name]))
                case .memory: if let row = node.memory { rows.append(row) }
                case .foreign: break
                }
                return found.count + rows.count <= limit
            }
            for row in rows {
                guard let memory = try reader.memory(row: row) else { continue }
                found.append((memory, names))
            }
            guard found.count <= limit else {
                throw LociError(
                    .busy,
                    subject: "directory",
                    message: "The directory holds more than \(limit) memories",
                    remedy: "Use: loci mv, which works in batches"
                )
            }
        }
        return found
    }

    /// Removes an empty directory from the layout that shows it, and from all others in which it
    /// holds nothing.
    ///
    /// Throws `notEmpty`, `notADirectory`.
    package func removeDirectory(_ entry: Entry, view layout: Layout) throws {
        guard let node = try reader.node(entry.node), node.kind == .directory else {
            throw LociError(
                .notADirectory,
                subject: entry.name.description,
                message: "\"\(entry.name)\" is not a directory"
            )
        }
        let table = try reader.layouts()
        guard try !reader.hasEntries(entry.node, layouts: layout.bit.union(.foreign)) else {
            throw LociError(
                .notEmpty,
                subject: entry.name.description,
                message: "The directory \"\(entry.name)\" is not empty"
            )
        }
        var bits = layout.bit
        for other in table.layouts(in: entry.layouts) where other.number != layout.number {
            if try !reader.hasEntries(entry.node, layouts: other.bit) { bits.insert(other.bit) }
        }
        let since = try record(.rmdir, directory: entry.directory, detail: entry.name.detail)
        let ended = entry.layouts.subtracting(bits).intersection(table.occupied).isEmpty
        try unlink(entry, layouts: ended ? entry.layouts : bits, until: since)
        if ended { try deleteNode(entry.node) }
    }
}

extension LociError {
    static func gone(_ name: Name) -> LociError {
        LociError(
            .notFound,
            subject: name.description,
            message: "\"\(name)\" is no longer there"
        )
    }
}

extension Name {
    /// A change row's detail that names an entry.
    package var detail: String { JSON.object([.init("name", JSON(name: self))]).text() }
}

package import Model
import SQL

// Single rows of the SQL mapping. Every row that ends, or loses a layout, leaves its past.

extension CatalogTransaction {
    /// What to do where a name is already another node's.
    package enum CollisionPolicy: Hashable, Sendable {
        /// Throw `nameTaken`.
        case fail
        /// Take a suffix from the end of the memory's ULID, lengthened until the name is free.
        case suffix(MemoryID)
    }

    /// Gives `node` the name `name` in `directory`, in the layouts of `bits`.
    ///
    /// `former`: the entry that it has, or had until now: within a directory a name that replaces
    /// another is listed where that one was.
    ///
    /// Returns the name it got: another than `name` only with the policy `.suffix`.
    @discardableResult
    package func link(
        _ node: NodeNumber,
        in directory: NodeNumber,
        as name: Name,
        layouts bits: LayoutSet,
        since: ChangeNumber,
        policy: CollisionPolicy = .fail,
        replacing former: Entry? = nil
    ) throws -> Name {
        func isLinked(_ name: Name) throws -> Bool {
            try tryLink(
                node,
                in: directory,
                as: name,
                layouts: bits,
                since: since,
                replacing: former
            )
        }
        if try isLinked(name) { return name }
        guard case .suffix(let id) = policy else {
            throw LociError(
                .nameTaken,
                subject: name.description,
                message: "The name \"\(name)\" is already taken",
                remedy: "Choose another name, or remove what has it"
            )
        }
        for candidate in CollisionSuffix.candidates(for: name, id: id)
        where try isLinked(candidate) {
            return candidate
        }
        throw LociError(
            .collision,
            subject: name.description,
            message: "No name with a suffix is free for \"\(name)\"",
            remedy: "Rename one of the memories of that name"
        )
    }

    private func tryLink(
        _ node: NodeNumber,
        in directory: NodeNumber,
        as name: Name,
        layouts bits: LayoutSet,
        since: ChangeNumber,
        replacing former: Entry? = nil
    ) throws -> Bool {
        let anyBits = LayoutSet(rawValue: .max)
        if let existing = try reader.entry(in: directory, named: name, layouts: anyBits) {
            let occupied = try reader.layouts().occupied
            if existing.node == node {
                if existing.layouts.isSuperset(of: bits) { return true }
                // Until now only some layouts had it: a tree of the past shows it in those alone.
                if existing.since < since {
                    try remember(existing, layouts: existing.layouts, until: since)
                }
                try run(
                    """
                    UPDATE entry SET layouts = layouts | ?, since = max(since, ?)
                    WHERE directory = ? AND name = ?
                    """,
                    .integer(bits.rawValue),
                    .integer(since.rawValue),
                    .integer(Int64(directory.rawValue)),
                    .blob(name.bytes)
                )
                return true
            }
            guard existing.layouts.isDisjoint(with: occupied) else { return false }
            // Only ended layouts have it: their rows are nobody's, and cleared sooner or later.
            try unlink(existing, layouts: existing.layouts, until: since)
        }
        let position = try position(of: name, node, in: directory, replacing: former)
        try reader.statement(
            """
            INSERT INTO entry(directory, name, node, layouts, since, type, position)
            VALUES (?1, ?2, ?3, ?4, ?5, (SELECT mode >> 12 FROM node WHERE number = ?3), ?6)
            """
        ).run { (values) throws(SQLError) in
            try values.add(Int64(directory.rawValue))
            try values.add(name.bytes)
            try values.add(Int64(node.rawValue))
            try values.add(bits.rawValue)
            try values.add(since.rawValue)
            try values.add(Int64(position.rawValue))
        }
        touch(directory)
        return true
    }

    // MARK: Positions

    private static let mostPositions = 1024

    /// Lets listings show a name that this transaction will make at `position`, where that is free.
    ///
    /// Of a transaction that deletes thousands of rows, none of whose names comes again as a rule,
    /// the first are remembered.
    package func reservePosition(
        _ position: ListingPosition,
        of name: Name,
        in directory: NodeNumber
    ) {
        guard positions.count < Self.mostPositions else { return }
        positions[PositionKey(directory: directory, name: name)] = position
    }

    /// Where listings show a name that is new, or was another node's until now.
    ///
    /// Complexity: a probe of an index for each candidate that another node might have.
    private func position(
        of name: Name,
        _ node: NodeNumber,
        in directory: NodeNumber,
        replacing former: Entry?
    ) throws(SQLError) -> ListingPosition {
        let own = ListingPosition(node)
        let reserved =
            positions.isEmpty
            ? nil
            : positions.removeValue(forKey: PositionKey(directory: directory, name: name))
        let kept = former?.directory == directory ? former?.position : nil
        for candidate in [reserved, kept, own] {
            guard let candidate else { continue }
            // Nobody can have been listed by the number of a node that is made just now.
            if candidate == own, isNew(node) { return own }
            if try isFree(candidate, for: node, in: directory) { return candidate }
        }
        return ListingPosition(newNodeNumber())
    }

    private func isFree(
        _ position: ListingPosition,
        for node: NodeNumber,
        in directory: NodeNumber
    ) throws(SQLError) -> Bool {
        try reader.statement(
            """
            SELECT 1 FROM entry INDEXED BY entry_listing
            WHERE directory = ? AND position = ? AND node <> ? LIMIT 1
            """
        ).first(
            .integer(Int64(directory.rawValue)),
            .integer(Int64(position.rawValue)),
            .integer(Int64(node.rawValue))
        ) { _ throws(SQLError) in false } ?? true
    }

    /// Takes the layouts of `bits` from an entry; the row goes when none is left.
    ///
    /// Directories that only unlisted layouts had and that are empty now go with it.
    package func unlink(
        _ entry: Entry,
        layouts bits: LayoutSet,
        until: ChangeNumber
    ) throws {
        try removeRow(entry, layouts: bits, until: until)
        try prune(entry.directory, layouts: bits, until: until)
    }

    /// Leaves the past of an entry that ends in the layouts of `ended`, or leads elsewhere.
    func remember(
        _ entry: Entry,
        layouts ended: LayoutSet,
        until: ChangeNumber
    ) throws(SQLError) {
        try run(
            """
            INSERT INTO entry_past(directory, name, node, layouts, since, until, memory, position)
            SELECT ?1, ?2, ?3, ?4, ?5, ?6, (SELECT memory FROM node WHERE number = ?3), ?7
            """,
            .integer(Int64(entry.directory.rawValue)),
            .blob(entry.name.bytes),
            .integer(Int64(entry.node.rawValue)),
            .integer(ended.rawValue),
            .integer(entry.since.rawValue),
            .integer(until.rawValue),
            .integer(Int64(entry.position.rawValue))
        )
    }

    /// Takes the layouts of `bits` from an entry, and nothing else: its directory may be empty now.
    func removeRow(
        _ entry: Entry,
        layouts bits: LayoutSet,
        until: ChangeNumber
    ) throws(SQLError) {
        let ended = entry.layouts.intersection(bits)
        guard !ended.isEmpty else { return }
        ensured = nil
        try remember(entry, layouts: ended, until: until)
        let left = entry.layouts.subtracting(bits)
        if left.isEmpty {
            try deleteRow(of: entry)
        } else {
            try run(
                "UPDATE entry SET layouts = ? WHERE directory = ? AND name = ?",
                .integer(left.rawValue),
                .integer(Int64(entry.directory.rawValue)),
                .blob(entry.name.bytes)
            )
        }
        touch(entry.directory)
    }

    /// Deletes an entry's row, past or not.
    ///
    /// What gets the name in this transaction is listed where the entry was.
    func deleteRow(of entry: Entry) throws(SQLError) {
        ensured = nil
        reservePosition(entry.position, of: entry.name, in: entry.directory)
        try run(
            "DELETE FROM entry WHERE directory = ? AND name = ?",
            .integer(Int64(entry.directory.rawValue)),
            .blob(entry.name.bytes)
        )
    }

    /// Takes from `directory`, and from those above it, the layouts of `bits` in which it holds
    /// nothing any more.
    ///
    /// The listed layout keeps its directories until `rmdir`.
    func prune(
        _ directory: NodeNumber,
        layouts bits: LayoutSet,
        until: ChangeNumber
    ) throws {
        let table = try reader.layouts()
        var current = directory
        var candidates = bits.subtracting(table.listed.bit).subtracting(.foreign)
        while !candidates.isEmpty {
            guard !holdsNames(current), !table.served.contains(where: { $0.root == current }),
                let own = try reader.entries(of: current, layouts: candidates).first
            else { return }
            var empty: LayoutSet = []
            for layout in table.all where candidates.contains(layout.bit) {
                if try !reader.hasEntries(current, layouts: layout.bit.union(.foreign)) {
                    empty.insert(layout.bit)
                }
            }
            candidates = own.layouts.intersection(empty)
            if candidates.isEmpty { return }
            try removeRow(own, layouts: candidates, until: until)
            if own.layouts.subtracting(candidates).isEmpty { try deleteNode(current) }
            current = own.directory
        }
    }

    // MARK: Directories

    /// The directory `names` of a layout, made where it is missing.
    ///
    /// Directories belong to whoever owns the tenant and are as open as the mount shows them.
    package func ensureDirectory(
        _ names: [Name],
        of layout: Layout,
        since: ChangeNumber
    ) throws -> NodeNumber {
        if let ensured, ensured.layout == layout.number, ensured.names == names {
            return ensured.node
        }
        var current = layout.root
        for name in names {
            current = try ensureDirectory(name, in: current, of: layout, since: since)
        }
        ensured = (layout.number, names, current)
        return current
    }

    private func ensureDirectory(
        _ name: Name,
        in parent: NodeNumber,
        of layout: Layout,
        since: ChangeNumber
    ) throws -> NodeNumber {
        let occupied = try reader.layouts().occupied
        if let entry = try reader.entry(in: parent, named: name, layouts: occupied) {
            if try reader.node(entry.node)?.kind == .directory {
                if !entry.layouts.contains(layout.bit) {
                    try link(
                        entry.node,
                        in: parent,
                        as: name,
                        layouts: layout.bit,
                        since: since
                    )
                }
                return entry.node
            }
            try yieldName(entry, to: layout, since: since)
        }
        return try makeDirectory(
            name,
            in: parent,
            layouts: layout.bit,
            mode: 0o755,
            uid: 0,
            gid: 0,
            since: since
        )
    }

    /// A memory has the name that a directory of `layout` needs: outside the listed layout the
    /// memory takes a suffix; in the listed one, nobody loses a name that people see.
    private func yieldName(
        _ entry: Entry,
        to layout: Layout,
        since: ChangeNumber
    ) throws {
        let listed = try reader.layouts().listed
        guard let node = try reader.node(entry.node), let row = node.memory,
            let memory = try reader.memory(row: row),
            !entry.layouts.contains(listed.bit), !entry.layouts.contains(.foreign)
        else {
            throw LociError(
                .notADirectory,
                subject: entry.name.description,
                message: "\"\(entry.name)\" is a file where a directory is needed",
                remedy: "Rename the file first"
            )
        }
        try removeRow(entry, layouts: entry.layouts, until: since)
        var isFree = false
        for candidate in CollisionSuffix.candidates(for: entry.name, id: memory.id) {
            isFree = try tryLink(
                entry.node,
                in: entry.directory,
                as: candidate,
                layouts: entry.layouts,
                since: since
            )
            if isFree { break }
        }
        guard isFree else {
            throw LociError(
                .collision,
                subject: entry.name.description,
                message: "No name with a suffix is free for \"\(entry.name)\""
            )
        }
        try record(.suffix, memory: row, directory: entry.directory)
    }

    /// Makes a directory node and its name.
    @discardableResult
    package func makeDirectory(
        _ name: Name,
        in parent: NodeNumber,
        layouts bits: LayoutSet,
        mode: UInt32,
        uid: UInt32,
        gid: UInt32,
        since: ChangeNumber
    ) throws -> NodeNumber {
        let node = Node(
            number: newNodeNumber(),
            kind: .directory,
            mode: 0o040000 | mode,
            uid: uid,
            gid: gid,
            mtime: now.nanoseconds,
            ctime: now.nanoseconds
        )
        try insert(node)
        try link(node.number, in: parent, as: name, layouts: bits, since: since)
        return node.number
    }
}

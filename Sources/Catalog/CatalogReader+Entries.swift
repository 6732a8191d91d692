package import Model
package import SQL

// Names to nodes and back. A row counts only where one of its layouts is in the set asked for: the
// rows of an ended layout stay until they are cleared, and nobody may see them.

extension CatalogReader {
    /// The entry `name` of `directory` in any layout of `set`.
    ///
    /// One probe, however many layouts live.
    package func entry(
        in directory: NodeNumber,
        named name: Name,
        layouts set: LayoutSet
    ) throws(SQLError) -> Entry? {
        let statement = try statement(
            """
            SELECT directory, name, node, layouts, since, position FROM entry
            WHERE directory = ? AND name = ? AND layouts & ? != 0
            """
        )
        defer { statement.reset() }
        try statement.bind(Int64(directory.rawValue), at: 1)
        try statement.bind(name.bytes, at: 2)
        try statement.bind(set.rawValue, at: 3)
        return try statement.step() ? Entry(statement) : nil
    }

    /// The node that `name` of `directory` is, and the layouts that say so.
    ///
    /// The request path: no allocation but the statement's own.
    package func lookup(
        in directory: NodeNumber,
        name: UnsafeRawBufferPointer,
        layouts set: LayoutSet
    ) throws(SQLError) -> (node: Node, layouts: LayoutSet)? {
        let statement = try statement(
            """
            SELECT n.number, n.kind, n.memory, n.revision, n.size, n.mode, n.uid, n.gid,
                   n.mtime, n.ctime, e.layouts
            FROM entry e JOIN node n ON n.number = e.node
            WHERE e.directory = ? AND e.name = ? AND e.layouts & ? != 0
            """
        )
        defer { statement.reset() }
        try statement.bind(Int64(directory.rawValue), at: 1)
        unsafe try statement.bind(blob: name, at: 2)
        try statement.bind(set.rawValue, at: 3)
        guard try statement.step() else { return nil }
        return (Node(statement), LayoutSet(rawValue: statement.integer(10)))
    }

    package func node(_ number: NodeNumber) throws(SQLError) -> Node? {
        let statement = try statement(
            """
            SELECT number, kind, memory, revision, size, mode, uid, gid, mtime, ctime
            FROM node WHERE number = ?
            """
        )
        defer { statement.reset() }
        try statement.bind(Int64(number.rawValue), at: 1)
        return try statement.step() ? Node(statement) : nil
    }

    /// Numbers below are used, or reserved.
    package func nextNode() throws(SQLError) -> UInt64 {
        UInt64(try setting(Setting.nextNode) ?? Int64(Catalog.firstNode))
    }

    /// In which directory the layouts of `set` have a directory, and which of them do.
    ///
    /// The request path: one index, no allocation but the statement's own.
    package func home(
        of directory: NodeNumber,
        layouts set: LayoutSet
    ) throws(SQLError) -> (directory: NodeNumber, layouts: LayoutSet)? {
        let statement = try statement(
            """
            SELECT directory, layouts FROM entry INDEXED BY entry_node
            WHERE node = ? AND layouts & ? != 0
            """
        )
        defer { statement.reset() }
        try statement.bind(Int64(directory.rawValue), at: 1)
        try statement.bind(set.rawValue, at: 2)
        guard try statement.step() else { return nil }
        let above = NodeNumber(UInt64(statement.integer(0)))
        return (above, LayoutSet(rawValue: statement.integer(1)))
    }

    /// All names of a node in the layouts of `set`.
    ///
    /// A directory has one; a memory one a layout.
    package func entries(
        of node: NodeNumber,
        layouts set: LayoutSet
    ) throws(SQLError) -> [Entry] {
        try statement(
            """
            SELECT directory, name, node, layouts, since, position FROM entry
            WHERE node = ? AND layouts & ? != 0
            """
        ).all(.integer(Int64(node.rawValue)), .integer(set.rawValue)) {
            row throws(SQLError) in Entry(row)
        }
    }

    /// Hands over the entries of `directory` in `set` above the position `after`, by rising position.
    ///
    /// By position and not by name or node, so that a listing in pieces neither loses nor repeats an
    /// entry that was renamed or saved between two pieces.
    ///
    /// `body`: returns false to stop.
    package func list(
        _ directory: NodeNumber,
        layouts set: LayoutSet,
        after: ListingPosition = .start,
        _ body: (Entry, Node) throws -> Bool
    ) throws {
        try listing(
            """
            SELECT e.directory, e.name, e.node, e.layouts, e.since, e.position,
                   n.number, n.kind, n.memory, n.revision, n.size, n.mode, n.uid, n.gid,
                   n.mtime, n.ctime
            FROM entry e INDEXED BY entry_listing JOIN node n ON n.number = e.node
            WHERE e.directory = ? AND e.position > ? AND e.layouts & ? != 0
            ORDER BY e.position
            """,
            directory,
            set,
            after
        ) { row in try body(Entry(row), Node(row, from: 6)) }
    }

    /// A row of a listing, without its name.
    package struct ListedName {
        package let position: ListingPosition
        package let node: NodeNumber
        package let layouts: LayoutSet
        /// As in `st_mode`, without the permissions.
        package let type: UInt32

        package var isDirectory: Bool { type == 0o040000 }

        /// The columns `position, node, layouts, type` after the first.
        fileprivate init(_ row: any SQLStatement) {
            position = ListingPosition(rawValue: UInt64(row.integer(1)))
            node = NodeNumber(UInt64(row.integer(2)))
            layouts = LayoutSet(rawValue: row.integer(3))
            type = UInt32(truncatingIfNeeded: row.integer(4)) << 12
        }
    }

    /// As `list`, by names and what an index has of them.
    ///
    /// The bytes of a name are valid during the call only.
    package func listNames(
        _ directory: NodeNumber,
        layouts set: LayoutSet,
        after: ListingPosition = .start,
        _ body: (RawSpan, ListedName) throws -> Bool
    ) throws {
        try listing(
            """
            SELECT name, position, node, layouts, type FROM entry INDEXED BY entry_listing
            WHERE directory = ? AND position > ? AND layouts & ? != 0
            ORDER BY position
            """,
            directory,
            set,
            after
        ) { row in
            unsafe try row.withBytes(0) { name in unsafe try body(name.bytes, ListedName(row)) }
        }
    }

    /// As `listNames`, with what a lookup of each would answer.
    package func listNodes(
        _ directory: NodeNumber,
        layouts set: LayoutSet,
        after: ListingPosition = .start,
        _ body: (RawSpan, ListedName, Node) throws -> Bool
    ) throws {
        try listing(
            """
            SELECT e.name, e.position, e.node, e.layouts, e.type,
                   n.number, n.kind, n.memory, n.revision, n.size, n.mode, n.uid, n.gid,
                   n.mtime, n.ctime
            FROM entry e INDEXED BY entry_listing JOIN node n ON n.number = e.node
            WHERE e.directory = ? AND e.position > ? AND e.layouts & ? != 0
            ORDER BY e.position
            """,
            directory,
            set,
            after
        ) { row in
            unsafe try row.withBytes(0) { name in
                unsafe try body(name.bytes, ListedName(row), Node(row, from: 5))
            }
        }
    }

    /// Runs a statement whose parameters say what to list, until `body` returns false.
    private func listing(
        _ sql: StaticString,
        _ directory: NodeNumber,
        _ set: LayoutSet,
        _ after: ListingPosition,
        _ body: (any SQLStatement) throws -> Bool
    ) throws {
        let statement = try statement(sql)
        defer { statement.reset() }
        try statement.bind(Int64(directory.rawValue), at: 1)
        try statement.bind(Int64(after.rawValue), at: 2)
        try statement.bind(set.rawValue, at: 3)
        while try statement.step() {
            guard try body(statement) else { return }
        }
    }

    /// Whether `directory` holds a name in any layout of `set`.
    package func hasEntries(
        _ directory: NodeNumber,
        layouts set: LayoutSet
    ) throws(SQLError) -> Bool {
        try statement("SELECT 1 FROM entry WHERE directory = ? AND layouts & ? != 0 LIMIT 1")
            .first(.integer(Int64(directory.rawValue)), .integer(set.rawValue)) {
                _ throws(SQLError) in true
            } ?? false
    }

    /// Whether a directory has a row, of whatever layout, at one of `positions`.
    package func hasEntries(
        _ directory: NodeNumber,
        at positions: Range<UInt64>
    ) throws(SQLError) -> Bool {
        if positions.isEmpty { return false }
        return try statement(
            """
            SELECT 1 FROM entry INDEXED BY entry_listing
            WHERE directory = ? AND position >= ? AND position < ? LIMIT 1
            """
        ).first(
            .integer(Int64(directory.rawValue)),
            .integer(Int64(clamping: positions.lowerBound)),
            .integer(Int64(clamping: positions.upperBound))
        ) { _ throws(SQLError) in true } ?? false
    }

    /// The names from a root down to `directory`, and the layouts that have it.
    ///
    /// Returns nil where the directory has no name any more, and where damage made it lie in itself.
    /// For a root, no names and all layouts that begin there.
    package func path(
        ofDirectory directory: NodeNumber
    ) throws -> (root: NodeNumber, names: [Name], layouts: LayoutSet)? {
        let table = try layouts()
        var names: [Name] = []
        var set: LayoutSet?
        var current = directory
        // Met again where the way up is a circle: the mark moves on at each doubling of the depth.
        var mark: NodeNumber?
        while current != mark {
            if names.count & (names.count - 1) == 0 { mark = current }
            let beginning = table.served.filter { $0.root == current }
            if !beginning.isEmpty || current == Catalog.rootNode {
                let all = beginning.reduce(LayoutSet.foreign) { $0.union($1.bit) }
                return (current, names.reversed(), set ?? all)
            }
            guard let entry = try entries(of: current, layouts: table.occupied).first else {
                return nil
            }
            if set == nil { set = entry.layouts.intersection(table.occupied) }
            names.append(entry.name)
            current = entry.directory
        }
        return nil
    }

    /// Follows `path` from `root`.
    package func resolve(
        _ path: [Name],
        from root: NodeNumber,
        layouts set: LayoutSet
    ) throws(SQLError) -> Entry? {
        var directory = root
        var found: Entry?
        for name in path {
            guard let entry = try entry(in: directory, named: name, layouts: set) else {
                return nil
            }
            found = entry
            directory = entry.node
        }
        return found
    }
}

package import Model
import SQL

// What the kernel knows memories by, and where they stand: all of it can be computed from memories
// and their attributes.
extension CatalogMender {
    // MARK: Nodes

    /// ⑦ A memory and its node name each other.
    mutating func mendNodes() throws {
        let rows = try numbers(
            """
            SELECT m.id FROM memory m LEFT JOIN node n ON n.number = m.node
            WHERE n.memory IS NOT m.id OR n.kind <> 2
            """
        )
        for row in rows {
            if let memory = try reader.memory(row: row) { try mendNode(of: memory) }
        }
        for row in try numbers(CatalogCheck.memoriesOfWrongSize) {
            guard let memory = try reader.memory(row: row),
                let revision = try reader.revision(of: row, memory.revision)
            else { continue }
            try note(
                1,
                memory.id.description,
                "shows the \(revision.size) bytes of its current revision",
                memory: row
            )
            try tx.run(
                "UPDATE node SET size = ? WHERE number = ?",
                .integer(revision.size),
                .integer(Int64(memory.node.rawValue))
            )
        }
    }

    private mutating func mendNode(of memory: MemoryRow) throws {
        let own = try numbers(
            """
            SELECT number FROM node n WHERE memory = \(memory.row) AND revision IS NULL AND kind = 2
            AND NOT EXISTS (SELECT 1 FROM memory m WHERE m.node = n.number)
            """
        )
        let found = try reader.node(memory.node)
        if own.count == 1 {
            try note(2, memory.id.description, "has its node \(own[0]) again", memory: memory.row)
            return try setNode(of: memory, NodeNumber(UInt64(own[0])))
        }
        guard let found else {
            try note(2, memory.id.description, "has a node again", memory: memory.row)
            return try tx.insert(try node(memory.node, of: memory))
        }
        let owner = try found.memory.flatMap { try reader.memory(row: $0) }
        let isOurs = found.memory == memory.row
        let isNobodys = found.kind == .memory && found.pinned == nil && owner?.node != found.number
        if isOurs || isNobodys {
            try note(2, memory.id.description, "its node shows it again", memory: memory.row)
            return try tx.run(
                "UPDATE node SET memory = ?, kind = 2, mode = ? WHERE number = ?",
                .integer(memory.row),
                .integer(0o100000 | Int64(found.mode & 0o7777)),
                .integer(Int64(found.number.rawValue))
            )
        }
        try note(2, memory.id.description, "has a node of its own again", memory: memory.row)
        let number = tx.newNodeNumber()
        try tx.insert(try node(number, of: memory))
        try setNode(of: memory, number)
    }

    private func setNode(of memory: MemoryRow, _ node: NodeNumber) throws(SQLError) {
        try tx.run(
            "UPDATE memory SET node = ? WHERE id = ?",
            .integer(Int64(node.rawValue)),
            .integer(memory.row)
        )
    }

    /// A node as the current revision has it; permissions and owner are those of a new memory.
    private func node(_ number: NodeNumber, of memory: MemoryRow) throws(SQLError) -> Node {
        let (size, mtime) =
            try reader.connection.first(
                """
                SELECT size, mtime FROM revision
                WHERE memory = \(memory.row) AND number = \(memory.revision)
                """
            ) { row throws(SQLError) in (row.integer(0), row.integer(1)) }
            ?? (0, memory.updated.nanoseconds)
        return Node(
            number: number,
            kind: .memory,
            memory: memory.row,
            size: size,
            mode: 0o100644,
            uid: owner.user,
            gid: owner.group,
            mtime: mtime,
            ctime: tx.now.nanoseconds
        )
    }

    // MARK: Entries

    /// ⑧ What a name led to is made again where it can be told; the rest leads nowhere, and goes.
    mutating func mendEntries() throws {
        let table = try reader.layouts()
        for root in [Catalog.rootNode] + table.served.map(\.root)
        where try reader.node(root) == nil {
            try note(2, "node \(root)", "is the root directory again", directory: root)
            try tx.insert(directory(root))
        }
        let lost = try entries(
            """
            SELECT directory, name, node, layouts, since, position FROM entry e
            WHERE NOT EXISTS (SELECT 1 FROM node n WHERE n.number = e.node)
            """
        )
        for entry in lost { try mendLost(entry, table) }
        let adrift = try entries(
            """
            SELECT directory, name, node, layouts, since, position FROM entry e
            WHERE layouts < \(LayoutSet.foreign.rawValue) AND NOT EXISTS
                (SELECT 1 FROM node n WHERE n.number = e.directory AND n.kind <> 2)
            AND EXISTS
                (SELECT 1 FROM layout l WHERE l.state < 3 AND e.layouts >> l.slot & 1)
            """
        )
        for entry in adrift {
            try remove(
                entry,
                "was in a directory that is not there; what it names gets its place anew"
            )
        }
        try mendTypes()
        for entry in try entries(CatalogCheck.entriesAtOnePosition) {
            try note(2, entry.name.description, "is listed at a position of its own again")
            try tx.run(
                "UPDATE entry SET position = ? WHERE directory = ? AND name = ?",
                .integer(Int64(tx.newNodeNumber().rawValue)),
                .integer(Int64(entry.directory.rawValue)),
                .blob(entry.name.bytes)
            )
        }
    }

    /// Last, as nodes were made again above.
    private mutating func mendTypes() throws {
        let wrong = try entries(
            """
            SELECT directory, name, node, layouts, since, position FROM entry e
            WHERE type <> (SELECT mode >> 12 FROM node WHERE number = e.node AND mode >> 12 > 0)
            """
        )
        for entry in wrong {
            try note(2, entry.name.description, "is listed as what it is again")
            try tx.run(
                """
                UPDATE entry SET type = (SELECT mode >> 12 FROM node WHERE number = entry.node)
                WHERE directory = ? AND name = ?
                """,
                .integer(Int64(entry.directory.rawValue)),
                .blob(entry.name.bytes)
            )
        }
    }

    private mutating func mendLost(_ entry: Entry, _ table: LayoutTable) throws {
        // Two names of one node: the first has made it.
        if try reader.node(entry.node) != nil { return }
        let holds = try reader.hasEntries(entry.node, layouts: LayoutSet(rawValue: .max))
        let isForeign = entry.layouts.contains(.foreign)
        if isForeign, !holds {
            guard let node = foreign(entry.node) else { return }
            try note(2, entry.name.description, "its file is known again")
            return try tx.insert(node)
        }
        // In the listed layout directories may be empty.
        let isListed = entry.layouts.contains(table.listed.bit)
        if try holds || isListed && !isWanted(entry, table.listed) {
            try note(2, entry.name.description, "is a directory again", directory: entry.node)
            return try tx.insert(directory(entry.node, isForeign: isForeign))
        }
        try remove(entry, "led nowhere")
    }

    /// Whether a memory of this name lacks one: then it is the memory's, and comes with its place.
    private func isWanted(_ entry: Entry, _ layout: Layout) throws(SQLError) -> Bool {
        try reader.statement(
            """
            SELECT 1 FROM memory m WHERE m.name = ? AND m.trashed IS NULL AND NOT EXISTS
                (SELECT 1 FROM entry e WHERE e.node = m.node AND e.layouts & ? <> 0) LIMIT 1
            """
        ).first(.blob(entry.name.bytes), .integer(layout.bit.rawValue)) { _ throws(SQLError) in
            true
        } ?? false
    }

    private mutating func remove(_ entry: Entry, _ message: String) throws(SQLError) {
        try note(2, entry.name.description, message)
        try tx.deleteRow(of: entry)
    }

    private func directory(_ number: NodeNumber, isForeign: Bool = false) -> Node {
        Node(
            number: number,
            kind: isForeign ? .foreign : .directory,
            mode: 0o040755,
            uid: isForeign ? owner.user : 0,
            gid: isForeign ? owner.group : 0,
            mtime: tx.now.nanoseconds,
            ctime: tx.now.nanoseconds
        )
    }

    private func entries(_ sql: String) throws(SQLError) -> [Entry] {
        try reader.connection.all(sql) { row throws(SQLError) in Entry(row) }
    }

    // MARK: The trash

    /// ⑨ The change that a memory says it was deleted by decides, where the log has it.
    mutating func mendTrash() throws {
        let rows = try numbers(
            """
            SELECT DISTINCT m.id FROM memory m JOIN entry e ON e.node = m.node
            WHERE m.trashed IS NOT NULL
            """
        )
        for row in rows {
            guard let memory = try reader.memory(row: row), let trashed = memory.trashed else {
                continue
            }
            let others = try numbers(
                "SELECT coalesce(memory, 0) FROM change WHERE seq = \(trashed)"
            )
            if let other = others.first, other != row {
                try note(2, memory.id.description, "is not in the trash", memory: row)
                try tx.run("UPDATE memory SET trashed = NULL WHERE id = ?", .integer(row))
                continue
            }
            let since = try note(
                2,
                memory.id.description,
                "is in the trash, and has no name any more",
                memory: row
            )
            let all = LayoutSet(rawValue: .max)
            for entry in try reader.entries(of: memory.node, layouts: all) {
                try tx.unlink(entry, layouts: entry.layouts, until: since)
            }
        }
    }

    // MARK: Places

    /// Lets a memory stand where its attributes put it, under one name, in every live layout.
    package mutating func mendPlaces(ofMemory row: Int64) throws {
        guard let memory = try reader.memory(row: row), memory.trashed == nil else { return }
        let fields = try reader.fields(of: memory)
        for layout in try reader.layouts().liveLayouts {
            let names = try reader.entries(of: memory.node, layouts: layout.bit)
            let isRight = try names.map { entry in
                try reader.misplacement(of: memory, at: entry, fields, in: layout) == nil
            }
            if names.count == 1, isRight[0] { continue }
            let since = try note(
                2,
                memory.id.description,
                "has its place in layout \(layout.number) anew",
                memory: memory.row
            )
            let kept = isRight.firstIndex(of: true)
            if kept == nil {
                // Before the others go: else a directory could go and come under another node.
                _ = try tx.place(memory, fields, in: layout, isPrimary: false, since: since)
            }
            for (index, entry) in names.enumerated() where index != kept {
                try tx.unlink(entry, layouts: layout.bit, until: since)
            }
        }
    }
}

extension CatalogReader {
    /// What is wrong with the names that a memory has.
    ///
    /// That one is missing, or that there are several, another question finds.
    package func misplacements(of memory: MemoryRow) throws -> [String] {
        let fields = try fields(of: memory)
        return try layouts().liveLayouts.compactMap { layout in
            try entries(of: memory.node, layouts: layout.bit).first.flatMap { entry in
                try misplacement(of: memory, at: entry, fields, in: layout)
            }
        }
    }

    /// Whether a memory has one name, in its place, in every live layout.
    package func isInPlace(_ memory: MemoryRow) throws -> Bool {
        let layouts = try layouts().liveLayouts
        for layout in layouts where try entries(of: memory.node, layouts: layout.bit).count != 1 {
            return false
        }
        return try misplacements(of: memory).isEmpty
    }

    /// What is wrong with a name that a memory has in a layout; nil where all is well.
    package func misplacement(
        of memory: MemoryRow,
        at entry: Entry,
        _ fields: MemoryFields,
        in layout: Layout
    ) throws -> String? {
        let belongs = try layout.scheme.render(fields)
        guard let found = try path(ofDirectory: entry.directory), found.root == layout.root else {
            return "stands in a directory of layout \(layout.number) that no path leads to"
        }
        guard found.names == belongs else {
            return
                "stands in \"/\(NamePath(found.names))\" of layout \(layout.number), and belongs "
                + "in \"/\(NamePath(belongs))\""
        }
        guard Self.isName(entry.name, of: memory) else {
            return "is named \"\(entry.name)\" in layout \(layout.number), and its name is "
                + "\"\(memory.name)\""
        }
        return nil
    }

    /// Whether a memory may have this name: its own, or one with a suffix, which may have yielded
    /// once more to a directory.
    private static func isName(_ name: Name, of memory: MemoryRow) -> Bool {
        if name == memory.name { return true }
        for first in CollisionSuffix.candidates(for: memory.name, id: memory.id) {
            if name == first { return true }
            if CollisionSuffix.candidates(for: first, id: memory.id).contains(name) { return true }
        }
        return false
    }
}

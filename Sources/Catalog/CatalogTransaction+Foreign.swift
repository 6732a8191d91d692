package import Model
import SQL

// Names and nodes that change sides between memories and foreign files.

extension CatalogTransaction {
    /// Puts the memory that a node shows into the trash and leaves the node without a memory: it
    /// is a foreign file's from now on, and the memory has another one.
    ///
    /// Returns the memory's row.
    package func trashKeepingNode(_ number: NodeNumber) throws -> Int64 {
        guard let node = try reader.node(number), node.kind == .memory, node.pinned == nil,
            let row = node.memory, let memory = try reader.memory(row: row)
        else {
            throw LociError(
                .notFound,
                subject: "node \(number)",
                message: "The memory is no longer there"
            )
        }
        _ = try trash(memory)
        var hidden = node
        hidden.number = newNodeNumber()
        try insert(hidden)
        try run(
            "UPDATE memory SET node = ? WHERE id = ?",
            .integer(Int64(hidden.number.rawValue)),
            .integer(row)
        )
        try run(
            "UPDATE node SET kind = 3, memory = NULL, ctime = ? WHERE number = ?",
            .integer(now.nanoseconds),
            .integer(Int64(number.rawValue))
        )
        return row
    }

    /// Gives a foreign node its name.
    package func linkForeign(
        _ node: NodeNumber,
        _ name: Name,
        in directory: NodeNumber
    ) throws {
        let since = try record(.rename, directory: directory, detail: name.detail)
        try link(node, in: directory, as: name, layouts: .foreign, since: since)
    }

    /// Moves the foreign files and directories of one directory to another, each with what it holds.
    ///
    /// One whose name is taken there stays.
    package func moveForeign(from old: NodeNumber, to new: NodeNumber) throws {
        var found: [Entry] = []
        try reader.list(old, layouts: .foreign) { entry, node in
            if node.kind == .foreign { found.append(entry) }
            return true
        }
        let taken = try reader.layouts().occupied
        for entry in found where try reader.entry(in: new, named: entry.name, layouts: taken) == nil
        {
            let since = try record(.rename, directory: new, detail: entry.name.detail)
            try removeRow(entry, layouts: .foreign, until: since)
            try link(entry.node, in: new, as: entry.name, layouts: .foreign, since: since)
        }
    }

    /// Takes the name of a foreign file away, if there is one.
    ///
    /// Its node and bytes stay for who has it open, as with `unlinkForeign`.
    package func unlinkForeign(
        _ name: Name,
        in directory: NodeNumber
    ) throws {
        guard let entry = try reader.entry(in: directory, named: name, layouts: .foreign) else {
            return
        }
        guard let node = try reader.node(entry.node), node.mode & 0o170000 != 0o040000 else {
            throw LociError(
                .isADirectory,
                subject: name.description,
                message: "\"\(name)\" is a directory"
            )
        }
        try unlinkForeign(entry)
    }

    /// Removes a foreign node with its names.
    package func removeForeign(node number: NodeNumber) throws {
        let every = LayoutSet(rawValue: .max)
        for entry in try reader.entries(of: number, layouts: every) {
            let since = try record(
                .rename,
                directory: entry.directory,
                detail: entry.name.detail
            )
            try unlink(entry, layouts: entry.layouts, until: since)
        }
        try deleteNode(number)
    }
}

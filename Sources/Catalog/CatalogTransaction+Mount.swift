package import Model
package import SQL

// What a mount writes besides memories: directories that users make, and files that tools keep beside memories.

extension CatalogReader {
    /// Foreign nodes without a name: unlinked ones that a mount did not live to remove.
    package func namelessForeignNodes() throws(SQLError) -> [NodeNumber] {
        try statement(
            """
            SELECT number FROM node WHERE kind = 3
            AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.node = node.number)
            AND number IS NOT (SELECT value FROM setting WHERE key = 'foreign_root')
            """
        ).all { row throws(SQLError) in NodeNumber(UInt64(row.integer(0))) }
    }
}

extension CatalogTransaction {
    /// Makes the empty directory that a user asked for, in the layout that it fits.
    ///
    /// Throws `nameTaken`.
    package func makePartition(
        _ name: Name,
        in parent: NodeNumber,
        layout: Layout
    ) throws -> Node {
        guard
            try reader.entry(
                in: parent,
                named: name,
                layouts: try reader.layouts().occupied
            ) == nil
        else { throw LociError.taken(name) }
        let since = try record(.mkdir, directory: parent, detail: name.detail)
        let number = try makeDirectory(
            name,
            in: parent,
            layouts: layout.bit,
            mode: 0o755,
            uid: 0,
            gid: 0,
            since: since
        )
        guard let node = try reader.node(number) else { throw LociError.gone(name) }
        return node
    }

    // MARK: Foreign files

    /// Gives a node that tools keep its name.
    ///
    /// Unlike memories it has one, and no history; the change log tells other mounts of the name.
    ///
    /// Throws `nameTaken`.
    package func addForeign(_ node: Node, in parent: NodeNumber, as name: Name) throws {
        try insert(node)
        let since = try record(.add, directory: parent, detail: name.detail)
        try link(node.number, in: parent, as: name, layouts: .foreign, since: since)
    }

    /// Takes the name of a foreign node; its row stays for who has it open.
    package func unlinkForeign(_ entry: Entry) throws {
        try record(.delete, directory: entry.directory, detail: entry.name.detail)
        try dropForeignRow(entry)
        try noteChanged(entry.node)
    }

    /// Gives a foreign node another name.
    ///
    /// Throws `invalidArgument` for a directory that would be beneath itself.
    package func moveForeign(
        _ entry: Entry,
        to parent: NodeNumber,
        as name: Name
    ) throws {
        try refuseBeneathItself(entry, in: parent)
        try record(.rename, directory: entry.directory, detail: entry.name.detail)
        try dropForeignRow(entry)
        let since = try record(.rename, directory: parent, detail: name.detail)
        try link(
            entry.node,
            in: parent,
            as: name,
            layouts: .foreign,
            since: since,
            replacing: entry
        )
        try noteChanged(entry.node)
    }

    /// Two foreign nodes change names.
    ///
    /// Throws `invalidArgument` where one is a directory above the other.
    package func exchangeForeign(_ first: Entry, _ second: Entry) throws {
        try refuseBeneathItself(first, in: second.directory)
        try refuseBeneathItself(second, in: first.directory)
        for entry in [first, second] {
            try record(.rename, directory: entry.directory, detail: entry.name.detail)
            try dropForeignRow(entry)
        }
        for (entry, place) in [(first, second), (second, first)] {
            let since = try record(
                .rename,
                directory: place.directory,
                detail: place.name.detail
            )
            try link(
                entry.node,
                in: place.directory,
                as: place.name,
                layouts: .foreign,
                since: since
            )
            try noteChanged(entry.node)
        }
    }

    /// Foreign names leave no past: nobody restores them.
    private func dropForeignRow(_ entry: Entry) throws(SQLError) {
        try deleteRow(of: entry)
        touch(entry.directory)
    }
}

extension LociError {
    static func taken(_ name: Name) -> LociError {
        LociError(
            .nameTaken,
            subject: name.description,
            message: "The name \"\(name)\" is already taken",
            remedy: "Choose another name, or remove what has it"
        )
    }
}

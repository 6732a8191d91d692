package import Model
package import SQL

extension CatalogReader {
    package func memory(row: Int64) throws(SQLError) -> MemoryRow? {
        try statement(
            """
            SELECT id, ulid, name, node, created, updated, revision, trashed, since
            FROM memory WHERE id = ?
            """
        ).first(.integer(row)) { row throws(SQLError) in MemoryRow(row) }
    }

    package func memory(_ id: MemoryID) throws(SQLError) -> MemoryRow? {
        try statement(
            """
            SELECT id, ulid, name, node, created, updated, revision, trashed, since
            FROM memory WHERE ulid = ?
            """
        ).first(.blob(id.bytes)) { row throws(SQLError) in MemoryRow(row) }
    }

    /// Memories by rising row id above `after`.
    package func memories(
        after: Int64,
        limit: Int,
        trashed: Bool = false
    ) throws(SQLError) -> [MemoryRow] {
        try statement(
            """
            SELECT id, ulid, name, node, created, updated, revision, trashed, since
            FROM memory WHERE id > ? AND (trashed IS NOT NULL) = ? ORDER BY id LIMIT ?
            """
        ).all(.integer(after), .integer(trashed ? 1 : 0), .integer(Int64(limit))) {
            row throws(SQLError) in MemoryRow(row)
        }
    }

    package func attributes(of memory: Int64) throws(SQLError) -> [String: String] {
        let statement = try statement("SELECT key, value FROM attribute WHERE memory = ?")
        defer { statement.reset() }
        try statement.bind(memory, at: 1)
        var attributes: [String: String] = [:]
        while try statement.step() { attributes[statement.text(0)] = statement.text(1) }
        return attributes
    }

    package func fields(of memory: MemoryRow) throws(SQLError) -> MemoryFields {
        MemoryFields(
            id: memory.id,
            created: memory.created,
            attributes: try attributes(of: memory.row)
        )
    }

    package func revision(
        of memory: Int64,
        _ number: RevisionNumber
    ) throws(SQLError) -> RevisionRow? {
        try statement(
            """
            SELECT memory, number, size, sha256, created, actor, blob_key, layout, since
            FROM revision WHERE memory = ? AND number = ?
            """
        ).first(.integer(memory), .integer(Int64(number.rawValue))) {
            row throws(SQLError) in RevisionRow(row)
        }
    }

    /// All kept revisions of a memory, oldest first.
    package func revisions(of memory: Int64) throws(SQLError) -> [RevisionRow] {
        try statement(
            """
            SELECT memory, number, size, sha256, created, actor, blob_key, layout, since
            FROM revision WHERE memory = ? ORDER BY number
            """
        ).all(.integer(memory)) { row throws(SQLError) in RevisionRow(row) }
    }

    /// The revision that a node shows: the one it is pinned to, else the memory's current one.
    package func revision(shownBy node: NodeNumber) throws(SQLError) -> RevisionRow? {
        try statement(
            """
            SELECT r.memory, r.number, r.size, r.sha256, r.created, r.actor, r.blob_key,
                   r.layout, r.since
            FROM node n JOIN memory m ON m.id = n.memory
            JOIN revision r ON r.memory = m.id AND r.number = coalesce(n.revision, m.revision)
            WHERE n.number = ?
            """
        ).first(.integer(Int64(node.rawValue))) { row throws(SQLError) in RevisionRow(row) }
    }

    /// What a node shows, as far as reading it takes: its pinned revision, else the memory's
    /// current one.
    package func content(shownBy node: NodeNumber) throws(SQLError) -> ShownContent? {
        let statement = try statement(
            """
            SELECT n.kind, r.size, r.number, r.blob_key
            FROM node n LEFT JOIN memory m ON m.id = n.memory
            LEFT JOIN revision r ON r.memory = m.id AND r.number = coalesce(n.revision, m.revision)
            WHERE n.number = ?
            """
        )
        defer { statement.reset() }
        try statement.bind(Int64(node.rawValue), at: 1)
        return try statement.step() ? ShownContent(statement) : nil
    }

    /// The directories and name of a memory in one layout.
    ///
    /// Returns nil where it has no name there: in the trash, or the layout is not served.
    package func path(of memory: MemoryRow, in layout: Layout) throws -> [Name]? {
        guard let entry = try entries(of: memory.node, layouts: layout.bit).first,
            let directory = try path(ofDirectory: entry.directory)
        else { return nil }
        return directory.names + [entry.name]
    }

    /// How many memories there are: outside the trash, and in it.
    package func memoryCounts() throws(SQLError) -> (live: Int64, trashed: Int64) {
        try statement("SELECT count(*), count(trashed) FROM memory").first {
            row throws(SQLError) in (row.integer(0) - row.integer(1), row.integer(1))
        } ?? (0, 0)
    }
}

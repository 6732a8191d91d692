package import Model
package import SQL

// All rows of a kind, in pages, for what looks at everything: checks, restores, statistics.

extension CatalogReader {
    /// Memories that went into the trash after a change, by that change.
    package func memoriesTrashed(
        after number: ChangeNumber,
        limit: Int
    ) throws(SQLError) -> [MemoryRow] {
        try statement(
            """
            SELECT id, ulid, name, node, created, updated, revision, trashed, since
            FROM memory WHERE trashed > ? ORDER BY trashed LIMIT ?
            """
        ).all(.integer(number.rawValue), .integer(Int64(limit))) {
            row throws(SQLError) in MemoryRow(row)
        }
    }

    /// Kept revisions by memory and number, above a memory's row.
    ///
    /// All revisions of a memory come in one page, so a page may be longer than `limit`.
    package func revisions(
        afterMemory row: Int64,
        limit: Int
    ) throws(SQLError) -> [RevisionRow] {
        try statement(
            """
            SELECT memory, number, size, sha256, created, actor, blob_key, layout, since
            FROM revision WHERE memory > ?1 AND memory <=
                (SELECT max(id) FROM (SELECT id FROM memory WHERE id > ?1 ORDER BY id LIMIT ?2))
            ORDER BY memory, number
            """
        ).all(.integer(row), .integer(Int64(limit))) { row throws(SQLError) in RevisionRow(row) }
    }

    /// The size of the blob under a key, where a revision names it.
    package func size(ofBlob key: String) throws(SQLError) -> Int64? {
        try statement("SELECT size FROM revision WHERE blob_key = ?").first(.text(key)) {
            row throws(SQLError) in row.integer(0)
        }
    }

    /// The SHA-256 of the blob under a key, where a revision names it.
    package func hash(ofBlob key: String) throws(SQLError) -> ContentHash? {
        try statement("SELECT sha256 FROM revision WHERE blob_key = ?").first(.text(key)) {
            row throws(SQLError) in ContentHash(column: row.bytes(0))
        }
    }

    /// The number for a memory's next revision, which none of its revisions ever had: keys are made
    /// of it, and a backup may still have what was under one.
    ///
    /// The current revision is never let go, so only of one beside it above the current is a note
    /// needed that its number was given out.
    package func nextRevisionNumber(of memory: Int64) throws(SQLError) -> RevisionNumber {
        let last = try statement(
            """
            SELECT max(coalesce((SELECT max(number) FROM revision WHERE memory = ?1), 0),
                       coalesce((SELECT value FROM setting WHERE key = ?2), 0))
            """
        ).first(.integer(memory), .text(Setting.lastRevision(of: memory))) {
            row throws(SQLError) in Int(row.integer(0))
        }
        return RevisionNumber(1 + (last ?? 0))
    }

    /// How many revisions are kept.
    package func revisionCount() throws(SQLError) -> Int64 {
        try statement("SELECT count(*) FROM revision").first {
            row throws(SQLError) in row.integer(0)
        } ?? 0
    }

    /// The node that a name was before it ended, newest first: what a path of the past led to.
    package func formerNodes(
        in directory: NodeNumber,
        named name: Name,
        limit: Int
    ) throws(SQLError) -> [NodeNumber] {
        try statement(
            """
            SELECT node FROM entry_past WHERE directory = ? AND name = ?
            GROUP BY node ORDER BY max(until) DESC LIMIT ?
            """
        ).all(.integer(Int64(directory.rawValue)), .blob(name.bytes), .integer(Int64(limit))) {
            row throws(SQLError) in NodeNumber(UInt64(row.integer(0)))
        }
    }

    /// The memory that a node shows or showed.
    package func memory(shownBy node: NodeNumber) throws(SQLError) -> MemoryRow? {
        try statement(
            """
            SELECT id, ulid, name, node, created, updated, revision, trashed, since
            FROM memory WHERE id = (SELECT memory FROM node WHERE number = ?)
            """
        ).first(.integer(Int64(node.rawValue))) { row throws(SQLError) in MemoryRow(row) }
    }

    /// The ULID of a memory, also of one that was purged.
    package func id(ofMemory row: Int64) throws(SQLError) -> MemoryID? {
        try statement(
            """
            SELECT coalesce((SELECT ulid FROM memory WHERE id = ?1),
                            (SELECT ulid FROM purged WHERE memory = ?1))
            """
        ).first(.integer(row)) { row throws(SQLError) in
            row.isNull(0) ? nil : MemoryID(column: row.bytes(0))
        } ?? nil
    }

    /// The number of a memory's row, also of one that was purged: of several, since an archive brought
    /// it back, the last.
    package func row(ofMemory id: MemoryID) throws(SQLError) -> Int64? {
        try statement(
            """
            SELECT coalesce((SELECT id FROM memory WHERE ulid = ?1),
                            (SELECT max(memory) FROM purged WHERE ulid = ?1))
            """
        ).first(.blob(id.bytes)) { row throws(SQLError) in row.optionalInteger(0) } ?? nil
    }

    /// Whether a key that begins with `folder`, up to its last slash, is collectable for a reason.
    package func hasCollectable(
        in folder: String,
        reason: CollectReason
    ) throws(SQLError) -> Bool {
        try statement(
            """
            SELECT 1 FROM collectable
            WHERE reason = ?1 AND substr(blob_key, 1, length(?2)) = ?2 LIMIT 1
            """
        ).first(.text(reason.rawValue), .text(folder)) { _ throws(SQLError) in true } ?? false
    }

    /// The nodes of foreign files and links that have a name, whose bytes stand outside.
    package func foreignFiles() throws(SQLError) -> [(NodeNumber, Name)] {
        try statement(
            """
            SELECT n.number, e.name FROM node n JOIN entry e ON e.node = n.number
            WHERE n.kind = 3 AND n.mode & 61440 <> 16384
            """
        ).all { row throws(SQLError) in
            (NodeNumber(UInt64(row.integer(0))), Name(unchecked: row.bytes(1)))
        }
    }
}

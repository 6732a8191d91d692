import Digest
import Linux
import Model
package import SQL

// Forgetting a memory for good. Everything that keeps something of a memory is named here, and
// nowhere else: a table that comes later and holds people's text has its line in `deleteRows`.

extension CatalogReader {
    /// The snapshots that hold a memory, oldest first: those that were taken since its oldest
    /// revision that is kept.
    package func snapshotsHolding(_ memory: Int64) throws(SQLError) -> [String] {
        try statement(
            """
            SELECT name FROM snapshot
            WHERE seq >= (SELECT min(since) FROM revision WHERE memory = ?) ORDER BY seq
            """
        ).all(.integer(memory)) { row throws(SQLError) in row.text(0) }
    }

    /// How many blobs of purged memories wait to be removed.
    package func purgedBlobCount() throws(SQLError) -> Int64 {
        try statement("SELECT count(*) FROM collectable WHERE reason = 'purged'").first {
            row throws(SQLError) in row.integer(0)
        } ?? 0
    }

    /// Keys of blobs of purged memories.
    package func purgedBlobs(limit: Int) throws(SQLError) -> [CollectableKey] {
        try statement(
            """
            SELECT blob_key, not_before, reason FROM collectable WHERE reason = 'purged' LIMIT ?
            """
        ).all(.integer(Int64(limit))) { row throws(SQLError) in CollectableKey(row) }
    }
}

extension CatalogTransaction {
    /// Deletes every row of a memory of the trash, and gives its blobs up to be removed at once.
    ///
    /// The change log keeps that there was a memory of that id, and who did what with it and when;
    /// what the log tells of its text goes, and of that only salted hashes stay, without the salts.
    ///
    /// What the database's file still holds of the deleted rows goes with `Catalog.scrub`.
    ///
    /// Precondition: it is in the trash, and nothing else was done to it in this transaction.
    package func purge(_ memory: MemoryRow) throws {
        precondition(memory.trashed != nil, "only what has no name is purged")
        try seal(memory)
        if try !forgetText(of: memory.row) { try setSetting(Setting.strayWords, .integer(1)) }
        try deleteNames(of: memory)
        try giveUpBlobs(of: memory)
        try deleteRows(of: memory)
        let since = try record(
            .purge,
            memory: memory.row,
            detail: JSON.object([.init("id", .string(memory.id.description))]).text()
        )
        try run(
            "INSERT INTO purged(memory, ulid, since) VALUES (?, ?, ?)",
            .integer(memory.row),
            .blob(memory.id.bytes),
            .integer(since.rawValue)
        )
        try setSetting(Setting.needsScrub, .integer(since.rawValue))
    }

    /// What the log says of its text goes, and what stands for it in the chain stays.
    private func seal(_ memory: MemoryRow) throws {
        let rows = try reader.statement(
            """
            SELECT seq, reason, detail, effect, salt FROM change
            WHERE memory = ? AND sealed IS NULL
            """
        ).all(.integer(memory.row)) { row throws(SQLError) in
            (
                row.integer(0), row.optionalText(1), row.optionalText(2), row.optionalText(3),
                row.bytes(4)
            )
        }
        var hasher = ContentHasher()
        for (number, reason, detail, effect, salt) in rows {
            let sealed = LoggedChange.sealed(
                salt: salt,
                reason: reason,
                detail: detail,
                effect: effect,
                &hasher
            )
            try run(
                """
                UPDATE change SET reason = NULL, detail = NULL, effect = NULL, salt = NULL,
                                  sealed = ?
                WHERE seq = ?
                """,
                .blob(sealed),
                .integer(number)
            )
        }
    }

    /// The names that it had: those of its own node, and those that its changes ended or gave to
    /// nodes that are gone.
    private func deleteNames(of memory: MemoryRow) throws {
        let ended = try reader.statement(
            """
            SELECT p.rowid, p.node, p.name FROM change c JOIN entry_past p ON p.until = c.seq
            WHERE c.memory = ?1
            UNION SELECT rowid, node, name FROM entry_past WHERE node = ?2
            """
        ).all(
            .integer(memory.row),
            .integer(Int64(memory.node.rawValue))
        ) { row throws(SQLError) in
            (row.integer(0), NodeNumber(UInt64(row.integer(1))), row.bytes(2))
        }
        var names = [memory.name]
        names += try reader.statement("SELECT name FROM memory_past WHERE memory = ?")
            .all(.integer(memory.row)) { row throws(SQLError) in Name(unchecked: row.bytes(0)) }
        for (row, node, name) in ended
        where node == memory.node || names.contains(where: { $0.mayShow(as: name) }) {
            try run("DELETE FROM entry_past WHERE rowid = ?", .integer(row))
        }
        try run("DELETE FROM entry_past WHERE memory = ?", .integer(memory.row))
    }

    private func giveUpBlobs(of memory: MemoryRow) throws {
        for revision in try reader.revisions(of: memory.row) {
            try collect(revision.blobKey, notBefore: now, reason: .purged)
        }
        // Places that its blobs moved away from; a reader that has one in hand has to do without. One
        // where a blob is about to stand waits until whoever puts it there has found the row gone.
        try run(
            """
            UPDATE collectable SET reason = 'purged',
                not_before = iif(reason IN ('placing', 'moving'), ?2, ?1)
            WHERE reason <> 'purged' AND instr(blob_key, ?3)
            """,
            .integer(now.nanoseconds),
            .integer((now + CollectReason.purgeGrace).nanoseconds),
            .text(memory.id.description)
        )
    }

    private func deleteRows(of memory: MemoryRow) throws {
        let row = SQLValue.integer(memory.row)
        try run("DELETE FROM attribute WHERE memory = ?", row)
        try run("DELETE FROM attribute_past WHERE memory = ?", row)
        try run("DELETE FROM memory_past WHERE memory = ?", row)
        try run("DELETE FROM revision WHERE memory = ?", row)
        try deleteVectors(of: memory.row)
        try removeSetting(Setting.lastRevision(of: memory.row))
        try run("DELETE FROM migration_error WHERE memory = ?", row)
        try run("DELETE FROM node WHERE memory = ? AND revision IS NOT NULL", row)
        try run("DELETE FROM memory WHERE id = ?", row)
        try deleteNode(memory.node)
    }
}

extension Name {
    /// Whether an entry of this name may be called so: as it is, or with a suffix.
    fileprivate func mayShow(as entry: [UInt8]) -> Bool {
        if entry == bytes { return true }
        let dot = bytes.lastIndex(of: UInt8(ascii: ".")) ?? bytes.endIndex
        let stem = bytes[..<(dot == 0 ? bytes.endIndex : dot)]
        guard let tilde = entry.lastIndex(of: UInt8(ascii: "~")) else { return false }
        // The longest names were cut to have room for it.
        return stem.starts(with: entry[..<tilde])
    }
}

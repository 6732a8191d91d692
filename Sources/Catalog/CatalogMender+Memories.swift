package import Model
package import SQL

/// What the change log says of a revision.
package struct LoggedRevision: Hashable, Sendable {
    /// The change that made it.
    package let since: ChangeNumber
    package let created: Timestamp
    package let actor: String
    package let hash: ContentHash
}

extension CatalogReader {
    /// What the change log says of a revision; nil where it was cut, or where a purge took its text.
    package func logged(
        _ number: RevisionNumber,
        of memory: Int64
    ) throws(SQLError) -> LoggedRevision? {
        let statement = try statement(
            """
            SELECT seq, time, actor, effect FROM change
            WHERE memory = ? AND effect IS NOT NULL ORDER BY seq DESC
            """
        )
        defer { statement.reset() }
        try statement.bind(memory, at: 1)
        while try statement.step() {
            guard let after = (try? JSON(parsing: statement.text(3)))?["after"],
                after["revision"]?.integerValue == Int64(number.rawValue),
                let hash = after["sha256"]?.stringValue.flatMap({ try? ContentHash(hex: $0) })
            else { continue }
            return LoggedRevision(
                since: ChangeNumber(statement.integer(0)),
                created: Timestamp(nanoseconds: statement.integer(1)),
                actor: statement.text(2),
                hash: hash
            )
        }
        return nil
    }

    /// Memories whose current revision has no row.
    package func memoriesWithoutRevision() throws(SQLError) -> [MemoryRow] {
        try statement(
            """
            SELECT m.id, m.ulid, m.name, m.node, m.created, m.updated, m.revision, m.trashed, m.since
            FROM memory m LEFT JOIN revision r ON r.memory = m.id AND r.number = m.revision
            WHERE r.number IS NULL ORDER BY m.id
            """
        ).all { row throws(SQLError) in MemoryRow(row) }
    }

    /// Whether the log holds a change of this number and hash.
    package func hasChange(_ mark: LogMark) throws(SQLError) -> Bool {
        try statement("SELECT hash FROM change WHERE seq = ?").first(.integer(mark.number)) {
            row throws(SQLError) in row.bytes(0)
        } == mark.hash
    }

    /// The contents that revisions have: where each is, and its SHA-256.
    package func eachContent(_ body: (String, ContentHash) -> Void) throws(SQLError) {
        let statement = try statement("SELECT blob_key, sha256 FROM revision")
        defer { statement.reset() }
        while try statement.step() {
            body(statement.text(0), ContentHash(column: statement.bytes(1)))
        }
    }
}

// Memories and revisions, from one another and from the log.
extension CatalogMender {
    /// ④ Of a memory there are its revisions, whose keys have its id, its attributes and its log.
    ///
    /// It stands where it stood if its names are there, else in the trash; when it was made, its id
    /// says, to the millisecond. One whose purge is recorded stays gone.
    mutating func mendMemories() throws {
        let rows = try numbers(
            """
            SELECT DISTINCT r.memory FROM revision r LEFT JOIN memory m ON m.id = r.memory
            WHERE m.id IS NULL AND r.memory NOT IN (SELECT memory FROM purged)
            """
        )
        for row in rows { try remake(row) }
    }

    private mutating func remake(_ row: Int64) throws {
        let revisions = try reader.revisions(of: row)
        let beside = Set(
            try numbers("SELECT number FROM revision WHERE memory = \(row) AND beside = 1")
        )
        guard
            let newest = revisions.last(where: { !beside.contains(Int64($0.number.rawValue)) })
                ?? revisions.last,
            let id = revisions.lazy.compactMap({ Self.memory(inKey: $0.blobKey) }).first,
            try reader.memory(id) == nil
        else { return }
        let known = try numbers(
            """
            SELECT number FROM node n WHERE memory = \(row) AND revision IS NULL AND kind = 2
            AND NOT EXISTS (SELECT 1 FROM memory m WHERE m.node = n.number)
            """
        )
        let node = known.count == 1 ? NodeNumber(UInt64(known[0])) : tx.newNodeNumber()
        let listed = try reader.layouts().listed
        let entry = try reader.entries(of: node, layouts: listed.bit).first
        let since = try note(
            1,
            id.description,
            "is a memory again, made of its revisions and the log"
                + (entry == nil ? "; it is in the trash" : ""),
            memory: row
        )
        try tx.run(
            """
            INSERT INTO memory(id, ulid, name, node, created, updated, revision, trashed, since)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            .integer(row),
            .blob(id.bytes),
            .blob(try name(of: row, id, entry, newest).bytes),
            .integer(Int64(node.rawValue)),
            .integer(id.time.nanoseconds),
            .integer(newest.created.nanoseconds),
            .integer(Int64(newest.number.rawValue)),
            SQLValue(entry == nil ? since.rawValue : nil),
            .integer(since.rawValue)
        )
    }

    /// The last name that the log has, else the one that is seen, else the id.
    private func name(
        of row: Int64,
        _ id: MemoryID,
        _ entry: Entry?,
        _ revision: RevisionRow
    ) throws -> Name {
        for effect in try effects(of: row) {
            if let bytes = effect["after"]?["name"]?.nameBytes { return Name(unchecked: bytes) }
        }
        if let entry { return entry.name }
        let suffix = revision.blobKey.split(separator: ".").last.map(String.init) ?? "bin"
        return Name(unchecked: Array("\(id).\(suffix)".utf8))
    }

    /// What changes did to a memory, newest first.
    private func effects(of row: Int64) throws(SQLError) -> [JSON] {
        try reader.connection.all(
            """
            SELECT effect FROM change WHERE memory = \(row) AND effect IS NOT NULL
            ORDER BY seq DESC
            """
        ) { row throws(SQLError) in row.text(0) }.compactMap { try? JSON(parsing: $0) }
    }

    /// The id in `<partition>/<id>.<revision>.<extension>`, or in `<id>~<attempt>.…`.
    private static func memory(inKey key: String) -> MemoryID? {
        let last = key.split(separator: "/").last ?? ""
        let text = last.prefix { $0 != "." && $0 != "~" }
        return text.utf8.count == 26 ? try? MemoryID(String(text)) : nil
    }

    /// ⑤ Of what the log says of a revision, its number is the one that can be looked up.
    mutating func mendOrigins() throws {
        let wrong = try reader.connection.all(
            """
            SELECT r.memory, r.number, r.blob_key FROM revision r WHERE NOT EXISTS
            (SELECT 1 FROM change c WHERE c.seq = r.since AND c.memory = r.memory)
            """
        ) { row throws(SQLError) in (row.integer(0), row.integer(1), row.text(2)) }
        for (memory, number, key) in wrong {
            guard let logged = try reader.logged(RevisionNumber(Int(number)), of: memory) else {
                continue
            }
            try tx.run(
                "UPDATE revision SET since = ? WHERE memory = ? AND number = ?",
                .integer(logged.since.rawValue),
                .integer(memory),
                .integer(number)
            )
            try note(7, key, "was made by change \(logged.since), as the log says", memory: memory)
        }
    }

    /// ⑥ The newest revision that is left is the current one.
    mutating func mendCurrents() throws {
        for memory in try reader.memoriesWithoutRevision() {
            let left =
                try numbers(
                    "SELECT max(number) FROM revision WHERE memory = \(memory.row) AND beside = 0"
                ).first ?? 0
            guard left > 0 else { continue }
            try tx.run(
                "UPDATE memory SET revision = ? WHERE id = ?",
                .integer(left),
                .integer(memory.row)
            )
            try note(
                1,
                memory.id.description,
                "revision \(memory.revision) is nowhere; revision \(left) is the current one",
                memory: memory.row
            )
        }
    }

    // MARK: Contents

    /// Gives a memory the row of its current revision again, whose bytes were found.
    package mutating func revive(
        _ memory: MemoryRow,
        _ logged: LoggedRevision,
        _ content: PlacedContent
    ) throws {
        guard try reader.revision(of: memory.row, memory.revision) == nil else { return }
        try note(
            1,
            memory.id.description,
            "has its revision \(memory.revision) again, from the log and its bytes",
            memory: memory.row
        )
        try tx.run(
            """
            INSERT INTO revision(memory, number, size, sha256, created, actor, blob_key, layout,
                                 since, mtime)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
                    coalesce((SELECT mtime FROM node WHERE memory = ?1 AND revision IS NULL), ?5))
            """,
            .integer(memory.row),
            .integer(Int64(memory.revision.rawValue)),
            .integer(content.size),
            .blob(content.hash.bytes),
            .integer(logged.created.nanoseconds),
            .text(logged.actor),
            .text(content.blobKey),
            SQLValue(content.layout.map { Int64($0.rawValue) }),
            .integer(logged.since.rawValue)
        )
        try tx.forgetCollectable(content.blobKey)
        tx.newTexts.append(NewText(memory.row, memory.revision, content))
    }

    /// Lets a revision say of its content what is so.
    ///
    /// Returns false where it changed since it was read.
    package mutating func correct(
        _ revision: RevisionRow,
        size: Int64,
        hash: ContentHash
    ) throws -> Bool {
        guard try isStill(revision) else { return false }
        try note(
            1,
            revision.blobKey,
            hash == revision.hash
                ? "has its size again: its bytes have the SHA-256 of the revision"
                : "has its SHA-256 again: the log has that of its bytes",
            memory: revision.memory
        )
        try describe(revision, revision.blobKey, revision.layout, size, hash)
        return true
    }

    /// Lets a revision name bytes that were put back, and gives its old key up, if that is one.
    ///
    /// Returns false where it changed since it was read.
    package mutating func putBack(
        _ revision: RevisionRow,
        _ content: PlacedContent,
        from source: String,
        givingUpKey: Bool
    ) throws -> Bool {
        guard try isStill(revision) else { return false }
        try note(
            1,
            revision.blobKey,
            "its content is put back from \(source)",
            memory: revision.memory
        )
        try describe(revision, content.blobKey, content.layout, content.size, content.hash)
        try tx.forgetCollectable(content.blobKey)
        if givingUpKey { try tx.collect(revision.blobKey, notBefore: tx.now, reason: .unnamed) }
        if try reader.memory(row: revision.memory)?.revision == revision.number {
            tx.newTexts.append(NewText(revision.memory, revision.number, content))
        }
        return true
    }

    private func describe(
        _ revision: RevisionRow,
        _ key: String,
        _ layout: LayoutNumber?,
        _ size: Int64,
        _ hash: ContentHash
    ) throws(SQLError) {
        try tx.run(
            """
            UPDATE revision SET blob_key = ?, layout = ?, size = ?, sha256 = ?
            WHERE memory = ? AND number = ?
            """,
            .text(key),
            SQLValue(layout.map { Int64($0.rawValue) }),
            .integer(size),
            .blob(hash.bytes),
            .integer(revision.memory),
            .integer(Int64(revision.number.rawValue))
        )
        try tx.run(
            """
            UPDATE node SET size = ?1 WHERE memory = ?2 AND size <> ?1
            AND coalesce(revision, (SELECT revision FROM memory WHERE id = ?2)) = ?3
            """,
            .integer(size),
            .integer(revision.memory),
            .integer(Int64(revision.number.rawValue))
        )
    }
}

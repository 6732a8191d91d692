package import Model
package import SQL

/// A revision as an archive tells it.
package struct ArchivedRow: Hashable, Sendable {
    package var number: RevisionNumber
    package var created: Timestamp
    package var actor: String
    /// Nanoseconds since 1970.
    package var mtime: Int64
    /// Whether it never was the current one.
    package var isBeside: Bool

    package init(
        number: RevisionNumber,
        created: Timestamp,
        actor: String,
        mtime: Int64,
        isBeside: Bool
    ) {
        self.number = number
        self.created = created
        self.actor = actor
        self.mtime = mtime
        self.isBeside = isBeside
    }
}

extension CatalogTransaction {
    /// Adds a memory as an archive tells it, with its id and all its revisions under their numbers,
    /// times and actors; into the trash, without a name, where it was there.
    ///
    /// The log says who brought it and when: a row for each revision. A name that another memory
    /// has gets a suffix.
    ///
    /// Precondition: `revisions` rise by number, are as many as `contents`, and one of them is
    /// not beside.
    package func addArchived(
        _ fields: MemoryFields,
        name: Name,
        revisions: [ArchivedRow],
        contents: [PlacedContent],
        appearance: NodeAppearance,
        isTrashed: Bool
    ) throws {
        guard let current = revisions.lastIndex(where: { !$0.isBeside }) else {
            preconditionFailure("an archived memory has a current revision")
        }
        let first = contents[0]
        let memory = try addMemory(
            fields,
            name: name,
            content: first,
            appearance: appearance,
            primary: LayoutNumber(0),
            operation: .import,
            isTrashed: isTrashed
        )
        try describe(memory.row, RevisionNumber(1), as: revisions[0])
        for (revision, content) in zip(revisions, contents).dropFirst() {
            let since = try record(.import, memory: memory.row)
            try insertRevision(
                memory.row,
                revision.number,
                content,
                mtime: revision.mtime,
                since: since
            )
            try describe(memory.row, revision.number, as: revision)
        }
        newTexts.append(
            NewText(memory.row, revisions[current].number, contents[current])
        )
        try run(
            "UPDATE memory SET revision = ?, updated = ? WHERE id = ?",
            .integer(Int64(revisions[current].number.rawValue)),
            .integer(revisions[current].created.nanoseconds),
            .integer(memory.row)
        )
        try run(
            "UPDATE node SET size = ? WHERE number = ?",
            .integer(contents[current].size),
            .integer(Int64(memory.node.rawValue))
        )
    }

    private func describe(
        _ memory: Int64,
        _ number: RevisionNumber,
        as revision: ArchivedRow
    ) throws(SQLError) {
        try run(
            """
            UPDATE revision SET number = ?, created = ?, actor = ?, mtime = ?, beside = ?
            WHERE memory = ? AND number = ?
            """,
            .integer(Int64(revision.number.rawValue)),
            .integer(revision.created.nanoseconds),
            .text(revision.actor),
            .integer(revision.mtime),
            .integer(revision.isBeside ? 1 : 0),
            .integer(memory),
            .integer(Int64(number.rawValue))
        )
    }
}

extension CatalogReader {
    /// Rows of memories above one, in the trash or not.
    package func memoryRows(after row: Int64, limit: Int) throws(SQLError) -> [Int64] {
        try statement("SELECT id FROM memory WHERE id > ? ORDER BY id LIMIT ?")
            .all(.integer(row), .integer(Int64(limit))) { row throws(SQLError) in row.integer(0) }
    }

    /// The actor of a revision, and whether it never was the current one.
    package func origin(
        of memory: Int64,
        _ number: RevisionNumber
    ) throws(SQLError) -> (actor: String, isBeside: Bool)? {
        try statement("SELECT actor, beside FROM revision WHERE memory = ? AND number = ?")
            .first(.integer(memory), .integer(Int64(number.rawValue))) { row throws(SQLError) in
                (row.text(0), row.integer(1) == 1)
            }
    }
}

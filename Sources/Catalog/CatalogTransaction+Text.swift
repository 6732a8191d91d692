package import Model
package import SQL

// The text index follows the revisions: the transaction that makes one current says that it waits.

extension CatalogTransaction {
    /// Notes what this transaction made current, and indexes all that waits where that is much.
    func indexNewTexts() throws(SQLError) {
        guard !newTexts.isEmpty else { return }
        defer { newTexts = [] }
        guard try reader.setting(Setting.search) != 0 else { return }
        for text in newTexts {
            try run(
                """
                INSERT INTO waiting(memory, revision) VALUES (?, ?)
                ON CONFLICT(memory) DO UPDATE SET revision = excluded.revision
                """,
                .integer(text.memory),
                .integer(Int64(text.revision.rawValue))
            )
        }
        let limit = TextIndex.waitingTexts
        if try reader.waitingTexts(limit: limit).count >= limit { try indexWaitingTexts() }
    }

    /// Indexes all that waits: at most `TextIndex.waitingTexts`, but in a transaction that made
    /// more current.
    package func indexWaitingTexts() throws(SQLError) {
        var atHand: [Int64: NewText] = [:]
        for text in newTexts { atHand[text.memory] = text }
        for revision in try reader.waitingTexts(limit: .max) {
            let text = atHand[revision.memory]
            let bytes = text?.revision == revision.number ? text?.bytes : nil
            let entry = TextIndex.Entry(size: revision.size) { bytes ?? content(revision) }
            try index(.live, revision.memory, revision.number, entry)
        }
        try run("DELETE FROM waiting")
    }

    /// Gives a memory its row in an index, in place of the one that it has.
    package func index(
        _ index: TextIndex,
        _ memory: Int64,
        _ revision: RevisionNumber,
        _ entry: TextIndex.Entry
    ) throws(SQLError) {
        try remove(memory, from: index)
        let number = SQLValue.integer(Int64(revision.rawValue))
        switch entry {
        case .none(let reason):
            try reader.statement(
                of: "INSERT INTO \(index.others)(memory, revision, reason) VALUES (?, ?, ?)"
            ).run(.integer(memory), number, .integer(reason.rawValue))
        case .text(let bytes):
            let row = try nextRow(of: index)
            try reader.statement(of: "INSERT INTO \(index.words)(rowid, text) VALUES (?, ?)")
                .run(.integer(row), .blob(bytes))
            try reader.statement(
                of: "INSERT INTO \(index.rows)(row, memory, revision) VALUES (?, ?, ?)"
            ).run(.integer(row), .integer(memory), number)
        }
    }

    /// Takes a memory out of an index.
    ///
    /// Returns false where its content cannot be read, so that its words stay and lead nowhere.
    @discardableResult
    package func remove(_ memory: Int64, from index: TextIndex) throws(SQLError) -> Bool {
        let old = try reader.statement(
            of: "SELECT row, revision FROM \(index.rows) WHERE memory = ?"
        ).first(.integer(memory)) { row throws(SQLError) in (row.integer(0), row.integer(1)) }
        guard let (row, number) = old else {
            try reader.statement(of: "DELETE FROM \(index.others) WHERE memory = ?")
                .run(.integer(memory))
            return true
        }
        try reader.statement(of: "DELETE FROM \(index.rows) WHERE row = ?").run(.integer(row))
        let revision = try reader.revision(of: memory, RevisionNumber(Int(number)))
        guard let bytes = revision.flatMap(content) else { return false }
        try reader.statement(
            of: "INSERT INTO \(index.words)(\(index.words), rowid, text) "
                + "VALUES ('delete', ?, ?)"
        ).run(.integer(row), .blob(bytes))
        return true
    }

    /// Above every row that the index has, also of words that lead nowhere.
    private func nextRow(of index: TextIndex) throws(SQLError) -> Int64 {
        let last = try reader.statement(
            of: "SELECT max((SELECT coalesce(max(row), 0) FROM \(index.rows)), "
                + "(SELECT coalesce(max(id), 0) FROM \(index.words)_docsize))"
        ).first { row throws(SQLError) in row.integer(0) }
        return 1 + (last ?? 0)
    }

    /// Takes a memory that is about to end out of the index, before its revisions end.
    ///
    /// An index that is being built is given up: it may hold the memory too. Until `mergeWords`,
    /// traces of its words may stay in the database's pages.
    ///
    /// Returns false where its words stay until the index is built anew.
    package func forgetText(of memory: Int64) throws(SQLError) -> Bool {
        try reader.connection.execute(TextIndex.building.dropping)
        try run("DELETE FROM waiting WHERE memory = ?", .integer(memory))
        return try remove(memory, from: .live)
    }

    /// Writes the index anew without what was removed from it.
    ///
    /// Complexity: reads and writes all of the index.
    package func mergeWords() throws(SQLError) {
        try run("INSERT INTO memory_text(memory_text) VALUES ('optimize')")
    }

    // MARK: Rebuilding

    /// Makes the tables of an index that is built beside the live one, if they are not there.
    package func beginTextIndex() throws(SQLError) {
        try reader.connection.execute(TextIndex.building.ddl)
    }

    /// Puts the index that was built in the place of the live one, if it has every memory.
    ///
    /// Returns false where a memory came or changed since it was looked for.
    package func swapTextIndex() throws(SQLError) -> Bool {
        guard try reader.memoriesUnindexed(in: .building, after: 0, limit: 1).isEmpty else {
            return false
        }
        try reader.connection.execute(TextIndex.live.dropping)
        let (built, live) = (TextIndex.building, TextIndex.live)
        try reader.connection.execute(
            """
            ALTER TABLE \(built.rows) RENAME TO \(live.rows);
            ALTER TABLE \(built.others) RENAME TO \(live.others);
            ALTER TABLE \(built.words) RENAME TO \(live.words);
            """
        )
        try run("DELETE FROM waiting")
        try removeSetting(Setting.search)
        return true
    }

    /// Empties the index and keeps none from now on.
    package func endTextIndex() throws(SQLError) {
        try reader.connection.execute(TextIndex.building.dropping)
        try reader.connection.execute(TextIndex.live.dropping)
        try reader.connection.execute(TextIndex.live.ddl)
        try run("DELETE FROM waiting")
        try setSetting(Setting.search, .integer(0))
    }
}

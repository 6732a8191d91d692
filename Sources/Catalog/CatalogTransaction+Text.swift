import Model
package import SQL

// The text index follows the revisions: the transaction that makes one current says that it waits.

extension CatalogTransaction {
    /// Notes what this transaction made current, and indexes all that waits where that is some.
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
        let waiting = try reader.waitingCount(upTo: TextIndex.backlog + 1)
        if (TextIndex.waitingTexts...TextIndex.backlog).contains(waiting) {
            try indexWaitingTexts()
        }
    }

    /// Indexes all that waits.
    package func indexWaitingTexts() throws(SQLError) {
        var new: [Int64: NewText] = [:]
        for text in newTexts { new[text.memory] = text }
        let revisions = try reader.waitingTexts(limit: .max)
        let items = revisions.map { revision in
            TextIndex.Item(revision) {
                if let text = new[revision.memory], text.revision == revision.number,
                    let bytes = text.bytes
                {
                    return bytes
                }
                return self.content(revision)
            }
        }
        try indexWaiting(items)
    }

    /// Indexes texts of those that wait; what no longer waits in that revision is left out.
    package func indexWaiting(_ items: [TextIndex.Item]) throws(SQLError) {
        var waiting: [TextIndex.Item] = []
        for item in items {
            let rows = try reader.statement(
                "DELETE FROM waiting WHERE memory = ? AND revision = ? RETURNING 1"
            ).all(.integer(item.memory), .integer(Int64(item.revision.rawValue))) {
                _ throws(SQLError) in true
            }
            if !rows.isEmpty { waiting.append(item) }
        }
        try index(.live, waiting)
    }

    /// Gives memories their rows in an index, in place of those that they have.
    ///
    /// What goes comes before what comes, both by rising row: the engine gathers words in memory as
    /// long as rows rise, and writes a part of the index where they do not.
    package func index(_ index: TextIndex, _ items: [TextIndex.Item]) throws(SQLError) {
        let isWhole = try remove(items.map(\.memory), from: index)
        if !isWhole { try setSetting(Setting.strayWords, .integer(1)) }
        var row = try lastRow(of: index)
        for item in items {
            let number = SQLValue.integer(Int64(item.revision.rawValue))
            switch item.entry {
            case .none(let reason):
                try reader.statement(
                    of: "INSERT INTO \(index.others)(memory, revision, reason) VALUES (?, ?, ?)"
                ).run(.integer(item.memory), number, .integer(reason.rawValue))
            case .text(let bytes):
                row += 1
                try reader.statement(of: "INSERT INTO \(index.words)(rowid, text) VALUES (?, ?)")
                    .run(.integer(row), .blob(bytes))
                try reader.statement(
                    of: "INSERT INTO \(index.rows)(row, memory, revision) VALUES (?, ?, ?)"
                ).run(.integer(row), .integer(item.memory), number)
            }
        }
    }

    /// Takes memories out of an index.
    ///
    /// Returns false where a content cannot be read, so that its words stay and lead nowhere.
    private func remove(
        _ memories: some Sequence<Int64>,
        from index: TextIndex
    ) throws(SQLError) -> Bool {
        var rows: [(row: Int64, memory: Int64, revision: RevisionNumber)] = []
        for memory in memories {
            let old = try reader.statement(
                of: "SELECT row, revision FROM \(index.rows) WHERE memory = ?"
            ).first(.integer(memory)) { row throws(SQLError) in
                (row.integer(0), memory, RevisionNumber(Int(row.integer(1))))
            }
            if let old {
                rows.append(old)
            } else {
                try reader.statement(of: "DELETE FROM \(index.others) WHERE memory = ?")
                    .run(.integer(memory))
            }
        }
        var isWhole = true
        for (row, memory, number) in rows.sorted(by: { $0.row < $1.row }) {
            try reader.statement(of: "DELETE FROM \(index.rows) WHERE row = ?").run(.integer(row))
            guard let bytes = try reader.revision(of: memory, number).flatMap(content) else {
                isWhole = false
                continue
            }
            try reader.statement(
                of: "INSERT INTO \(index.words)(\(index.words), rowid, text) "
                    + "VALUES ('delete', ?, ?)"
            ).run(.integer(row), .blob(bytes))
        }
        return isWhole
    }

    /// The highest row that the index has, also of words that lead nowhere.
    private func lastRow(of index: TextIndex) throws(SQLError) -> Int64 {
        try reader.statement(
            of: "SELECT max((SELECT coalesce(max(row), 0) FROM \(index.rows)), "
                + "(SELECT coalesce(max(id), 0) FROM \(index.words)_docsize))"
        ).first { row throws(SQLError) in row.integer(0) } ?? 0
    }

    /// Takes a memory that is about to end out of the index, before its revisions end.
    ///
    /// Out of one that is being built too; that is given up where its words cannot be taken out.
    /// Until `mergeWords`, traces of its words may stay in the database's pages.
    ///
    /// Returns false where its words stay until the index is built anew.
    package func forgetText(of memory: Int64) throws(SQLError) -> Bool {
        if try reader.hasTextIndex(.building), try !remove([memory], from: .building) {
            try reader.connection.execute(TextIndex.building.dropping)
        }
        try run("DELETE FROM waiting WHERE memory = ?", .integer(memory))
        return try remove([memory], from: .live)
    }

    /// Writes the index, and one that is being built, anew without what was removed from it.
    ///
    /// Complexity: reads and writes all of the index.
    package func mergeWords() throws(SQLError) {
        for index in [TextIndex.live, .building] where try reader.hasTextIndex(index) {
            try reader.connection.execute(
                "INSERT INTO \(index.words)(\(index.words)) VALUES ('optimize')"
            )
        }
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
        try removeSetting(Setting.strayWords)
        return true
    }

    /// Empties the index and keeps none from now on.
    package func endTextIndex() throws(SQLError) {
        try reader.connection.execute(TextIndex.building.dropping)
        try reader.connection.execute(TextIndex.live.dropping)
        try reader.connection.execute(TextIndex.live.ddl)
        try run("DELETE FROM waiting")
        try removeSetting(Setting.strayWords)
        try setSetting(Setting.search, .integer(0))
    }
}

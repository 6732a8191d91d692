package import Model
package import SQL

// The vectors follow the revisions: what becomes current waits for one, and what ends has none.

extension CatalogTransaction {
    /// Notes that what this transaction made current waits for a vector.
    func noteUnembedded() throws(SQLError) {
        guard !newTexts.isEmpty else { return }
        for table in [VectorTable.live, .building] where try reader.embedder(of: table) != nil {
            for text in newTexts {
                try reader.statement(
                    of: "INSERT OR REPLACE INTO \(table.waiting)(memory, revision) VALUES (?, ?)"
                ).run(.integer(text.memory), .integer(Int64(text.revision.rawValue)))
            }
        }
    }

    /// Makes a table ready for the vectors of a model: where it has none, or those of another, all
    /// current revisions wait then; else those that could not be read.
    ///
    /// Precondition: of the live table, that it has no other model's.
    package func beginVectors(_ table: VectorTable, of model: EmbedderModel) throws(SQLError) {
        let known = try reader.embedder(of: table)
        guard known != model else {
            return try requeue(
                "SELECT memory FROM \(table.others) WHERE reason = ?",
                .integer(VectorTable.Reason.unread.rawValue),
                table
            )
        }
        try empty(table)
        try setSetting(table.id, .text(model.id))
        try setSetting(table.dimensions, .integer(Int64(model.dimensions)))
        try reader.connection.execute(
            "INSERT INTO \(table.waiting)(memory, revision) SELECT id, revision FROM memory"
        )
    }

    /// Has the current revisions of memories wait for a vector anew.
    package func requeueVectors(_ memories: some Sequence<Int64>) throws(SQLError) {
        for memory in memories {
            try requeue("SELECT ?", .integer(memory), .live)
        }
    }

    private func requeue(
        _ memories: String,
        _ value: SQLValue,
        _ table: VectorTable
    ) throws(SQLError) {
        try reader.statement(
            of: "INSERT OR REPLACE INTO \(table.waiting)(memory, revision) "
                + "SELECT id, revision FROM memory WHERE id IN (\(memories))"
        ).run(value)
    }

    /// Stores vectors of a model.
    ///
    /// Returns false, with nothing stored, where the table is another model's by now.
    package func store(
        _ items: [VectorTable.Item],
        in table: VectorTable,
        of model: EmbedderModel
    ) throws(SQLError) -> Bool {
        guard try reader.embedder(of: table) == model else { return false }
        // One may have been edited or purged while its vector was made; then another revision waits,
        // or none.
        for item in items
        where try reader.memory(row: item.memory)?.revision == item.revision {
            try store(item, in: table)
        }
        return true
    }

    private func store(_ item: VectorTable.Item, in table: VectorTable) throws(SQLError) {
        try deleteVectors(of: item.memory, in: table)
        let (memory, number) = (
            SQLValue.integer(item.memory), SQLValue.integer(Int64(item.revision.rawValue))
        )
        switch item.vector {
        case .success(let vector):
            let insert = try reader.statement(
                of: "INSERT INTO \(table.vectors)(memory, revision, scale, numbers) "
                    + "VALUES (?, ?, ?, ?)"
            )
            defer { insert.reset() }
            try insert.bind([memory, number])
            try insert.bind(Double(vector.scale), at: 3)
            try insert.bind(vector.bytes, at: 4)
            while try insert.step() {}
        case .failure(let none):
            try reader.statement(
                of: "INSERT INTO \(table.others)(memory, revision, reason) VALUES (?, ?, ?)"
            ).run(memory, number, .integer(none.reason.rawValue))
        }
    }

    /// Puts the vectors that were built in the place of the live ones, if nothing waits for one.
    ///
    /// Returns false where something does.
    package func swapVectors() throws(SQLError) -> Bool {
        let (built, live) = (VectorTable.building, VectorTable.live)
        guard let model = try reader.embedder(of: built),
            try reader.unembedded(in: built, limit: 1).isEmpty
        else { return false }
        try reader.connection.execute(
            live.dropping
                + zip(built.names, live.names).map { "ALTER TABLE \($0) RENAME TO \($1);" }.joined()
                + built.ddl
        )
        try setSetting(live.id, .text(model.id))
        try setSetting(live.dimensions, .integer(Int64(model.dimensions)))
        try removeSetting(built.id)
        try removeSetting(built.dimensions)
        return true
    }

    /// Removes all vectors, and makes none until an embedder is used again.
    package func endVectors() throws(SQLError) {
        for table in [VectorTable.live, .building] {
            try empty(table)
            try removeSetting(table.id)
            try removeSetting(table.dimensions)
        }
    }

    private func empty(_ table: VectorTable) throws(SQLError) {
        try reader.connection.execute(table.dropping + table.ddl)
    }

    /// Deletes the vectors of a revision that ends; of whatever revision, where none is named.
    func deleteVectors(of memory: Int64, _ revision: Int64? = nil) throws(SQLError) {
        for table in [VectorTable.live, .building] {
            try deleteVectors(of: memory, revision, in: table)
        }
    }

    private func deleteVectors(
        of memory: Int64,
        _ revision: Int64? = nil,
        in table: VectorTable
    ) throws(SQLError) {
        for name in table.names {
            try reader.statement(
                of: "DELETE FROM \(name) WHERE memory = ?1 AND (?2 IS NULL OR revision = ?2)"
            ).run(.integer(memory), SQLValue(revision))
        }
    }
}

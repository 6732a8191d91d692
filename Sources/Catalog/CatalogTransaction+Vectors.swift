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
                "SELECT m.id FROM memory m JOIN \(table.vectors) v ON v.memory = m.id "
                    + "AND v.revision = m.revision WHERE v.reason = ?",
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
        for item in items {
            let (memory, number) = (
                SQLValue.integer(item.memory), SQLValue.integer(Int64(item.revision.rawValue))
            )
            // It may have been purged, or have expired, while its vector was made.
            if try reader.revision(of: item.memory, item.revision) != nil {
                let insert = try reader.statement(
                    of: "INSERT OR REPLACE INTO \(table.vectors)"
                        + "(memory, revision, scale, numbers, reason) VALUES (?, ?, ?, ?, ?)"
                )
                defer { insert.reset() }
                try insert.bind([memory, number])
                try bind(item.vector, to: insert)
                while try insert.step() {}
            }
            // Where it was edited meanwhile, another revision waits.
            try reader.statement(
                of: "DELETE FROM \(table.waiting) WHERE memory = ? AND revision = ?"
            ).run(memory, number)
        }
        return true
    }

    private func bind(
        _ vector: Result<UnitVector, VectorTable.NoVector>,
        to insert: any SQLStatement
    ) throws(SQLError) {
        switch vector {
        case .success(let vector):
            try insert.bind(Double(vector.scale), at: 3)
            try insert.bind(vector.bytes, at: 4)
            try insert.bindNull(at: 5)
        case .failure(let none):
            try insert.bindNull(at: 3)
            try insert.bindNull(at: 4)
            try insert.bind(none.reason.rawValue, at: 5)
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
                + """
                ALTER TABLE \(built.vectors) RENAME TO \(live.vectors);
                ALTER TABLE \(built.waiting) RENAME TO \(live.waiting);
                """
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

    /// Deletes the vectors of a revision that ends; of all revisions, where none is named.
    func deleteVectors(of memory: Int64, _ revision: Int64? = nil) throws(SQLError) {
        for table in [VectorTable.live, .building] {
            for name in [table.vectors, table.waiting] {
                try reader.statement(
                    of: "DELETE FROM \(name) WHERE memory = ?1 AND (?2 IS NULL OR revision = ?2)"
                ).run(.integer(memory), SQLValue(revision))
            }
        }
    }
}

package import Model
package import SQL

/// The record of one run from a layout to another.
package struct MigrationRow: Hashable, Sendable {
    package var id: Int64
    package var from: LayoutNumber
    package var to: LayoutNumber
    package var actor: String
    package var reason: String?
    /// The mapper's identity; nil where there was none.
    package var mapper: String?
    /// JSON.
    package var options: String
    package var snapshot: String?
    package var started: Timestamp
    package var liveAt: Timestamp?
    package var listedAt: Timestamp?
    package var endedAt: Timestamp?
    package var outcome: String?
    /// Memories when it began.
    package var total: Int64
    package var prepared: Int64
    /// The last memory row whose fields were decided and whose name was written.
    package var prepareCursor: Int64
    package var moved: Int64
    package var movedBytes: Int64
    package var inPlace: Int64
    package var skipped: Int64
}

extension MigrationRow {
    /// The columns of `migration`, in the order of its definition.
    fileprivate init(_ row: any SQLStatement) {
        id = row.integer(0)
        from = LayoutNumber(Int(row.integer(1)))
        to = LayoutNumber(Int(row.integer(2)))
        actor = row.text(3)
        reason = row.optionalText(4)
        mapper = row.optionalText(5)
        options = row.text(6)
        snapshot = row.optionalText(7)
        started = Timestamp(nanoseconds: row.integer(8))
        liveAt = row.optionalInteger(9).map(Timestamp.init(nanoseconds:))
        listedAt = row.optionalInteger(10).map(Timestamp.init(nanoseconds:))
        endedAt = row.optionalInteger(11).map(Timestamp.init(nanoseconds:))
        outcome = row.optionalText(12)
        total = row.integer(13)
        prepared = row.integer(14)
        prepareCursor = row.integer(15)
        moved = row.integer(16)
        movedBytes = row.integer(17)
        inPlace = row.integer(18)
        skipped = row.integer(19)
    }
}

/// A memory that a run could not do a step for, or that a mapper passed over.
package struct MigrationErrorRow: Hashable, Sendable {
    package var migration: Int64
    /// Row of the memory.
    package var memory: Int64
    package var id: MemoryID
    package var name: Name
    package var step: MigrationErrorStep
    package var reason: String
    package var attempts: Int
    package var time: Timestamp
}

/// At which step of a run a memory met its error.
package enum MigrationErrorStep: String, Hashable, Sendable, CaseIterable {
    /// The mapper failed, or gave what it may not give.
    ///
    /// Keeps the layout from going live.
    case map
    /// The mapper passed the memory over: it is decided.
    case skip
    /// The memory's path cannot be made in the new layout.
    ///
    /// Keeps the layout from going live.
    case place
    /// The blob's content is not what its hash says.
    case verify
}

extension CatalogReader {
    /// The newest run; nil before any.
    package func newestMigration() throws(SQLError) -> MigrationRow? {
        try statement(
            """
            SELECT id, from_layout, to_layout, actor, reason, mapper, options, snapshot, started,
                   live_at, listed_at, ended_at, outcome, total, prepared, prepare_cursor, moved,
                   moved_bytes, in_place, skipped
            FROM migration ORDER BY id DESC LIMIT 1
            """
        ).first { row throws(SQLError) in MigrationRow(row) }
    }

    /// Runs below `before`, newest first.
    package func migrations(before: Int64, limit: Int) throws(SQLError) -> [MigrationRow] {
        try statement(
            """
            SELECT id, from_layout, to_layout, actor, reason, mapper, options, snapshot, started,
                   live_at, listed_at, ended_at, outcome, total, prepared, prepare_cursor, moved,
                   moved_bytes, in_place, skipped
            FROM migration WHERE id < ? ORDER BY id DESC LIMIT ?
            """
        ).all(.integer(before), .integer(Int64(limit))) { row throws(SQLError) in
            MigrationRow(row)
        }
    }

    /// Errors at some steps, of up to `limit` memories of a run, by rising memory row above `after`.
    package func migrationErrors(
        of migration: Int64,
        steps: [MigrationErrorStep] = MigrationErrorStep.allCases,
        after: Int64,
        limit: Int
    ) throws(SQLError) -> [MigrationErrorRow] {
        try statement(
            """
            SELECT e.migration, e.memory, m.ulid, m.name, e.step, e.reason, e.attempts, e.time
            FROM migration_error e JOIN memory m ON m.id = e.memory
            WHERE e.migration = ?1 AND instr(?4, ' ' || e.step || ' ') > 0 AND e.memory IN (
                SELECT DISTINCT memory FROM migration_error
                WHERE migration = ?1 AND memory > ?2 AND instr(?4, ' ' || step || ' ') > 0
                ORDER BY memory LIMIT ?3)
            ORDER BY e.memory, e.step
            """
        ).all(
            .integer(migration),
            .integer(after),
            .integer(Int64(limit)),
            .text(" " + steps.map(\.rawValue).joined(separator: " ") + " ")
        ) { row throws(SQLError) in
            MigrationErrorRow(
                migration: row.integer(0),
                memory: row.integer(1),
                id: MemoryID(column: row.bytes(2)),
                name: Name(unchecked: row.bytes(3)),
                step: MigrationErrorStep(rawValue: row.text(4)) ?? .map,
                reason: row.text(5),
                attempts: Int(row.integer(6)),
                time: Timestamp(nanoseconds: row.integer(7))
            )
        }
    }

    /// Memories of a run, from row `first` to `last`, about which a mapper has said what it will:
    /// it passed them over, or failed on them.
    package func memoriesAnswered(
        in migration: Int64,
        from first: Int64,
        to last: Int64
    ) throws(SQLError) -> [Int64] {
        try statement(
            """
            SELECT memory FROM migration_error
            WHERE migration = ? AND memory BETWEEN ? AND ? AND step IN ('map', 'skip')
            """
        ).all(.integer(migration), .integer(first), .integer(last)) { row throws(SQLError) in
            row.integer(0)
        }
    }

    /// How many memories of a run have an entry of `step`.
    package func migrationErrorCount(
        of migration: Int64,
        step: MigrationErrorStep
    ) throws(SQLError) -> Int64 {
        try statement(
            "SELECT count(*) FROM migration_error WHERE migration = ? AND step = ?"
        ).first(.integer(migration), .text(step.rawValue)) { row throws(SQLError) in
            row.integer(0)
        } ?? 0
    }

    /// Memories of a run with an entry of `step`, by rising row above `after`.
    package func memoriesFailed(
        in migration: Int64,
        step: MigrationErrorStep,
        after: Int64,
        limit: Int
    ) throws(SQLError) -> [MemoryRow] {
        try statement(
            """
            SELECT m.id, m.ulid, m.name, m.node, m.created, m.updated, m.revision, m.trashed,
                   m.since
            FROM migration_error e JOIN memory m ON m.id = e.memory
            WHERE e.migration = ? AND e.step = ? AND e.memory > ? ORDER BY e.memory LIMIT ?
            """
        ).all(
            .integer(migration),
            .text(step.rawValue),
            .integer(after),
            .integer(Int64(limit))
        ) { row throws(SQLError) in MemoryRow(row) }
    }

    /// All memories, in the trash and outside, by rising row above `after`.
    package func allMemories(after: Int64, limit: Int) throws(SQLError) -> [MemoryRow] {
        try statement(
            """
            SELECT id, ulid, name, node, created, updated, revision, trashed, since
            FROM memory WHERE id > ? ORDER BY id LIMIT ?
            """
        ).all(.integer(after), .integer(Int64(limit))) { row throws(SQLError) in MemoryRow(row) }
    }

    /// Memories outside the trash that have no name in `layout`: what a run must still place.
    ///
    /// Complexity: reads every memory.
    package func memoriesWithoutName(
        in layout: Layout,
        after row: Int64,
        limit: Int
    ) throws(SQLError) -> [MemoryRow] {
        try statement(
            """
            SELECT id, ulid, name, node, created, updated, revision, trashed, since
            FROM memory m WHERE id > ?2 AND trashed IS NULL AND NOT EXISTS
                (SELECT 1 FROM entry e WHERE e.node = m.node AND e.layouts & ?1 != 0)
            ORDER BY id LIMIT ?3
            """
        ).all(
            .integer(layout.bit.rawValue),
            .integer(row),
            .integer(Int64(limit))
        ) { row throws(SQLError) in
            MemoryRow(row)
        }
    }
}

// MARK: What is left to do

extension CatalogReader {
    /// Whether any revision is not under `target`.
    ///
    /// Three index probes.
    package func hasMisplaced(target: LayoutNumber) throws(SQLError) -> Bool {
        let value = SQLValue.integer(Int64(target.rawValue))
        return try statement(
            """
            SELECT EXISTS(SELECT 1 FROM revision WHERE layout < ?1)
                OR EXISTS(SELECT 1 FROM revision WHERE layout > ?1)
                OR EXISTS(SELECT 1 FROM revision WHERE layout IS NULL)
            """
        ).first(value) { row throws(SQLError) in row.integer(0) == 1 } ?? false
    }

    /// The attributes of the memories with rows in `range`, for a page at once.
    package func attributes(
        ofRows range: ClosedRange<Int64>
    ) throws(SQLError) -> [Int64: [String: String]] {
        let statement = try statement(
            "SELECT memory, key, value FROM attribute WHERE memory BETWEEN ? AND ?"
        )
        defer { statement.reset() }
        try statement.bind(range.lowerBound, at: 1)
        try statement.bind(range.upperBound, at: 2)
        var found: [Int64: [String: String]] = [:]
        while try statement.step() {
            found[statement.integer(0), default: [:]][statement.text(1)] = statement.text(2)
        }
        return found
    }

    /// Whether a memory changed after `number`.
    package func hasChanged(
        memory: Int64,
        after number: ChangeNumber
    ) throws(SQLError) -> Bool {
        try statement("SELECT 1 FROM change WHERE memory = ? AND seq > ? LIMIT 1")
            .first(.integer(memory), .integer(number.rawValue)) { _ throws(SQLError) in true }
            ?? false
    }

    /// The earliest time at which a key may be collected; nil where none is collectable.
    package func nextCollectable(
        reason: CollectReason? = nil
    ) throws(SQLError) -> Timestamp? {
        try statement(
            """
            SELECT max(min(not_before),
                       coalesce((SELECT value FROM setting WHERE key = 'blobs_held_until'), 0))
            FROM collectable WHERE ?1 IS NULL OR reason = ?1
            """
        ).first(SQLValue(reason?.rawValue)) { row throws(SQLError) in row.optionalInteger(0) }?
        .map(Timestamp.init(nanoseconds:))
    }

    /// Directories that hold foreign entries.
    ///
    /// The foreign bit is the highest, so that a comparison asks for it: `entry_foreign`, an index
    /// of those rows alone, fits the literal and no parameter.
    ///
    /// Complexity: reads the foreign entries.
    package func directoriesWithForeignEntries() throws(SQLError) -> [NodeNumber] {
        try statement("SELECT DISTINCT directory FROM entry WHERE layouts >= 4611686018427387904")
            .all { row throws(SQLError) in NodeNumber(UInt64(row.integer(0))) }
    }

    /// How many foreign entries there are.
    ///
    /// Complexity: reads the foreign entries.
    package func foreignCount() throws(SQLError) -> Int64 {
        try statement("SELECT count(*) FROM entry WHERE layouts >= 4611686018427387904")
            .first { row throws(SQLError) in row.integer(0) } ?? 0
    }
}

extension CatalogReader {
    /// The fields of a page of memories, which are by rising row, with one query.
    package func fields(of memories: [MemoryRow]) throws(SQLError) -> [MemoryFields] {
        guard let first = memories.first, let last = memories.last else { return [] }
        // Rows that lie far apart would read what nobody wants.
        if last.row - first.row > 4 * Int64(memories.count) {
            var fields: [MemoryFields] = []
            for memory in memories { fields.append(try self.fields(of: memory)) }
            return fields
        }
        let attributes = try attributes(ofRows: first.row...last.row)
        return memories.map {
            MemoryFields(id: $0.id, created: $0.created, attributes: attributes[$0.row] ?? [:])
        }
    }
}

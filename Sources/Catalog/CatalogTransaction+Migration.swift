package import Model
package import SQL

// The record of a run, and the rows by which any process controls whoever moves.

extension CatalogTransaction {
    /// Begins the record of a run.
    package func insertMigration(
        from: LayoutNumber,
        to: LayoutNumber,
        mapper: String?,
        options: String,
        snapshot: String?,
        total: Int64
    ) throws(SQLError) -> Int64 {
        try run(
            """
            INSERT INTO migration(from_layout, to_layout, actor, reason, mapper, options, snapshot,
                                  started, total)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            .integer(Int64(from.rawValue)),
            .integer(Int64(to.rawValue)),
            .text(origin.actor),
            SQLValue(origin.reason),
            SQLValue(mapper),
            .text(options),
            SQLValue(snapshot),
            .integer(now.nanoseconds),
            .integer(total)
        )
        return reader.connection.lastInsertedRow
    }

    /// Notes how far a run has prepared.
    package func advancePreparing(
        _ migration: Int64,
        cursor: Int64?,
        prepared: Int,
        skipped: Int
    ) throws(SQLError) {
        guard cursor != nil || prepared > 0 || skipped > 0 else { return }
        try run(
            """
            UPDATE migration SET prepare_cursor = max(prepare_cursor, ?), prepared = prepared + ?,
                                 skipped = skipped + ?
            WHERE id = ?
            """,
            .integer(cursor ?? 0),
            .integer(Int64(prepared)),
            .integer(Int64(skipped)),
            .integer(migration)
        )
    }

    /// Which moment of a run's life `stamp` notes.
    package enum MigrationMoment: Hashable, Sendable {
        case live
        case listed
        case ended(outcome: String)
    }

    /// Notes a moment of a run; the first listing stays noted.
    package func stamp(_ migration: Int64, _ moment: MigrationMoment) throws(SQLError) {
        let time = SQLValue.integer(now.nanoseconds)
        switch moment {
        case .live:
            try run("UPDATE migration SET live_at = ? WHERE id = ?", time, .integer(migration))
        case .listed:
            try run(
                "UPDATE migration SET listed_at = coalesce(listed_at, ?) WHERE id = ?",
                time,
                .integer(migration)
            )
        case .ended(let outcome):
            try run(
                "UPDATE migration SET ended_at = ?, outcome = ? WHERE id = ?",
                time,
                .text(outcome),
                .integer(migration)
            )
        }
    }

    /// Ends the records of all runs that came from `layout` and have no end yet.
    package func endMigrations(from layout: LayoutNumber, outcome: String) throws(SQLError) {
        try run(
            """
            UPDATE migration SET ended_at = ?, outcome = ?
            WHERE from_layout = ? AND ended_at IS NULL
            """,
            .integer(now.nanoseconds),
            .text(outcome),
            .integer(Int64(layout.rawValue))
        )
    }

    /// Counts moves for the run that leads to `target` and has not ended; for none where the target
    /// is what an aborted run came from.
    package func countMoves(
        target: LayoutNumber,
        moved: Int,
        bytes: Int64,
        inPlace: Int
    ) throws(SQLError) {
        try run(
            """
            UPDATE migration SET moved = moved + ?, moved_bytes = moved_bytes + ?,
                                 in_place = in_place + ?
            WHERE id = (SELECT max(id) FROM migration WHERE to_layout = ? AND outcome IS NULL)
            """,
            .integer(Int64(moved)),
            .integer(bytes),
            .integer(Int64(inPlace)),
            .integer(Int64(target.rawValue))
        )
    }

    /// Counts again what a run has prepared up to its cursor: what was counted beyond it, before a
    /// kill, is counted when the cursor comes there.
    ///
    /// Complexity: reads every memory below the cursor.
    package func recountPrepared(_ migration: Int64) throws(SQLError) {
        try run(
            """
            UPDATE migration
            SET prepared = (SELECT count(*) FROM memory WHERE id <= migration.prepare_cursor)
            WHERE id = ?
            """,
            .integer(migration)
        )
    }

    /// Gives a run another mapper.
    package func setMapper(_ mapper: String, of migration: Int64) throws(SQLError) {
        try run("UPDATE migration SET mapper = ? WHERE id = ?", .text(mapper), .integer(migration))
    }

    /// Gives a run other options.
    package func setOptions(_ options: String, of migration: Int64) throws(SQLError) {
        try run(
            "UPDATE migration SET options = ? WHERE id = ?",
            .text(options),
            .integer(migration)
        )
    }

    /// Records, or records again, that a step failed for a memory.
    ///
    /// `attempts`: how often it was tried since the last record.
    package func recordError(
        _ migration: Int64,
        memory: Int64,
        step: MigrationErrorStep,
        reason: String,
        attempts: Int = 1
    ) throws(SQLError) {
        try run(
            """
            INSERT INTO migration_error(migration, memory, step, reason, attempts, time)
            VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT(migration, memory, step) DO UPDATE SET
                reason = excluded.reason, attempts = attempts + excluded.attempts,
                time = excluded.time
            """,
            .integer(migration),
            .integer(memory),
            .text(step.rawValue),
            .text(reason),
            .integer(Int64(attempts)),
            .integer(now.nanoseconds)
        )
    }

    /// Takes the record of a failure back: the step was done.
    package func forgetError(
        _ migration: Int64,
        memory: Int64,
        step: MigrationErrorStep
    ) throws(SQLError) {
        try run(
            "DELETE FROM migration_error WHERE migration = ? AND memory = ? AND step = ?",
            .integer(migration),
            .integer(memory),
            .text(step.rawValue)
        )
    }
}

// MARK: Preparing

extension CatalogTransaction {
    /// Gives a memory its name in a layout that is building, unless it has one there already.
    ///
    /// `directory`: what `ensureDirectory` gave for the memory's directories.
    /// Returns whether it had to take a suffix.
    package func prepare(
        _ memory: MemoryRow,
        in directory: NodeNumber,
        of layout: Layout,
        since: ChangeNumber
    ) throws -> Bool {
        guard try reader.entries(of: memory.node, layouts: layout.bit).isEmpty else { return false }
        let name = try link(
            memory.node,
            in: directory,
            as: memory.name,
            layouts: layout.bit,
            since: since,
            policy: .suffix(memory.id)
        )
        guard name != memory.name else { return false }
        try record(.suffix, memory: memory.row, directory: directory)
        return true
    }
}

// MARK: Ended layouts

extension CatalogReader {
    /// Entries that still have the bit of an ended layout, by rising (directory, name) above
    /// `after`.
    ///
    /// Nobody adds any, so one pass from the start meets them all.
    package func endedEntries(
        of layout: Layout,
        after last: Entry?,
        limit: Int
    ) throws(SQLError) -> [Entry] {
        try statement(
            """
            SELECT directory, name, node, layouts, since, position FROM entry
            WHERE (directory, name) > (?, ?) AND layouts & ? != 0
            ORDER BY directory, name LIMIT ?
            """
        ).all(
            .integer(Int64(last?.directory.rawValue ?? 0)),
            .blob(last?.name.bytes ?? []),
            .integer(layout.bit.rawValue),
            .integer(Int64(limit))
        ) { row throws(SQLError) in Entry(row) }
    }
}

extension CatalogTransaction {
    /// Takes the bit of an ended layout from entries that `endedEntries` gave.
    ///
    /// Rows are found by their bit alone: a directory whose only bit ended goes with its node,
    /// whatever is still beneath it, since nobody can reach it.
    package func clear(_ entries: [Entry], of layout: Layout) throws {
        let until = ChangeNumber(
            try reader.statement("SELECT ended FROM layout WHERE number = ?")
                .first(.integer(Int64(layout.number.rawValue))) { row throws(SQLError) in
                    row.integer(0)
                } ?? 0
        )
        for stale in entries {
            // Looked at again: since it was read, its memory may have gone to the trash.
            guard
                let entry = try reader.entry(
                    in: stale.directory,
                    named: stale.name,
                    layouts: layout.bit
                )
            else { continue }
            try clear(entry, layout.bit, until: until)
        }
    }

    /// Frees the slot of an ended layout of whose entries none is left.
    package func finishClearing(_ layout: Layout) throws {
        try run(
            "UPDATE layout SET state = ? WHERE number = ? AND state = 3",
            .integer(
                layout.listedSince == nil
                    ? Layout.State.clearedAborted.rawValue : Layout.State.cleared.rawValue
            ),
            .integer(Int64(layout.number.rawValue))
        )
        let isShared = try reader.layouts().all.contains {
            $0.number != layout.number && $0.root == layout.root
                && [.building, .live, .retired].contains($0.state)
        }
        if layout.root != Catalog.rootNode, !isShared { try deleteNode(layout.root) }
        try forgetUses(of: layout.number)
        try layoutsChanged()
    }

    private func clear(_ entry: Entry, _ bit: LayoutSet, until: ChangeNumber) throws {
        try removeRow(entry, layouts: bit, until: until)
        guard entry.layouts.subtracting(bit).isEmpty else { return }
        if try reader.node(entry.node)?.kind == .directory { try deleteNode(entry.node) }
    }
}

package import Model
package import SQL

// Snapshots are change numbers, and the past is what a number needs to mean something. Retention
// lets go of what no kept number needs, so that nothing grows without bound.

/// A named change number.
package struct SnapshotRow: Hashable, Sendable {
    package var name: String
    package var number: ChangeNumber
    package var created: Timestamp
    package var actor: String
    package var reason: String?
    /// By which a mount numbers the directories of its tree; no two snapshots share one.
    package var view: Int
}

enum Snapshots {
    /// The most that there can be: views have 14 bits in a mount's node numbers, and some are for
    /// other trees.
    static let most = 16_000
}

extension SnapshotRow {
    /// The columns `name, seq, created, actor, reason, view`.
    fileprivate init(_ row: any SQLStatement) {
        self.init(
            name: row.text(0),
            number: ChangeNumber(row.integer(1)),
            created: Timestamp(nanoseconds: row.integer(2)),
            actor: row.text(3),
            reason: row.optionalText(4),
            view: Int(row.integer(5))
        )
    }
}

/// What a memory was at a change number.
package struct MemoryPast: Hashable, Sendable {
    package var name: Name
    package var isTrashed: Bool
    package var attributes: [String: String]
    package var revision: RevisionNumber
}

extension CatalogReader {
    package func snapshots() throws(SQLError) -> [SnapshotRow] {
        try statement(
            "SELECT name, seq, created, actor, reason, view FROM snapshot ORDER BY seq, name"
        )
        .all { row throws(SQLError) in SnapshotRow(row) }
    }

    /// The snapshot of a view.
    package func snapshot(view: Int) throws(SQLError) -> SnapshotRow? {
        try statement("SELECT name, seq, created, actor, reason, view FROM snapshot WHERE view = ?")
            .first(.integer(Int64(view))) { row throws(SQLError) in SnapshotRow(row) }
    }

    /// When a snapshot was last taken or deleted.
    package func snapshotsChanged() throws(SQLError) -> Timestamp? {
        try setting(Setting.snapshotsChanged).map { Timestamp(nanoseconds: $0) }
    }

    package func snapshot(_ name: String) throws(SQLError) -> SnapshotRow? {
        try statement("SELECT name, seq, created, actor, reason, view FROM snapshot WHERE name = ?")
            .first(.text(name)) { row throws(SQLError) in SnapshotRow(row) }
    }

    /// Memories that changed after `number`, by row id above `cursor`.
    package func memoriesChanged(
        after number: ChangeNumber,
        cursor: Int64,
        limit: Int
    ) throws(SQLError) -> [Int64] {
        try statement(
            """
            SELECT DISTINCT memory FROM change
            WHERE seq > ? AND memory IS NOT NULL AND memory > ? ORDER BY memory LIMIT ?
            """
        ).all(.integer(number.rawValue), .integer(cursor), .integer(Int64(limit))) {
            row throws(SQLError) in row.integer(0)
        }
    }

    /// What a memory was just after change `number`; nil where it was not born yet.
    package func past(
        of memory: MemoryRow,
        at number: ChangeNumber
    ) throws(SQLError) -> MemoryPast? {
        let at = SQLValue.integer(number.rawValue)
        let row = SQLValue.integer(memory.row)
        guard
            let revision = try statement(
                """
                SELECT number FROM revision WHERE memory = ? AND since <= ? AND beside = 0
                ORDER BY since DESC LIMIT 1
                """
            ).first(row, at, read: { row throws(SQLError) in row.integer(0) })
        else { return nil }
        var name = memory.name
        var trashed = memory.trashed
        if memory.since > number {
            let past = try statement(
                """
                SELECT name, trashed FROM memory_past
                WHERE memory = ? AND since <= ? AND until > ?
                """
            ).first(row, at, at) { row throws(SQLError) in
                (Name(unchecked: row.bytes(0)), row.optionalInteger(1).map { ChangeNumber($0) })
            }
            guard let past else { return nil }
            (name, trashed) = past
        }
        var attributes: [String: String] = [:]
        for (key, value) in try statement(
            """
            SELECT key, value FROM attribute WHERE memory = ?1 AND since <= ?2
            UNION ALL
            SELECT key, value FROM attribute_past
            WHERE memory = ?1 AND since <= ?2 AND until > ?2
            """
        ).all(row, at, read: { row throws(SQLError) in (row.text(0), row.text(1)) }) {
            attributes[key] = value
        }
        return MemoryPast(
            name: name,
            isTrashed: trashed != nil,
            attributes: attributes,
            revision: RevisionNumber(Int(revision))
        )
    }
}

/// How far retention has looked for superseded revisions: through the memory of this row.
package typealias RetentionCursor = Int64

/// What one round of retention let go.
package struct RetentionOutcome: Hashable, Sendable {
    package var pastRows = 0
    package var revisions = 0
    package var changes = 0
    /// From where on revisions are still to be looked at; nil at the end.
    package var next: RetentionCursor?
    /// Whether there may be more to do.
    package var isPartial = false
}

extension CatalogTransaction {
    /// Takes a snapshot of everything up to now.
    ///
    /// Throws `nameTaken`.
    package func takeSnapshot(_ name: String) throws -> SnapshotRow {
        if try reader.snapshot(name) != nil {
            throw LociError(
                .nameTaken,
                subject: name,
                message: "A snapshot named \"\(name)\" exists",
                remedy: "Choose another name"
            )
        }
        let view = try newView()
        let number = try record(
            .snapshot,
            detail: JSON.object([.init("name", .string(name))]).text()
        )
        try run(
            """
            INSERT INTO snapshot(name, seq, created, actor, reason, view) VALUES (?, ?, ?, ?, ?, ?)
            """,
            .text(name),
            .integer(number.rawValue),
            .integer(now.nanoseconds),
            .text(origin.actor),
            SQLValue(origin.reason),
            .integer(Int64(view))
        )
        try setSetting(Setting.snapshotsChanged, .integer(now.nanoseconds))
        return SnapshotRow(
            name: name,
            number: number,
            created: now,
            actor: origin.actor,
            reason: origin.reason,
            view: view
        )
    }

    /// A view that no snapshot has, of all those the one whose last use is longest ago.
    private func newView() throws -> Int {
        let used = Set(try reader.snapshots().map(\.view))
        guard used.count < Snapshots.most else {
            throw LociError(
                .wrongState,
                subject: "snapshots",
                message: "There are \(Snapshots.most) snapshots, which is the most there can be",
                remedy: "Delete some with: loci snapshot delete NAME"
            )
        }
        var view = Int(try reader.setting(Setting.lastView) ?? 0)
        repeat { view = view % Snapshots.most + 1 } while used.contains(view)
        try setSetting(Setting.lastView, .integer(Int64(view)))
        return view
    }

    /// Deletes a snapshot; what only it needed goes with the next retention.
    ///
    /// Throws `snapshotNotFound`.
    package func deleteSnapshot(_ name: String) throws {
        _ = try reader.existingSnapshot(name)
        try run("DELETE FROM snapshot WHERE name = ?", .text(name))
        try record(
            .snapshotDeleted,
            detail: JSON.object([.init("name", .string(name))]).text()
        )
        try setSetting(Setting.snapshotsChanged, .integer(now.nanoseconds))
    }

    /// Lets go of what neither the time since `horizon` nor any snapshot needs: rows of the past,
    /// superseded revisions (their blobs become collectable), and nodes that nobody has open.
    ///
    /// At most `limit` rows of each kind, and revisions of some thousand memories after `cursor`, so
    /// that the lock is held for a moment only.
    package func applyRetention(
        horizon: Timestamp,
        limit: Int,
        after cursor: RetentionCursor = 0
    ) throws -> RetentionOutcome {
        let bound = try reader.change(at: horizon)
        let oldest = try reader.snapshots().first?.number
        let floor = min(bound, oldest ?? bound)
        var outcome = RetentionOutcome()
        try noteKept(since: bound, horizon: horizon)
        let most = Int64(limit)
        func drop(_ sql: StaticString) throws(SQLError) -> Int {
            try run(sql, .integer(floor.rawValue), .integer(most))
            return reader.connection.changedRows
        }
        let past = [
            try drop(
                """
                DELETE FROM entry_past WHERE rowid IN
                    (SELECT rowid FROM entry_past WHERE until <= ? LIMIT ?)
                """
            ),
            try drop(
                """
                DELETE FROM attribute_past WHERE rowid IN
                    (SELECT rowid FROM attribute_past WHERE until <= ? LIMIT ?)
                """
            ),
            try drop(
                """
                DELETE FROM memory_past WHERE rowid IN
                    (SELECT rowid FROM memory_past WHERE until <= ? LIMIT ?)
                """
            ),
        ]
        outcome.pastRows = past.reduce(0, +)
        (outcome.revisions, outcome.next) =
            try expireRevisions(bound: bound, limit: limit, after: cursor)
        outcome.changes = try cutLog(upTo: floor, limit: limit)
        outcome.isPartial =
            past.contains(limit) || outcome.next != nil || outcome.changes == limit
        return outcome
    }

    /// Notes from where on the past is whole, in the transaction that lets go of what was before.
    private func noteKept(since bound: ChangeNumber, horizon: Timestamp) throws(SQLError) {
        guard bound > (try reader.keptSince()) else { return }
        try setSetting(Setting.keptSince, .integer(bound.rawValue))
        try setSetting(Setting.keptSinceTime, .integer(horizon.nanoseconds))
    }

    /// Superseded revisions: ended before `bound`, and current at no snapshot.
    ///
    /// Returns how many, and the memory through which it has looked; nil after the last.
    private func expireRevisions(
        bound: ChangeNumber,
        limit: Int,
        after cursor: RetentionCursor
    ) throws(SQLError) -> (count: Int, next: RetentionCursor?) {
        // Most tenants are younger than their retention; one probe tells that, and spares the rest.
        guard try hasRevisions(notAfter: bound) else { return (0, nil) }
        let looked = try reader.statement(
            """
            SELECT coalesce(max(id), 0), count(*)
            FROM (SELECT id FROM memory WHERE id > ? ORDER BY id LIMIT ?)
            """
        ).first(.integer(cursor), .integer(Self.memoriesLookedAt)) { row throws(SQLError) in
            (last: row.integer(0), count: row.integer(1))
        }
        guard let looked, looked.count > 0 else { return (0, nil) }
        let expired = try reader.statement(
            """
            SELECT r.memory, r.number, r.blob_key, r.number > m.revision
            FROM memory m CROSS JOIN revision r ON r.memory = m.id
            WHERE m.id > ?3 AND m.id <= ?4 AND r.number <> m.revision AND r.since <= ?1
              AND (r.beside = 1 OR EXISTS
                   (SELECT 1 FROM revision s WHERE s.memory = r.memory AND s.beside = 0
                    AND s.since > r.since AND s.since <= ?1))
              AND NOT EXISTS (SELECT 1 FROM snapshot p WHERE p.seq >= r.since AND NOT EXISTS
                   (SELECT 1 FROM revision s WHERE s.memory = r.memory AND s.beside = 0
                    AND s.since > r.since AND s.since <= p.seq))
              AND NOT EXISTS (SELECT 1 FROM node n WHERE n.memory = r.memory
                    AND n.revision = r.number)
            LIMIT ?2
            """
        ).all(
            .integer(bound.rawValue),
            .integer(Int64(limit)),
            .integer(cursor),
            .integer(looked.last)
        ) { row throws(SQLError) in
            (row.integer(0), row.integer(1), row.text(2), row.integer(3) == 1)
        }
        for (memory, number, key, isLast) in expired {
            if isLast { try noteLastRevision(of: memory, number) }
            try run(
                "DELETE FROM revision WHERE memory = ? AND number = ?",
                .integer(memory),
                .integer(number)
            )
            try deleteVectors(of: memory, number)
            try collect(key, notBefore: now, reason: .expired)
        }
        if expired.count == limit { return (limit, cursor) }
        return (expired.count, looked.count == Self.memoriesLookedAt ? looked.last : nil)
    }

    /// Whether a revision is of `change` or of one before it.
    private func hasRevisions(notAfter change: ChangeNumber) throws(SQLError) -> Bool {
        try reader.statement("SELECT 1 FROM revision WHERE since <= ? LIMIT 1")
            .first(.integer(change.rawValue)) { _ throws(SQLError) in true } ?? false
    }

    /// To find those that were superseded takes about 1 µs each.
    private static let memoriesLookedAt: Int64 = 5000

    /// Notes that a number was given out, before the revision that has it is let go.
    private func noteLastRevision(of memory: Int64, _ number: Int64) throws(SQLError) {
        let key = Setting.lastRevision(of: memory)
        guard try reader.setting(key) ?? 0 < number else { return }
        try setSetting(key, .integer(number))
    }

    /// Deletes nodes without a name that only a mount could have open.
    ///
    /// The caller has made sure that no mount lives.
    package func deletePinnedNodes() throws(SQLError) {
        try run("DELETE FROM node WHERE revision IS NOT NULL")
    }
}

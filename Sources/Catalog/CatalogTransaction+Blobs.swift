package import Model
package import SQL

// Which keys blobs have, and which keys are nobody's. The rows of `collectable` are what makes
// every blob accounted for at every moment: named by a revision, collectable, or staged.

/// A revision whose blob does not stand where the target's layout puts it.
package struct MisplacedRevision: Hashable, Sendable {
    package var memory: MemoryRow
    package var revision: RevisionRow

    package init(memory: MemoryRow, revision: RevisionRow) {
        self.memory = memory
        self.revision = revision
    }
}

/// Why a key may be collected.
package enum CollectReason: String, Hashable, Sendable {
    /// A row is about to name it: a crash in between leaves it to be collected.
    case placing
    /// Like `placing`, by who holds the mover's lock: a row from before it took the lock is what
    /// a crash left.
    case moving
    /// A blob moved away from it.
    case moved
    /// Its revision is kept no longer.
    case expired
    /// Its memory was purged.
    case purged
    /// No row named it; a repair has kept elsewhere what it held.
    case unnamed

    /// How long a key of a purged memory stays where a blob was about to be put there.
    static let purgeGrace: Duration = .seconds(10)
}

/// A key that waits to be collected, as its row was read.
package struct CollectableKey: Hashable, Sendable {
    package var key: String
    package var notBefore: Timestamp
    /// Nil where a newer program wrote it.
    package var reason: CollectReason?

    package init(key: String, notBefore: Timestamp, reason: CollectReason?) {
        self.key = key
        self.notBefore = notBefore
        self.reason = reason
    }

    /// The columns `blob_key, not_before, reason`.
    init(_ row: any SQLStatement) {
        key = row.text(0)
        notBefore = Timestamp(nanoseconds: row.integer(1))
        reason = CollectReason(rawValue: row.text(2))
    }
}

extension CatalogReader {
    /// Revisions to be moved: current ones of memories outside the trash first, then all others.
    ///
    /// `after`: memory rows at or below it are passed over, in both parts: a cursor that
    /// saves work, not one that truth depends on. Begin at 0 to see all.
    package func misplaced(
        target: LayoutNumber,
        currentOnly: Bool,
        after: Int64,
        limit: Int
    ) throws(SQLError) -> [MisplacedRevision] {
        let current = try statement(
            """
            SELECT m.id, m.ulid, m.name, m.node, m.created, m.updated, m.revision, m.trashed,
                   m.since, r.memory, r.number, r.size, r.sha256, r.created, r.actor, r.blob_key,
                   r.layout, r.since
            FROM memory m JOIN revision r ON r.memory = m.id AND r.number = m.revision
            WHERE m.id > ?2 AND m.trashed IS NULL AND r.layout IS NOT ?1
            ORDER BY m.id LIMIT ?3
            """
        )
        let others = try statement(
            """
            SELECT m.id, m.ulid, m.name, m.node, m.created, m.updated, m.revision, m.trashed,
                   m.since, r.memory, r.number, r.size, r.sha256, r.created, r.actor, r.blob_key,
                   r.layout, r.since
            FROM memory m JOIN revision r ON r.memory = m.id
            WHERE m.id > ?2 AND r.layout IS NOT ?1
            ORDER BY m.id LIMIT ?3
            """
        )
        let target = SQLValue.integer(Int64(target.rawValue))
        return try (currentOnly ? current : others).all(
            target,
            .integer(after),
            .integer(Int64(limit))
        ) { row throws(SQLError) in
            MisplacedRevision(memory: MemoryRow(row), revision: RevisionRow(row, from: 9))
        }
    }

    /// How many revisions, and how many current ones outside the trash, do not stand under `target`.
    package func misplacedCount(target: LayoutNumber) throws(SQLError) -> Int64 {
        let value = SQLValue.integer(Int64(target.rawValue))
        return try statement(
            """
            SELECT (SELECT count(*) FROM revision WHERE layout < ?1)
                 + (SELECT count(*) FROM revision WHERE layout > ?1)
                 + (SELECT count(*) FROM revision WHERE layout IS NULL)
            """
        ).first(value) { row throws(SQLError) in row.integer(0) } ?? 0
    }

    /// Keys whose grace time is over, oldest first; none while a backup holds all blobs.
    package func collectable(
        at time: Timestamp,
        limit: Int
    ) throws(SQLError) -> [CollectableKey] {
        if try areBlobsHeld(at: time) { return [] }
        return try statement(
            """
            SELECT blob_key, not_before, reason FROM collectable
            WHERE not_before <= ? ORDER BY not_before LIMIT ?
            """
        ).all(.integer(time.nanoseconds), .integer(Int64(limit))) { row throws(SQLError) in
            CollectableKey(row)
        }
    }

    package func collectableCount() throws(SQLError) -> Int64 {
        try statement("SELECT count(*) FROM collectable").first {
            row throws(SQLError) in row.integer(0)
        } ?? 0
    }

    /// How many keys with a reason may be collected after a time only.
    ///
    /// Complexity: reads the keys after that time.
    package func collectableCount(
        reason: CollectReason,
        after time: Timestamp
    ) throws(SQLError) -> Int64 {
        try statement("SELECT count(*) FROM collectable WHERE not_before > ? AND reason = ?")
            .first(.integer(time.nanoseconds), .text(reason.rawValue)) { row throws(SQLError) in
                row.integer(0)
            } ?? 0
    }

    /// What the catalog knows of a key; three index probes.
    package func use(ofBlobKey key: String) throws(SQLError) -> BlobKeyUse {
        try statement(
            """
            SELECT EXISTS(SELECT 1 FROM revision WHERE blob_key = ?1),
                   (SELECT reason FROM collectable WHERE blob_key = ?1),
                   (SELECT not_before FROM collectable WHERE blob_key = ?1)
            """
        ).first(.text(key)) { row throws(SQLError) in
            BlobKeyUse(
                isNamed: row.integer(0) == 1,
                isCollectable: !row.isNull(1),
                reason: row.optionalText(1).flatMap(CollectReason.init),
                notBefore: row.optionalInteger(2).map { Timestamp(nanoseconds: $0) }
            )
        } ?? BlobKeyUse()
    }
}

extension CatalogReader {
    /// Whether a blob's key is nobody's.
    package func isFree(_ key: String) throws(SQLError) -> Bool {
        try statement(
            """
            SELECT NOT EXISTS(SELECT 1 FROM revision WHERE blob_key = ?1)
                   AND NOT EXISTS(SELECT 1 FROM collectable WHERE blob_key = ?1)
            """
        ).first(.text(key)) { row throws(SQLError) in row.integer(0) == 1 } ?? true
    }

    /// Whether a blob's key is reserved for content that is about to be named.
    package func isPlacing(_ key: String) throws(SQLError) -> Bool {
        try statement("SELECT reason FROM collectable WHERE blob_key = ?").first(.text(key)) {
            row throws(SQLError) in row.text(0) == CollectReason.placing.rawValue
        } ?? false
    }
}

/// What the catalog knows of a blob's key.
package struct BlobKeyUse: Hashable, Sendable {
    /// Whether a revision has its blob there.
    package var isNamed = false
    /// Whether it waits to be collected, or to be named.
    package var isCollectable = false
    /// Why; nil where it is not collectable, or where a newer program wrote the reason.
    package var reason: CollectReason?
    /// When it may be collected; nil where it is not collectable.
    package var notBefore: Timestamp?

    /// Whether it may be collected now.
    ///
    /// Not as soon as it is collectable: a key that was given up may be about to be named again.
    package func isDue(at time: Timestamp) -> Bool { notBefore.map { $0 <= time } ?? false }
}

extension CatalogTransaction {
    /// Accounts for a key: it may be collected at `notBefore` unless a row names it by then.
    package func collect(
        _ key: String,
        notBefore: Timestamp,
        reason: CollectReason
    ) throws(SQLError) {
        try run(
            """
            INSERT INTO collectable(blob_key, not_before, reason) VALUES (?, ?, ?)
            ON CONFLICT(blob_key) DO UPDATE SET not_before = excluded.not_before,
                                                reason = excluded.reason
            """
        ) { row throws(SQLError) in
            try row.add(key)
            try row.add(notBefore.nanoseconds)
            try row.add(reason.rawValue)
        }
    }

    /// Accounts for a key that a blob is about to move to.
    ///
    /// Returns false, and changes nothing, where it is somebody else's: a revision names it, or it
    /// waits for another reason than a move. What this revision left there, by moving away or in a
    /// crash, is its own.
    package func claim(_ key: String, notBefore: Timestamp) throws(SQLError) -> Bool {
        try run(
            """
            INSERT INTO collectable(blob_key, not_before, reason)
            SELECT ?1, ?2, 'moving' WHERE NOT EXISTS (SELECT 1 FROM revision WHERE blob_key = ?1)
            ON CONFLICT(blob_key) DO UPDATE SET not_before = excluded.not_before, reason = 'moving'
            WHERE reason IN ('moving', 'moved')
            """
        ) { row throws(SQLError) in
            try row.add(key)
            try row.add(notBefore.nanoseconds)
        }
        return reader.connection.changedRows == 1
    }

    /// Forgets a key that was due, since its blob goes in this transaction.
    ///
    /// Returns false, and changes nothing, where its row is not the one that was read, a revision
    /// names it by now, or the clock went back to before it was due.
    package func release(_ due: CollectableKey) throws(SQLError) -> Bool {
        guard due.notBefore <= now else { return false }
        try run(
            """
            DELETE FROM collectable WHERE blob_key = ?1 AND not_before = ?2
                AND NOT EXISTS (SELECT 1 FROM revision WHERE blob_key = ?1)
            """
        ) { row throws(SQLError) in
            try row.add(due.key)
            try row.add(due.notBefore.nanoseconds)
        }
        return reader.connection.changedRows == 1
    }

    /// Forgets that a key is collectable: it is named, or gone.
    package func forgetCollectable(_ key: String) throws(SQLError) {
        try run("DELETE FROM collectable WHERE blob_key = ?", .text(key))
    }

    /// Compare-and-set of a revision's key: it now stands at `new` under `layout`.
    ///
    /// Returns false where the claim on `new` was given up meanwhile, or the row names another key
    /// than `old` by now: the row was not changed, and what stands at `new` is accounted for.
    package func moveBlob(
        memory: Int64,
        _ number: RevisionNumber,
        from old: String,
        to new: String,
        layout: LayoutNumber?,
        collectOldAfter notBefore: Timestamp
    ) throws(SQLError) -> Bool {
        try run(
            """
            UPDATE revision SET blob_key = ?1, layout = ?2
            WHERE memory = ?3 AND number = ?4 AND blob_key = ?5 AND (?1 = ?5 OR EXISTS
                (SELECT 1 FROM collectable WHERE blob_key = ?1 AND reason = 'moving'))
            """
        ) { row throws(SQLError) in
            try row.add(new)
            try row.add(layout.map { Int64($0.rawValue) })
            try row.add(memory)
            try row.add(Int64(number.rawValue))
            try row.add(old)
        }
        // By bytes: two forms of one letter are two names of files.
        let isInPlace = old.hasSameBytes(as: new)
        guard reader.connection.changedRows == 1 else {
            if !isInPlace { try giveUpClaim(on: new, notBefore: notBefore) }
            return false
        }
        if isInPlace {
            try forgetCollectable(new)
            return true
        }
        // The row that accounted for the new key does so for the old one.
        try run(
            """
            UPDATE OR REPLACE collectable SET blob_key = ?, not_before = ?, reason = 'moved'
            WHERE blob_key = ?
            """
        ) { row throws(SQLError) in
            try row.add(old)
            try row.add(notBefore.nanoseconds)
            try row.add(new)
        }
        return true
    }

    /// Lets what was linked under a key in vain be collected as soon as what moves leave.
    private func giveUpClaim(on key: String, notBefore: Timestamp) throws(SQLError) {
        try run(
            "UPDATE collectable SET not_before = ? WHERE blob_key = ? AND reason = 'moving'",
            .integer(notBefore.nanoseconds),
            .text(key)
        )
    }
}

extension RevisionRow {
    /// The columns of `columns`, from `first`.
    fileprivate init(_ row: any SQLStatement, from first: Int32) {
        memory = row.integer(first)
        number = RevisionNumber(Int(row.integer(first + 1)))
        size = row.integer(first + 2)
        hash = ContentHash(column: row.bytes(first + 3))
        created = Timestamp(nanoseconds: row.integer(first + 4))
        actor = row.text(first + 5)
        blobKey = row.text(first + 6)
        layout = row.optionalInteger(first + 7).map { LayoutNumber(Int($0)) }
        since = ChangeNumber(row.integer(first + 8))
    }
}

package import Model
package import SQL

// The tree of a moment: what the layout that was listed then showed just after a change.
//
// A row of `entry` was there from its `since` on, a row of `entry_past` until its `until`; both in
// the layouts that its bits name. So one probe of each finds a name, and two ordered scans list a
// directory, whatever happened since.

/// The tree that was listed just after a change.
package struct PastTree: Hashable, Sendable {
    package let number: ChangeNumber
    /// The layout that was listed; it may have ended since.
    package let layout: Layout
    package var root: NodeNumber { layout.root }
}

/// A name in a directory of the past.
package struct PastEntry: Hashable, Sendable {
    package let name: Name
    package let node: NodeNumber
    package let position: ListingPosition
    /// The memory that it was; nil for a directory.
    package let memory: Int64?
}

/// One revision as a file: what it holds, and whose the memory is now.
package struct RevisionFile: Hashable, Sendable {
    package let memory: Int64
    package let number: RevisionNumber
    /// Bytes.
    package let size: Int64
    package let hash: ContentHash
    /// The change that made it: no other revision has it.
    package let since: ChangeNumber
    /// When it was committed.
    package let created: Timestamp
    /// When its bytes were written, in nanoseconds since 1970.
    package let mtime: Int64
    /// Type and permissions of the memory, as of now: who may not read it may not read its past.
    package let mode: UInt32
    package let uid: UInt32
    package let gid: UInt32

    fileprivate init(_ row: any SQLStatement) {
        memory = row.integer(0)
        number = RevisionNumber(Int(row.integer(1)))
        size = row.integer(2)
        hash = ContentHash(column: row.bytes(3))
        since = ChangeNumber(row.integer(4))
        created = Timestamp(nanoseconds: row.integer(5))
        mtime = row.integer(6)
        mode = UInt32(truncatingIfNeeded: row.integer(7))
        uid = UInt32(truncatingIfNeeded: row.integer(8))
        gid = UInt32(truncatingIfNeeded: row.integer(9))
    }
}

extension CatalogReader {
    // MARK: Moments

    /// The first change whose moment is still whole: retention let go of what only earlier ones
    /// need.
    package func keptSince() throws(SQLError) -> ChangeNumber {
        ChangeNumber(try setting(Setting.keptSince) ?? 0)
    }

    /// The number of the change that a moment means.
    ///
    /// Throws `notFound` for a moment before the tenant or older than what retention keeps,
    /// `futureDate`, `snapshotNotFound`.
    package func change(of moment: PastMoment, now: Timestamp) throws -> ChangeNumber {
        switch moment {
        case .snapshot(let name): return try existingSnapshot(name).number
        case .change(let number):
            guard try number <= lastChange() else {
                throw LociError(
                    .futureDate,
                    subject: "\(number)",
                    message: "There is no change \(number) yet: the newest is \(try lastChange()).",
                    remedy: "See the changes of a memory with: loci log PATH"
                )
            }
            try requireKept(number, moment)
            return number
        case .time(let time):
            guard time <= now else {
                throw LociError(
                    .futureDate,
                    subject: time.description,
                    message: "\(time) is still to come.",
                    remedy: "Give a time that is past, such as -2h."
                )
            }
            let number = try change(at: time)
            let kept = try keptSince()
            // Rows of the log that nobody needs are gone, so a time just after them finds an older.
            if number < kept, let since = try setting(Setting.keptSinceTime),
                time.nanoseconds >= since
            {
                return kept
            }
            try requireKept(number, moment)
            return number
        }
    }

    /// That what was at the change that a moment meant a while ago is still whole: for work that
    /// takes more than one transaction.
    ///
    /// Throws `notFound`, `snapshotNotFound`.
    package func requireStill(_ number: ChangeNumber, _ moment: PastMoment) throws {
        if case .snapshot(let name) = moment, try existingSnapshot(name).number == number { return }
        try requireKept(number, moment)
    }

    private func requireKept(_ number: ChangeNumber, _ moment: PastMoment) throws {
        let kept = try keptSince()
        if number >= kept { return }
        if try snapshots().contains(where: { $0.number == number }) { return }
        let since = try setting(Setting.keptSinceTime).map { Timestamp(nanoseconds: $0) }
        throw LociError(
            .notFound,
            subject: "\(moment)",
            message: "What was at \(moment) is no longer kept: the past is whole since "
                + "\(since?.description ?? "change \(kept)"), and at snapshots.",
            remedy: "See how long it is kept with: loci retention; and: loci snapshot list"
        )
    }

    /// A snapshot that must be there.
    package func existingSnapshot(_ name: String) throws -> SnapshotRow {
        if let row = try snapshot(name) { return row }
        let near = NearMiss.nearest(to: name, in: try snapshots().map(\.name))
        throw LociError(
            .snapshotNotFound,
            subject: name,
            message:
                "There is no snapshot \"\(name)\", nor is that a time or the number of a change.",
            remedy: near.map { "Did you mean \"\($0)\"?" }
                ?? "A time is 2024-02-29, 2024-02-29T12:30:00Z, yesterday or -2h; for snapshots see: "
                + "loci snapshot list"
        )
    }

    /// The tree that was listed just after a change.
    ///
    /// Throws `notFound` for a change before the tenant had a layout.
    package func pastTree(at number: ChangeNumber) throws -> PastTree {
        let listed = try statement(
            "SELECT layout FROM listing WHERE since <= ? ORDER BY since DESC LIMIT 1"
        ).first(.integer(number.rawValue)) { row throws(SQLError) in
            LayoutNumber(Int(row.integer(0)))
        }
        guard let listed, let layout = try layouts()[listed] else {
            throw LociError(
                .notFound,
                subject: "change \(number)",
                message: "There was no tenant yet at change \(number).",
                remedy: "Give a later moment."
            )
        }
        return PastTree(number: number, layout: layout)
    }

    // MARK: Names of the past

    /// What a name in a directory was.
    package func entry(
        in directory: NodeNumber,
        named name: Name,
        of tree: PastTree
    ) throws(SQLError) -> PastEntry? {
        try statement(
            """
            SELECT e.node, n.memory, e.position FROM entry e JOIN node n ON n.number = e.node
            WHERE e.directory = ?1 AND e.name = ?2 AND e.layouts & ?3 != 0 AND e.since <= ?4
            UNION ALL
            SELECT node, memory, position FROM entry_past
            WHERE directory = ?1 AND name = ?2 AND layouts & ?3 != 0
              AND since <= ?4 AND until > ?4
            LIMIT 1
            """
        ).first(
            .integer(Int64(directory.rawValue)),
            .blob(name.bytes),
            .integer(tree.layout.bit.rawValue),
            .integer(tree.number.rawValue)
        ) { row throws(SQLError) in
            PastEntry(
                name: name,
                node: NodeNumber(UInt64(row.integer(0))),
                position: ListingPosition(rawValue: UInt64(row.integer(2))),
                memory: row.optionalInteger(1)
            )
        }
    }

    /// Hands over the names of a directory of the past above the position `after`, by rising position.
    ///
    /// `body`: returns false to stop.
    package func list(
        _ directory: NodeNumber,
        of tree: PastTree,
        after: ListingPosition = .start,
        _ body: (PastEntry) throws -> Bool
    ) throws {
        let statement = try statement(
            """
            SELECT e.name, e.position, e.node, n.memory
            FROM entry e INDEXED BY entry_listing JOIN node n ON n.number = e.node
            WHERE e.directory = ?1 AND e.position > ?2 AND e.layouts & ?3 != 0 AND e.since <= ?4
            UNION ALL
            SELECT name, position, node, memory FROM entry_past INDEXED BY entry_past_listing
            WHERE directory = ?1 AND position > ?2 AND layouts & ?3 != 0
              AND since <= ?4 AND until > ?4
            ORDER BY 2
            """
        )
        defer { statement.reset() }
        try statement.bind(Int64(directory.rawValue), at: 1)
        try statement.bind(Int64(after.rawValue), at: 2)
        try statement.bind(tree.layout.bit.rawValue, at: 3)
        try statement.bind(tree.number.rawValue, at: 4)
        while try statement.step() {
            let entry = PastEntry(
                name: Name(unchecked: statement.bytes(0)),
                node: NodeNumber(UInt64(statement.integer(2))),
                position: ListingPosition(rawValue: UInt64(statement.integer(1))),
                memory: statement.optionalInteger(3)
            )
            guard try body(entry) else { return }
        }
    }

    /// Follows a path from the root of a tree of the past; nil where it led nowhere.
    ///
    /// The root is a directory without a name.
    package func resolve(_ path: [Name], in tree: PastTree) throws(SQLError) -> PastEntry? {
        var found = PastEntry(
            name: Name(unchecked: []),
            node: tree.root,
            position: .start,
            memory: nil
        )
        for name in path {
            guard found.memory == nil, let next = try entry(in: found.node, named: name, of: tree)
            else { return nil }
            found = next
        }
        return found
    }

    // MARK: Revisions as files

    /// The revision that a memory had just after a change.
    package func revisionFile(
        of memory: Int64,
        at number: ChangeNumber
    ) throws(SQLError) -> RevisionFile? {
        try statement(
            """
            SELECT r.memory, r.number, r.size, r.sha256, r.since, r.created, r.mtime,
                   n.mode, n.uid, n.gid
            FROM memory m JOIN node n ON n.number = m.node JOIN revision r ON r.memory = m.id
            WHERE m.id = ?1 AND r.since <= ?2 AND r.beside = 0 ORDER BY r.number DESC LIMIT 1
            """
        ).first(.integer(memory), .integer(number.rawValue)) { row throws(SQLError) in
            RevisionFile(row)
        }
    }

    /// The revision that a change made; nil where it is not kept, or the change made none.
    ///
    /// Also of a change that was cut off the log.
    package func revisionFile(madeBy number: ChangeNumber) throws(SQLError) -> RevisionFile? {
        try statement(
            """
            SELECT r.memory, r.number, r.size, r.sha256, r.since, r.created, r.mtime,
                   n.mode, n.uid, n.gid
            FROM revision r JOIN memory m ON m.id = r.memory JOIN node n ON n.number = m.node
            WHERE r.since = ?
            """
        ).first(.integer(number.rawValue)) { row throws(SQLError) in RevisionFile(row) }
    }

    /// One kept revision of a memory.
    package func revisionFile(
        of memory: Int64,
        number: RevisionNumber
    ) throws(SQLError) -> RevisionFile? {
        try statement(
            """
            SELECT r.memory, r.number, r.size, r.sha256, r.since, r.created, r.mtime,
                   n.mode, n.uid, n.gid
            FROM revision r JOIN memory m ON m.id = r.memory JOIN node n ON n.number = m.node
            WHERE r.memory = ? AND r.number = ?
            """
        ).first(.integer(memory), .integer(Int64(number.rawValue))) { row throws(SQLError) in
            RevisionFile(row)
        }
    }

    /// When the list of a memory's revisions last changed: when the newest was committed, one beside
    /// the current one included, and a nanosecond later for each number that is kept no longer.
    package func revisionsChanged(of memory: Int64) throws(SQLError) -> Timestamp? {
        try statement(
            "SELECT max(created) + max(number) - count(*) FROM revision WHERE memory = ?"
        ).first(.integer(memory)) { row throws(SQLError) in
            row.optionalInteger(0).map { Timestamp(nanoseconds: $0) }
        } ?? nil
    }

    /// Kept revisions of a memory above a number, oldest first.
    package func revisionFiles(
        of memory: Int64,
        after number: RevisionNumber = RevisionNumber(0),
        limit: Int = .max
    ) throws(SQLError) -> [RevisionFile] {
        try statement(
            """
            SELECT r.memory, r.number, r.size, r.sha256, r.since, r.created, r.mtime,
                   n.mode, n.uid, n.gid
            FROM revision r JOIN memory m ON m.id = r.memory JOIN node n ON n.number = m.node
            WHERE r.memory = ? AND r.number > ? ORDER BY r.number LIMIT ?
            """
        ).all(
            .integer(memory),
            .integer(Int64(number.rawValue)),
            .integer(Int64(clamping: limit))
        ) { row throws(SQLError) in RevisionFile(row) }
    }
}

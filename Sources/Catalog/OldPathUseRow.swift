package import Model
package import SQL

/// Who used names that only an unlisted layout has.
///
/// A layout has so many rows at most: where it is full, a use counts for a wider row.
///
/// ```
///  a prefix, a user, a command ─▶ any prefix, a user, a command ─▶ anybody
/// ```
package struct OldPathUseRow: Hashable, Sendable {
    /// What a row counts.
    package struct Key: Hashable, Sendable {
        package var layout: LayoutNumber
        package var prefix: String
        package var uid: UInt32
        package var process: String

        package init(layout: LayoutNumber, prefix: String, uid: UInt32, process: String) {
            self.layout = layout
            self.prefix = prefix
            self.uid = uid
            self.process = process
        }

        /// The next wider row; nil of the widest.
        package var wider: Key? {
            var key = self
            if prefix != OldPathUseRow.any {
                key.prefix = OldPathUseRow.any
            } else if uid != OldPathUseRow.anybody {
                (key.uid, key.process) = (OldPathUseRow.anybody, OldPathUseRow.any)
            } else {
                return nil
            }
            return key
        }
    }

    package var key: Key
    /// The last process that used it.
    package var pid: Int32
    package var count: Int64
    package var first: Timestamp
    package var last: Timestamp

    package init(
        _ key: Key,
        pid: Int32,
        count: Int64,
        first: Timestamp,
        last: Timestamp
    ) {
        self.key = key
        self.pid = pid
        self.count = count
        self.first = first
        self.last = last
    }

    /// Stands for any prefix, and for any command.
    package static let any = "*"
    /// Stands for any user: POSIX gives the number to none.
    package static let anybody = UInt32.max

    /// The row that counts a use: of its own key or a wider one.
    ///
    /// `count`: how many rows there are. `limit`: how many there may be of keys as narrow as its
    /// own; for wider ones as many again, and one for the rest.
    package static func key<E: Error>(
        for key: Key,
        count: Int,
        limit: Int,
        isKnown: (Key) throws(E) -> Bool
    ) throws(E) -> Key {
        var (key, limit) = (key, limit)
        let room = limit
        while let wider = key.wider, count >= limit, try !isKnown(key) {
            key = wider
            limit += room
        }
        return key
    }
}

extension CatalogReader {
    /// Uses of names that only `layout` has, the latest first.
    package func oldPathUses(
        of layout: LayoutNumber?,
        since: Timestamp,
        limit: Int
    ) throws(SQLError) -> [OldPathUseRow] {
        try statement(
            """
            SELECT layout, prefix, uid, process, pid, count, first, last FROM old_path_use
            WHERE (?1 IS NULL OR layout = ?1) AND last > ?2 ORDER BY last DESC LIMIT ?3
            """
        ).all(
            SQLValue(layout.map { Int64($0.rawValue) }),
            .integer(since.nanoseconds),
            .integer(Int64(limit))
        ) { row throws(SQLError) in
            OldPathUseRow(
                OldPathUseRow.Key(
                    layout: LayoutNumber(Int(row.integer(0))),
                    prefix: row.text(1),
                    uid: UInt32(truncatingIfNeeded: row.integer(2)),
                    process: row.text(3)
                ),
                pid: Int32(truncatingIfNeeded: row.integer(4)),
                count: row.integer(5),
                first: Timestamp(nanoseconds: row.integer(6)),
                last: Timestamp(nanoseconds: row.integer(7))
            )
        }
    }

    /// How many rows tell who used `layout` after `since`.
    package func oldPathUseCount(
        of layout: LayoutNumber,
        since: Timestamp = Timestamp(nanoseconds: .min)
    ) throws(SQLError) -> Int {
        try statement("SELECT count(*) FROM old_path_use WHERE layout = ? AND last > ?").first(
            .integer(Int64(layout.rawValue)),
            .integer(since.nanoseconds)
        ) { row throws(SQLError) in Int(row.integer(0)) } ?? 0
    }

    fileprivate func hasUse(_ key: OldPathUseRow.Key) throws(SQLError) -> Bool {
        try statement(
            """
            SELECT 1 FROM old_path_use WHERE layout = ? AND prefix = ? AND uid = ? AND process = ?
            """
        ).first(
            .integer(Int64(key.layout.rawValue)),
            .text(key.prefix),
            .integer(Int64(key.uid)),
            .text(key.process)
        ) { _ throws(SQLError) in true } ?? false
    }
}

extension Catalog {
    /// Prefixes, users and commands that are told apart for a layout.
    package static let oldPathUseLimit = 1024
}

extension CatalogTransaction {
    /// Forgets who used a layout that has ended.
    package func forgetUses(of layout: LayoutNumber) throws(SQLError) {
        try run("DELETE FROM old_path_use WHERE layout = ?", .integer(Int64(layout.rawValue)))
    }

    /// Counts uses of names that only a layout has that is not listed.
    ///
    /// Those of a layout that has ended are passed over: nobody would delete their rows.
    ///
    /// Complexity: a look at each use's row; what a layout has is counted once.
    package func countUses(_ uses: [OldPathUseRow]) throws {
        let table = try reader.layouts()
        for (number, uses) in Dictionary(grouping: uses, by: \.key.layout) {
            guard let layout = table[number], layout.isLive else { continue }
            var count = try reader.oldPathUseCount(of: number)
            for use in uses { try countUse(use, rows: &count) }
        }
    }

    /// `rows`: how many the layout has.
    private func countUse(_ use: OldPathUseRow, rows: inout Int) throws(SQLError) {
        let key = try OldPathUseRow.key(
            for: use.key,
            count: rows,
            limit: Catalog.oldPathUseLimit
        ) { key throws(SQLError) in try reader.hasUse(key) }
        if try !reader.hasUse(key) { rows += 1 }
        try run(
            """
            INSERT INTO old_path_use(layout, prefix, uid, process, pid, count, first, last)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT(layout, prefix, uid, process) DO UPDATE SET
                pid = excluded.pid, count = count + excluded.count,
                last = max(last, excluded.last)
            """,
            .integer(Int64(key.layout.rawValue)),
            .text(key.prefix),
            .integer(Int64(key.uid)),
            .text(key.process),
            .integer(Int64(use.pid)),
            .integer(use.count),
            .integer(use.first.nanoseconds),
            .integer(use.last.nanoseconds)
        )
    }
}

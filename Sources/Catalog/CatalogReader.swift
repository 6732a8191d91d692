package import Model
package import SQL

/// One thread's way to read a catalog: a connection, its statements, and what it last knew of the
/// layouts.
///
/// Not `Sendable`. Its functions throw `SQLError` for what the engine refuses and `LociError` for
/// what the catalog's contents refuse; `Catalog.read` and `Catalog.write` turn both into
/// `LociError`.
package final class CatalogReader {
    package let connection: any SQLConnection
    private var statements: [UInt: any SQLStatement] = [:]
    private var composed: [String: any SQLStatement] = [:]
    private var known: LayoutTable?
    /// What the write transaction that is open sees: nobody else changes it meanwhile, so that
    /// each memory of a batch need not ask.
    private var written: LayoutTable?
    private var isWriting = false

    package init(_ connection: any SQLConnection) {
        self.connection = connection
    }

    /// The compiled form of `sql`, kept for the life of the connection.
    ///
    /// Keyed by the literal's address: a lookup costs some nanoseconds, not the hash of a text.
    /// The same text in two places is compiled twice, which is harmless.
    package func statement(_ sql: StaticString) throws(SQLError) -> any SQLStatement {
        let key = unsafe UInt(bitPattern: sql.utf8Start)
        if let statement = statements[key] { return statement }
        let statement = try connection.prepare(sql.description)
        statements[key] = statement
        return statement
    }

    /// The same, for statements that are one text with different names of tables.
    func statement(of sql: String) throws(SQLError) -> any SQLStatement {
        if let statement = composed[sql] { return statement }
        let statement = try connection.prepare(sql)
        composed[sql] = statement
        return statement
    }

    // MARK: Read transactions

    /// Runs `body` on one state of the catalog.
    package func snapshot<R>(_ body: () throws -> R) throws -> R {
        if connection.isInTransaction { return try body() }
        try begin()
        defer { end() }
        return try body()
    }

    /// Begins a read transaction that lasts until `end`.
    ///
    /// Does nothing inside one.
    package func begin() throws(SQLError) {
        guard !connection.isInTransaction else { return }
        try statement("BEGIN").run()
    }

    /// Ends the read transaction, if there is one.
    ///
    /// A reader that stays open starves the checkpoint.
    package func end() {
        guard connection.isInTransaction else { return }
        // A COMMIT of a read transaction has nothing to write and cannot fail.
        try? statement("COMMIT").run()
    }

    // MARK: Settings

    package func setting(_ key: String) throws(SQLError) -> Int64? {
        try statement("SELECT value FROM setting WHERE key = ?").first(.text(key)) {
            row throws(SQLError) in row.integer(0)
        }
    }

    package func settingText(_ key: String) throws(SQLError) -> String? {
        try statement("SELECT value FROM setting WHERE key = ?").first(.text(key)) {
            row throws(SQLError) in row.text(0)
        }
    }

    package func settingBytes(_ key: String) throws(SQLError) -> [UInt8]? {
        try statement("SELECT value FROM setting WHERE key = ?").first(.text(key)) {
            row throws(SQLError) in row.bytes(0)
        }
    }

    // MARK: Layouts

    /// All layouts as this transaction sees them; read again only when one changed.
    package func layouts() throws -> LayoutTable {
        if let written { return written }
        let table = try readLayouts()
        if isWriting { written = table }
        return table
    }

    private func readLayouts() throws -> LayoutTable {
        let version = try setting(Setting.layoutVersion) ?? 0
        if let known, known.version == version { return known }
        let rows = try statement(
            """
            SELECT number, slot, scheme, state, listed, target, root, no_delete,
                   live_since, listed_since
            FROM layout ORDER BY number
            """
        ).all { row throws(SQLError) in LayoutRow(row) }
        let table = try LayoutTable(all: rows.map { try $0.layout() }, version: version)
        known = table
        return table
    }

    /// Forgets the layouts: for a writer whose transaction was rolled back after changing them.
    func forgetLayouts() {
        known = nil
        written = nil
    }

    /// Runs `body`, which is one write transaction: it asks for the layouts once.
    func writing<R>(_ body: () throws -> R) rethrows -> R {
        isWriting = true
        defer {
            isWriting = false
            written = nil
        }
        return try body()
    }
}

/// Keys of the `setting` table.
package enum Setting {
    package static let layoutVersion = "layout_version"
    package static let nextNode = "next_node"
    package static let schemeVersion = "scheme_version"
    // Whose vectors the tenant has: what the embedder said of itself, never its command. And whose
    // are being made beside them.
    package static let embedderID = "embedder_id"
    package static let embedderDimensions = "embedder_dimensions"
    static let newEmbedderID = "embedder_new_id"
    static let newEmbedderDimensions = "embedder_new_dimensions"
    package static let tenantCreated = "created"
    package static let storeID = "store_id"
    package static let throttle = "throttle"
    /// A rate and the time, in nanoseconds, until which it stands for the throttle.
    package static let throttleForNow = "throttle_for_now"
    /// Until when, in nanoseconds, moving rests for readers.
    package static let yieldsUntil = "yields_until"
    package static let paused = "paused"
    package static let pauseReason = "pause_reason"
    package static let retentionSeconds = "retention_seconds"
    /// The first change whose moment retention has left whole, and the time of its horizon.
    package static let keptSince = "kept_since"
    package static let keptSinceTime = "kept_since_time"
    /// When a snapshot was last taken or deleted, in nanoseconds.
    package static let snapshotsChanged = "snapshots_changed"
    /// The view that the newest snapshot got.
    package static let lastView = "last_view"
    package static let rootNode = "root_node"
    /// The number that the newest request to a mount got.
    static let lastRequest = "last_request"
    /// The newest change, and the newest that retention has cut: a number and a hash.
    static let logHead = "log_head"
    static let logAnchor = "log_anchor"
    /// Until when, in nanoseconds, no blob is removed: a backup is being made.
    package static func blobsHeld(by backup: String) -> String { "blobs_held:\(backup)" }
    /// The highest number that a revision of a memory had, where that revision was let go.
    package static func lastRevision(of memory: Int64) -> String { "last_revision:\(memory)" }
    /// Set while the database's file may still hold what a purge deleted.
    package static let needsScrub = "needs_scrub"
    /// Set where the text index holds words of a memory that was purged.
    package static let strayWords = "stray_words"
    /// 0 where no text index is kept.
    package static let search = "search"
    /// Where a directory goes that is being moved in batches.
    package static func directoryMove(of node: NodeNumber) -> String { "directory_move:\(node)" }
    /// The directory that `.loci/foreign` shows: what tools left in directories of ended layouts.
    package static let foreignRoot = "foreign_root"
}

private struct LayoutRow {
    let number: Int64, slot: Int64, scheme: String, state: Int64, isListed: Bool, isTarget: Bool
    let root: Int64, refusesDeletes: Bool, liveSince: Int64?, listedSince: Int64?

    init(_ row: any SQLStatement) {
        number = row.integer(0)
        slot = row.integer(1)
        scheme = row.text(2)
        state = row.integer(3)
        isListed = row.integer(4) == 1
        isTarget = row.integer(5) == 1
        root = row.integer(6)
        refusesDeletes = row.integer(7) == 1
        liveSince = row.optionalInteger(8)
        listedSince = row.optionalInteger(9)
    }

    func layout() throws -> Layout {
        guard let state = Layout.State(rawValue: state) else {
            throw LociError(
                .corrupt,
                subject: "layout \(number)",
                message: "The catalog has layout \(number) in the unknown state \(self.state)",
                remedy: "Run: loci fsck"
            )
        }
        return Layout(
            number: LayoutNumber(Int(number)),
            slot: Int(slot),
            scheme: try Scheme(scheme),
            state: state,
            isListed: isListed,
            isTarget: isTarget,
            root: NodeNumber(UInt64(root)),
            refusesDeletes: refusesDeletes,
            liveSince: liveSince.map { ChangeNumber($0) },
            listedSince: listedSince.map { ChangeNumber($0) }
        )
    }
}

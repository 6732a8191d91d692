private import CSQLite
private import CSearch

/// A connection to a SQLite database file in WAL mode.
///
/// The rules of a Loci catalog are built in: no automatic checkpoint and none on close, since SQLite
/// before 3.51.3 can corrupt a database when a checkpoint meets a commit (the WAL-reset bug), and
/// distributions carry older ones. `checkpoint()` is called under the tenant's writer lock only.
///
/// Opened with `SQLITE_OPEN_NOMUTEX`: one thread at a time, as `SQLConnection` says.
// Safe: the handle is closed in `deinit` only, and every call passes it on at once.
@safe package final class SQLiteConnection: SQLConnection {
    /// What a connection may do.
    package enum Access: Hashable, Sendable {
        case read
        case write
        case create
    }

    let handle: OpaquePointer

    /// Whether the library took what must be said before its first use.
    private static let isConfigured = loci_sqlite_no_memory_statistics() == SQLITE_OK

    /// Opens the database at `path`.
    ///
    /// `cacheBytes`: the page cache's bound.
    package init(
        path: String,
        access: Access,
        durability: SQLDurability = .full,
        cacheBytes: Int = 8 << 20
    ) throws(SQLError) {
        _ = Self.isConfigured
        var flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        switch access {
        // A reader of a WAL database writes its shared-memory file, so it opens for writing too;
        // `query_only` keeps it from changing rows.
        case .read, .write: flags |= SQLITE_OPEN_READWRITE
        case .create: flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        }
        var opened: OpaquePointer?
        let code = unsafe sqlite3_open_v2(path, &opened, flags, nil)
        guard code == SQLITE_OK, let opened = unsafe opened else {
            let error = unsafe SQLiteFailure.error(code, on: opened, statement: nil)
            unsafe sqlite3_close_v2(opened)
            throw error
        }
        unsafe handle = opened
        _ = unsafe loci_sqlite_no_checkpoint_on_close(handle)
        _ = unsafe sqlite3_busy_timeout(handle, 10_000)
        let registered = unsafe loci_search_register(handle)
        guard registered == SQLITE_OK else {
            throw unsafe SQLiteFailure.error(registered, on: handle, statement: nil)
        }
        if access == .create {
            try execute("PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL")
        }
        try execute(
            """
            PRAGMA wal_autocheckpoint=0;
            PRAGMA synchronous=\(Self.synchronous(durability));
            PRAGMA foreign_keys=ON;
            PRAGMA trusted_schema=OFF;
            PRAGMA temp_store=MEMORY;
            PRAGMA cache_size=-\(cacheBytes / 1024);
            PRAGMA query_only=\(access == .read ? "ON" : "OFF")
            """
        )
    }

    deinit {
        // v2: statements that are still alive keep the handle until they are finalised.
        unsafe sqlite3_close_v2(handle)
    }

    package func prepare(_ sql: String) throws(SQLError) -> any SQLStatement {
        var statement: OpaquePointer?
        let code = unsafe sqlite3_prepare_v3(
            handle,
            sql,
            -1,
            UInt32(SQLITE_PREPARE_PERSISTENT),
            &statement,
            nil
        )
        guard code == SQLITE_OK, let statement = unsafe statement else {
            throw unsafe SQLiteFailure.error(code, on: handle, statement: sql)
        }
        return unsafe SQLiteStatement(statement, connection: self, handle: handle)
    }

    package func execute(_ sql: String) throws(SQLError) {
        let code = unsafe sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else {
            throw unsafe SQLiteFailure.error(code, on: handle, statement: sql)
        }
    }

    package func setDurability(_ durability: SQLDurability) throws(SQLError) {
        try execute("PRAGMA synchronous=\(Self.synchronous(durability))")
    }

    private static func synchronous(_ durability: SQLDurability) -> String {
        switch durability {
        case .full: "FULL"
        case .normal: "NORMAL"
        }
    }

    package func checkpoint() throws(SQLError) -> Bool {
        _ = unsafe sqlite3_busy_timeout(handle, 0)
        defer { _ = unsafe sqlite3_busy_timeout(handle, 10_000) }
        let code = unsafe sqlite3_wal_checkpoint_v2(
            handle,
            nil,
            SQLITE_CHECKPOINT_TRUNCATE,
            nil,
            nil
        )
        switch code & 0xff {
        case SQLITE_OK: return true
        case SQLITE_BUSY, SQLITE_LOCKED: return false
        default:
            throw unsafe SQLiteFailure.error(
                code,
                on: handle,
                statement: "PRAGMA wal_checkpoint(TRUNCATE)"
            )
        }
    }

    package var changedRows: Int { unsafe Int(sqlite3_changes(handle)) }
    package var lastInsertedRow: Int64 { unsafe sqlite3_last_insert_rowid(handle) }
    package var isInTransaction: Bool { unsafe sqlite3_get_autocommit(handle) == 0 }

    /// The work that the statements of this connection have done so far, in instructions of the
    /// engine: a measure that no busy machine changes.
    ///
    /// Of statements that are still compiled.
    package var instructions: Int64 {
        var sum: Int64 = 0
        var statement = unsafe sqlite3_next_stmt(handle, nil)
        while let current = unsafe statement {
            sum += unsafe Int64(sqlite3_stmt_status(current, SQLITE_STMTSTATUS_VM_STEP, 0))
            unsafe statement = sqlite3_next_stmt(handle, current)
        }
        return sum
    }

    /// Rows that this connection has inserted, changed and deleted so far.
    package var rowsChanged: Int64 { unsafe sqlite3_total_changes64(handle) }

    /// The version of the SQLite library in use, as `3.40.1`.
    package static var libraryVersion: String { unsafe String(cString: sqlite3_libversion()) }

    /// Whether the library has FTS5.
    package static var hasTextSearch: Bool { unsafe sqlite3_compileoption_used("ENABLE_FTS5") == 1 }
}

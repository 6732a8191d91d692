private import CSQLite

/// A statement of SQLite.
///
/// Keeps its connection alive.
// Safe: the statement is finalised in `deinit` only, before the connection it keeps alive.
@safe final class SQLiteStatement: SQLStatement {
    private let statement: OpaquePointer
    private let handle: OpaquePointer
    private let connection: SQLiteConnection

    init(_ statement: OpaquePointer, connection: SQLiteConnection, handle: OpaquePointer) {
        unsafe self.statement = unsafe statement
        unsafe self.handle = unsafe handle
        self.connection = connection
    }

    deinit {
        unsafe sqlite3_finalize(statement)
    }

    private func check(_ code: Int32) throws(SQLError) {
        guard code == SQLITE_OK else { throw failure(code) }
    }

    private func failure(_ code: Int32) -> SQLError {
        let sql = unsafe sqlite3_sql(statement).map { unsafe String(cString: $0) }
        return unsafe SQLiteFailure.error(code, on: handle, statement: sql)
    }

    func bind(_ value: Int64, at parameter: Int32) throws(SQLError) {
        try check(unsafe sqlite3_bind_int64(statement, parameter, value))
    }

    func bind(_ value: Double, at parameter: Int32) throws(SQLError) {
        try check(unsafe sqlite3_bind_double(statement, parameter, value))
    }

    func bind(_ value: String, at parameter: Int32) throws(SQLError) {
        var value = value
        let code = value.withUTF8 { utf8 in
            unsafe sqlite3_bind_text64(
                statement,
                parameter,
                UnsafeRawPointer(utf8.baseAddress)?.assumingMemoryBound(to: CChar.self)
                    ?? SQLiteStatement.empty,
                UInt64(utf8.count),
                loci_sqlite_transient(),
                UInt8(SQLITE_UTF8)
            )
        }
        try check(code)
    }

    func bind(blob value: UnsafeRawBufferPointer, at parameter: Int32) throws(SQLError) {
        guard let base = value.baseAddress, unsafe !value.isEmpty else {
            // A null pointer would bind NULL, not the empty blob.
            return try check(unsafe sqlite3_bind_zeroblob(statement, parameter, 0))
        }
        let code = unsafe sqlite3_bind_blob64(
            statement,
            parameter,
            base,
            UInt64(value.count),
            loci_sqlite_transient()
        )
        try check(code)
    }

    func bindNull(at parameter: Int32) throws(SQLError) {
        try check(unsafe sqlite3_bind_null(statement, parameter))
    }

    func step() throws(SQLError) -> Bool {
        let code = unsafe sqlite3_step(statement)
        switch code {
        case SQLITE_ROW: return true
        case SQLITE_DONE:
            unsafe sqlite3_reset(statement)
            return false
        default:
            let error = failure(code)
            unsafe sqlite3_reset(statement)
            throw error
        }
    }

    func reset() {
        unsafe sqlite3_reset(statement)
    }

    func isNull(_ column: Int32) -> Bool {
        unsafe sqlite3_column_type(statement, column) == SQLITE_NULL
    }

    func integer(_ column: Int32) -> Int64 {
        unsafe sqlite3_column_int64(statement, column)
    }

    func double(_ column: Int32) -> Double {
        unsafe sqlite3_column_double(statement, column)
    }

    func text(_ column: Int32) -> String {
        guard let text = unsafe sqlite3_column_text(statement, column) else { return "" }
        let count = Int(unsafe sqlite3_column_bytes(statement, column))
        return unsafe String(
            decoding: UnsafeBufferPointer(start: text, count: count),
            as: UTF8.self
        )
    }

    func withBytes<R, E: Error>(
        _ column: Int32,
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        let base = unsafe sqlite3_column_blob(statement, column)
        let count = Int(unsafe sqlite3_column_bytes(statement, column))
        return unsafe try body(UnsafeRawBufferPointer(start: base, count: base == nil ? 0 : count))
    }

    /// Where the empty text points: a null pointer would bind NULL.
    // Safe although mutable by type: one zero byte that nobody writes and nobody frees.
    private static nonisolated(unsafe) let empty: UnsafePointer<CChar> = {
        let byte = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
        unsafe byte.initialize(to: 0)
        return unsafe UnsafePointer(byte)
    }()
}

/// The one place that reads SQLite's result codes.
enum SQLiteFailure {
    static func error(_ code: Int32, on handle: OpaquePointer?, statement: String?) -> SQLError {
        let message =
            unsafe handle == nil
            ? unsafe String(cString: sqlite3_errstr(code))
            : unsafe String(cString: sqlite3_errmsg(handle))
        let errno = unsafe handle == nil ? 0 : unsafe sqlite3_system_errno(handle)
        return SQLError(
            kind: kind(code),
            code: code,
            systemError: errno,
            message: message,
            statement: statement
        )
    }

    private static func kind(_ code: Int32) -> SQLError.Kind {
        switch code & 0xff {
        case SQLITE_BUSY, SQLITE_LOCKED: .busy
        case SQLITE_CONSTRAINT: .constraint
        case SQLITE_FULL: .full
        case SQLITE_IOERR: .inputOutput
        case SQLITE_NOTADB, SQLITE_CORRUPT: .notADatabase
        case SQLITE_CANTOPEN: .cannotOpen
        case SQLITE_READONLY: .readOnly
        default: .other
        }
    }
}

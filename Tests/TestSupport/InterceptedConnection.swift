package import SQL

/// Another connection with a hook before each step that changes what is kept.
package final class InterceptedConnection: SQLConnection {
    package enum Step: Hashable, Sendable {
        /// A row of a transaction that is not yet committed; by its SQL.
        case statement(String)
        case commit
        case checkpoint
    }

    package typealias Hook = @Sendable (Step) throws(SQLError) -> Void

    private let base: any SQLConnection
    private let before: Hook

    package init(_ base: any SQLConnection, before: @escaping Hook) {
        self.base = base
        self.before = before
    }

    package func prepare(_ sql: String) throws(SQLError) -> any SQLStatement {
        let statement = try base.prepare(sql)
        guard ["INSERT", "UPDATE", "DELETE", "REPLACE", "WITH"].contains(where: sql.hasPrefix)
        else { return statement }
        return InterceptedStatement(statement, sql, before)
    }

    package func execute(_ sql: String) throws(SQLError) {
        if sql == "COMMIT" || sql == "VACUUM" { try before(.commit) }
        try base.execute(sql)
    }

    package func checkpoint() throws(SQLError) -> Bool {
        try before(.checkpoint)
        return try base.checkpoint()
    }

    package func setDurability(_ durability: SQLDurability) throws(SQLError) {
        try base.setDurability(durability)
    }

    package func words(
        of text: [UInt8],
        _ body: (UnsafeRawBufferPointer, Range<Int>) -> Bool
    ) throws(SQLError) {
        unsafe try base.words(of: text, body)
    }

    package var changedRows: Int { base.changedRows }
    package var lastInsertedRow: Int64 { base.lastInsertedRow }
    package var isInTransaction: Bool { base.isInTransaction }
}

/// A statement that changes rows, with the hook before it is run.
private final class InterceptedStatement: SQLStatement {
    private let base: any SQLStatement
    private let sql: String
    private let before: InterceptedConnection.Hook
    private var isRunning = false

    init(
        _ base: any SQLStatement,
        _ sql: String,
        _ before: @escaping InterceptedConnection.Hook
    ) {
        self.base = base
        self.sql = sql
        self.before = before
    }

    func step() throws(SQLError) -> Bool {
        if !isRunning { try before(.statement(sql)) }
        isRunning = try base.step()
        return isRunning
    }

    func reset() {
        isRunning = false
        base.reset()
    }

    func bind(_ value: Int64, at parameter: Int32) throws(SQLError) {
        try base.bind(value, at: parameter)
    }

    func bind(_ value: Double, at parameter: Int32) throws(SQLError) {
        try base.bind(value, at: parameter)
    }

    func bind(_ value: String, at parameter: Int32) throws(SQLError) {
        try base.bind(value, at: parameter)
    }

    func bind(blob value: UnsafeRawBufferPointer, at parameter: Int32) throws(SQLError) {
        unsafe try base.bind(blob: value, at: parameter)
    }

    func bindNull(at parameter: Int32) throws(SQLError) { try base.bindNull(at: parameter) }
    func isNull(_ column: Int32) -> Bool { base.isNull(column) }
    func integer(_ column: Int32) -> Int64 { base.integer(column) }
    func double(_ column: Int32) -> Double { base.double(column) }
    func text(_ column: Int32) -> String { base.text(column) }

    func withBytes<R, E: Error>(
        _ column: Int32,
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        unsafe try base.withBytes(column, body)
    }
}

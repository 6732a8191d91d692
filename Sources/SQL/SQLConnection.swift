/// One connection to a database, used by one thread at a time.
///
/// A small protocol, because a second engine (PostgreSQL) comes later: statements stand once, in
/// `Catalog`; what differs between engines is the DDL and text search. Class-bound, so that a value
/// of `any SQLConnection` is one pointer and a call through it allocates nothing.
///
/// Not `Sendable`: who shares one guards it with a lock and says so there.
package protocol SQLConnection: AnyObject {
    /// Compiles `sql`, one statement, for repeated use.
    ///
    /// The statement must not outlive the connection.
    func prepare(_ sql: String) throws(SQLError) -> any SQLStatement

    /// Runs one or several statements that take no values and whose rows nobody wants.
    func execute(_ sql: String) throws(SQLError)

    /// The number of rows that the last `INSERT`, `UPDATE` or `DELETE` changed.
    var changedRows: Int { get }

    /// The row id of the last `INSERT` on this connection.
    var lastInsertedRow: Int64 { get }

    /// Whether a transaction is open.
    var isInTransaction: Bool { get }

    /// Changes the durability of the commits that follow.
    ///
    /// Not inside a transaction.
    func setDurability(_ durability: SQLDurability) throws(SQLError)

    /// Brings what was committed from the log into the database and empties the log, where the
    /// engine has one; waits for no reader.
    ///
    /// Only under the tenant's writer lock: see `SQLiteConnection`.
    ///
    /// Returns false when a reader or a writer kept it from being complete.
    func checkpoint() throws(SQLError) -> Bool

    /// Hands over the words of a text, as text search of this engine has them: each folded, and the
    /// range of its bytes in `text`.
    ///
    /// `body`: Returns false to stop. The bytes live until it returns.
    func words(
        of text: [UInt8],
        _ body: (UnsafeRawBufferPointer, Range<Int>) -> Bool
    ) throws(SQLError)
}

/// When a commit reaches the disk.
package enum SQLDurability: Hashable, Sendable {
    /// A commit survives a power cut when it returns.
    case full
    /// A commit survives a kill at once, a power cut after the next sync.
    case normal
}

/// One compiled statement: bind, step, read columns, reset.
///
/// Parameters count from 1, columns from 0, as in SQLite. Values read from a column are copies but
/// for `withBytes`, whose bytes live until the next `step` or `reset`.
package protocol SQLStatement: AnyObject {
    func bind(_ value: Int64, at parameter: Int32) throws(SQLError)
    func bind(_ value: Double, at parameter: Int32) throws(SQLError)
    func bind(_ value: String, at parameter: Int32) throws(SQLError)
    func bind(blob value: UnsafeRawBufferPointer, at parameter: Int32) throws(SQLError)
    func bindNull(at parameter: Int32) throws(SQLError)

    /// Advances to the next row.
    ///
    /// Returns false when there is none; the statement is then reset and can be bound again.
    func step() throws(SQLError) -> Bool

    /// Makes the statement ready to be bound and run again.
    ///
    /// Ends its part of a read transaction.
    func reset()

    func isNull(_ column: Int32) -> Bool
    func integer(_ column: Int32) -> Int64
    func double(_ column: Int32) -> Double
    func text(_ column: Int32) -> String
    func withBytes<R, E: Error>(
        _ column: Int32,
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R
}

/// A value to bind where the shortness of the call matters more than an allocation.
package enum SQLValue: Hashable, Sendable {
    case null
    case integer(Int64)
    case text(String)
    case blob([UInt8])

    package init(_ value: Int64?) { self = value.map(Self.integer) ?? .null }
    package init(_ value: String?) { self = value.map(Self.text) ?? .null }
    package init(_ value: [UInt8]?) { self = value.map(Self.blob) ?? .null }
}

extension SQLValue: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral,
    ExpressibleByNilLiteral
{
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(stringLiteral value: String) { self = .text(value) }
    package init(nilLiteral: ()) { self = .null }
}

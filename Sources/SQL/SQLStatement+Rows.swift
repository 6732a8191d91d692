// The few shapes in which callers use a statement. All of them reset it, whatever happens, so that
// no statement holds a read transaction open by accident.

extension SQLStatement {
    /// The bytes of a column, copied.
    package func bytes(_ column: Int32) -> [UInt8] {
        unsafe withBytes(column) { bytes in unsafe [UInt8](bytes) }
    }

    package func optionalInteger(_ column: Int32) -> Int64? {
        isNull(column) ? nil : integer(column)
    }

    package func optionalText(_ column: Int32) -> String? {
        isNull(column) ? nil : text(column)
    }

    /// Binds all parameters, in order.
    package func bind(_ values: [SQLValue]) throws(SQLError) {
        var parameter: Int32 = 1
        for value in values {
            switch value {
            case .null: try bindNull(at: parameter)
            case .integer(let integer): try bind(integer, at: parameter)
            case .text(let text): try bind(text, at: parameter)
            case .blob(let bytes): try bind(bytes, at: parameter)
            }
            parameter += 1
        }
    }

    package func bind(_ bytes: [UInt8], at parameter: Int32) throws(SQLError) {
        let result = unsafe bytes.withUnsafeBytes { buffer in
            Result { () throws(SQLError) in
                unsafe try bind(blob: buffer, at: parameter)
            }
        }
        try result.get()
    }

    /// Runs a statement that returns no rows, whose parameters `bind` gives one after the other.
    ///
    /// For rows that come by the thousand: no value is made of each parameter.
    package func run(
        _ bind: (inout SQLParameters) throws(SQLError) -> Void
    ) throws(SQLError) {
        defer { reset() }
        var parameters = SQLParameters(of: self)
        try bind(&parameters)
        while try step() {}
    }

    /// Runs a statement that returns no rows.
    package func run(_ values: SQLValue...) throws(SQLError) {
        defer { reset() }
        try bind(values)
        while try step() {}
    }

    /// The first row, as `read` sees it; nil when there is none.
    package func first<R>(
        _ values: SQLValue...,
        read: (any SQLStatement) throws(SQLError) -> R
    ) throws(SQLError) -> R? {
        defer { reset() }
        try bind(values)
        return try step() ? try read(self) : nil
    }

    /// All rows.
    ///
    /// For results whose size the caller knows to be bounded.
    package func all<R>(
        _ values: SQLValue...,
        read: (any SQLStatement) throws(SQLError) -> R
    ) throws(SQLError) -> [R] {
        defer { reset() }
        try bind(values)
        var rows: [R] = []
        while try step() { rows.append(try read(self)) }
        return rows
    }
}

/// The parameters of a statement, bound in order.
package struct SQLParameters: ~Copyable {
    private let statement: any SQLStatement
    private var last: Int32 = 0

    fileprivate init(of statement: any SQLStatement) { self.statement = statement }

    private mutating func next() -> Int32 {
        last += 1
        return last
    }

    package mutating func add(_ value: Int64) throws(SQLError) {
        try statement.bind(value, at: next())
    }

    package mutating func add(_ value: Int64?) throws(SQLError) {
        if let value { try add(value) } else { try statement.bindNull(at: next()) }
    }

    package mutating func add(_ value: String) throws(SQLError) {
        try statement.bind(value, at: next())
    }

    package mutating func add(_ value: String?) throws(SQLError) {
        if let value { try add(value) } else { try statement.bindNull(at: next()) }
    }

    package mutating func add(_ bytes: [UInt8]) throws(SQLError) {
        try statement.bind(bytes, at: next())
    }
}

extension SQLConnection {
    /// Runs one statement once.
    ///
    /// For statements that run rarely: they are compiled each time.
    package func run(_ sql: String, _ values: SQLValue...) throws(SQLError) {
        let statement = try prepare(sql)
        defer { statement.reset() }
        try statement.bind(values)
        while try statement.step() {}
    }

    /// The rows of one statement that runs rarely.
    package func all<R>(
        _ sql: String,
        _ values: SQLValue...,
        read: (any SQLStatement) throws(SQLError) -> R
    ) throws(SQLError) -> [R] {
        let statement = try prepare(sql)
        defer { statement.reset() }
        try statement.bind(values)
        var rows: [R] = []
        while try statement.step() { rows.append(try read(statement)) }
        return rows
    }

    /// The first row of one statement that runs rarely.
    package func first<R>(
        _ sql: String,
        _ values: SQLValue...,
        read: (any SQLStatement) throws(SQLError) -> R
    ) throws(SQLError) -> R? {
        let statement = try prepare(sql)
        defer { statement.reset() }
        try statement.bind(values)
        return try statement.step() ? try read(statement) : nil
    }
}

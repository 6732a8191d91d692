/// What an engine said when it refused.
package struct SQLError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Hashable, Sendable {
        /// Another connection has what this one needs.
        case busy
        /// A constraint of the schema refused the row.
        case constraint
        /// No space left where the database is.
        case full
        /// Reading or writing the file failed.
        case inputOutput
        /// The file is not a database of this engine, or it is damaged.
        case notADatabase
        /// The file cannot be opened.
        case cannotOpen
        /// The database, or the file system under it, is read-only.
        case readOnly
        /// Anything else; `message` says what.
        case other
    }

    package let kind: Kind
    /// The engine's own extended result code.
    package let code: Int32
    /// `errno` of the system call that failed, 0 where there was none.
    package let systemError: Int32
    package let message: String
    package let statement: String?

    package init(
        kind: Kind,
        code: Int32,
        systemError: Int32,
        message: String,
        statement: String?
    ) {
        self.kind = kind
        self.code = code
        self.systemError = systemError
        self.message = message
        self.statement = statement
    }

    package var description: String {
        var text = "SQL error \(code) (\(kind.rawValue)): \(message)"
        if let statement { text += "; in: \(statement)" }
        return text
    }
}

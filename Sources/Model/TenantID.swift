/// The id of a tenant: 1 to 64 of the characters `A-Z a-z 0-9 _ -`.
///
/// It is a directory name in a store, so nothing that could leave the store can be one.
public struct TenantID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The id as it is written.
    public let rawValue: String

    /// The tenant that is meant when none is named.
    public static let main = TenantID(unchecked: "main")

    /// Checks and takes an id; throws `invalidArgument`.
    public init(_ text: String) throws(LociError) {
        let fits = text.utf8.allSatisfy { byte in
            ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == ASCII.underscore
                || byte == ASCII.hyphen
        }
        guard fits, (1...64).contains(text.utf8.count) else {
            throw .unreadable(
                text,
                as: "a tenant id",
                remedy: "Use 1 to 64 of the characters A-Z, a-z, 0-9, _ and -."
            )
        }
        self.init(unchecked: text)
    }

    private init(unchecked text: String) { rawValue = text }

    /// The id as it is written.
    public var description: String { rawValue }

    /// Orders by bytes.
    public static func < (a: TenantID, b: TenantID) -> Bool { a.rawValue < b.rawValue }
}

/// A path relative to the root of a tenant: zero or more names.
public struct NamePath: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The components, the outermost first.
    public var names: [Name]

    /// Takes components; none is the root.
    public init(_ names: [Name] = []) { self.names = names }

    /// Reads bytes split at `/`; throws `invalidName` (also for `.` and `..`) or `nameTooLong`.
    ///
    /// Slashes at the beginning and the end and repeated ones count for nothing, as for the system.
    public init(parsing bytes: [UInt8]) throws(LociError) {
        names = []
        for part in bytes.split(separator: ASCII.slash) {
            names.append(try Name(validating: Array(part)))
        }
    }

    /// Reads text split at `/`, like `init(parsing:)`.
    public init(_ text: String) throws(LociError) { try self.init(parsing: Array(text.utf8)) }

    /// The components joined by `/`, as bytes.
    public var bytes: [UInt8] { Array(names.map(\.bytes).joined(separator: [ASCII.slash])) }

    /// The components joined by `/`, for people.
    public var description: String { String(decoding: bytes, as: UTF8.self) }

    /// Whether this is the root.
    public var isRoot: Bool { names.isEmpty }

    /// The last component, or nil at the root.
    public var last: Name? { names.last }

    /// The directory that holds the last component; the root's is the root.
    public var parent: NamePath { NamePath(Array(names.dropLast())) }

    /// This path with one more component.
    public func appending(_ name: Name) -> NamePath { NamePath(names + [name]) }

    /// Whether this path is `other` or lies below it.
    public func isWithin(_ other: NamePath) -> Bool { names.starts(with: other.names) }

    /// Orders component by component, a directory before what it holds.
    public static func < (a: NamePath, b: NamePath) -> Bool {
        a.names.lexicographicallyPrecedes(b.names)
    }
}

/// The number of a layout of a tenant: 1, 2, 3 and so on.
public struct LayoutNumber: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number as it is stored and printed.
    public let rawValue: Int
    /// Makes the number from what is stored.
    public init(_ rawValue: Int) { self.rawValue = rawValue }
    /// The decimal number.
    public var description: String { String(rawValue) }
    /// Orders by age: a later layout has the greater number.
    public static func < (a: LayoutNumber, b: LayoutNumber) -> Bool { a.rawValue < b.rawValue }
}

/// The place of a change in a tenant's change log; a snapshot is one too.
public struct ChangeNumber: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number as it is stored and printed.
    public let rawValue: Int64
    /// Makes the number from what is stored.
    public init(_ rawValue: Int64) { self.rawValue = rawValue }
    /// The decimal number.
    public var description: String { String(rawValue) }
    /// Orders by time: a later change has the greater number.
    public static func < (a: ChangeNumber, b: ChangeNumber) -> Bool { a.rawValue < b.rawValue }
}

/// The number by which the kernel and the catalog know a node; never reused within a tenant.
public struct NodeNumber: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number as the kernel sees it.
    public let rawValue: UInt64
    /// Makes the number from what is stored.
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    /// The decimal number.
    public var description: String { String(rawValue) }
    /// Orders by number.
    public static func < (a: NodeNumber, b: NodeNumber) -> Bool { a.rawValue < b.rawValue }
}

/// The number of a revision of one memory: 1 for the first.
public struct RevisionNumber: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number as it is stored and printed.
    public let rawValue: Int
    /// Makes the number from what is stored.
    public init(_ rawValue: Int) { self.rawValue = rawValue }
    /// The revision that follows this one.
    public var next: RevisionNumber { RevisionNumber(rawValue + 1) }
    /// The decimal number.
    public var description: String { String(rawValue) }
    /// Orders by age: a later revision has the greater number.
    public static func < (a: RevisionNumber, b: RevisionNumber) -> Bool {
        a.rawValue < b.rawValue
    }
}

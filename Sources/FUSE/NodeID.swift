/// The number by which the kernel and a file system name one node; also its inode number.
package struct NodeID: RawRepresentable, Hashable, Comparable, Sendable {
    package var rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    package init(_ number: UInt64) {
        rawValue = number
    }

    /// The root of every mount (`FUSE_ROOT_ID`).
    package static let root = Self(1)

    package static func < (left: Self, right: Self) -> Bool {
        left.rawValue < right.rawValue
    }
}

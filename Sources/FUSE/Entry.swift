internal import CFUSE

/// How long the kernel may keep an answer without asking again.
package struct Timeout: Hashable, Sendable {
    let seconds: UInt64
    let nanoseconds: UInt32

    package init(nanoseconds: UInt64) {
        self.seconds = nanoseconds / 1_000_000_000
        self.nanoseconds = UInt32(nanoseconds % 1_000_000_000)
    }

    package static func seconds(_ seconds: UInt32) -> Self {
        Self(nanoseconds: UInt64(seconds) * 1_000_000_000)
    }

    /// Ask every time.
    package static let none = Self(nanoseconds: 0)
    /// Until a notification says otherwise (136 years, which every kernel's clock arithmetic holds).
    package static let forever = Self.seconds(.max)
}

/// The answer to "what is this name?": a node, its attributes, and how long both hold.
///
/// The generation is always 0: a node number is never used twice within a mount.
package struct Entry: Hashable, Sendable {
    package var attributes: Attributes
    /// How long the name leads to this node.
    package var nameTimeout: Timeout
    package var attributeTimeout: Timeout

    package var node: NodeID { attributes.node }

    package init(
        _ attributes: Attributes,
        nameTimeout: Timeout = .forever,
        attributeTimeout: Timeout = .forever
    ) {
        self.attributes = attributes
        self.nameTimeout = nameTimeout
        self.attributeTimeout = attributeTimeout
    }
}

extension Entry {
    /// The kernel's form (`struct fuse_entry_out`).
    var encoded: fuse_entry_out {
        var out = fuse_entry_out()
        out.nodeid = node.rawValue
        out.entry_valid = nameTimeout.seconds
        out.entry_valid_nsec = nameTimeout.nanoseconds
        out.attr_valid = attributeTimeout.seconds
        out.attr_valid_nsec = attributeTimeout.nanoseconds
        out.attr = attributes.encoded
        return out
    }
}

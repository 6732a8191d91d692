public import Model

/// A memory to be added.
public struct NewMemory: Hashable, Sendable {
    /// Where its bytes come from.
    public enum Content: Hashable, Sendable {
        /// The bytes themselves.
        case bytes([UInt8])
        /// A file, read when it is added and left as it is.
        ///
        /// An absolute path.
        case file([UInt8])
    }

    /// Its bytes.
    public var content: Content
    /// The last component of its paths.
    public var name: Name
    /// Its attributes.
    public var attributes: [String: String]
    /// When it was made; nil means now.
    public var created: Timestamp?
    /// When its content last changed, for `ls -l`; nil means now.
    public var modified: Timestamp?
    /// The permissions of its file.
    public var permissions: UInt32
    /// The owner of its file, by number; nil means the owner of the store.
    public var owner: UInt32?
    /// The group of its file, by number; nil means the group of the store.
    public var group: UInt32?

    /// Makes a description of a memory; what is left out is drawn when it is added.
    public init(
        _ content: Content,
        name: Name,
        attributes: [String: String] = [:],
        created: Timestamp? = nil,
        modified: Timestamp? = nil,
        permissions: UInt32 = 0o644,
        owner: UInt32? = nil,
        group: UInt32? = nil
    ) {
        self.content = content
        self.name = name
        self.attributes = attributes
        self.created = created
        self.modified = modified
        self.permissions = permissions
        self.owner = owner
        self.group = group
    }
}

public import Model

/// A memory with all that is known of it, as an archive holds it.
public struct ArchivedMemory: Hashable, Sendable {
    /// One kept version of its content.
    public struct Revision: Hashable, Sendable {
        /// Its number in the memory.
        public var number: RevisionNumber
        /// When it was committed.
        public var created: Timestamp
        /// When its bytes were written.
        public var modified: Timestamp
        /// Who committed it.
        public var actor: String
        /// Whether it never was the current one: the other of two writers.
        public var isBeside: Bool
        /// Its bytes.
        public var content: [UInt8]
        /// The SHA-256 of its bytes.
        public var hash: ContentHash

        /// Makes a revision.
        public init(
            number: RevisionNumber,
            created: Timestamp,
            modified: Timestamp,
            actor: String,
            isBeside: Bool,
            content: [UInt8],
            hash: ContentHash
        ) {
            self.number = number
            self.created = created
            self.modified = modified
            self.actor = actor
            self.isBeside = isBeside
            self.content = content
            self.hash = hash
        }
    }

    /// The id that it keeps for life.
    public var id: MemoryID
    /// The last component of its paths.
    public var name: Name
    /// Its attributes.
    public var attributes: [String: String]
    /// When it was made.
    public var created: Timestamp
    /// When its file was last written or its time was set.
    public var modified: Timestamp
    /// The permissions of its file.
    public var permissions: UInt32
    /// The owner of its file, by number.
    public var owner: UInt32
    /// The group of its file, by number.
    public var group: UInt32
    /// Whether it is in the trash.
    public var isTrashed: Bool
    /// Its revisions by rising number; the current one alone where no history was asked for.
    public var revisions: [Revision]

    /// Makes a memory.
    public init(
        id: MemoryID,
        name: Name,
        attributes: [String: String],
        created: Timestamp,
        modified: Timestamp,
        permissions: UInt32,
        owner: UInt32,
        group: UInt32,
        isTrashed: Bool,
        revisions: [Revision]
    ) {
        self.id = id
        self.name = name
        self.attributes = attributes
        self.created = created
        self.modified = modified
        self.permissions = permissions
        self.owner = owner
        self.group = group
        self.isTrashed = isTrashed
        self.revisions = revisions
    }

    /// The revision that is shown.
    public var current: Revision? { revisions.last { !$0.isBeside } }
}

/// A content that an archive lacks because it cannot be read.
public struct ArchiveGap: Sendable {
    /// The memory.
    public let id: MemoryID
    /// Where the listed layout has it, or would have.
    public let path: NamePath
    /// The revision.
    public let revision: RevisionNumber
    /// Why.
    public let error: LociError
}

/// What became of one memory of an archive.
public enum ArchivedOutcome: Hashable, Sendable {
    /// It is there now.
    case added
    /// It was there already, with all that the archive tells of it.
    case equal
    /// A memory of that id is there with other revisions, attributes or name, or the trash has
    /// only one of both; it stays.
    case differs
}

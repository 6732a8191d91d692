package import Catalog
public import Model

/// One row of the change log.
public struct Change: Hashable, Sendable {
    /// Its place in the log.
    public let number: ChangeNumber
    /// When it happened.
    public let time: Timestamp
    /// Who did it, and why.
    public let origin: Origin
    /// What happened; nil where a newer version wrote a word that this one does not know.
    public let operation: Operation?
    /// The memory it happened to, where it was one.
    public let memory: MemoryID?
    /// More, as JSON, where there is more.
    public let detail: String?
    /// What was before and what is after, as a JSON object with `before` and `after`: of each only
    /// what differs.
    public let effect: String?
    /// Whether the memory was purged: who did what and when is left, no word of it.
    public let isForgotten: Bool
    /// The process that wrote it.
    package let session: String
    /// The directory it happened to, where it was one.
    package let directory: NodeNumber?
}

extension Change {
    package init(_ row: ChangeRow, memory: MemoryID?) {
        number = row.number
        time = row.time
        origin = row.origin
        operation = row.operation
        self.memory = memory
        detail = row.detail
        effect = row.effect
        isForgotten = row.isForgotten
        session = row.session
        directory = row.directory
    }
}

/// A named moment of a tenant.
///
/// All of it can be brought back: contents, attributes, places, trash.
public struct Snapshot: Hashable, Sendable {
    /// Its name, unique in the tenant.
    public let name: String
    /// The last change that it holds.
    public let number: ChangeNumber
    /// When it was taken.
    public let created: Timestamp
    /// Who took it.
    public let actor: String
    /// Why it was taken.
    public let reason: String?

    package init(_ row: SnapshotRow) {
        name = row.name
        number = row.number
        created = row.created
        actor = row.actor
        reason = row.reason
    }
}

/// What a restore did, or with a dry run would do.
public struct RestoreReport: Hashable, Sendable {
    /// Memories that came back from the trash.
    public var untrashed = 0
    /// Memories that went into the trash, because they did not exist yet.
    public var trashed = 0
    /// Memories whose content went back to an earlier revision.
    public var contents = 0
    /// Memories whose attributes or names, and so places, went back.
    public var places = 0
    /// The paths that came back, as they are now: the first 32.
    public var paths: [NamePath] = []
    /// What could not be restored, and why: the first 32.
    public var failures: [Failure] = []
    /// How many could not be restored.
    public var failureCount = 0

    /// One memory that could not be restored.
    public struct Failure: Hashable, Sendable {
        /// The memory.
        public let memory: MemoryID
        /// Why.
        public let reason: String
    }

    /// The most paths and failures that are kept.
    package static let kept = 32

    package init() {}
}

/// A layout of a tenant.
public struct LayoutInfo: Hashable, Sendable {
    /// Its number; they are never used again.
    public let number: LayoutNumber
    /// Its scheme.
    public let scheme: Scheme
    /// Where it is in its life.
    public let status: LayoutStatus
    /// Whether listings show it.
    public let isListed: Bool
    /// Whether blobs follow it.
    public let isTarget: Bool
    /// Whether it is reached under `.loci/layouts` only, unless it is listed.
    public let isApart: Bool
}

/// A mount that runs.
public struct MountInfo: Hashable, Sendable {
    /// The process of its daemon.
    public let pid: Int32
    /// Where it is mounted.
    public let mountPoint: String
    /// Its options, as they were given.
    public let options: String
    /// When it began.
    public let started: Timestamp
    /// The process that starts the daemon again when it ends; nil where nobody does.
    public let keeper: Int32?
    /// How often the daemon was started again.
    public let restarts: Int
    /// When and why it ended last, where it did.
    public let lastDeath: String?
    /// Its session in the catalog.
    package let session: String
}

package import Catalog
import Linux
import Loci
package import Model

/// Who makes a call through the mount.
package struct Caller: Hashable, Sendable {
    package var origin: Origin
    package var gid: UInt32
    /// The kernel's number of the request.
    package var request: UInt64?

    package init(origin: Origin, gid: UInt32, request: UInt64? = nil) {
        self.origin = origin
        self.gid = gid
        self.request = request
    }
}

/// What a staged file looks like to the kernel.
package struct StagedAttributes: Hashable, Sendable {
    /// Bytes.
    package var size: Int64
    /// Nanoseconds since 1970.
    package var mtime: Int64
    /// Nanoseconds since 1970.
    package var ctime: Int64
    /// Permissions and owner of an unborn file; nil for a memory, whose node row has them.
    package var permissions: UInt32?
    package var uid: UInt32?
    package var gid: UInt32?
}

/// A file that is not yet a memory: a node, staged bytes, a name.
package struct Unborn: Hashable, Sendable {
    package var node: NodeNumber
    package var directory: NodeNumber
    package var name: Name
    /// Where listings show it.
    package var position: ListingPosition
    package var attributes: StagedAttributes
    /// The memory that has its name in the catalog, where it was renamed over one.
    package var replaces: ReplacedMemory?
}

/// A memory over which an unborn file was renamed: that file is its next revision, and its node.
package struct ReplacedMemory: Hashable, Sendable {
    /// Its row.
    package var memory: Int64
    /// What it was then.
    package var base: RevisionNumber

    package init(memory: Int64, base: RevisionNumber) {
        self.memory = memory
        self.base = base
    }
}

/// Where an unborn file has its name.
package struct StagedPlace: Hashable, Sendable {
    package var directory: NodeNumber
    package var name: Name
    /// The layout by which the directory's names are read.
    package var layout: LayoutNumber
    /// The names from that layout's root down to the directory, should it be gone one day.
    package var directories: [Name]
    /// Where listings show it.
    package var position: ListingPosition
    /// The memory that has this name in the catalog; nil where none had it.
    package var replaces: ReplacedMemory?

    package init(
        directory: NodeNumber,
        name: Name,
        layout: LayoutNumber,
        directories: [Name],
        position: ListingPosition,
        replaces: ReplacedMemory? = nil
    ) {
        self.directory = directory
        self.name = name
        self.layout = layout
        self.directories = directories
        self.position = position
        self.replaces = replaces
    }
}

/// A name that the kernel knows.
package struct KnownName: Hashable, Sendable {
    package var directory: NodeNumber
    package var name: Name
}

/// What one commit changed, for whoever tells the kernel.
package struct CommittedBatch: Hashable, Sendable {
    /// Rows of the change log, of this process's own session.
    package var changes: ClosedRange<ChangeNumber>
    /// Nodes whose row was made or changed: by their names in other views the kernel may still
    /// show older content.
    package var nodes: [NodeNumber]
    /// Names that the kernel has right already, because the change came through it.
    package var known: [KnownName]
}

/// Why everything staged is to be committed now.
package enum CommitReason: Hashable, Sendable {
    case snapshot
    case unmount
    /// A command wants to read what was written before it asked.
    ///
    /// Takes nothing that was written within the last 50 ms, and waits for what was.
    case command
}

/// A staged file that could not be committed, and why.
package struct StagingFailure: Sendable {
    package var node: NodeNumber
    package var error: LociError
}

/// What became of a demand to commit.
package struct CommitReport: Sendable {
    package var committed = 0
    /// What was left as it is: written this moment, or refused.
    package var left: [NodeNumber] = []
    package var failures: [StagingFailure] = []
}

/// What is staged at this moment.
package struct StagingStatus: Sendable {
    package var files = 0
    package var unborn = 0
    package var bytes: Int64 = 0
    /// Files that are kept in staging because committing them fails; it is tried again.
    package var failures: [StagingFailure] = []
    /// What earlier sessions left that could not be recovered.
    package var leftovers: [LociError] = []

    /// All that is not as it should be, for people to read.
    package var problems: [LociError] { failures.map(\.error) + leftovers }
}

/// What staging takes from outside.
package struct StagingOptions: Sendable {
    package var limits = StagedFileLife.Limits()
    /// How long a memory that lost its name is taken back by a create there.
    package var recallTime: Duration = .seconds(2)
    /// How long a command's commit waits for a file that is being written: longer than the command,
    /// which says so then.
    package var commandPatience: Duration = Tenant.mountPatience + .milliseconds(50)
    package var now: @Sendable () -> Moment
    /// Called before a call waits for more than the journal: whoever serves others meanwhile does.
    package var willWait: @Sendable () -> Void = {}
    package var probe = CommitProbe()
    /// What recovery could not bring into the catalog; `status` shows it.
    package var leftovers: [LociError] = []

    package init(
        now: @escaping @Sendable () -> Moment = { Moment(SystemClock.monotonic()) }
    ) {
        self.now = now
    }
}

/// A hook before each durable step of a commit: a crash test stops there.
package struct CommitProbe: Sendable {
    /// The steps, by the numbers that the code has for them.
    package enum Step: String, Hashable, Sendable, CaseIterable {
        /// ① Files are sealed: what is written from now on goes into copies.
        case seal
        /// ② Their bytes get keys, durably (`Tenant.place`).
        case place
        /// ③ One transaction names them.
        case commit
        /// ④ The journal forgets them.
        case forget
        /// ⑤ The staged files are removed.
        case remove
    }

    /// Throws where the process is to end.
    package var before: @Sendable (Step) throws(LociError) -> Void

    package init(
        before: @escaping @Sendable (Step) throws(LociError) -> Void = { _ throws(LociError) in }
    ) {
        self.before = before
    }
}

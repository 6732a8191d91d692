import Catalog
import FUSE
import Glibc
import Linux
package import Loci
package import Model
import Synchronization

/// A tenant as files: answers the kernel's requests about one mount.
///
/// ```
///  request ─▶ staging (what is being written) ─▶ catalog (a snapshot of this thread) ─▶ blobs
/// ```
///
/// Reading takes no lock that a writer holds: each request thread has a reader of its own. Names
/// change in one catalog transaction on the request thread; content goes to `Staging`.
package final class LociFileSystem: FileSystem, Sendable {
    /// What the mount is told from outside, and never changes.
    package struct Settings: Sendable {
        package var options: MountOptions
        /// Owner of directories, and of what has no owner of its own.
        package var uid: UInt32
        package var gid: UInt32
        /// How many threads serve requests.
        package var threads: Int
        /// Where it is mounted, for messages.
        package var mountPoint: String
        /// The directory that `subdir=` names, resolved.
        package var subdirectory: NodeNumber?
        package var subdirectoryPath: [Name] = []

        package init(
            options: MountOptions,
            uid: UInt32,
            gid: UInt32,
            threads: Int,
            mountPoint: String
        ) {
            self.options = options
            self.uid = uid
            self.gid = gid
            self.threads = threads
            self.mountPoint = mountPoint
        }
    }

    /// Names and attributes change only through the kernel or with a notification.
    static let long = Timeout.seconds(86_400)
    /// For names whose uses are counted.
    static let counted = Timeout.seconds(1)
    /// A directory of more memories is moved by `loci mv`, in batches.
    static let moveLimit = 100_000

    package let tenant: Tenant
    package let settings: Settings
    let catalog: Catalog
    package let staging: Staging
    /// By thread index.
    private let readers: [ThreadReader]
    let generated: GeneratedNodes
    let searches = SearchDirectories()
    /// What `.loci/migration` is made of; without it there is none.
    let panel: MigrationPanel?
    let migrationTexts = MigrationTexts()
    let events = EventsText()
    /// Whether a command that was written to it is being done.
    let isControlled = Atomic<Bool>(false)
    package let failures = LastErrors()
    package let uses = OldPathUses()
    package let requestTimes = RequestTimes()
    let requestCounts = RequestCounts()
    let ahead = ReadAhead()
    /// Answers from what had been fetched before it was asked for.
    let readAheadHits = Atomic<Int>(0)
    let habits = ListingHabits()
    let namesListings = NamesListings()
    let listingEnds = ListingEnds()
    let listingBounds = ListingBounds()
    let vanished = VanishedDirectories()
    let ownChanges: OwnChanges
    let started: Timestamp
    /// Whether anybody ever looked below `.loci/layouts` or `.loci/meta`: those views then need
    /// their share of each invalidation.
    let specialViewsUsed = Once()
    /// Whether anybody ever looked into a directory of `.loci/layouts`.
    ///
    /// There the kernel may know a second name of each file. A daemon that takes over does not know,
    /// and takes it for true.
    let layoutViewsUsed = Once()
    /// Where the kernel is told of names in other views than a request's.
    let elsewhere = Mutex<NotificationQueue?>(nil)
    let foreignFiles: ForeignFiles
    let unlinked = UnlinkedNodes()
    let trash: TrashTree
    /// While set, every thread ends its read transaction after each request.
    let checkpointWaits: CheckpointGate
    let expectedLayout = Expectation()
    package let succession: Succession
    /// Whether the keeper ended: nobody starts this daemon again.
    let isKeeperGone = Once()

    package init(
        tenant: Tenant,
        settings: Settings,
        staging: Staging,
        ownChanges: OwnChanges,
        panel: MigrationPanel? = nil,
        succession: Succession = Succession()
    ) throws(LociError) {
        self.tenant = tenant
        self.settings = settings
        self.staging = staging
        self.ownChanges = ownChanges
        self.panel = panel
        self.succession = succession
        generated = try GeneratedNodes(staging.space.session)
        let catalog = tenant.catalog
        self.catalog = catalog
        started = tenant.clock()
        readers = (0..<settings.threads).map { _ in ThreadReader(catalog) }
        foreignFiles = staging.foreignFiles
        trash = TrashTree(below: settings.subdirectoryPath)
        checkpointWaits = CheckpointGate()
        guard succession.isTakeover else { return }
        // What the earlier daemon knew of that, nobody knows any more.
        specialViewsUsed.set()
        layoutViewsUsed.set()
        expectedLayout.begin()
    }

    var options: MountOptions { settings.options }

    // MARK: Threads

    func thread(_ index: Int) -> ThreadReader { readers[index] }

    package func threadHasMoment(_ index: Int) { readAhead(readers[index]) }

    package func threadIsIdle(_ index: Int) {
        readers[index].end()
    }

    package func destroy() {
        for reader in readers { reader.end() }
    }

    // MARK: Callers

    /// Who asks, as far as the change log wants to know.
    func caller(of request: borrowing Request) -> Caller {
        let pid = request.pid
        return Caller(
            origin: Origin(
                actor: options.actor ?? UserName.actor(of: request.uid),
                uid: request.uid,
                pid: pid == 0 ? nil : pid,
                process: thread(request.threadIndex).command(of: pid),
                reason: options.reason
            ),
            gid: request.gid,
            request: request.number
        )
    }

    // MARK: Failing

    /// What failed and where, until it is known as an error.
    struct Attempt {
        let thread: Int
        let uid: UInt32
        /// The directory, or the file itself.
        let node: NodeID
        let name: Name?

        init(_ request: borrowing Request, _ node: NodeID, _ name: Name? = nil) {
            thread = request.threadIndex
            uid = request.uid
            self.node = node
            self.name = name
        }
    }

    /// The errno for an error, which is kept for `.loci/last-error`.
    func errno(of error: any Error, _ attempt: Attempt) -> Int32 {
        let error = LociError(
            catalogError: error,
            subject: attempt.name?.description ?? "file"
        )
        let code = error.errnoValue
        failures.record(
            LastErrors.Failure(
                time: tenant.clock(),
                path: path(of: attempt),
                errno: code,
                message: error.message,
                remedy: error.remedy
            ),
            uid: attempt.uid
        )
        return code
    }

    private func path(of attempt: Attempt) -> String {
        let name = attempt.name.map { [$0] } ?? []
        guard let reader = try? thread(attempt.thread).current(),
            let names = try? path(of: Place(attempt.node), reader)
        else { return NamePath(name).description }
        return NamePath(names + name).description
    }

    /// The names that lead to a directory or file, from the mount's root.
    private func path(of place: Place, _ reader: CatalogReader) throws -> [Name] {
        func below(_ prefix: String, _ number: NodeNumber) throws -> [Name] {
            let names =
                if let unborn = staging.place(of: number) {
                    unborn.directories + [unborn.name]
                } else if try reader.node(number)?.kind == .memory {
                    try memoryPath(number, reader)
                } else {
                    try reader.path(ofDirectory: number)?.names ?? []
                }
            return try NamePath(prefix).names + names
        }
        switch place {
        case .generated(let number): return try generatedPath(number)
        case .root, .special, .past: return []
        case .node(let number): return try below("", number)
        case .view(let layout, let number):
            return try below(".loci/layouts/\(layout)", number)
        case .meta(let number): return try below(".loci/meta", number)
        }
    }

    /// Where a file stands that Loci made, as far as failures may be about it.
    private func generatedPath(_ number: UInt64) throws -> [Name] {
        guard generated.content(of: number)?.edits == .migration else { return [] }
        return try NamePath(".loci/migration/ctl").names
    }

    private func memoryPath(_ node: NodeNumber, _ reader: CatalogReader) throws -> [Name] {
        guard
            let entry = try reader.entries(
                of: node,
                layouts: try reader.layouts().listed.bit
            ).first
        else { return [] }
        return (try reader.path(ofDirectory: entry.directory)?.names ?? []) + [entry.name]
    }
}

extension Name {
    /// A name as the kernel sends it.
    init(_ span: RawSpan) throws(LociError) {
        let bytes = unsafe span.withUnsafeBytes { unsafe Array($0) }
        guard bytes.count <= Self.maximumLength else { throw Self.tooLong(bytes) }
        self.init(unchecked: bytes)
    }
}

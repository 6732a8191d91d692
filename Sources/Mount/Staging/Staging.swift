import Blobs
import Catalog
import Linux
package import Loci
package import Model
import SQL
import Synchronization

/// What is written through a mount and is not yet a row: private copies of memories, and files that
/// are not yet memories.
///
/// ```
///  write, create ──▶ journal, or staged file ──▶ Committer ──▶ blob, row ──▶ onCommit
/// ```
///
/// Reading, in this order: ask staging; where it has nothing, compare `commitGeneration` with the
/// value from before the reader's transaction began and begin a new one if it differs; ask the
/// catalog. The generation rises after a commit and before the staged file goes, so that a file is
/// always found in one of both.
///
/// Safe to share between threads. No lock that reads need is held during I/O. Functions that take a
/// reader may end its transaction.
package final class Staging: Sendable {
    /// Node numbers drawn at once.
    static let numberBlock = 1024
    /// An empty journal that is larger is cut.
    static let journalSlack: Int64 = 1 << 20

    struct Names {
        var nodes: [NodeNumber: StagedNode] = [:]
        /// Unborn files by directory and name.
        var unborn: [NodeNumber: [Name: NodeNumber]] = [:]
        /// Those of them that were renamed over a memory.
        var replacing: Set<NodeNumber> = []
        var recalls: RecallTable
        /// When large memories were committed, for the rule of once a minute.
        var largeCommits: [NodeNumber: Moment] = [:]
        /// When names of unborn files came and went, by directory, until a commit writes it.
        var directoryTimes: [NodeNumber: Int64] = [:]
    }

    let tenant: Tenant
    let options: StagingOptions
    let space: StagingSpace
    let foreignFiles: ForeignFiles
    let names: Mutex<Names>
    let onCommit: @Sendable (CommittedBatch) -> Void
    /// One commit at a time: else two would take one revision number for the same memory.
    let commitLock = Lock()
    let wake: WakeEvent
    /// Until when the committer sleeps, in raw nanoseconds: who has something earlier wakes it.
    let sleepsUntil = Atomic<Int64>(.min)

    let generation = Atomic<UInt64>(1)
    let unbornCount = Atomic<Int>(0)
    let namelessCount = Atomic<Int>(0)
    let directoryTimesCount = Atomic<Int>(0)
    /// Node numbers that are reserved and not given out.
    private let numbers = Mutex<Range<UInt64>>(0..<0)
    /// Held while more are reserved.
    private let reserving = Lock()
    private let thread = Mutex<Thread?>(nil)
    let isStopping = Atomic<Bool>(false)

    /// Begins a session of its own in `STORE/<tenant>/staging`.
    ///
    /// `onCommit` is called after each commit, before anybody can see that the staged files are
    /// gone; on the thread that commits, with no lock but the committer's held.
    package convenience init(
        tenant: Tenant,
        options: StagingOptions = StagingOptions(),
        onCommit: @escaping @Sendable (CommittedBatch) -> Void = { _ in }
    ) throws(LociError) {
        let area = tenant.directory + "/staging"
        let session = try staged(area) { () throws(Errno) in
            var number = 1
            while true {
                do throws(Errno) {
                    let name = number == 1 ? tenant.session : "\(tenant.session)-\(number)"
                    return try tenant.staging.begin(session: name)
                } catch .exists {
                    number += 1
                }
            }
        }
        // The folder's own name: what `fsync` promises lies beneath it.
        try staged(area) { () throws(Errno) in
            try File.open(area, [.readOnly, .directory]).sync()
        }
        try self.init(tenant: tenant, session: session, options: options, onCommit: onCommit)
    }

    /// Goes on with the session of an earlier daemon of the same mount, whose lock somebody kept.
    ///
    /// `resume` takes up what it has staged.
    convenience init(
        tenant: Tenant,
        resuming lock: SharedFile,
        options: StagingOptions,
        onCommit: @escaping @Sendable (CommittedBatch) -> Void
    ) throws(LociError) {
        let session = try staged(tenant.session) { () throws(Errno) in
            try tenant.staging.resume(session: tenant.session, lock: lock.file)
        }
        try self.init(tenant: tenant, session: session, options: options, onCommit: onCommit)
    }

    init(
        tenant: Tenant,
        session: StagingSession,
        options: StagingOptions,
        onCommit: @escaping @Sendable (CommittedBatch) -> Void
    ) throws(LociError) {
        self.tenant = tenant
        self.options = options
        self.onCommit = onCommit
        names = Mutex(Names(recalls: RecallTable(time: options.recallTime)))
        space = try staged(session.name) { () throws(Errno) in
            try StagingSpace(session: session, directory: tenant.directory)
        }
        foreignFiles = try ForeignFiles(directory: tenant.directory + "/foreign")
        wake = try staged("eventfd") { () throws(Errno) in try WakeEvent() }
    }

    // MARK: The committer's thread

    /// Starts the thread that commits.
    package func start() throws(LociError) {
        let started = try staged("thread") { () throws(Errno) in
            try Thread.spawn(name: "loci-commit") { self.commitUntilStopped() }
        }
        thread.withLock { $0 = started }
    }

    /// Commits everything, ends the thread and, when nothing is left, removes the session's folder.
    package func stop() -> CommitReport {
        isStopping.store(true, ordering: .releasing)
        wake.signal()
        thread.withLock { $0.take() }?.join()
        let report = commitNow(.unmount)
        // Times only: whoever could not write them loses no more.
        try? writeDirectoryTimes()
        // What could not be committed stays for recovery.
        if report.left.isEmpty { try? space.session.end() }
        return report
    }

    /// Ends the thread, and leaves what is staged to whoever takes over.
    package func letGo() {
        isStopping.store(true, ordering: .releasing)
        wake.signal()
        thread.withLock { $0.take() }?.join()
        // Nobody is to find half a commit.
        awaitCommit()
    }

    /// Rises with each commit; see the type's description.
    package var commitGeneration: UInt64 { generation.load(ordering: .acquiring) }

    /// Counts what is staged, and says what cannot be committed.
    ///
    /// Complexity: O(staged files).
    package func status() -> StagingStatus {
        var status = StagingStatus()
        status.leftovers = options.leftovers
        for node in names.withLock({ Array($0.nodes.values) }) {
            node.state.withLock { state in
                guard state.isVisible else { return }
                status.files += 1
                status.bytes += state.size
                if state.isUnborn { status.unborn += 1 }
                if let error = state.failure {
                    status.failures.append(StagingFailure(node: node.node, error: error))
                }
            }
        }
        return status
    }

    // MARK: Nodes

    func find(_ node: NodeNumber) -> StagedNode? { names.withLock { $0.nodes[node] } }

    /// A node number that no row has and none will get.
    func drawNumber() throws(LociError) -> NodeNumber {
        if let number = numbers.withLock({ $0.popFirst() }) { return NodeNumber(number) }
        options.willWait()
        return try reserving.withLock { () throws(LociError) in
            // Another thread may have reserved some meanwhile.
            if let number = numbers.withLock({ $0.popFirst() }) { return NodeNumber(number) }
            // Durable: after a power cut the journal may know nodes of this block.
            var block = try tenant.catalog.write(.full, origin: Self.origin) { transaction in
                transaction.reserveNodeNumbers(Self.numberBlock)
            }
            let number = block.removeFirst()
            numbers.withLock { $0 = block }
            return NodeNumber(number)
        }
    }

    /// Node numbers that this mount has reserved and not given out; does not wait.
    ///
    /// A block that was reserved this moment may be missing.
    var freeNumbers: Range<UInt64> { numbers.withLock(\.self) }

    /// Whom changes are ascribed to that no user made.
    static let origin = Origin(actor: "loci mount", uid: 0)

    /// Wakes the committer where it has to look at a file earlier than it would.
    func expect(_ action: StagedFileLife.Action) {
        switch action {
        case .rest: return
        case .wait(let due): expect(due)
        case .commit: expect(options.now())
        }
    }

    /// Wakes the committer where `due` is earlier than what it sleeps for.
    func expect(_ due: Moment) {
        if due.rawValue < sleepsUntil.load(ordering: .acquiring) { wake.signal() }
    }

    func writeJournal(_ records: [JournalRecord]) throws(LociError) {
        try staged("staging journal") { () throws(Errno) in try space.journal.append(records) }
    }
}

/// Turns what a system call throws into Loci's words.
func staged<R: ~Copyable>(
    _ subject: String,
    _ body: () throws(Errno) -> R
) throws(LociError) -> R {
    do throws(Errno) {
        return try body()
    } catch {
        throw LociError(errno: error, subject: subject)
    }
}

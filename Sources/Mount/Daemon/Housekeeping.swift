import Catalog
import Linux
import Loci
import Model
import SQL
import Synchronization

/// What a mount does besides requests, each on a thread of its own, so that nothing waits for what
/// takes longer: what commands ask for, at once; once a second counts of old paths, texts that wait
/// for the search index, and a checkpoint when the WAL has grown because readers stood in its way;
/// and what another mount left in staging when it was killed.
final class Housekeeping: Sendable {
    /// All readers end their transactions when the WAL has so many bytes.
    static let walLimit: Int64 = 64 << 20
    /// How often it looks for what killed mounts left, and after it could not bring that back.
    private static let takeover: (every: Duration, afterFailure: Duration) = (
        .seconds(2), .seconds(60)
    )

    /// Texts that one transaction indexes: a commit of the mount waits some 10 ms for it.
    private static let indexedAtOnce = 50

    private let fileSystem: LociFileSystem
    private let staging: Staging
    private let invalidator: Invalidator
    private let log: MountLog
    private let ending: WakeEvent
    /// What commits the staged files as they are is not to wait behind what waits for them.
    private let waiting: RequestInbox
    private let hurried: RequestInbox
    private let stopping = Atomic<Bool>(false)
    /// Whether the log has it already that uses of old paths cannot be written.
    private let isCountingFailed = Atomic<Bool>(false)
    private let threads = Mutex<[Thread]>([])
    private var catalog: Catalog { fileSystem.catalog }

    init(
        _ fileSystem: LociFileSystem,
        _ staging: Staging,
        _ invalidator: Invalidator,
        _ log: MountLog
    ) throws(Errno) {
        self.fileSystem = fileSystem
        self.staging = staging
        self.invalidator = invalidator
        self.log = log
        ending = try WakeEvent()
        waiting = try RequestInbox()
        hurried = try RequestInbox()
    }

    func start() throws(Errno) {
        removeNamelessForeign()
        let bodies: [(String, @Sendable () -> Void)] = [
            ("loci-house", { self.answerUntilStopped(self.waiting) }),
            ("loci-hurry", { self.answerUntilStopped(self.hurried) }),
            ("loci-chores", doChores),
        ]
        for (name, body) in bodies {
            let started = try Thread.spawn(name: name, body)
            threads.withLock { $0.append(started) }
        }
        // Not waited for in the end: it may have much to sync, and whoever is ended in the middle of
        // it leaves that to the next one.
        _ = try Thread.spawn(name: "loci-takeover") { self.watchForKilled() }
    }

    func stop() {
        stopping.store(true, ordering: .releasing)
        waiting.interrupt()
        hurried.interrupt()
        ending.signal()
        for thread in threads.withLock({ $0 }) { thread.join() }
        flushUses()
    }

    /// After each look at the change log, on that thread: sees what commands ask for.
    func look(_ reader: CatalogReader) {
        guard let rows = try? reader.requests(to: catalog.session), !rows.isEmpty else { return }
        if rows.contains(where: { $0.kind == .expectLayout }) { expectLayout(reader) }
        waiting.put(rows.filter { $0.kind != .snapshot })
        hurried.put(rows.filter { $0.kind == .snapshot })
    }

    /// Makes the kernel forget which names of the layout that is building are not there.
    ///
    /// The thread that sends notifications calls it; the answer follows.
    private func expectLayout(_ reader: CatalogReader) {
        fileSystem.expectedLayout.begin()
        do {
            let dropper = NameDropper(invalidator)
            try reader.snapshot { try dropper.expectLayout(reader) }
            invalidator.flush()
        } catch {
            log.write("a new layout could not be announced: \(error)")
        }
    }

    private func answerUntilStopped(_ inbox: RequestInbox) {
        while !stopping.load(ordering: .acquiring) {
            answer(inbox.take(), inbox)
        }
    }

    @Sendable private func doChores() {
        while (try? Poll.isReadable(ending.descriptor, timeout: .seconds(1))) == false {
            flushUses()
            indexWaiting()
            checkpointIfLarge()
        }
    }

    /// Looks for what killed mounts left, on a thread of its own: commands wait for the other one.
    private func watchForKilled() {
        var pause = Duration.zero
        while (try? Poll.isReadable(ending.descriptor, timeout: pause)) == false {
            pause = takeOver() ? Self.takeover.every : Self.takeover.afterFailure
        }
    }

    /// Commits what another mount had when it was killed.
    ///
    /// Returns false where something stays in staging.
    private func takeOver() -> Bool {
        do throws(LociError) {
            guard let report = try StagingRecovery.runBeside(staging.tenant) else { return true }
            log.write("another mount's staging recovered: \(report.summary)")
            for problem in report.problems { log.write("not recovered: \(problem)") }
            return report.problems.isEmpty
        } catch  where error.code == .busy {
            return true
        } catch {
            log.write("another mount's staging not recovered: \(error)")
            return false
        }
    }

    private var origin: Origin {
        Origin(actor: "mount", uid: EffectiveUser.id, pid: RunningProcess.current.id)
    }

    private func answer(_ rows: [RequestRow], _ inbox: RequestInbox) {
        guard !rows.isEmpty else { return }
        // Who retires a layout asks first: what was counted so far is to be seen then.
        flushUses()
        let kinds = Set(rows.map(\.kind))
        if kinds != [.expectLayout] {
            let report = staging.commitNow(kinds.contains(.snapshot) ? .snapshot : .command)
            for failure in report.failures { log.write("not committed: \(failure.error)") }
        }
        if kinds.contains(.forget) { staging.cutJournal() }
        // Before they are finished: a row that looks like one of these is another one afterwards.
        inbox.drop(rows)
        do {
            try catalog.write(.normal, origin: origin) { transaction in
                for row in rows { try transaction.finish(row) }
            }
        } catch {
            log.write("a request could not be answered: \(error)")
        }
    }

    private func flushUses() {
        let uses = fileSystem.uses.take()
        guard !uses.isEmpty else { return }
        do {
            try catalog.write(.normal, origin: origin) { transaction in
                try transaction.countUses(uses)
            }
            isCountingFailed.store(false, ordering: .relaxed)
        } catch {
            // A full disk: they are counted with those of the next second.
            fileSystem.uses.merge(uses)
            guard !isCountingFailed.exchange(true, ordering: .relaxed) else { return }
            log.write("uses of old paths could not be counted yet: \(error)")
        }
    }

    /// So that a search finds nothing left to do: for half of the time while nobody else commits,
    /// and down to a tenth the more others do, each of whom may have to wait for it.
    private func indexWaiting() {
        while !stopping.load(ordering: .acquiring) {
            let began = SystemClock.monotonic()
            guard fileSystem.tenant.indexSomeWaiting(atMost: Self.indexedAtOnce) > 0 else { return }
            flushUses()
            checkpointIfLarge()
            let worked = SystemClock.monotonic() - began
            let before = catalog.generation
            SystemClock.sleep(.nanoseconds(worked))
            let commits = min(catalog.generation - before, 8)
            SystemClock.sleep(.nanoseconds(worked * Int64(commits)))
        }
    }

    private func checkpointIfLarge() {
        guard catalog.walSize >= Self.walLimit else { return }
        fileSystem.checkpointWaits.isWaiting = true
        defer { fileSystem.checkpointWaits.isWaiting = false }
        for _ in 0..<20 {
            if (try? catalog.checkpoint()) == true { return }
            SystemClock.sleep(.milliseconds(10))
        }
    }

    /// Foreign files that were unlinked while open, in a mount that did not live to remove them.
    private func removeNamelessForeign() {
        do {
            let (nodes, sessions) = try catalog.read {
                (try $0.namelessForeignNodes(), try $0.sessions())
            }
            // Another mount may still have them open.
            guard !nodes.isEmpty, sessions.count <= 1 else { return }
            if fileSystem.succession.isTakeover {
                // Or this one: they go when the kernel forgets them.
                for node in nodes { fileSystem.unlinked.insert(node, .foreign) }
                return
            }
            try catalog.write(.normal, origin: origin) { transaction in
                for node in nodes { try transaction.deleteNode(node) }
            }
            for node in nodes { fileSystem.foreignFiles.remove(node) }
        } catch {
            log.write("unlinked files could not be removed: \(error)")
        }
    }
}

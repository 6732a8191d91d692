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

    /// How many times as long as it worked indexing rests where others commit, and the longest work
    /// that counts.
    private static let indexRest: (factor: Int64, longest: Int64) = (3, 100_000_000)

    /// Texts that one transaction indexes: a commit of the mount waits some 10 ms for it.
    private static let indexedAtOnce = 50

    private let fileSystem: LociFileSystem
    private let staging: Staging
    private let invalidator: Invalidator
    private let log: MountLog
    private let ending: WakeEvent
    /// Requests that wait for files to be over, and those that take them as they are: these are not
    /// to wait behind those.
    private let patient: RequestInbox
    private let hurried: RequestInbox
    private let flushLock = Lock()
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
        patient = try RequestInbox()
        hurried = try RequestInbox()
    }

    func start() throws(Errno) {
        removeNamelessForeign()
        let bodies: [(String, @Sendable () -> Void)] = [
            ("loci-house", { self.answerUntilStopped(self.patient) }),
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
        patient.interrupt()
        hurried.interrupt()
        ending.signal()
        for thread in threads.withLock({ $0 }) { thread.join() }
        flushUses()
    }

    /// After each look at the change log, on that thread: sees what commands ask for.
    func look(_ reader: CatalogReader) {
        guard let rows = try? reader.requests(to: catalog.session) else { return }
        if rows.contains(where: { $0.kind == .expectLayout }) { expectLayout(reader) }
        patient.put(rows.filter { $0.kind != .snapshot })
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
            fileSystem.ahead.rest()
            indexWaiting()
            checkpointIfLarge()
        }
    }

    /// Looks for what killed mounts left, on a thread of its own: commands wait for the others.
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

    private func answer(_ seen: [RequestRow], _ inbox: RequestInbox) {
        guard !seen.isEmpty else { return }
        // Some were done since they were seen.
        let rows =
            (try? catalog.read { reader in try seen.filter { try reader.isWaiting($0) } }) ?? seen
        guard !rows.isEmpty else { return }
        let kinds = Set(rows.map(\.kind))
        // Who retires a layout asks first: what was counted so far is to be seen then.
        if kinds.contains(.commit) { flushUses() }
        if kinds.contains(.expectLayout) {
            for failure in staging.commitReplacing() {
                log.write("not committed: \(failure.error)")
            }
        }
        if kinds != [.expectLayout] {
            let report = staging.commitNow(kinds.contains(.snapshot) ? .snapshot : .command)
            for failure in report.failures { log.write("not committed: \(failure.error)") }
        }
        if kinds.contains(.forget) { staging.cutJournal() }
        do {
            try catalog.write(.normal, origin: origin) { transaction in
                for row in rows { try transaction.finish(row) }
            }
            inbox.drop(rows)
        } catch {
            log.write("a request could not be answered: \(error)")
        }
    }

    private func flushUses() {
        // Who finds nothing to write waits for whoever is writing it.
        flushLock.withLock { flushUsesLocked() }
    }

    private func flushUsesLocked() {
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

    /// So that a search finds nothing left to do: for half of the time while nobody else commits, and
    /// down to a quarter the more others do, each of whom may have to wait for it.
    private func indexWaiting() {
        while !stopping.load(ordering: .acquiring) {
            let began = SystemClock.monotonic()
            guard fileSystem.tenant.indexSomeWaiting(atMost: Self.indexedAtOnce) > 0 else { return }
            let worked = min(SystemClock.monotonic() - began, Self.indexRest.longest)
            flushUses()
            checkpointIfLarge()
            let before = catalog.generation
            guard rest(worked) else { return }
            // Those of this process count twice, when they are made and when they are followed.
            let commits = Int64((catalog.generation - before) / 2)
            guard rest(worked * min(commits, Self.indexRest.factor - 1)) else { return }
        }
    }

    /// Returns false when the mount ends.
    private func rest(_ nanoseconds: Int64) -> Bool {
        (try? Poll.isReadable(ending.descriptor, timeout: .nanoseconds(nanoseconds))) == false
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

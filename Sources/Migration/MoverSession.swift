import Catalog
import Linux
import Loci
import SQL

/// The loop of who holds the mover's lock, on one thread.
final class MoverSession {
    /// What the session amounts to between two rounds.
    struct Situation: Hashable {
        /// Whether the last round found something to do.
        var isBusy = false
        var isPaused = false
        /// Whether no blob is misplaced and no ended layout is left to clear.
        var isSettled = false
        /// When the next key that a move left may be collected; nil where none waits.
        var nextCollection: Timestamp?
    }

    private let tenant: Tenant
    private let tuning: MigrationTuning
    private let stop: WakeEvent
    private let mover: Mover
    private let pace: Pace
    private let readers: (() -> ReaderCourtesy.Times)?
    private var courtesy: ReaderCourtesy
    private var nextRetention: Int64 = 0
    /// Set where a pause could not be written: the disk is full.
    private(set) var failure: LociError?

    /// How fast the session may go; shared with the mover's rests.
    private final class Pace {
        var rate = MoveRate.polite
        var throttle: Throttle?

        func set(_ rate: MoveRate) {
            guard rate != self.rate else { return }
            self.rate = rate
            throttle = nil
            if case .perSecond(let moves) = rate {
                throttle = Throttle(rate: Double(moves), now: SystemClock.monotonic())
            }
        }
    }

    init(
        _ worker: MigrationWorker,
        _ stop: WakeEvent,
        readers: (() -> ReaderCourtesy.Times)? = nil
    ) throws(LociError) {
        self.readers = readers
        courtesy = ReaderCourtesy(
            window: worker.tuning.readersWindow,
            now: SystemClock.monotonic()
        )
        tenant = worker.tenant
        tuning = worker.tuning
        self.stop = stop
        let pace = Pace()
        self.pace = pace
        mover = try Mover(tenant, tuning: tuning, batchSize: worker.batchSize) { held in
            guard pace.rate != .none else { return }
            MigrationWorker.wait(stop, held)
        }
    }

    /// Rounds until `stop` is signalled or `isEnough` says so.
    func work(until isEnough: (Situation) throws(LociError) -> Bool) throws(LociError) {
        let watch = try watchCommits()
        while !MigrationWorker.isSignalled(stop) {
            let situation = try attemptRound()
            if try isEnough(situation) { return }
            if situation.isBusy { continue }
            try waitForWork(watch, situation)
        }
    }

    // MARK: A round

    /// One round; a failure pauses the migration with its reason, and skips nothing.
    private func attemptRound() throws(LociError) -> Situation {
        do throws(LociError) {
            let situation = try round()
            failure = nil
            return situation
        } catch {
            // Whoever cancels wants the session to end.
            if error.code == .cancelled { throw error }
            failure = error
            guard error.code != .lockHeld else { return Situation() }
            // Where not even this can be written, the next round fails in the same way.
            let control = try? mover.read { try MigrationControl($0, at: tenant.clock()) }
            if control?.isPaused != true {
                try? Migrator(tenant, tuning: tuning).hold(
                    reason: error.description,
                    origin: mover.origin
                )
            }
            return Situation(isPaused: true)
        }
    }

    private func round() throws(LociError) -> Situation {
        let control = try mover.read { try MigrationControl($0, at: tenant.clock()) }
        pace.set(control.rate)
        if try yields(control) { return Situation(isBusy: true) }
        var situation = Situation(isPaused: control.isPaused)
        let limit = control.isPaused ? nil : admitted()
        let isHeldBack = limit == nil && !control.isPaused
        let done = try mover.round(moving: limit, hurrying: pace.rate == .none)
        let kept = try retain()
        let cleared = try mover.clearBatch()
        if done.moved != nil || done.collected > 0 || cleared { courtesy.noteMove() }
        situation.isBusy =
            done.moved != nil || isHeldBack || cleared || done.collected > 0 || kept
        situation.isSettled = limit != nil && done.moved == nil && !cleared
        if !situation.isBusy {
            situation.nextCollection = try mover.read { try $0.nextCollectable(reason: .moved) }
        }
        return situation
    }

    /// Whether moving rests for the mount's readers; a part of that time was waited then.
    private func yields(_ control: MigrationControl) throws(LociError) -> Bool {
        guard let readers, control.rate != .none, !control.isPaused else { return false }
        if courtesy.look(now: SystemClock.monotonic(), readers) {
            let until = tenant.clock() + tuning.readersWindow
            try tenant.catalog.write(.normal, origin: mover.origin) {
                try $0.setSetting(Setting.yieldsUntil, .integer(until.nanoseconds))
            }
        }
        guard courtesy.isResting else { return false }
        MigrationWorker.wait(stop, min(tuning.readersWindow, .milliseconds(100)))
        return true
    }

    /// How many blobs may move now.
    ///
    /// Nil where the throttle says to wait: a part of that time was waited when this returns, since
    /// collecting goes on meanwhile.
    private func admitted() -> Int? {
        guard var throttle = pace.throttle else { return .max }
        let limit = throttle.batch
        let decision = throttle.admit(limit, now: SystemClock.monotonic())
        pace.throttle = throttle
        guard case .wait(let time) = decision else { return limit }
        MigrationWorker.wait(stop, min(time, .milliseconds(100)))
        return nil
    }

    private func retain() throws(LociError) -> Bool {
        let now = SystemClock.monotonic()
        guard now >= nextRetention else { return false }
        let isPartial = try mover.applyRetention()
        if !isPartial { nextRetention = now + tuning.retentionEvery.wholeNanoseconds }
        return isPartial
    }

    // MARK: Waiting

    private func watchCommits() throws(LociError) -> FileWatch {
        do throws(Errno) {
            return try FileWatch(tenant.directory + "/wake")
        } catch {
            throw LociError(errno: error, subject: tenant.directory + "/wake")
        }
    }

    /// Waits for a commit of anybody, for the next collection, or for `stop`.
    private func waitForWork(
        _ watch: borrowing FileWatch,
        _ situation: Situation
    ) throws(LociError) {
        let due = situation.nextCollection.map { $0 - tenant.clock() } ?? Self.longest
        let time =
            failure == nil ? max(.milliseconds(1), min(due, Self.longest)) : Self.afterFailure
        do throws(Errno) {
            _ = try Poll.wait(
                [(watch.descriptor, .readable), (stop.descriptor, .readable)],
                timeout: time
            )
            // Commits come in bursts: one look for all of a tenth of a second.
            if try watch.take() { MigrationWorker.wait(stop, Self.gathering) }
            _ = try watch.take()
        } catch {
            throw LociError(errno: error, subject: tenant.directory + "/wake")
        }
    }

    /// Commits that were not seen (a file system without inotify) are found after this time.
    private static let longest: Duration = .seconds(30)
    private static let afterFailure: Duration = .seconds(5)
    private static let gathering: Duration = .milliseconds(100)
}

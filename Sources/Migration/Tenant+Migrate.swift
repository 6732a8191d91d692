import Catalog
import Linux
public import Loci

/// What `Tenant.migrate` did.
public struct MigrationReport: Sendable {
    /// What would be done; only of a dry run.
    public var plan: MigrationPlan?
    /// Contents that were moved.
    public var moved = 0
    /// Memories that the mapper passed over.
    public var skipped = 0
    /// The snapshot that was taken first.
    public var snapshot: String?
    /// How long it took.
    public var duration: Duration = .zero
    /// What went wrong with single memories, skips included: the first 32.
    public var errors: [MigrationFailure] = []
    /// How many there are.
    public var errorCount = 0
    /// All of them: `Migrator.errors(after:limit:)` of this run, and `loci migrate errors`.
    public var allErrors = "loci migrate errors"

    /// The most errors that are kept here.
    public static let errorsKept = 32
}

extension Tenant {
    /// Migrates to another scheme in one call: makes the layout, moves the contents, lists it.
    ///
    /// The old layout stays live: its paths open until `Migrator.retire`. Killed, the same call
    /// goes on where it was. Contents are moved here unless a mount is at it, which is then waited
    /// for. Old copies are collected by the next worker, or by `collect`.
    ///
    /// Throws what `Migrator.start`, the worker and `Migrator.cutover` throw.
    public func migrate(
        to scheme: Scheme,
        mapper: (any Mapper)? = nil,
        options: MigrationOptions = .init(),
        origin: Origin = .thisProcess,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> MigrationReport {
        defer { progress?.finish() }
        let began = ContinuousClock.now
        let migrator = Migrator(self)
        var report = MigrationReport()
        if options.dryRun {
            report.plan = try await migrator.plan(
                to: scheme,
                apart: options.apart,
                mapper: mapper
            )
            report.duration = ContinuousClock.now - began
            return report
        }
        if try !migrator.isUnderWay(to: scheme) {
            try await migrator.start(
                to: scheme,
                mapper: mapper,
                options: options,
                origin: origin
            )
        }
        try await migrator.moveAll(batchSize: options.batchSize, progress)
        try migrator.cutover(oldPaths: options.oldPaths, origin: origin)
        let status = try migrator.status()
        report.moved = Int(status.run?.moved ?? 0)
        report.skipped = Int(status.skipped)
        report.snapshot = status.run?.snapshot
        report.errors = try migrator.errors(limit: MigrationReport.errorsKept).failures
        report.errorCount = Int(status.errors + status.skipped)
        report.duration = ContinuousClock.now - began
        return report
    }
}

extension Migrator {
    /// Whether the newest run leads to `scheme`, which is live and waits to be listed: a call that
    /// was killed after it went live goes on from there.
    fileprivate func isUnderWay(to scheme: Scheme) throws(LociError) -> Bool {
        let status = try status()
        guard let run = status.run, run.toScheme == scheme else { return false }
        return status.state == .moving || status.state == .ready
    }

    /// Moves all contents, or waits until whoever holds the mover's lock has.
    fileprivate func moveAll(
        batchSize: Int,
        _ progress: ProgressFeed?
    ) async throws(LociError) {
        let worker = MigrationWorker(tenant, batchSize: batchSize, tuning: tuning)
        while true {
            do {
                for try await status in worker.runUntilReady(collecting: false) {
                    progress?.report(status.moved, of: status.revisions)
                }
                return
            } catch let error as LociError where error.code == .lockHeld {
                let status = try status()
                progress?.report(status.moved, of: status.revisions)
                if status.misplaced == 0 { return }
                if status.isPaused { throw error }
            } catch {
                throw LociError(catalogError: error, subject: "migration")
            }
            try await pause(for: .milliseconds(100))
        }
    }

    private func pause(for time: Duration) async throws(LociError) {
        do {
            try await Task.sleep(for: time)
        } catch {
            throw LociError(
                .cancelled,
                subject: "migration",
                message: "The migration was cancelled.",
                remedy: "Call it again: it goes on where it was."
            )
        }
    }
}

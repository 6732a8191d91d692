import Catalog
import Linux
import Loci
import Synchronization

extension MigrationWorker {
    /// Moves until every blob is in its place and every ended layout is cleared, and reports on the
    /// way, about five times a second.
    ///
    /// For when no mount is there to do it.
    ///
    /// Ends with the last report. Throws `lockHeld` where another worker is at it, `wrongState`
    /// where the migration is paused, and what made it pause. Who stops iterating stops the work
    /// between two batches.
    ///
    /// `collecting`: also waits for the grace time of what it moved, and collects it.
    public func runUntilReady(
        collecting: Bool = true
    ) -> AsyncThrowingStream<MigrationStatus, any Error> {
        let (stream, continuation) = AsyncThrowingStream.makeStream(
            of: MigrationStatus.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        do {
            let stop = try WakeEvent()
            continuation.onTermination = { _ in stop.signal() }
            _ = try Thread.spawn(name: "loci-mover") {
                do throws(LociError) {
                    try self.work(stop, collecting: collecting) { continuation.yield($0) }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
        } catch {
            continuation.finish(throwing: LociError(catalogError: error, subject: "thread"))
        }
        return stream
    }

    /// In nanoseconds, between two reports.
    private static let reportPause: Int64 = 200_000_000
    /// So many times what a report takes passes until the next.
    private static let reportShare: Int64 = 50

    private func work(
        _ stop: WakeEvent,
        collecting: Bool,
        _ report: @escaping (MigrationStatus) -> Void
    ) throws(LociError) {
        let lock = try tenant.moverLock()
        guard try Self.take(lock) else { throw try Self.held(lock) }
        defer { Self.release(lock) }
        let migrator = Migrator(tenant, tuning: tuning)
        let session = try MoverSession(self, stop)
        var due = SystemClock.monotonic() + Self.reportPause
        try session.work { (situation) throws(LociError) in
            if let failure = session.failure, failure.code != .lockHeld { throw failure }
            if situation.isPaused { throw try Self.paused(migrator) }
            let isReady = situation.isSettled && !situation.isBusy
            if isReady && (!collecting || situation.nextCollection == nil) { return true }
            let now = SystemClock.monotonic()
            if now >= due {
                report(try migrator.status())
                // Counting takes as long as there are memories: of a million, a quarter of the time.
                let done = SystemClock.monotonic()
                due = done + max(Self.reportPause, Self.reportShare * (done - now))
            }
            return false
        }
        report(try migrator.status())
    }

    private static func held(_ lock: FileLock) throws(LociError) -> LociError {
        let holder = (try? lock.holder()).flatMap { $0 }
        let name = holder.map { "\($0.command), process \($0.process)," } ?? "Another process"
        return LociError(
            .lockHeld,
            subject: "lock/mover",
            message: "\(name) is moving this tenant's contents already.",
            remedy: "Watch it with: loci migrate status --watch"
        )
    }

    private static func paused(_ migrator: Migrator) throws(LociError) -> LociError {
        let status = try migrator.status()
        return LociError(
            .wrongState,
            subject: "migration",
            message: "The migration is paused: \(status.pauseReason ?? "no reason was given").",
            remedy: "Let it go on with: loci migrate resume"
        )
    }
}

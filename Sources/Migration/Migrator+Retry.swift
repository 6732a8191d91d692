import Blobs
import Catalog
import Linux
public import Loci
import SQL

/// What came of trying again.
public struct RetryReport: Sendable {
    /// Memories that were tried.
    public let tried: Int
    /// Those of them that failed again.
    public let failed: Int
    /// What kept the layout from going live afterwards; nil where nothing did, or where it is not
    /// being prepared.
    public let hindrance: LociError?
    /// Memories that nobody decided or placed yet, while the layout is being prepared.
    public let undecided: Int64
    /// Where that leaves the migration.
    public let status: MigrationStatus
}

extension Migrator {
    /// Tries again what the newest run failed on.
    ///
    /// While its layout is being prepared: asks the mapper again, and places what had no place; then
    /// goes on preparing, and goes live where nothing is left. Later: hashes again the contents that
    /// were not what their SHA-256 says.
    ///
    /// `chosen`: only these memories.
    /// `mapper`: may be another one than the run began with, because it was mended: the run goes on
    /// with this one then, which the change log says. Without one, only what has no place is tried.
    /// Throws `wrongState` before any run or after the layout ended; `mapperFailed` where memories
    /// failed in a mapper and none is given; `schemeMismatch` where the run has no mapper; `lockHeld`.
    public func retry(
        _ chosen: Set<MemoryID>? = nil,
        mapper: (any Mapper)? = nil,
        origin: Origin = .thisProcess,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> RetryReport {
        defer { progress?.finish() }
        let (run, _, new) = try tenant.catalog.read { try MigrationFacts($0).run() }
        switch new.status {
        case .building:
            let lock = try takePreparerLock()
            defer { try? lock.unlock() }
            return try await retryPreparing(chosen, mapper, origin, progress)
        case .live:
            return try await retryVerifying(run, chosen, origin)
        case .retired, .aborted:
            throw Self.ended(new)
        }
    }

    // MARK: Preparing

    private func retryPreparing(
        _ chosen: Set<MemoryID>?,
        _ mapper: (any Mapper)?,
        _ origin: Origin,
        _ progress: ProgressFeed?
    ) async throws(LociError) -> RetryReport {
        let (run, _, new) = try tenant.catalog.read { try MigrationFacts($0).run() }
        let before = try failed(run, [.map, .place], chosen)
        if mapper == nil { try requireNoMapper(run, chosen) }
        if mapper != nil, run.mapper == nil { throw Self.mismatch(run, mapper) }
        let hindrance = try await Self.using(mapper) { () async throws(LociError) -> LociError? in
            if let mapper { try adopt(mapper, run, origin) }
            let preparer = try Preparer(
                self,
                PreparingRun(
                    id: run.id,
                    layout: new.number,
                    cursor: run.prepareCursor,
                    isResumed: true
                ),
                mapper: mapper,
                options: try MigrationOptions(recorded: run.options),
                origin: origin,
                progress: progress
            )
            let stop = try await preparer.retryFailures(of: chosen)
            // Without the run's mapper, what it did not decide yet would be left unmapped.
            guard mapper != nil || run.mapper == nil else { return nil }
            // What goes on to be wrong follows from the first.
            return await goOn(preparer, isWhole: chosen == nil).map { stop ?? $0 }
        }
        let after = try failed(run, [.map, .place], chosen)
        return RetryReport(
            tried: before.count,
            failed: before.intersection(after).count,
            hindrance: hindrance,
            undecided: try undecided(),
            status: try status()
        )
    }

    /// Memories beyond what is prepared; none once the layout is live.
    private func undecided() throws(LociError) -> Int64 {
        try tenant.catalog.read { reader in
            guard try reader.layouts().building != nil, let run = try reader.newestMigration()
            else { return 0 }
            let counts = try reader.memoryCounts()
            return max(0, counts.live + counts.trashed - run.prepared)
        }
    }

    /// Prepares the rest, unless only some were meant and others are left.
    private func goOn(_ preparer: Preparer, isWhole: Bool) async -> LociError? {
        do throws(LociError) {
            let left = try preparer.failures()
            guard isWhole || left == 0 else { return nil }
            try await preparer.run(retrying: false)
            return nil
        } catch {
            return error
        }
    }

    private func requireNoMapper(
        _ run: MigrationRow,
        _ chosen: Set<MemoryID>?
    ) throws(LociError) {
        let unmapped = try failed(run, [.map], chosen).count
        guard unmapped > 0 else { return }
        let number = unmapped == 1 ? "1 memory" : "\(unmapped) memories"
        throw LociError(
            .invalidArgument,
            subject: "--mapper",
            message:
                "\(number) failed in the mapper '\(ChildCommand.shown(run.mapper ?? ""))', and no command is run "
                + "because a store says so.",
            remedy: "Give the mapper again: loci migrate retry --mapper CMD"
        )
    }

    /// Lets a run go on with a mapper that was mended.
    private func adopt(
        _ mapper: any Mapper,
        _ run: MigrationRow,
        _ origin: Origin
    ) throws(LociError) {
        guard let former = run.mapper, !former.hasSameBytes(as: mapper.identity) else { return }
        try tenant.catalog.write(.full, origin: origin) { transaction in
            _ = try Preparer.requireBuilding(run.to, transaction)
            try transaction.setMapper(mapper.identity, of: run.id)
            let detail = JSON.object([
                .init("layout", .integer(Int64(run.to.rawValue))),
                .init("mapper", .string(mapper.identity)),
                .init("former", .string(former)),
            ])
            try transaction.record(.layoutBuilding, detail: detail.text())
        }
    }

    // MARK: Verifying

    private func retryVerifying(
        _ run: MigrationRow,
        _ chosen: Set<MemoryID>?,
        _ origin: Origin
    ) async throws(LociError) -> RetryReport {
        let before = try failed(run, [.verify], chosen)
        let tenant = tenant
        let failed = try await BlockingPool.shared.run { () throws(LociError) in
            var failed = 0
            for id in before.sorted() {
                let damage = try Self.damage(of: id, tenant)
                if damage != nil { failed += 1 }
                try tenant.catalog.write(.normal, origin: origin) { transaction in
                    guard let memory = try transaction.reader.memory(id) else { return }
                    guard let damage else {
                        return try transaction.forgetError(
                            run.id,
                            memory: memory.row,
                            step: .verify
                        )
                    }
                    try transaction.recordError(
                        run.id,
                        memory: memory.row,
                        step: .verify,
                        reason: damage
                    )
                }
            }
            return failed
        }
        return RetryReport(
            tried: before.count,
            failed: failed,
            hindrance: nil,
            undecided: 0,
            status: try status()
        )
    }

    /// What is wrong with the contents of a memory; nil where each is what its SHA-256 says.
    ///
    /// A content that is missing is looked for once more: the mover may be at it.
    private static func damage(
        of id: MemoryID,
        _ tenant: Tenant,
        isSecond: Bool = false
    ) throws(LociError) -> String? {
        for revision in try tenant.revisions(of: id) {
            let digest: BlobDigest
            do throws(BlobError) {
                digest = try tenant.blobs.hash(try BlobKey(revision.blobKey))
            } catch .notFound {
                if !isSecond { return try damage(of: id, tenant, isSecond: true) }
                return "the content of revision \(revision.number) is missing"
            } catch {
                throw LociError(blob: error)
            }
            if digest.sha256 != revision.hash.bytes || digest.size != revision.size {
                return "revision \(revision.number) is not what its SHA-256 says"
            }
        }
        return nil
    }

    /// The memories that failed at some steps.
    private func failed(
        _ run: MigrationRow,
        _ steps: [MigrationErrorStep],
        _ chosen: Set<MemoryID>?
    ) throws(LociError) -> Set<MemoryID> {
        try tenant.catalog.read { reader in
            var found: Set<MemoryID> = []
            var cursor: Int64 = 0
            while true {
                let rows = try reader.migrationErrors(
                    of: run.id,
                    steps: steps,
                    after: cursor,
                    limit: 1000
                )
                guard let last = rows.last else { return found }
                cursor = last.memory
                for row in rows where chosen?.contains(row.id) ?? true { found.insert(row.id) }
            }
        }
    }
}

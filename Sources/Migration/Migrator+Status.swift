import Catalog
import Linux
public import Loci
import SQL

extension Migrator {
    /// How far the newest migration is.
    ///
    /// One state of the catalog; cheap enough for every second.
    ///
    /// Complexity: counts what is misplaced.
    public func status() throws(LociError) -> MigrationStatus {
        let worker = try holder(of: try tenant.moverLock())
        let preparer = try holder(of: try tenant.preparerLock())
        let (id, now) = (tenant.id, tenant.clock())
        return try tenant.catalog.read { reader in
            let facts = try MigrationFacts(reader)
            let control = try MigrationControl(reader, at: now)
            let misplaced = try reader.misplacedCount(target: facts.table.target.number)
            let revisions = try reader.revisionCount()
            let errors = try Self.errorCounts(facts, reader)
            let rate = worker == nil ? nil : try MoverRate(reader)?.current(at: now)
            return MigrationStatus(
                tenant: id,
                state: Self.state(facts, misplaced),
                run: try Self.run(facts, reader),
                listed: facts.table.listed.number,
                target: facts.table.target.number,
                live: facts.table.liveLayouts.map(\.number),
                oldPaths: facts.table.all.contains { $0.isLive && $0.refusesDeletes }
                    ? .nodelete : .rw,
                revisions: revisions,
                misplaced: misplaced,
                done: min(Self.moved(facts), max(0, revisions - misplaced)),
                // Far later than those of keys that blobs left, which may be very many.
                busy: try reader.collectableCount(
                    reason: .moving,
                    after: now + tuning.graceTime
                ),
                collectable: try reader.collectableCount(),
                errors: errors([.map, .place, .verify]),
                failed: errors([.place, .verify]),
                unmapped: errors([.map, .skip]),
                skipped: facts.newest?.skipped ?? 0,
                rate: rate,
                eta: Self.eta(misplaced, rate, control),
                isPaused: control.isPaused,
                pauseReason: control.reason,
                throttle: control.rate,
                throttleUntil: control.until,
                throttleAfterwards: control.afterwards,
                yieldsToReaders: worker != nil && control.yields,
                worker: worker,
                preparer: preparer,
                users: try Self.users(facts, reader, since: now - Self.quietPeriod)
            )
        }
    }

    /// Errors and skips of the newest run, in pages of so many memories.
    ///
    /// `steps`: only those.
    public func errors(
        at steps: Set<MigrationFailure.Step> = Set(MigrationFailure.Step.allCases),
        after cursor: ListCursor? = nil,
        limit: Int = 1000
    ) throws(LociError) -> MigrationFailurePage {
        try tenant.catalog.read { reader in
            guard let newest = try reader.newestMigration() else {
                return MigrationFailurePage(failures: [], next: nil)
            }
            let rows = try reader.migrationErrors(
                of: newest.id,
                steps: MigrationErrorStep.allCases.filter { steps.contains($0.step) },
                after: cursor?.row ?? 0,
                limit: limit
            )
            let listed = try reader.layouts().listed
            let failures = try rows.map { row in
                let memory = try reader.memory(row: row.memory)
                let path = try memory.flatMap { try reader.path(of: $0, in: listed) }
                return MigrationFailure(row, path: path.map { NamePath($0) })
            }
            let isFull = Set(rows.map(\.memory)).count == limit
            let next = isFull ? rows.last.map { ListCursor(row: $0.memory) } : nil
            return MigrationFailurePage(failures: failures, next: next)
        }
    }

    /// How many memories of the newest run have a content that is not what its SHA-256 says.
    ///
    /// Only `--verify full` finds any.
    public func damagedCount() throws(LociError) -> Int64 {
        try tenant.catalog.read { reader in
            guard let newest = try reader.newestMigration() else { return 0 }
            return try reader.migrationErrorCount(of: newest.id, step: .verify)
        }
    }

    /// Runs, the newest first.
    ///
    /// `newest`: only those before that one: the last of the page before.
    public func history(
        before newest: MigrationRun.ID? = nil,
        limit: Int = 1000
    ) throws(LociError) -> [MigrationRun] {
        try tenant.catalog.read { reader in
            let table = try reader.layouts()
            return try reader.migrations(before: newest ?? .max, limit: limit).compactMap { row in
                guard let old = table[row.from], let new = table[row.to] else { return nil }
                return try MigrationRun(row, old, new, reader)
            }
        }
    }

    private func holder(of lock: FileLock) throws(LociError) -> MigrationStatus.Worker? {
        do throws(Errno) {
            if let holder = try lock.holder() {
                return MigrationStatus.Worker(process: holder.process, command: holder.command)
            }
            // Held, but its holder had no time yet to say who it is.
            return try lock.isHeldElsewhere()
                ? MigrationStatus.Worker(process: 0, command: "unknown") : nil
        } catch {
            throw LociError(errno: error, subject: tenant.directory + "/lock")
        }
    }

    private static func state(_ facts: MigrationFacts, _ misplaced: Int64) -> MigrationState {
        guard let new = facts.new else { return .none }
        return MigrationState(
            MigrationState.Facts(
                newLayout: new.status,
                newIsListed: new.isListed,
                oldIsLive: facts.old?.isLive ?? false,
                misplaced: Int(misplaced)
            )
        )
    }

    private static func run(
        _ facts: MigrationFacts,
        _ reader: CatalogReader
    ) throws -> MigrationRun? {
        guard let row = facts.newest, let old = facts.old, let new = facts.new else { return nil }
        return try MigrationRun(row, old, new, reader)
    }

    /// How many memories of the newest run are listed with one of some steps.
    private static func errorCounts(
        _ facts: MigrationFacts,
        _ reader: CatalogReader
    ) throws -> ([MigrationErrorStep]) -> Int64 {
        guard let run = facts.newest?.id else { return { _ in 0 } }
        var counts: [MigrationErrorStep: Int64] = [:]
        for step in MigrationErrorStep.allCases {
            counts[step] = try reader.migrationErrorCount(of: run, step: step)
        }
        return { [counts] steps in steps.reduce(0) { $0 + (counts[$1] ?? 0) } }
    }

    /// Revisions that the newest run moved, where blobs follow its layout.
    private static func moved(_ facts: MigrationFacts) -> Int64 {
        guard let run = facts.newest, facts.new?.isTarget == true else { return 0 }
        return run.moved
    }

    private static func users(
        _ facts: MigrationFacts,
        _ reader: CatalogReader,
        since: Timestamp
    ) throws -> Int {
        guard facts.new?.isListed == true, let old = facts.old, old.isLive else { return 0 }
        return try reader.oldPathUseCount(of: old.number, since: since)
    }

    private static func eta(
        _ misplaced: Int64,
        _ rate: Double?,
        _ control: MigrationControl
    ) -> Duration? {
        guard misplaced > 0 else { return .zero }
        guard let rate, rate > 0, !control.isPaused else { return nil }
        return .seconds(Double(misplaced) / rate)
    }
}

extension MigrationRun {
    init(_ row: MigrationRow, _ old: Layout, _ new: Layout, _ reader: CatalogReader) throws {
        self.init(
            id: row.id,
            from: row.from,
            fromScheme: old.scheme,
            to: row.to,
            toScheme: new.scheme,
            actor: row.actor,
            reason: row.reason,
            mapper: row.mapper,
            options: try MigrationOptions(recorded: row.options),
            snapshot: row.snapshot,
            started: row.started,
            live: row.liveAt,
            listed: row.listedAt,
            ended: row.endedAt,
            outcome: row.outcome.flatMap(Outcome.init),
            total: row.total,
            prepared: row.prepared,
            moved: row.moved,
            movedBytes: row.movedBytes,
            inPlace: row.inPlace,
            skipped: row.skipped,
            errors: try reader.migrationErrorCount(of: row.id)
        )
    }
}

extension CatalogReader {
    /// How many failures of a run are listed; what its mapper passed over is none.
    fileprivate func migrationErrorCount(of run: Int64) throws -> Int64 {
        var count: Int64 = 0
        for step in [MigrationErrorStep.map, .place, .verify] {
            count += try migrationErrorCount(of: run, step: step)
        }
        return count
    }
}

extension MigrationFailure {
    init(_ row: MigrationErrorRow, path: NamePath?) {
        self.init(
            memory: row.id,
            name: row.name,
            path: path,
            step: row.step.step,
            reason: row.reason,
            attempts: row.attempts,
            time: row.time
        )
    }
}

extension MigrationErrorStep {
    fileprivate var step: MigrationFailure.Step {
        switch self {
        case .map: .map
        case .skip: .skip
        case .place: .place
        case .verify: .verify
        }
    }
}

/// How fast the worker moves, as it tells others: a row that it writes with its counts.
struct MoverRate: Hashable {
    var perSecond: Double
    var measured: Timestamp

    /// A measurement says nothing of now when it is older.
    static let fresh: Duration = .seconds(5)

    /// The key of its row.
    static let setting = "mover_rate"

    init(perSecond: Double, measured: Timestamp) {
        self.perSecond = perSecond
        self.measured = measured
    }

    init?(_ reader: CatalogReader) throws {
        guard let text = try reader.settingText(Self.setting) else { return nil }
        let parts = text.split(separator: " ")
        guard parts.count == 2, let rate = Double(parts[0]), let time = Int64(parts[1]) else {
            return nil
        }
        perSecond = rate
        measured = Timestamp(nanoseconds: time)
    }

    var text: String { "\(perSecond) \(measured.nanoseconds)" }

    func current(at now: Timestamp) -> Double? {
        now - measured < Self.fresh ? perSecond : nil
    }
}

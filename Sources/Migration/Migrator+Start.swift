import Catalog
import Linux
public import Loci
import SQL

extension Migrator {
    /// Makes a layout for `scheme`, writes all its names, and in one commit makes it live and the
    /// target of blobs.
    ///
    /// It is not listed: `cutover` does that.
    ///
    /// Killed, the same call goes on where it was. While it runs, everybody works as before; every
    /// change serves the new layout too.
    ///
    /// Throws before anything is written: `schemesDispute`, `collision`, `nameTooLong`,
    /// `wrongState` (another layout is building, or a live one has the scheme), `schemeMismatch`
    /// (it is building with another mapper or other options), `lockHeld`, what `mapper.begin`
    /// throws. Later: `mapperFailed`, `collision` where memories are left that have no place; the same call tries
    /// them again.
    @discardableResult
    public func start(
        to scheme: Scheme,
        mapper: (any Mapper)? = nil,
        options: MigrationOptions = .init(),
        origin: Origin = .thisProcess,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> MigrationStatus {
        defer { progress?.finish() }
        let lock = try takePreparerLock()
        defer { try? lock.unlock() }
        let found = try resumable(scheme, mapper, options, origin)
        try await Self.using(mapper) { () async throws(LociError) in
            let run: PreparingRun
            if let found {
                run = found
                try keep(options, of: found, origin)
            } else {
                run = try await begin(scheme, mapper, options, origin)
            }
            let preparer = try Preparer(
                self,
                run,
                mapper: mapper,
                options: options,
                origin: origin,
                progress: progress
            )
            try await preparer.run()
        }
        return try status()
    }

    /// Runs `body` while a mapper is at work.
    static func using<R: Sendable>(
        _ mapper: (any Mapper)?,
        _ body: () async throws(LociError) -> R
    ) async throws(LociError) -> R {
        try await mapper?.begin()
        do throws(LociError) {
            let result = try await body()
            await mapper?.end()
            return result
        } catch {
            await mapper?.end()
            throw error
        }
    }

    /// Throws what a start with these options would throw before it writes anything; changes
    /// nothing.
    ///
    /// `plan`: one that was made just now; without it this makes one, unless a start would go on
    /// with a layout that is being prepared.
    public func checkStart(
        to scheme: Scheme,
        mapper: (any Mapper)? = nil,
        options: MigrationOptions = .init(),
        plan: MigrationPlan? = nil
    ) async throws(LociError) {
        let lock = try tenant.preparerLock()
        let isHeld: Bool
        do throws(Errno) {
            isHeld = try lock.isHeldElsewhere()
        } catch {
            throw LociError(errno: error, subject: "lock/preparer")
        }
        if isHeld { throw Self.preparing(lock) }
        if try resumable(scheme, mapper, options, .thisProcess) != nil { return }
        let made: MigrationPlan
        if let plan {
            made = plan
        } else {
            made = try await planning(scheme, options.apart, mapper != nil, nil)
        }
        if let refusal = made.refusal(options) { throw refusal }
    }

    func takePreparerLock() throws(LociError) -> FileLock {
        let lock = try tenant.preparerLock()
        if try MigrationWorker.take(lock) { return lock }
        throw Self.preparing(lock)
    }

    private static func preparing(_ lock: FileLock) -> LociError {
        let holder = (try? lock.holder()).flatMap { $0 }
        let name = holder.map { "\($0.command), process \($0.process)," } ?? "Another process"
        return LociError(
            .lockHeld,
            subject: "lock/preparer",
            message: "\(name) is preparing a layout of this tenant.",
            remedy: "Wait for it with: loci migrate wait live"
        )
    }

    /// The run that is building this scheme; nil where nothing is.
    private func resumable(
        _ scheme: Scheme,
        _ mapper: (any Mapper)?,
        _ options: MigrationOptions,
        _ origin: Origin
    ) throws(LociError) -> PreparingRun? {
        let facts = try tenant.catalog.read { try MigrationFacts($0) }
        guard let building = facts.table.building, let newest = facts.newest else {
            try Self.refuseLive(scheme, facts)
            return nil
        }
        guard building.scheme == scheme else {
            throw LociError(
                .wrongState,
                subject: "layout \(building.number)",
                message: "\(building.title) is being prepared.",
                remedy: "Finish it with: loci migrate start '\(building.scheme.text)', "
                    + "or give it up with: loci migrate abort"
            )
        }
        try Self.requireSame(newest, mapper, options)
        return PreparingRun(
            id: newest.id,
            layout: building.number,
            cursor: newest.prepareCursor,
            isResumed: true
        )
    }

    private static func refuseLive(
        _ scheme: Scheme,
        _ facts: MigrationFacts
    ) throws(LociError) {
        let found = facts.table.liveLayouts.first { $0.scheme == scheme }
        guard let live = found else { return }
        let remedy: String
        if live.isListed {
            remedy = "It is the one that is listed."
        } else if facts.current?.to == live.number {
            remedy = "List it with: loci migrate cutover"
        } else if facts.former?.number == live.number {
            remedy = "List it with: loci migrate revert"
        } else {
            remedy = "End it with: loci migrate retire \(live.number) --yes, then start again"
        }
        throw LociError(
            .wrongState,
            subject: scheme.text,
            message: "\(live.title) is live already.",
            remedy: remedy
        )
    }

    /// Only `leaveUnmapped` may be added later: it is the way out that a mapper's errors name.
    private static func requireSame(
        _ run: MigrationRow,
        _ mapper: (any Mapper)?,
        _ options: MigrationOptions
    ) throws(LociError) {
        var kept = try MigrationOptions(recorded: run.options)
        if options.leaveUnmapped { kept.leaveUnmapped = true }
        guard kept.recorded == options.recorded else {
            throw mismatch(run, "other options: \(run.options)")
        }
        let identity = mapper?.identity ?? ""
        guard identity.hasSameBytes(as: run.mapper ?? "") else { throw mismatch(run, mapper) }
    }

    /// Notes what was added to the options of a run that goes on.
    private func keep(
        _ options: MigrationOptions,
        of run: PreparingRun,
        _ origin: Origin
    ) throws(LociError) {
        let former = try tenant.catalog.read { try $0.newestMigration()?.options }
        guard former?.hasSameBytes(as: options.recorded) == false else { return }
        try tenant.catalog.write(.full, origin: origin) { transaction in
            _ = try Preparer.requireBuilding(run.layout, transaction)
            try transaction.setOptions(options.recorded, of: run.id)
            let detail = JSON.object([
                .init("layout", .integer(Int64(run.layout.rawValue))),
                .init("options", .string(options.recorded)),
            ])
            try transaction.record(.layoutBuilding, detail: detail.text())
        }
    }

    private static func mismatch(_ run: MigrationRow, _ what: String) -> LociError {
        LociError(
            .schemeMismatch,
            subject: "layout \(run.to)",
            message: "Layout \(run.to) began with \(what).",
            remedy: "Go on with the same, or give it up with: loci migrate abort"
        )
    }

    /// The error where a run goes on with another mapper than it began with.
    static func mismatch(_ run: MigrationRow, _ mapper: (any Mapper)?) -> LociError {
        let former = run.mapper.map { "the mapper '\(ChildCommand.shown($0))'" } ?? "no mapper"
        let given =
            mapper.map { "this is '\(ChildCommand.shown($0.identity))'" } ?? "now none is given"
        let accepts =
            run.mapper != nil && mapper != nil
            ? " If it was mended, say so with: loci migrate retry --mapper CMD" : ""
        return LociError(
            .schemeMismatch,
            subject: "layout \(run.to)",
            message: "Layout \(run.to) began with \(former), and \(given).",
            remedy: "Go on with the same, or give it up with: loci migrate abort.\(accepts)"
        )
    }

    private func begin(
        _ scheme: Scheme,
        _ mapper: (any Mapper)?,
        _ options: MigrationOptions,
        _ origin: Origin
    ) async throws(LociError) -> PreparingRun {
        let plan = try await planning(scheme, options.apart, mapper != nil, nil)
        if let refusal = plan.refusal(options) { throw refusal }
        if options.takeSnapshotFirst { try tenant.askMountsToCommit() }
        try tuning.before(.begin)
        let identity = mapper?.identity
        return try tenant.catalog.write(.full, origin: origin) { transaction in
            let table = try transaction.reader.layouts()
            try Self.refuseLive(scheme, try MigrationFacts(transaction.reader))
            var snapshot: String?
            if options.takeSnapshotFirst {
                let next = (table.all.last?.number.rawValue ?? 0) + 1
                snapshot = try Self.takeSnapshot("before-layout-\(next)", transaction)
            }
            let layout = try transaction.beginLayout(scheme, apart: options.apart)
            let counts = try transaction.reader.memoryCounts()
            // A pause belongs to the migration that it was made for.
            try transaction.removeSetting(Setting.paused)
            try transaction.removeSetting(Setting.pauseReason)
            let id = try transaction.insertMigration(
                from: table.listed.number,
                to: layout.number,
                mapper: identity,
                options: options.recorded,
                snapshot: snapshot,
                total: counts.live + counts.trashed
            )
            return PreparingRun(id: id, layout: layout.number, cursor: 0)
        }
    }

    /// Takes the snapshot under the first name that is free.
    private static func takeSnapshot(
        _ name: String,
        _ transaction: CatalogTransaction
    ) throws -> String {
        var candidate = name
        var attempt = 1
        while try transaction.reader.snapshot(candidate) != nil {
            attempt += 1
            candidate = "\(name)-\(attempt)"
        }
        return try transaction.takeSnapshot(candidate).name
    }
}

/// A run that is preparing.
struct PreparingRun: Sendable {
    let id: Int64
    let layout: LayoutNumber
    /// The last memory row that is done.
    var cursor: Int64
    /// Whether somebody began it before: it may have errors to take back.
    var isResumed = false
}

import Catalog
import Linux
import Loci
import SQL

/// Writes the names of a layout that is building, in batches, and makes it live.
///
/// Killed anywhere, another one goes on after the last batch that was committed: the cursor is in
/// the same transaction as the names and the fields that a mapper decided.
struct Preparer: Sendable {
    let catalog: Catalog
    let tenant: Tenant
    let tuning: MigrationTuning
    let run: PreparingRun
    let layout: Layout
    let mapper: (any Mapper)?
    let options: MigrationOptions
    let origin: Origin
    let progress: ProgressFeed?
    let reader: PreparingReader

    init(
        _ migrator: Migrator,
        _ run: PreparingRun,
        mapper: (any Mapper)?,
        options: MigrationOptions,
        origin: Origin,
        progress: ProgressFeed?
    ) throws(LociError) {
        tenant = migrator.tenant
        catalog = tenant.catalog
        tuning = migrator.tuning
        self.run = run
        self.mapper = mapper
        self.options = options
        self.origin = origin
        self.progress = progress
        reader = PreparingReader(try catalog.makeReader())
        let number = run.layout
        guard let layout = try catalog.read({ try $0.layouts()[number] }) else {
            throw LociError(
                .notFound,
                subject: "layout \(number)",
                message: "There is no layout \(number)."
            )
        }
        self.layout = layout
    }

    /// Prepares what is left and goes live.
    ///
    /// `retrying`: whether to try, after all that nobody was asked about yet, what failed in an
    /// earlier attempt.
    func run(retrying: Bool = true) async throws(LociError) {
        var failed: Set<MemoryID> = []
        if run.isResumed {
            try await recount()
            if retrying { failed = try await failedBefore() }
        }
        var cursor = run.cursor
        var sizer = BatchSizer(
            aim: tuning.lockAim.wholeNanoseconds,
            limit: max(1, options.batchSize)
        )
        while true {
            cursor = try await prepare(after: cursor, &sizer)
            if !failed.isEmpty {
                // What the mapper failed on before may break it again: with a fresh one, and last.
                await mapper?.end()
                try await mapper?.begin()
                let stop = try await retryFailures(of: failed)
                // Why nobody tried says more than what they failed of before.
                if let stop, try failures() > 0 { throw stop }
                failed = []
            }
            try await placeStragglers(&sizer)
            try await refuseFailures()
            if try await goLive(after: cursor) { return }
        }
    }

    /// A mapper is given memories to choose from: where it fails, others tell whether it is broken.
    private static let mappedPage = 1000

    /// Batches from the cursor to the last memory there is.
    private func prepare(
        after first: Int64,
        _ sizer: inout BatchSizer
    ) async throws(LociError) -> Int64 {
        var cursor = first
        while true {
            let rate = try await waitWhilePaused()
            let size = mapper == nil ? sizer.size : max(sizer.size, Self.mappedPage)
            let from = cursor
            var page = try await readPage(asking: .undecided) { reader throws(SQLError) in
                try reader.allMemories(after: from, limit: size)
            }
            guard let end = page.memories.last?.row else { return cursor }
            _ = try await decide(&page, counting: true)
            repeat {
                let part = page.takeFirst(sizer.size)
                let count = part.memories.count
                cursor = page.memories.isEmpty ? end : part.memories.last?.row ?? cursor
                let held = try await commit(part, cursor: cursor, counting: count)
                sizer.learn(rows: count, nanoseconds: held.wholeNanoseconds)
                if rate != .none { try await Self.sleep(held) }
            } while !page.memories.isEmpty
        }
    }

    private func recount() async throws(LociError) {
        let (catalog, origin, id) = (catalog, origin, run.id)
        try await BlockingPool.shared.run { () throws(LociError) in
            try catalog.write(.normal, origin: origin) { try $0.recountPrepared(id) }
        }
    }

    /// Counts, not trusts: whatever memory has no name in the new layout gets one, before it is
    /// seen.
    private func placeStragglers(_ sizer: inout BatchSizer) async throws(LociError) {
        let (layout, size) = (layout, sizer.size)
        var last: Int64 = 0
        while true {
            // Those that cannot be placed are recorded, and passed by here.
            let from = last
            let page = try await readPage(asking: .nobody) { reader throws(SQLError) in
                try reader.memoriesWithoutName(in: layout, after: from, limit: size)
            }
            guard let row = page.memories.last?.row else { return }
            last = row
            _ = try await commit(page, cursor: nil, counting: 0)
        }
    }

    func readPage(
        asking: PreparingPage.Asking,
        _ body: @escaping @Sendable (CatalogReader) throws(SQLError) -> [MemoryRow]
    ) async throws(LociError) -> PreparingPage {
        let (reader, path, run) = (reader, catalog.path, run.id)
        let needed = layout.scheme.attributes
        let asking = mapper == nil ? .nobody : asking
        return try await BlockingPool.shared.run { () throws(LociError) in
            try reader.use(path) { reader in
                let memories = try body(reader)
                var page = PreparingPage(
                    asOf: try reader.lastChange(),
                    memories: memories,
                    fields: try reader.fields(of: memories)
                )
                try page.findQuestions(asking, needed, in: run, reader)
                return page
            }
        }
    }

    /// How many memories keep the layout from going live.
    func failures() throws(LociError) -> Int64 {
        let id = run.id
        return try catalog.read { reader in
            try reader.migrationErrorCount(of: id, step: .map)
                + reader.migrationErrorCount(of: id, step: .place)
        }
    }

    private func refuseFailures() async throws(LociError) {
        let id = run.id
        let (unmapped, unplaced, first, path) = try catalog.read { reader in
            let unmapped = try reader.migrationErrorCount(of: id, step: .map)
            let unplaced = try reader.migrationErrorCount(of: id, step: .place)
            let rows =
                unmapped + unplaced > 0
                ? try reader.migrationErrors(of: id, steps: [.map, .place], after: 0, limit: 1) : []
            let memory = try rows.first.flatMap { try reader.memory(row: $0.memory) }
            let listed = try reader.layouts().listed
            let path = try memory.flatMap { try reader.path(of: $0, in: listed) }
            return (unmapped, unplaced, rows.first, path.map { NamePath($0) })
        }
        guard let first else { return }
        // A mapper's reason may be a sentence.
        let reason = first.reason.hasSuffix(".") ? String(first.reason.dropLast()) : first.reason
        let example =
            "the first is '\(path?.description ?? first.name.description)': \(reason)."
        if unmapped > 0 {
            throw LociError(
                .mapperFailed,
                subject: "layout \(layout.number)",
                message: "\(Self.memories(unmapped)) could not be mapped, and layout "
                    + "\(layout.number) is not live; \(example)",
                remedy: "See all with: loci migrate errors. Then: loci migrate retry, "
                    + "or start again with --leave-unmapped."
            )
        }
        throw LociError(
            .collision,
            subject: "layout \(layout.number)",
            message: "\(Self.memories(unplaced)) cannot be placed in layout \(layout.number), "
                + "and it is not live; \(example)",
            remedy: "See all with: loci migrate errors. Mend them, then: loci migrate retry"
        )
    }

    private static func memories(_ count: Int64) -> String {
        count == 1 ? "1 memory" : "\(count) memories"
    }

    /// Returns false where memories came meanwhile that a mapper has not seen.
    private func goLive(after cursor: Int64) async throws(LociError) -> Bool {
        try tuning.before(.goLive)
        let (id, number, isMapping) = (run.id, run.layout, mapper != nil)
        let tenant = tenant
        // A mount that does not answer shows the layout all the same, name by name.
        _ = try await BlockingPool.shared.run { () throws(LociError) in
            try tenant.askMounts(.expectLayout, timeout: .seconds(2))
        }
        return try catalog.write(.full, origin: origin) { transaction in
            let layout = try Self.requireBuilding(number, transaction)
            let late = try transaction.reader.allMemories(after: cursor, limit: 1)
            if isMapping, !late.isEmpty { return false }
            try transaction.makeLive(layout)
            try transaction.stamp(id, .live)
            return true
        }
    }

    static func requireBuilding(
        _ number: LayoutNumber,
        _ transaction: CatalogTransaction
    ) throws -> Layout {
        guard let layout = try transaction.reader.layouts().building, layout.number == number
        else { throw givenUp(number) }
        return layout
    }

    static func givenUp(_ number: LayoutNumber) -> LociError {
        LociError(
            .wrongState,
            subject: "layout \(number)",
            message: "Layout \(number) was given up while it was being prepared.",
            remedy: "Begin again with: loci migrate start SCHEME"
        )
    }

    // MARK: Pauses

    private func waitWhilePaused() async throws(LociError) -> MoveRate {
        while true {
            let now = tenant.clock()
            let control = try catalog.read { try MigrationControl($0, at: now) }
            guard control.isPaused else { return control.rate }
            try await Self.sleep(.milliseconds(200))
        }
    }

    private static func sleep(_ duration: Duration) async throws(LociError) {
        do {
            try await Task.sleep(for: duration)
        } catch {
            throw cancelled
        }
    }

    static let cancelled = LociError(
        .cancelled,
        subject: "migration",
        message: "Preparing was cancelled.",
        remedy: "Start it again: it goes on where it was."
    )
}

/// A connection that the jobs of one preparer use one after another.
// Safe to share: used under the lock only.
final class PreparingReader: @unchecked Sendable {
    private let reader: CatalogReader
    private let lock = Lock()

    init(_ reader: CatalogReader) { self.reader = reader }

    func use<R>(
        _ subject: String,
        _ body: (CatalogReader) throws -> R
    ) throws(LociError) -> R {
        let result = lock.withLock { Result { try reader.snapshot { try body(reader) } } }
        do {
            return try result.get()
        } catch {
            throw LociError(catalogError: error, subject: subject)
        }
    }
}

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
    private let reader: PreparingReader

    /// A batch with a mapper is committed at least so often, so that a kill loses little of what
    /// the mapper decided.
    static let mapperBatchTime: Duration = .seconds(1)

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
    func run() async throws(LociError) {
        try await retryFailures()
        var cursor = run.cursor
        var sizer = BatchSizer(
            aim: tuning.lockAim.wholeNanoseconds,
            limit: max(1, options.batchSize)
        )
        while true {
            cursor = try await prepare(after: cursor, &sizer)
            try await placeStragglers(&sizer)
            try await refuseFailures()
            if try await goLive(after: cursor) { return }
        }
    }

    /// Batches from the cursor to the last memory there is.
    private func prepare(
        after first: Int64,
        _ sizer: inout BatchSizer
    ) async throws(LociError) -> Int64 {
        var cursor = first
        while true {
            let rate = try await waitWhilePaused()
            let size = sizer.size
            let from = cursor
            var page = try await readPage { reader throws(SQLError) in
                try reader.allMemories(after: from, limit: size)
            }
            if page.memories.isEmpty { return cursor }
            try await decide(&page)
            guard let last = page.memories.last else { return cursor }
            let held = try await commit(page, cursor: last.row)
            cursor = last.row
            sizer.learn(rows: page.memories.count, nanoseconds: held.wholeNanoseconds)
            if rate != .none { try await Self.sleep(held) }
        }
    }

    /// Memories that failed in an earlier attempt: with a mapper that may know better by now, or in
    /// a directory that is free by now.
    private func retryFailures() async throws(LociError) {
        for step in [MigrationErrorStep.map, .place] {
            var cursor: Int64 = 0
            while true {
                let (id, from) = (run.id, cursor)
                var page = try await readPage { reader throws(SQLError) in
                    try reader.memoriesFailed(in: id, step: step, after: from, limit: 100)
                }
                guard !page.memories.isEmpty else { break }
                if step == .map { try await decide(&page) }
                guard let last = page.memories.last else { break }
                _ = try await commit(page, cursor: nil)
                cursor = last.row
            }
        }
    }

    /// Counts, not trusts: whatever memory has no name in the new layout gets one, before it is
    /// seen.
    private func placeStragglers(_ sizer: inout BatchSizer) async throws(LociError) {
        let (layout, size) = (layout, sizer.size)
        while true {
            let page = try await readPage { reader throws(SQLError) in
                try reader.memoriesWithoutName(in: layout, limit: size)
            }
            guard !page.memories.isEmpty else { return }
            let before = try failures()
            _ = try await commit(page, cursor: nil)
            // Those that cannot be placed are recorded; they would come again for ever.
            if try failures() > before { return }
        }
    }

    private func readPage(
        _ body: @escaping @Sendable (CatalogReader) throws(SQLError) -> [MemoryRow]
    ) async throws(LociError) -> PreparingPage {
        let (reader, listed) = (reader, try catalog.read { try $0.layouts().listed })
        let isMapping = mapper != nil
        let path = catalog.path
        return try await BlockingPool.shared.run { () throws(LociError) in
            try reader.use(path) { reader in
                let memories = try body(reader)
                var page = PreparingPage(
                    asOf: try reader.lastChange(),
                    memories: memories,
                    fields: try reader.fields(of: memories)
                )
                if isMapping {
                    page.paths = try memories.map { memory in
                        try reader.path(of: memory, in: listed).map { NamePath($0) }
                    }
                }
                return page
            }
        }
    }

    private func failures() throws(LociError) -> Int64 {
        let id = run.id
        return try catalog.read { reader in
            try reader.migrationErrorCount(of: id, step: .map)
                + reader.migrationErrorCount(of: id, step: .place)
        }
    }

    private func refuseFailures() async throws(LociError) {
        let id = run.id
        let (unmapped, unplaced) = try catalog.read { reader in
            (
                try reader.migrationErrorCount(of: id, step: .map),
                try reader.migrationErrorCount(of: id, step: .place)
            )
        }
        if unmapped > 0 {
            throw LociError(
                .mapperFailed,
                subject: "layout \(layout.number)",
                message: "\(unmapped) memories could not be mapped: layout \(layout.number) "
                    + "is not live.",
                remedy: "See them with: loci migrate errors. Then start again, "
                    + "or with --leave-unmapped."
            )
        }
        if unplaced > 0 {
            throw LociError(
                .collision,
                subject: "layout \(layout.number)",
                message: "\(unplaced) memories have no place in layout \(layout.number): "
                    + "it is not live.",
                remedy: "See them with: loci migrate errors. Mend them, then start again."
            )
        }
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
        else {
            throw LociError(
                .wrongState,
                subject: "layout \(number)",
                message: "Layout \(number) was given up while it was being prepared.",
                remedy: "Begin again with: loci migrate start SCHEME"
            )
        }
        return layout
    }

    // MARK: Pauses

    private func waitWhilePaused() async throws(LociError) -> MoveRate {
        while true {
            let control = try catalog.read { try MigrationControl($0) }
            guard control.isPaused else { return control.rate }
            try await Self.sleep(.milliseconds(200))
        }
    }

    private static func sleep(_ duration: Duration) async throws(LociError) {
        do {
            try await Task.sleep(for: duration)
        } catch {
            throw LociError(
                .cancelled,
                subject: "migration",
                message: "Preparing was cancelled.",
                remedy: "Start it again: it goes on where it was."
            )
        }
    }
}

/// Memories that are prepared together.
struct PreparingPage: Sendable {
    /// The newest change when they were read.
    var asOf: ChangeNumber
    var memories: [MemoryRow]
    var fields: [MemoryFields]
    /// Where the listed layout has them; only with a mapper.
    var paths: [NamePath?] = []
    /// What the mapper decided, by memory row.
    var decisions: [Int64: MapperOutcome] = [:]

    mutating func keepFirst(_ count: Int) {
        memories.removeLast(memories.count - count)
        fields.removeLast(fields.count - count)
    }
}

/// A connection that the jobs of one preparer use one after another.
// Safe to share: used under the lock only.
private final class PreparingReader: @unchecked Sendable {
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

import Catalog
import Linux
import Loci
import SQL

extension Preparer {
    /// Asks the mapper about each memory of the page that lacks a field, and cuts the page where
    /// that took long.
    func decide(_ page: inout PreparingPage) async throws(LociError) {
        guard let mapper else { return }
        let needed = layout.scheme.attributes
        let began = ContinuousClock.now
        for index in page.memories.indices {
            let (memory, fields) = (page.memories[index], page.fields[index])
            let missing = needed.filter { fields.attributes[$0] == nil }
            guard !missing.isEmpty else { continue }
            let tenant = tenant
            let input = MapperInput(
                id: memory.id,
                name: memory.name,
                path: page.paths[index],
                created: memory.created,
                attributes: fields.attributes,
                missing: missing
            ) { () throws(LociError) in try await tenant.content(of: memory.id) }
            page.decisions[memory.row] = try await Self.outcome(mapper, input)
            if ContinuousClock.now - began > Self.mapperBatchTime {
                return page.keepFirst(index + 1)
            }
        }
    }

    private static func outcome(
        _ mapper: any Mapper,
        _ input: MapperInput
    ) async throws(LociError) -> MapperOutcome {
        let outcome: MapperOutcome
        do {
            outcome = try await mapper.fields(for: input)
        } catch is CancellationError {
            throw LociError(
                .cancelled,
                subject: "migration",
                message: "Preparing was cancelled.",
                remedy: "Start it again: it goes on where it was."
            )
        } catch {
            return .error(reason: "\(error)")
        }
        guard case .fields(let fields) = outcome else { return outcome }
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
            if let known = input.attributes[key], !known.hasSameBytes(as: value) {
                return .error(
                    reason: "the mapper gave \(key)=\(value), but it is \(known) already; "
                        + "use another key"
                )
            }
            if Scheme.reserved.contains(key) {
                return .error(reason: "the mapper gave \(key), which never changes")
            }
        }
        return outcome
    }

    /// One transaction: the fields that were decided, the names in the new layout, the cursor.
    ///
    /// Returns how long it held the writer lock.
    func commit(_ page: PreparingPage, cursor: Int64?) async throws(LociError) -> Duration {
        let preparer = self
        return try await BlockingPool.shared.run { () throws(LociError) in
            try preparer.commitBlocking(page, cursor: cursor)
        }
    }

    private func commitBlocking(
        _ page: PreparingPage,
        cursor: Int64?
    ) throws(LociError) -> Duration {
        try tuning.before(.prepare)
        var began: Int64 = 0
        try catalog.write(.normal, origin: origin) { transaction in
            began = SystemClock.monotonic()
            let layout = try Self.requireBuilding(run.layout, transaction)
            var batch = try PreparingBatch(self, layout, transaction)
            try batch.place(page)
            if let cursor {
                try transaction.advancePreparing(
                    run.id,
                    cursor: cursor,
                    prepared: page.memories.count,
                    skipped: batch.skipped
                )
            }
        }
        let held = SystemClock.monotonic() - began
        let done = try catalog.read { try $0.newestMigration() }
        if let done { progress?.report(done.prepared, of: done.total) }
        return .nanoseconds(held)
    }
}

extension Scheme {
    /// Names that are fields of their own and so no attributes.
    fileprivate static let reserved: Set<String> = ["id", "created"]
}

/// One transaction's worth of preparing.
private struct PreparingBatch {
    private let preparer: Preparer
    private let layout: Layout
    private let transaction: CatalogTransaction
    private let table: LayoutTable
    /// Directories that this transaction found or made: most memories share theirs with others.
    private var directories: [[Name]: NodeNumber] = [:]
    private(set) var skipped = 0

    init(
        _ preparer: Preparer,
        _ layout: Layout,
        _ transaction: CatalogTransaction
    ) throws {
        self.preparer = preparer
        self.layout = layout
        self.transaction = transaction
        table = try transaction.reader.layouts()
    }

    mutating func place(_ page: PreparingPage) throws {
        let reader = transaction.reader
        let isStale = try reader.lastChange() != page.asOf
        let since = try transaction.record(
            .layoutBuilding,
            detail: JSON.object([
                .init("layout", .integer(Int64(layout.number.rawValue))),
                .init("memories", .integer(Int64(page.memories.count))),
            ]).text()
        )
        for index in page.memories.indices {
            var (memory, fields) = (page.memories[index], page.fields[index])
            if isStale {
                guard let now = try reader.memory(row: memory.row) else { continue }
                memory = now
                fields = try reader.fields(of: now)
            }
            if let decision = page.decisions[memory.row] {
                try apply(decision, to: &memory, &fields)
            }
            if memory.trashed == nil { try place(memory, fields, since: since) }
        }
    }

    // MARK: Names

    private mutating func place(
        _ memory: MemoryRow,
        _ fields: MemoryFields,
        since: ChangeNumber
    ) throws {
        do {
            let names = try layout.scheme.render(fields)
            try table.checkClaims(on: names, name: memory.name, of: layout)
            let directory = try directory(names, since: since)
            _ = try transaction.prepare(memory, in: directory, of: layout, since: since)
        } catch let error as LociError where Self.isOfOneMemory(error) {
            try fail(memory, .place, error.message)
            return
        }
        if isRetry {
            try transaction.forgetError(preparer.run.id, memory: memory.row, step: .place)
        }
    }

    /// Only a resumed run can have errors to take back.
    private var isRetry: Bool { preparer.run.cursor > 0 }

    private mutating func directory(
        _ names: [Name],
        since: ChangeNumber
    ) throws -> NodeNumber {
        if let known = directories[names] { return known }
        let (transaction, layout) = (transaction, layout)
        let made = try transaction.savepoint {
            try transaction.ensureDirectory(names, of: layout, since: since)
        }
        directories[names] = made
        return made
    }

    private static func isOfOneMemory(_ error: LociError) -> Bool {
        switch error.code {
        case .nameTooLong, .pathDoesNotFit, .notADirectory, .collision, .nameTaken, .notUTF8,
            .invalidName:
            true
        default: false
        }
    }

    // MARK: Fields

    private mutating func apply(
        _ decision: MapperOutcome,
        to memory: inout MemoryRow,
        _ fields: inout MemoryFields
    ) throws {
        let run = preparer.run.id
        switch decision {
        case .fields(let given):
            // What somebody set since the mapper was asked stays.
            let new = given.filter { fields.attributes[$0.key] == nil }
                .sorted { $0.key < $1.key }
                .map { AttributeChange(key: $0.key, value: $0.value) }
            guard !new.isEmpty || isRetry else { return }
            do {
                let (transaction, table, subject) = (transaction, table, memory)
                memory = try transaction.savepoint {
                    try transaction.change(
                        subject,
                        attributes: new,
                        primary: table.listed.number,
                        operation: .set,
                        detail: JSON.object([
                            .init("mapper", .string(preparer.mapper?.identity ?? ""))
                        ]).text()
                    )
                }
                for change in new { fields.attributes[change.key] = change.value }
                directories.removeAll(keepingCapacity: true)
                try transaction.forgetError(run, memory: memory.row, step: .map)
            } catch let error as LociError where Self.isOfOneMemory(error) {
                try fail(memory, .map, error.message)
            }
        case .skip(let reason):
            try skip(memory, reason)
        case .error(let reason):
            if preparer.options.leaveUnmapped {
                try skip(memory, reason)
            } else {
                try fail(memory, .map, reason)
            }
        }
    }

    private mutating func skip(_ memory: MemoryRow, _ reason: String) throws {
        skipped += 1
        try transaction.forgetError(preparer.run.id, memory: memory.row, step: .map)
        try fail(memory, .skip, reason)
    }

    private func fail(
        _ memory: MemoryRow,
        _ step: MigrationErrorStep,
        _ reason: String
    ) throws {
        try transaction.recordError(
            preparer.run.id,
            memory: memory.row,
            step: step,
            reason: reason
        )
    }
}

import Catalog
import Linux
import Loci
import SQL

extension Preparer {
    /// One transaction: the fields that were decided, the names in the new layout, the cursor.
    ///
    /// `counting`: how many memories are prepared by it, for the progress.
    /// Returns how long it held the writer lock.
    func commit(
        _ page: PreparingPage,
        cursor: Int64?,
        counting prepared: Int
    ) async throws(LociError) -> Duration {
        let preparer = self
        return try await BlockingPool.shared.run { () throws(LociError) in
            try preparer.commitBlocking(page, cursor, prepared)
        }
    }

    private func commitBlocking(
        _ page: PreparingPage,
        _ cursor: Int64?,
        _ prepared: Int
    ) throws(LociError) -> Duration {
        try tuning.before(.prepare)
        var began: Int64 = 0
        try catalog.write(.normal, origin: origin) { transaction in
            began = SystemClock.monotonic()
            let layout = try Self.requireBuilding(run.layout, transaction)
            var batch = try PreparingBatch(self, layout, transaction)
            try batch.place(page)
            try transaction.advancePreparing(
                run.id,
                cursor: cursor,
                prepared: prepared,
                skipped: batch.skipped
            )
        }
        let held = SystemClock.monotonic() - began
        let done = try catalog.read { try $0.newestMigration() }
        if let done { progress?.report(done.prepared, of: done.total) }
        return .nanoseconds(held)
    }
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
        let isStale = transaction.newestChange != page.asOf
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
                try settle(decision, memory, fields, since: since)
            } else {
                try placeUnlessTrashed(memory, fields, since: since)
            }
        }
    }

    // MARK: Decisions

    /// A memory's place is another's.
    private struct PlaceTaken: Error {
        let path: NamePath
    }

    /// Gives a memory what the mapper decided, and its place; where that is another's, and the plan
    /// was to refuse collisions, nothing of it stays but an error.
    private mutating func settle(
        _ decision: MapperOutcome,
        _ memory: MemoryRow,
        _ fields: MemoryFields,
        since: ChangeNumber
    ) throws {
        let (transaction, before) = (transaction, skipped)
        do {
            try transaction.savepoint {
                var (memory, fields) = (memory, fields)
                try apply(decision, to: &memory, &fields)
                try placeUnlessTrashed(memory, fields, since: since)
                guard refusesSuffix(decision), try hasSuffix(memory) else { return }
                let directories = try layout.scheme.render(fields)
                throw PlaceTaken(path: NamePath(directories + [memory.name]))
            }
        } catch let taken as PlaceTaken {
            skipped = before
            directories.removeAll(keepingCapacity: true)
            let path = ShownText.shown(taken.path.description)
            try fail(memory, .map, "its place '\(path)' is another memory's")
            try placeUnlessTrashed(memory, fields, since: since)
        }
    }

    /// The plan could not see these collisions: it did not know what the mapper would say.
    private func refusesSuffix(_ decision: MapperOutcome) -> Bool {
        guard preparer.options.onCollision == .fail else { return false }
        return switch decision {
        // Without any, somebody gave by hand what was missing.
        case .fields(let given): !given.isEmpty
        case .skip: !preparer.options.leaveUnmapped
        case .error: false
        }
    }

    private func hasSuffix(_ memory: MemoryRow) throws -> Bool {
        guard memory.trashed == nil else { return false }
        return try transaction.reader.entries(of: memory.node, layouts: layout.bit)
            .contains { $0.name != memory.name }
    }

    private mutating func placeUnlessTrashed(
        _ memory: MemoryRow,
        _ fields: MemoryFields,
        since: ChangeNumber
    ) throws {
        if memory.trashed == nil {
            try place(memory, fields, since: since)
        } else if isRetry {
            // It needs no place as long as it is there.
            try transaction.forgetError(preparer.run.id, memory: memory.row, step: .place)
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
    private var isRetry: Bool { preparer.run.isResumed }

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
        switch decision {
        case .fields(let given):
            do {
                try set(given, of: &memory, &fields)
            } catch let error as LociError where Self.isOfOneMemory(error) {
                return try fail(memory, .map, error.message)
            }
            let left = layout.scheme.attributes.filter { fields.attributes[$0] == nil }
            if !left.isEmpty {
                let names = left.map { "'\($0)'" }.joined(separator: ", ")
                try skip(memory, "the mapper gave no \(names)")
            } else if isRetry {
                try transaction.forgetError(preparer.run.id, memory: memory.row, step: .map)
            }
        case .skip(let reason):
            try skip(memory, reason)
        case .error(let reason, let attempts):
            if preparer.options.leaveUnmapped {
                try skip(memory, reason)
            } else {
                try fail(memory, .map, reason, attempts: attempts)
            }
        }
    }

    /// What somebody set since the mapper was asked stays.
    private mutating func set(
        _ given: [String: String],
        of memory: inout MemoryRow,
        _ fields: inout MemoryFields
    ) throws {
        let new = given.filter { fields.attributes[$0.key] == nil }
            .sorted { $0.key < $1.key }
            .map { AttributeChange(key: $0.key, value: $0.value) }
        guard !new.isEmpty else { return }
        let (transaction, table, subject) = (transaction, table, memory)
        let mapper = preparer.mapper?.identity ?? ""
        let detail = MappedAttribute.detail(layout.number, mapper: mapper)
        memory = try transaction.savepoint {
            try transaction.change(
                subject,
                attributes: new,
                primary: table.listed.number,
                operation: .set,
                detail: detail
            )
        }
        for change in new { fields.attributes[change.key] = change.value }
        directories.removeAll(keepingCapacity: true)
    }

    private mutating func skip(_ memory: MemoryRow, _ reason: String) throws {
        skipped += 1
        try transaction.forgetError(preparer.run.id, memory: memory.row, step: .map)
        try fail(memory, .skip, reason)
    }

    private func fail(
        _ memory: MemoryRow,
        _ step: MigrationErrorStep,
        _ reason: String,
        attempts: Int = 1
    ) throws {
        try transaction.recordError(
            preparer.run.id,
            memory: memory.row,
            step: step,
            reason: reason,
            attempts: attempts
        )
    }
}

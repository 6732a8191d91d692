import Catalog
import Model
import SQL

/// One way back to a moment: of everything, of what is below a path, or of one memory.
///
/// Names are freed before they are taken: first what was not there goes to the trash, with all
/// whose place changes; then contents, attributes and names go back; then what was there comes out
/// of the trash again. So memories that changed places with each other find them free.
struct PastRestore {
    /// What goes back.
    enum Scope {
        case all
        /// What was there then, and what is there now, in any layout that can have the path.
        case under(NamePath)
        case memory(Int64)
    }

    let tenant: Tenant
    let moment: PastMoment
    /// The change that it means.
    let number: ChangeNumber
    let scope: Scope
    let origin: Origin
    var report = RestoreReport()
    /// Memories that this run put into the trash only to free their names.
    private var freed: Set<Int64> = []

    init(
        tenant: Tenant,
        to moment: PastMoment,
        number: ChangeNumber,
        scope: Scope,
        origin: Origin
    ) {
        self.tenant = tenant
        self.moment = moment
        self.number = number
        self.scope = scope
        self.origin = origin
    }

    /// What one memory needs.
    private struct Step {
        let memory: MemoryRow
        /// nil: it was not born yet.
        let past: MemoryPast?
        let attributes: [AttributeChange]
        let revision: RevisionRow?
        /// The number that a revision would get now.
        let nextRevision: RevisionNumber

        var name: Name? { past.flatMap { $0.name == memory.name ? nil : $0.name } }
        var isPlaced: Bool { !attributes.isEmpty || name != nil }
        var wasTrashed: Bool { past?.isTrashed ?? true }
    }

    mutating func run(_ progress: ProgressFeed?) throws(LociError) {
        let rows = try changedRows()
        let total = Int64(rows.count) * 2
        for (index, batch) in batches(rows).enumerated() {
            try free(batch)
            progress?.report(Int64((index + 1) * Tenant.batchSize), of: total)
        }
        for (index, batch) in batches(rows).enumerated() {
            try bringBack(batch)
            progress?.report(
                Int64(rows.count) + Int64((index + 1) * Tenant.batchSize),
                of: total
            )
        }
    }

    /// Counts what `run` would do.
    mutating func plan() throws(LociError) {
        for batch in batches(try changedRows()) {
            let (steps, scheme) = try tenant.read { reader in
                (
                    try batch.compactMap { try self.step($0, reader) },
                    try reader.layouts().listed.scheme
                )
            }
            for step in steps {
                if step.wasTrashed, step.memory.trashed == nil { report.trashed += 1 }
                guard let past = step.past else { continue }
                if step.isPlaced { report.places += 1 }
                if step.revision != nil { report.contents += 1 }
                guard !step.wasTrashed, step.isPlaced || step.memory.trashed != nil else {
                    continue
                }
                if !step.isPlaced { report.untrashed += 1 }
                let directories = try scheme.render(fields(of: step.memory, past))
                report.note(NamePath(directories + [past.name]))
            }
        }
    }

    /// The memories that changed since and belong to the scope.
    private func changedRows() throws(LociError) -> [Int64] {
        if case .memory(let row) = scope { return [row] }
        var rows: [Int64] = []
        var cursor: Int64 = 0
        while true {
            let page = try tenant.read { reader in
                try reader.memoriesChanged(
                    after: number,
                    cursor: cursor,
                    limit: Tenant.batchSize
                )
            }
            guard let last = page.last else { return rows }
            cursor = last
            guard case .under(let path) = scope else {
                rows += page
                continue
            }
            rows += try tenant.read { reader in
                try page.filter { try self.isWithin(path, $0, reader) }
            }
        }
    }

    /// Whether a memory was below a path then, or is now.
    private func isWithin(
        _ path: NamePath,
        _ row: Int64,
        _ reader: CatalogReader
    ) throws -> Bool {
        guard let memory = try reader.memory(row: row) else { return false }
        var places: [(MemoryFields, Name)] = []
        if memory.trashed == nil { places.append((try reader.fields(of: memory), memory.name)) }
        if let past = try reader.past(of: memory, at: number), !past.isTrashed {
            places.append((fields(of: memory, past), past.name))
        }
        return try reader.layouts().reading(path).contains { layout in
            try places.contains { fields, name in
                NamePath(try layout.scheme.render(fields) + [name]).isWithin(path)
            }
        }
    }

    private func fields(of memory: MemoryRow, _ past: MemoryPast) -> MemoryFields {
        MemoryFields(id: memory.id, created: memory.created, attributes: past.attributes)
    }

    private func batches(_ rows: [Int64]) -> [ArraySlice<Int64>] {
        stride(from: 0, to: rows.count, by: Tenant.batchSize).map {
            rows[$0..<min(rows.count, $0 + Tenant.batchSize)]
        }
    }

    private func step(_ row: Int64, _ reader: CatalogReader) throws -> Step? {
        guard let memory = try reader.memory(row: row) else { return nil }
        let next = try reader.nextRevisionNumber(of: row)
        guard let past = try reader.past(of: memory, at: number) else {
            return Step(
                memory: memory,
                past: nil,
                attributes: [],
                revision: nil,
                nextRevision: next
            )
        }
        let now = try reader.attributes(of: row)
        let keys = Set(now.keys).union(past.attributes.keys).sorted()
        let fields = MemoryFields(id: memory.id, created: memory.created, attributes: now)
        let changes = keys.map { AttributeChange(key: $0, value: past.attributes[$0]) }
            .filter { $0.differs(from: fields) }
        var revision: RevisionRow?
        if past.revision != memory.revision {
            let then = try reader.revision(of: row, past.revision)
            let current = try reader.revision(of: row, memory.revision)
            if then?.hash != current?.hash { revision = then }
        }
        return Step(
            memory: memory,
            past: past,
            attributes: changes,
            revision: revision,
            nextRevision: next
        )
    }

    /// Takes names from what was not there and from what stood elsewhere.
    private mutating func free(_ rows: ArraySlice<Int64>) throws(LociError) {
        var trashed = 0
        var freed: [Int64] = []
        try tenant.catalog.write(.full, origin: origin) { tx in
            try tx.reader.requireStill(number, moment)
            for row in rows {
                guard let step = try self.step(row, tx.reader), step.memory.trashed == nil,
                    step.wasTrashed || step.isPlaced
                else { continue }
                _ = try tx.trash(step.memory)
                if step.wasTrashed { trashed += 1 } else { freed.append(row) }
            }
        }
        report.trashed += trashed
        self.freed.formUnion(freed)
    }

    private mutating func bringBack(_ rows: ArraySlice<Int64>) throws(LociError) {
        let steps = try tenant.read { reader in try rows.compactMap { try step($0, reader) } }
            .filter { $0.past != nil }
        let contents = try place(steps)
        var report = report
        try tenant.catalog.write(.full, origin: origin) { tx in
            try tx.reader.requireStill(number, moment)
            let listed = try tx.reader.layouts().listed.number
            for row in rows {
                guard let step = try self.step(row, tx.reader), step.past != nil else { continue }
                do {
                    try tx.savepoint {
                        try self.bringBack(step, contents[row], listed, &report, tx)
                    }
                } catch let error as LociError {
                    report.note(error, of: step.memory.id)
                    try self.putBack(step.memory, listed, tx)
                }
            }
        }
        self.report = report
    }

    /// Gives a memory whose place is taken the place again that it had before, if that is free yet;
    /// else it stays in the trash.
    private func putBack(
        _ memory: MemoryRow,
        _ listed: LayoutNumber,
        _ tx: CatalogTransaction
    ) throws {
        guard freed.contains(memory.row) else { return }
        do {
            try tx.savepoint { _ = try tx.untrash(memory, primary: listed) }
        } catch let error as LociError where [.nameTaken, .collision].contains(error.code) {}
    }

    private func bringBack(
        _ step: Step,
        _ content: PlacedContent?,
        _ listed: LayoutNumber,
        _ report: inout RestoreReport,
        _ tx: CatalogTransaction
    ) throws {
        var memory = step.memory
        var done = report
        if step.isPlaced {
            memory = try tx.change(
                memory,
                attributes: step.attributes,
                name: step.name,
                primary: listed,
                operation: .restore
            )
            done.places += 1
        }
        if step.revision != nil {
            guard let content else {
                throw LociError(
                    .busy,
                    subject: memory.id.description,
                    message: "it was changed meanwhile"
                )
            }
            let fields = try tx.reader.fields(of: memory)
            memory = try tx.addRevision(
                memory,
                content: try tenant.confirm(content, for: fields, in: tx),
                mtime: tx.now.nanoseconds,
                operation: .restore
            )
            done.contents += 1
        }
        if !step.wasTrashed, memory.trashed != nil {
            memory = try tx.untrash(memory, primary: listed)
            // Only for a moment in the trash, to free its name: that is no coming back.
            let wasFreed = step.isPlaced
            if !wasFreed { done.untrashed += 1 }
            if let path = try tenant.value(of: memory, tx.reader).path { done.note(path) }
        }
        report = done
    }

    /// Steps ① to ③ for the contents that go back, by memory.
    private func place(_ steps: [Step]) throws(LociError) -> [Int64: PlacedContent] {
        var rows: [Int64] = []
        var pending: [PendingContent] = []
        for step in steps {
            guard let revision = step.revision, let past = step.past else { continue }
            rows.append(step.memory.row)
            pending.append(
                PendingContent(
                    try tenant.source(of: revision),
                    hash: revision.hash,
                    fields: fields(of: step.memory, past),
                    name: past.name,
                    revision: step.nextRevision
                )
            )
        }
        let placed = try tenant.place(pending, origin: origin)
        return Dictionary(uniqueKeysWithValues: zip(rows, placed))
    }
}

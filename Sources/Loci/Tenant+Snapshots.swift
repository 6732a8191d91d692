import Catalog
public import Model
import SQL

extension Tenant {
    /// Takes a snapshot: a name for everything up to now.
    ///
    /// It costs one row.
    ///
    /// What running mounts hold is asked for first.
    ///
    /// Throws `nameTaken`, `invalidName`.
    public func takeSnapshot(
        _ name: String,
        origin: Origin
    ) async throws(LociError) -> Snapshot {
        try await work { [self] () throws(LociError) in
            // It will be a directory's name.
            _ = try Name(name)
            try askMountsToCommit()
            return try catalog.write(.full, origin: origin) { tx in
                Snapshot(try tx.takeSnapshot(name))
            }
        }
    }

    /// All snapshots, oldest first.
    public func snapshots() throws(LociError) -> [Snapshot] {
        try read { reader in try reader.snapshots().map { Snapshot($0) } }
    }

    /// Deletes a snapshot.
    ///
    /// What only it needed goes with the next retention. It cannot be undone.
    ///
    /// Throws `snapshotNotFound`.
    public func deleteSnapshot(_ name: String, origin: Origin) async throws(LociError) {
        try await work { [self] () throws(LociError) in
            try catalog.write(.full, origin: origin) { tx in
                _ = try self.snapshotRow(name, tx.reader)
                try tx.deleteSnapshot(name)
                _ = try tx.record(
                    .snapshotDeleted,
                    detail: JSON.object([.init("name", .string(name))]).text()
                )
            }
        }
    }

    func snapshotRow(_ name: String, _ reader: CatalogReader) throws -> SnapshotRow {
        if let row = try reader.snapshot(name) { return row }
        let near = NearMiss.nearest(to: name, in: try reader.snapshots().map(\.name))
        throw LociError(
            .snapshotNotFound,
            subject: name,
            message: "There is no snapshot \"\(name)\".",
            remedy: near.map { "Did you mean \"\($0)\"?" }
                ?? "See which there are with: loci snapshot list"
        )
    }

    /// Brings all memories back to what they were at a snapshot: contents, attributes, places and
    /// trash.
    ///
    /// Memories that came later go to the trash. Layouts stay as they are today.
    ///
    /// It is a change like any other: revisions are added, nothing is removed, and a snapshot taken
    /// before undoes it. In batches: a crash leaves a part done, and the same call does the rest.
    ///
    /// Throws `snapshotNotFound`, `noSpace`.
    public func restoreSnapshot(
        _ name: String,
        origin: Origin,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> RestoreReport {
        try await work { [self] () throws(LociError) in
            defer { progress?.finish() }
            try askMountsToCommit()
            let snapshot = try read { reader in try self.snapshotRow(name, reader) }
            var restore = SnapshotRestore(tenant: self, snapshot: snapshot, origin: origin)
            try restore.run(progress)
            try catalog.write(.full, origin: origin) { tx in
                _ = try tx.record(
                    .snapshotRestored,
                    detail: JSON.object([.init("name", .string(name))]).text()
                )
            }
            return restore.report
        }
    }
}

/// One way back to a snapshot.
///
/// Names are freed before they are taken: first what was not there goes to the trash, with all
/// whose place changes; then contents, attributes and names go back; then what was there comes out
/// of the trash again. So memories that changed places with each other find them free.
private struct SnapshotRestore {
    let tenant: Tenant
    let snapshot: SnapshotRow
    let origin: Origin
    var report = RestoreReport()

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
        var rows: [Int64] = []
        var cursor: Int64 = 0
        while true {
            let page = try tenant.read { reader in
                try reader.memoriesChanged(
                    after: snapshot.number,
                    cursor: cursor,
                    limit: Tenant.batchSize
                )
            }
            guard let last = page.last else { break }
            rows += page
            cursor = last
        }
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

    private func batches(_ rows: [Int64]) -> [ArraySlice<Int64>] {
        stride(from: 0, to: rows.count, by: Tenant.batchSize).map {
            rows[$0..<min(rows.count, $0 + Tenant.batchSize)]
        }
    }

    private func step(_ row: Int64, _ reader: CatalogReader) throws -> Step? {
        guard let memory = try reader.memory(row: row) else { return nil }
        let next = try reader.nextRevisionNumber(of: row)
        guard let past = try reader.past(of: memory, at: snapshot.number) else {
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
        try tenant.catalog.write(.full, origin: origin) { tx in
            for row in rows {
                guard let step = try self.step(row, tx.reader), step.memory.trashed == nil,
                    step.wasTrashed || step.isPlaced
                else { continue }
                _ = try tx.trash(step.memory)
                if step.wasTrashed { trashed += 1 }
            }
        }
        report.trashed += trashed
    }

    private mutating func bringBack(_ rows: ArraySlice<Int64>) throws(LociError) {
        let steps = try tenant.read { reader in try rows.compactMap { try step($0, reader) } }
            .filter { $0.past != nil }
        let contents = try place(steps)
        var report = report
        try tenant.catalog.write(.full, origin: origin) { tx in
            let listed = try tx.reader.layouts().listed.number
            for row in rows {
                guard let step = try self.step(row, tx.reader), step.past != nil else { continue }
                do {
                    try tx.savepoint {
                        try self.bringBack(step, contents[row], listed, &report, tx)
                    }
                } catch let error as LociError {
                    report.note(error, of: step.memory.id)
                }
            }
        }
        self.report = report
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
        if step.revision != nil, let content {
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
                    fields: MemoryFields(
                        id: step.memory.id,
                        created: step.memory.created,
                        attributes: past.attributes
                    ),
                    name: past.name,
                    revision: step.nextRevision
                )
            )
        }
        let placed = try tenant.place(pending, origin: origin)
        return Dictionary(uniqueKeysWithValues: zip(rows, placed))
    }
}

import Catalog
public import Model
import SQL

extension Tenant {
    /// Puts a memory into the trash: it loses its paths and keeps all else.
    ///
    /// Throws `notFound`, also where it is in the trash already; `revisionConflict`.
    public func delete(
        _ id: MemoryID,
        ifRevision: RevisionNumber? = nil,
        origin: Origin
    ) async throws(LociError) {
        try await work { [self] () throws(LociError) in
            try catalog.write(.full, origin: origin) { tx in
                let memory = try self.liveRow(id, tx.reader)
                try self.require(ifRevision, of: memory)
                _ = try tx.trash(memory)
            }
        }
    }

    /// Takes a memory out of the trash, to where its attributes place it today or to a path.
    ///
    /// Throws `notFound`, `wrongState` where it is not in the trash, `nameTaken`.
    public func restore(
        _ id: MemoryID,
        to path: NamePath? = nil,
        origin: Origin
    ) async throws(LociError) -> Memory {
        try await work { [self] () throws(LociError) in
            try catalog.write(.full, origin: origin) { tx in
                var memory = try self.row(id, tx.reader)
                guard memory.trashed != nil else {
                    throw LociError(
                        .wrongState,
                        subject: id.description,
                        message: "The memory \(id) is not in the trash.",
                        remedy: "Give a revision to go back to an earlier content."
                    )
                }
                if let path { memory = try self.relocate(memory, to: path, .rename, tx) }
                let listed = try tx.reader.layouts().listed.number
                return try self.value(of: try tx.untrash(memory, primary: listed), tx.reader)
            }
        }
    }

    /// Takes back what was deleted below a path since a time, with its id and its place.
    ///
    /// The path is one of any live layout, or where none of them can have it of one that has ended.
    /// A memory whose place is taken by now stays in the trash
    /// and is reported.
    ///
    /// `dryRun`: tells what would come back, and changes nothing.
    ///
    /// Throws `notFound` for a time before which the past is kept no longer.
    public func restore(
        under path: NamePath,
        since: Timestamp,
        dryRun: Bool = false,
        origin: Origin
    ) async throws(LociError) -> RestoreReport {
        try await work { [self] () throws(LociError) in
            var report = RestoreReport()
            var after = try read { reader in
                // What was deleted before the log begins has no time any more.
                guard try reader.keptSince().rawValue > 0 else {
                    return try reader.change(at: since)
                }
                return try reader.change(of: .time(since), now: self.clock())
            }
            let last = try lastChange()
            while true {
                let batch = try read { reader in
                    try reader.memoriesTrashed(after: after, limit: Self.batchSize)
                }
                for memory in batch where (memory.trashed ?? last) > after {
                    after = memory.trashed ?? last
                }
                let ids = batch.filter { ($0.trashed ?? last) <= last }.map(\.row)
                if dryRun {
                    try read { reader in
                        for row in ids {
                            guard let found = try self.deleted(row, path, reader) else { continue }
                            report.untrashed += 1
                            report.note(found.path)
                        }
                    }
                } else if !ids.isEmpty {
                    try catalog.write(.full, origin: origin) { tx in
                        for row in ids { try self.takeBack(row, under: path, &report, tx) }
                    }
                }
                if batch.count < Self.batchSize { return report }
            }
        }
    }

    /// A memory of the trash, and its path in the listed layout, where its path in a layout that
    /// can have `path` was below it.
    private func deleted(
        _ row: Int64,
        _ path: NamePath,
        _ reader: CatalogReader
    ) throws -> (memory: MemoryRow, path: NamePath)? {
        guard let memory = try reader.memory(row: row), memory.trashed != nil else { return nil }
        let fields = try reader.fields(of: memory)
        let table = try reader.layouts()
        let isBelow = try table.reading(path).contains { layout in
            NamePath(try layout.scheme.render(fields) + [memory.name]).isWithin(path)
        }
        guard isBelow else { return nil }
        return (memory, NamePath(try table.listed.scheme.render(fields) + [memory.name]))
    }

    private func takeBack(
        _ row: Int64,
        under path: NamePath,
        _ report: inout RestoreReport,
        _ tx: CatalogTransaction
    ) throws {
        guard let found = try deleted(row, path, tx.reader) else { return }
        let listed = try tx.reader.layouts().listed.number
        do {
            try tx.savepoint { _ = try tx.untrash(found.memory, primary: listed) }
            report.untrashed += 1
            report.note(found.path)
        } catch let error as LociError {
            report.note(error, of: found.memory.id)
        }
    }
}

extension RestoreReport {
    mutating func note(_ path: NamePath) {
        if paths.count < Self.kept { paths.append(path) }
    }

    mutating func note(_ error: LociError, of memory: MemoryID) {
        failureCount += 1
        if failures.count < Self.kept {
            failures.append(Failure(memory: memory, reason: error.message))
        }
    }
}

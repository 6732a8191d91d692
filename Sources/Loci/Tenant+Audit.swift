import Catalog
public import Model
import SQL

/// A change, and where it happened.
public struct AuditedChange: Hashable, Sendable {
    /// The change.
    public let change: Change
    /// The path that its memory or directory had then, in the layout that is listed now.
    ///
    /// Nil where the memory was purged, or where that past is kept no longer.
    public let path: NamePath?
}

/// A part of the change log, newest first.
public struct AuditPage: Hashable, Sendable {
    /// The changes that passed the filter.
    public let changes: [AuditedChange]
    /// Where to go on; nil at the log's beginning.
    public let next: ChangeNumber?
}

/// Whether the change log is as it was written.
public struct AuditReport: Hashable, Sendable {
    /// How many changes it holds.
    public let changes: Int
    /// How many of them are stubs of memories that were purged.
    public let stubs: Int
    /// The newest change that retention has cut off the log; 0 where none was.
    public let begins: ChangeNumber
    /// The newest change.
    public let head: ChangeNumber
    /// Its hash, which stands for the whole log: 64 hexadecimal digits.
    public let hash: String
    /// The first change that is not as it was written; nil where all are.
    public let broken: Break?

    /// Where a log is not as it was written.
    public struct Break: Hashable, Sendable {
        /// The first change that does not fit.
        public let number: ChangeNumber
        /// Why.
        public let reason: String
    }
}

extension Tenant {
    /// How many rows of the log one call looks at: a filter that lets little pass comes back with
    /// little, and goes on from there.
    private static let auditStride = 10_000

    /// The changes below a number that pass a filter, newest first, at most `limit`.
    ///
    /// Complexity: looks at some thousand rows at most; `next` says where it stopped.
    public func audit(
        _ filter: ChangeFilter = ChangeFilter(),
        before: ChangeNumber? = nil,
        limit: Int = 1000
    ) throws(LociError) -> AuditPage {
        try read { reader in
            var found: [AuditedChange] = []
            var cursor = before ?? ChangeNumber(.max)
            var looked = 0
            while found.count < limit, looked < Self.auditStride {
                let rows = try self.changes(filter, below: cursor, reader)
                for row in rows {
                    guard found.count < limit else { break }
                    cursor = row.number
                    looked += 1
                    if let since = filter.since, row.time < since {
                        return AuditPage(changes: found, next: nil)
                    }
                    let change = try self.change(row, reader)
                    guard try self.passes(change, filter, reader) else { continue }
                    found.append(
                        AuditedChange(change: change, path: try self.path(of: change, reader))
                    )
                }
                if rows.isEmpty { return AuditPage(changes: found, next: nil) }
            }
            return AuditPage(changes: found, next: cursor)
        }
    }

    private func changes(
        _ filter: ChangeFilter,
        below cursor: ChangeNumber,
        _ reader: CatalogReader
    ) throws -> [ChangeRow] {
        guard let id = filter.memory else { return try reader.changes(before: cursor, limit: 1000) }
        guard let row = try reader.row(ofMemory: id) else { return [] }
        return try reader.changes(ofMemory: row, before: cursor, limit: 1000)
    }

    func change(_ row: ChangeRow, _ reader: CatalogReader) throws -> Change {
        Change(row, memory: try row.memory.flatMap { try reader.id(ofMemory: $0) })
    }

    // MARK: Where it was

    /// The paths that the memories or directories of changes had then, in the layout that is listed.
    ///
    /// Nil where the memory was purged, or where that past is kept no longer.
    public func paths(of changes: [Change]) throws(LociError) -> [NamePath?] {
        try read { reader in try changes.map { try self.path(of: $0, reader) } }
    }

    /// Which of some changes pass a filter.
    public func passing(
        _ changes: [Change],
        _ filter: ChangeFilter
    ) throws(LociError) -> [Change] {
        try read { reader in
            try changes.filter { try self.passes($0, filter, reader) }
        }
    }

    private func passes(
        _ change: Change,
        _ filter: ChangeFilter,
        _ reader: CatalogReader
    ) throws -> Bool {
        guard filter.passes(change) else { return false }
        guard let path = filter.path else { return true }
        if try self.path(of: change, reader)?.isWithin(path) == true { return true }
        let layouts = try reader.layouts().reading(path)
        // What a rename took out of a directory was done to that directory too.
        for number in [change.number.rawValue, change.number.rawValue - 1] {
            guard let (fields, name) = try past(of: change, at: ChangeNumber(number), reader) else {
                continue
            }
            let isBelow = try layouts.contains { layout in
                NamePath(try layout.scheme.render(fields) + [name]).isWithin(path)
            }
            if isBelow { return true }
        }
        return false
    }

    private func path(of change: Change, _ reader: CatalogReader) throws -> NamePath? {
        if let (fields, name) = try past(of: change, at: change.number, reader) {
            return NamePath(try reader.layouts().listed.scheme.render(fields) + [name])
        }
        guard change.memory == nil, let directory = change.directory,
            let path = try reader.path(ofDirectory: directory)
        else { return nil }
        let below = change.detail.flatMap { try? JSON(parsing: $0) }?["name"]?.nameBytes
        return NamePath(path.names + (below.map { [Name(unchecked: $0)] } ?? []))
    }

    private func past(
        of change: Change,
        at number: ChangeNumber,
        _ reader: CatalogReader
    ) throws -> (MemoryFields, Name)? {
        guard let id = change.memory, let memory = try reader.memory(id),
            let past = try reader.past(of: memory, at: number)
        else { return nil }
        let fields = MemoryFields(
            id: id,
            created: memory.created,
            attributes: past.attributes
        )
        return (fields, past.name)
    }

    // MARK: Whether it still stands

    /// Follows the change log from where it begins to its newest change, and finds the first that
    /// was edited, removed, inserted or moved.
    ///
    /// `expecting`: a number and a hash that an earlier report gave. Whoever keeps them elsewhere
    /// also finds a log that was written anew as a whole.
    ///
    /// Complexity: reads every change once.
    public func verifyAudit(
        expecting: (number: ChangeNumber, hash: String)? = nil
    ) async throws(LociError) -> AuditReport {
        let mark = try expecting.map { (expected) throws(LociError) in
            LogMark(
                number: expected.number.rawValue,
                hash: try ContentHash(hex: expected.hash).bytes
            )
        }
        return try await work { [self] () throws(LociError) in
            let check = try read { reader in try reader.verifyLog(expecting: mark) }
            return AuditReport(
                changes: Int(check.changes),
                stubs: Int(check.forgotten),
                begins: ChangeNumber(check.anchor.number),
                head: ChangeNumber(check.head.number),
                hash: Hex.text(check.head.hash),
                broken: check.broken.map {
                    AuditReport.Break(number: ChangeNumber($0.number), reason: $0.message)
                }
            )
        }
    }
}

import Blobs
import Catalog
import Linux
public import Model
import SQL

extension Tenant {
    /// Gives a memory new content: a new revision.
    ///
    /// It is durable when this returns.
    ///
    /// `ifRevision`: the current revision that the caller knows; another one is
    /// `revisionConflict`.
    ///
    /// Throws `notFound`, also for a memory in the trash; `revisionConflict`, `noSpace`.
    public func edit(
        _ id: MemoryID,
        content: [UInt8],
        ifRevision: RevisionNumber? = nil,
        origin: Origin
    ) async throws(LociError) -> Memory {
        try await work { [self] () throws(LociError) in
            try addRevision(
                to: id,
                .bytes(content),
                ifRevision: ifRevision,
                operation: .edit,
                origin: origin
            )
        }
    }

    /// Makes an earlier revision of a memory its newest one: the same bytes under a new number.
    ///
    /// Throws `notFound` where that revision is not kept or the memory is in the trash.
    public func restore(
        _ id: MemoryID,
        revision: RevisionNumber,
        origin: Origin
    ) async throws(LociError) -> Memory {
        try await work { [self] () throws(LociError) in
            let old = try read { reader in
                try self.revisionRow(revision, of: try self.liveRow(id, reader), reader)
            }
            return try addRevision(
                to: id,
                try source(of: old),
                hash: old.hash,
                operation: .restore,
                origin: origin
            )
        }
    }

    /// The bytes of a revision, to be linked under another key.
    func source(of revision: RevisionRow) throws(LociError) -> PendingContent.Source {
        let key = try storing { () throws(BlobError) in try BlobKey(revision.blobKey) }
        return .blob(key, size: revision.size)
    }

    func revisionRow(
        _ number: RevisionNumber,
        of memory: MemoryRow,
        _ reader: CatalogReader
    ) throws -> RevisionRow {
        if let row = try reader.revision(of: memory.row, number) { return row }
        throw LociError(
            .notFound,
            subject: memory.id.description,
            message: "Revision \(number) of the memory \(memory.id) is not kept.",
            remedy: "See which are with: loci log \(memory.id)"
        )
    }

    private func addRevision(
        to id: MemoryID,
        _ source: PendingContent.Source,
        hash: ContentHash? = nil,
        ifRevision: RevisionNumber? = nil,
        operation: Operation,
        origin: Origin
    ) throws(LociError) -> Memory {
        let pending = try read { reader in
            let memory = try self.liveRow(id, reader)
            try self.require(ifRevision, of: memory)
            return PendingContent(
                source,
                hash: hash,
                fields: try reader.fields(of: memory),
                name: memory.name,
                revision: try reader.nextRevisionNumber(of: memory.row)
            )
        }
        let placed = try place([pending], origin: origin)[0]
        return try catalog.write(.full, origin: origin) { tx in
            let memory = try self.liveRow(id, tx.reader)
            try self.require(ifRevision, of: memory)
            let content = try self.confirm(
                placed,
                for: try tx.reader.fields(of: memory),
                in: tx
            )
            let changed = try tx.addRevision(
                memory,
                content: content,
                mtime: tx.now.nanoseconds,
                operation: operation
            )
            return try self.value(of: changed, tx.reader)
        }
    }

    /// Sets attributes of a memory; nil removes one.
    ///
    /// Every layout follows in the same transaction.
    ///
    /// Throws `notFound`, `revisionConflict`, `immutableField` for `id` and `created`,
    /// `nameTaken` where the listed layout would get a path twice, `pathDoesNotFit`.
    public func set(
        _ id: MemoryID,
        attributes: [String: String?],
        ifRevision: RevisionNumber? = nil,
        origin: Origin
    ) async throws(LociError) -> Memory {
        try await work { [self] () throws(LociError) in
            for key in attributes.keys { try Self.checkAttribute(key) }
            let changes = attributes.map { AttributeChange(key: $0.key, value: $0.value) }
                .sorted { $0.key < $1.key }
            return try catalog.write(.full, origin: origin) { tx in
                let memory = try self.row(id, tx.reader)
                try self.require(ifRevision, of: memory)
                let changed = try tx.change(
                    memory,
                    attributes: changes,
                    primary: try tx.reader.layouts().listed.number,
                    operation: .set,
                    detail: Self.detail(changes)
                )
                return try self.value(of: changed, tx.reader)
            }
        }
    }

    private static func detail(_ changes: [AttributeChange]) -> String {
        let members = changes.map { change in
            JSON.Member(change.key, change.value.map(JSON.string) ?? .null)
        }
        return JSON.object([.init("attributes", .object(members))]).text()
    }

    /// Gives a memory another path of the listed layout, or of another live one: its attributes
    /// follow, only those whose directories differ.
    ///
    /// Throws `notFound`, `nameTaken`, `immutableField` where `created` or `id` would change,
    /// `pathDoesNotFit`.
    public func move(
        _ id: MemoryID,
        to path: NamePath,
        origin: Origin
    ) async throws(LociError) -> Memory {
        try await work { [self] () throws(LociError) in
            try catalog.write(.full, origin: origin) { tx in
                let memory = try self.liveRow(id, tx.reader)
                let changed = try self.relocate(memory, to: path, .rename, tx)
                return try self.value(of: changed, tx.reader)
            }
        }
    }

    /// Gives a memory, also one of the trash, the attributes and the name that a path says.
    func relocate(
        _ memory: MemoryRow,
        to path: NamePath,
        _ operation: Operation,
        _ tx: CatalogTransaction
    ) throws -> MemoryRow {
        // A directory that stays may name any time, so the past of the path is not asked here.
        let destination = try destination(path, tx.reader, now: .distantFuture)
        let fields = try tx.reader.fields(of: memory)
        let changes = try destination.layout.scheme.changes(
            from: try destination.layout.scheme.render(fields),
            to: destination.directories,
            existing: fields
        )
        return try tx.change(
            memory,
            attributes: changes,
            name: destination.name,
            primary: destination.layout.number,
            operation: operation,
            detail: Self.detail(changes)
        )
    }

    // MARK: Content

    /// The bytes of a memory's current revision, or of another one that is kept.
    ///
    /// Throws `notFound`; `corrupt` where they are missing.
    public func content(
        of id: MemoryID,
        revision: RevisionNumber? = nil
    ) async throws(LociError) -> [UInt8] {
        try await work { [self] () throws(LociError) in
            try read { reader in
                let memory = try self.row(id, reader)
                let number = revision ?? memory.revision
                _ = try self.revisionRow(number, of: memory, reader)
                let file = try self.openBlob(of: memory.row, revision: number, reader: reader)
                return try file.readAll(limit: .max - 1)
            }
        }
    }
}

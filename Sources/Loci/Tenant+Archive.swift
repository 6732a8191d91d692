import Blobs
import Catalog
import Digest
import Linux
public import Model
import SQL

extension Tenant {
    /// Hands over every memory with all that is known of it, by the order in which they were added.
    ///
    /// `history`: all kept revisions, and what is in the trash; else what is shown.
    /// `moment`: as it was then; nil for now.
    /// `body`: throwing ends it.
    ///
    /// Each memory is read on a state of its own: what changes meanwhile is met as it is then.
    /// Throws what `change(at:)` throws. Blocks.
    public func archive(
        history: Bool,
        at moment: PastMoment? = nil,
        _ body: (ArchivedMemory) throws -> Void
    ) throws {
        let number = try moment.map { (moment) throws(LociError) in try change(at: moment) }
        var cursor: Int64 = 0
        while true {
            let page = try read { reader in
                try reader.memoryRows(after: cursor, limit: Self.batchSize)
            }
            guard let last = page.last else { return }
            for row in page {
                let found = try read { reader in
                    try self.archived(row, history, number, reader)
                }
                if let found, history || !found.isTrashed { try body(found) }
            }
            cursor = last
        }
    }

    private func archived(
        _ row: Int64,
        _ history: Bool,
        _ moment: ChangeNumber?,
        _ reader: CatalogReader
    ) throws -> ArchivedMemory? {
        guard let memory = try reader.memory(row: row), let node = try reader.node(memory.node)
        else { return nil }
        let number = try moment ?? reader.lastChange()
        guard let past = try reader.past(of: memory, at: number) else { return nil }
        let files = try reader.revisionFiles(of: row)
            .filter { history ? $0.since <= number : $0.number == past.revision }
        return ArchivedMemory(
            id: memory.id,
            name: past.name,
            attributes: past.attributes,
            created: memory.created,
            modified: Timestamp(
                nanoseconds: moment == nil
                    ? node.mtime : files.last { $0.number == past.revision }?.mtime ?? node.mtime
            ),
            permissions: node.mode & 0o7777,
            owner: node.uid,
            group: node.gid,
            isTrashed: past.isTrashed,
            revisions: try files.map { try self.archived($0, reader) }
        )
    }

    private func archived(
        _ file: RevisionFile,
        _ reader: CatalogReader
    ) throws -> ArchivedMemory.Revision {
        let origin = try reader.origin(of: file.memory, file.number)
        let blob = try openBlob(of: file.memory, revision: file.number, reader: reader)
        return ArchivedMemory.Revision(
            number: file.number,
            created: file.created,
            modified: Timestamp(nanoseconds: file.mtime),
            actor: origin?.actor ?? "",
            isBeside: origin?.isBeside ?? false,
            content: try blob.readAll(limit: .max - 1),
            hash: file.hash
        )
    }

    // MARK: Bringing back

    /// Adds the memories of an archive with their ids, times and revisions.
    ///
    /// One whose id is there already stays as it is. Each is added whole or not at all, and is
    /// durable when this returns; a crash leaves all of them added or none.
    ///
    /// `dryRun`: tells what would become of each.
    ///
    /// Throws what concerns all, such as `noSpace`; a memory that cannot be added has its error in
    /// its place.
    public func unarchive(
        _ batch: [ArchivedMemory],
        dryRun: Bool = false,
        origin: Origin
    ) async throws(LociError) -> [Result<ArchivedOutcome, LociError>] {
        try await work { [self] () throws(LociError) in
            var results = try batch.map { (memory) throws(LociError) in try judge(memory) }
            if dryRun { return results }
            let wanted = batch.indices.filter { results[$0].isToBeAdded }
            for (index, result) in zip(wanted, try add(wanted.map { batch[$0] }, origin)) {
                if case .failure(let error) = result { results[index] = .failure(error) }
            }
            return results
        }
    }

    private func judge(
        _ memory: ArchivedMemory
    ) throws(LociError) -> Result<ArchivedOutcome, LociError> {
        do throws(LociError) {
            try Self.checkName(memory.name)
            for key in memory.attributes.keys { try Self.checkAttribute(key) }
            try Self.checkRevisions(memory)
        } catch {
            return .failure(error)
        }
        return .success(
            try read { reader in
                guard let row = try reader.memory(memory.id) else { return .added }
                let isEqual =
                    try row.name == memory.name
                    && JSON(attributes: reader.attributes(of: row.row))
                        == JSON(attributes: memory.attributes)
                    && reader.revision(of: row.row, row.revision)?.hash == memory.current?.hash
                return isEqual ? .equal : .differs
            }
        )
    }

    private static func checkRevisions(_ memory: ArchivedMemory) throws(LociError) {
        let numbers = memory.revisions.map(\.number)
        guard memory.current != nil, numbers[0].rawValue > 0, numbers == numbers.sorted(),
            Set(numbers).count == numbers.count
        else {
            throw LociError(
                .corrupt,
                subject: memory.id.description,
                message: "The archive has no current revision of \(memory.id), or none in order."
            )
        }
        for revision in memory.revisions
        where ContentHasher.hash(revision.content) != revision.hash.bytes {
            throw LociError(
                .corrupt,
                subject: memory.id.description,
                message: "Revision \(revision.number) of \(memory.id) is not what its SHA-256 "
                    + "says: the archive is damaged.",
                remedy: "Export it again."
            )
        }
    }

    /// One transaction for all: their contents first, as for any new revision.
    private func add(
        _ batch: [ArchivedMemory],
        _ origin: Origin
    ) throws(LociError) -> [Result<Void, LociError>] {
        let placed = try placeEach(
            batch.flatMap { memory in
                memory.revisions.map {
                    PendingContent(
                        .bytes($0.content),
                        fields: memory.fields,
                        name: memory.name,
                        revision: $0.number
                    )
                }
            },
            origin: origin
        )
        return try catalog.write(.full, origin: origin) { tx in
            var rest = placed[...]
            return try batch.map { memory in
                let own = rest.prefix(memory.revisions.count)
                rest = rest.dropFirst(memory.revisions.count)
                do {
                    let contents = try own.map { try $0.get() }
                    return .success(try tx.savepoint { try self.add(memory, contents, tx) })
                } catch let error as LociError {
                    return .failure(error)
                }
            }
        }
    }

    private func add(
        _ memory: ArchivedMemory,
        _ contents: [PlacedContent],
        _ tx: CatalogTransaction
    ) throws {
        guard try tx.reader.memory(memory.id) == nil else {
            throw LociError(
                .busy,
                subject: memory.id.description,
                message: "Somebody else brought the memory \(memory.id) in meanwhile.",
                remedy: "Do it again."
            )
        }
        try tx.addArchived(
            memory.fields,
            name: memory.name,
            revisions: memory.revisions.map {
                ArchivedRow(
                    number: $0.number,
                    created: $0.created,
                    actor: $0.actor,
                    mtime: $0.modified.nanoseconds,
                    isBeside: $0.isBeside
                )
            },
            contents: try contents.map { try confirm($0, for: memory.fields, in: tx) },
            appearance: NodeAppearance(
                permissions: memory.permissions,
                uid: memory.owner,
                gid: memory.group,
                mtime: memory.modified.nanoseconds
            ),
            isTrashed: memory.isTrashed
        )
    }
}

extension Result<ArchivedOutcome, LociError> {
    fileprivate var isToBeAdded: Bool { (try? get()) == .added }
}

extension ArchivedMemory {
    fileprivate var fields: MemoryFields {
        MemoryFields(id: id, created: created, attributes: attributes)
    }
}

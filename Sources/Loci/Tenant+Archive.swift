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
    /// `missing`: told of each content that cannot be read. A memory whose current one that is
    /// stays out; else only the revision does.
    /// `each`: throwing ends it.
    ///
    /// Each memory is read on a state of its own: what changes meanwhile is met as it is then.
    /// Throws what `change(at:)` throws. Blocks.
    public func archive(
        history: Bool,
        at moment: PastMoment? = nil,
        missing: (ArchiveGap) throws -> Void,
        each body: (ArchivedMemory) throws -> Void
    ) throws {
        let number = try moment.map { (moment) throws(LociError) in try change(at: moment) }
        var cursor: Int64 = 0
        while true {
            let page = try read { reader in
                try reader.memoryRows(after: cursor, limit: Self.batchSize)
            }
            guard let last = page.last else { break }
            for row in page {
                var gaps: [ArchiveGap] = []
                let found = try read { reader in
                    try self.archived(row, history, number, reader, &gaps)
                }
                for gap in gaps { try missing(gap) }
                if let found { try body(found) }
            }
            cursor = last
        }
        // What ended meanwhile was passed over without a word.
        if let number, let moment { try read { try $0.requireStill(number, moment) } }
    }

    private func archived(
        _ row: Int64,
        _ history: Bool,
        _ moment: ChangeNumber?,
        _ reader: CatalogReader,
        _ gaps: inout [ArchiveGap]
    ) throws -> ArchivedMemory? {
        guard let memory = try reader.memory(row: row), let node = try reader.node(memory.node)
        else { return nil }
        let number = try moment ?? reader.lastChange()
        guard let past = try reader.past(of: memory, at: number), history || !past.isTrashed
        else { return nil }
        let files = try reader.revisionFiles(of: row)
            .filter { history ? $0.since <= number : $0.number == past.revision }
        var revisions: [ArchivedMemory.Revision] = []
        for file in files {
            do {
                revisions.append(try archived(file, reader))
            } catch let error as LociError where error.isOfOneContent {
                gaps.append(
                    ArchiveGap(
                        id: memory.id,
                        path: try self.path(of: memory, past, reader),
                        revision: file.number,
                        error: error
                    )
                )
                if file.number == past.revision { return nil }
            }
        }
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
            revisions: revisions
        )
    }

    /// Where the listed layout would have what a memory was.
    private func path(
        of memory: MemoryRow,
        _ past: MemoryPast,
        _ reader: CatalogReader
    ) throws -> NamePath {
        let fields = MemoryFields(
            id: memory.id,
            created: memory.created,
            attributes: past.attributes
        )
        let directories = try? reader.layouts().listed.scheme.render(fields)
        return NamePath((directories ?? []) + [past.name])
    }

    private func archived(
        _ file: RevisionFile,
        _ reader: CatalogReader
    ) throws -> ArchivedMemory.Revision {
        let origin = try reader.origin(of: file.memory, file.number)
        let blob = try openBlob(of: file.memory, revision: file.number, reader: reader)
        let content: [UInt8]
        do throws(Errno) {
            content = try blob.readAll(limit: .max - 1)
        } catch {
            throw LociError(errno: error, subject: "revision \(file.number)")
        }
        return ArchivedMemory.Revision(
            number: file.number,
            created: file.created,
            modified: Timestamp(nanoseconds: file.mtime),
            actor: origin?.actor ?? "",
            isBeside: origin?.isBeside ?? false,
            content: content,
            hash: file.hash
        )
    }

    // MARK: Bringing back

    /// The numbers of revisions that are taken: far above what anybody edits, and far below what
    /// could not be counted on from.
    private static let numbersTaken = 1...(1 << 32)

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
            try checkTimes(memory)
        } catch {
            return .failure(error)
        }
        return try read { reader in
            if let row = try reader.memory(memory.id) {
                return .success(try self.holds(row, memory, reader) ? .equal : .differs)
            }
            let table = try reader.layouts()
            do throws(LociError) {
                try self.checkPlaces(of: memory, table)
                return .success(.added)
            } catch {
                return .failure(error)
            }
        }
    }

    /// Whether a memory is as an archive tells it: nothing of the archive is missing.
    private func holds(
        _ row: MemoryRow,
        _ memory: ArchivedMemory,
        _ reader: CatalogReader
    ) throws -> Bool {
        guard row.name == memory.name, (row.trashed != nil) == memory.isTrashed,
            row.revision == memory.current?.number,
            try JSON(attributes: reader.attributes(of: row.row))
                == JSON(attributes: memory.attributes)
        else { return false }
        var hashes: [RevisionNumber: ContentHash] = [:]
        for file in try reader.revisionFiles(of: row.row) { hashes[file.number] = file.hash }
        return memory.revisions.allSatisfy { hashes[$0.number] == $0.hash }
    }

    /// Refuses what a layout cannot name: also in the trash, whose tree shows all by their places.
    private func checkPlaces(
        of memory: ArchivedMemory,
        _ table: LayoutTable
    ) throws(LociError) {
        for layout in table.served { _ = try layout.scheme.render(memory.fields) }
        for revision in memory.revisions {
            _ = try blobKey(
                for: memory.fields,
                name: memory.name,
                revision: revision.number,
                layout: table.target
            )
        }
    }

    private func checkTimes(_ memory: ArchivedMemory) throws(LociError) {
        let last = memory.revisions.map(\.created).reduce(memory.created, max)
        guard last <= clock() else {
            throw LociError(
                .futureDate,
                subject: memory.id.description,
                message: "The archive has \(memory.id) made at \(last), which is still to come.",
                remedy: "Set the clock right, or wait until then."
            )
        }
    }

    private static func checkRevisions(_ memory: ArchivedMemory) throws(LociError) {
        let numbers = memory.revisions.map(\.number)
        for number in numbers where !numbersTaken.contains(number.rawValue) {
            throw LociError(
                .corrupt,
                subject: memory.id.description,
                message: "The archive has a revision \(number) of \(memory.id): numbers go from "
                    + "\(numbersTaken.lowerBound) to \(numbersTaken.upperBound)."
            )
        }
        guard memory.current != nil, numbers == numbers.sorted(),
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

extension LociError {
    /// Whether it tells of one content and not of the store.
    package var isOfOneContent: Bool { code == .corrupt || code == .inputOutput }
}

extension Result<ArchivedOutcome, LociError> {
    fileprivate var isToBeAdded: Bool { (try? get()) == .added }
}

extension ArchivedMemory {
    fileprivate var fields: MemoryFields {
        MemoryFields(id: id, created: created, attributes: attributes)
    }
}

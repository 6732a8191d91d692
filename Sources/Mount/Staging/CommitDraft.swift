import Blobs
import Catalog
import Digest
import Linux
import Loci
import Model

/// An item with all that its transaction needs.
struct CommitDraft {
    let item: CommitItem
    let hash: ContentHash
    let fate: CommitFate
    /// What is placed, a file open as long as that takes.
    let sealed: StagedBytes.Sealed
    /// Of the memory that gets the content, as it was when this was drafted.
    var fields: MemoryFields?
    var name: Name
    /// Where its content is among those placed; nil where the memory has it already.
    var content: Int?
    /// The memory that a renamed one leaves at its new name: its content is the next one placed.
    var left: LeftMemory?

    /// Its name and attributes are those that the renamed memory has in the transaction: it may get
    /// others while the content is placed.
    struct LeftMemory {
        var id: MemoryID
        var content: Int
    }
}

extension Staging {
    /// Reads what an item needs and adds what is to be placed to `contents`.
    func draft(
        _ item: CommitItem,
        _ reader: CatalogReader,
        _ contents: inout [PendingContent]
    ) throws -> CommitDraft {
        let sealed = try item.bytes.sealed()
        let hash = try item.hash ?? Self.hash(sealed)
        let fate = try item.fate(hash: hash, reader)
        var draft = CommitDraft(
            item: item,
            hash: hash,
            fate: fate,
            sealed: sealed,
            name: item.fallbackName
        )
        switch fate {
        case .unchanged: return draft
        case .birth:
            guard case .birth(let place, _) = item.goal else { return draft }
            draft.name = place.name
            draft.fields = try newFields(of: item, at: place, reader)
        case .trash:
            try draftForTrash(&draft, reader)
        case .revision(let row, _), .takeBack(let row, _), .split(let row, _),
            .replacing(let row, _, _):
            guard let memory = try reader.memory(row: row) else { return draft }
            draft.fields = try reader.fields(of: memory)
            draft.name = memory.name
            if case .split = fate { try leave(memory, &draft, reader, &contents) }
            if fate.isRecall, case .birth(let place, _) = item.goal { draft.name = place.name }
            let current = try reader.revision(of: row, memory.revision)
            if case .revision = fate {} else if current?.hash == hash { return draft }
        }
        guard let fields = draft.fields else { return draft }
        draft.content = contents.count
        contents.append(
            PendingContent(
                sealed.source,
                hash: hash,
                fields: fields,
                name: draft.name,
                revision: fate.number
            )
        )
        return draft
    }

    private func newFields(
        of item: CommitItem,
        at place: StagedPlace,
        _ reader: CatalogReader
    ) throws -> MemoryFields {
        try item.newFields(
            at: place,
            reader,
            now: tenant.clock(),
            makeID: tenant.store.environment.makeID
        )
    }

    /// A memory of its own in the trash, with what can be known of it.
    private func draftForTrash(_ draft: inout CommitDraft, _ reader: CatalogReader) throws {
        let now = tenant.clock()
        let id = tenant.store.environment.makeID(now)
        switch draft.item.goal {
        case .birth(let place, _):
            draft.name = place.name
            draft.fields = try? newFields(of: draft.item, at: place, reader)
        case .revision(let row, _), .replacing(let row):
            if let memory = try reader.memory(row: row) {
                draft.name = memory.name
                draft.fields = try reader.fields(of: memory)
                draft.fields?.id = id
            }
        }
        draft.fields = draft.fields ?? MemoryFields(id: id, created: now, attributes: [:])
    }

    /// What stays at the name that a memory was renamed to.
    private func leave(
        _ memory: MemoryRow,
        _ draft: inout CommitDraft,
        _ reader: CatalogReader,
        _ contents: inout [PendingContent]
    ) throws {
        var fields = try reader.fields(of: memory)
        fields.id = tenant.store.environment.makeID(tenant.clock())
        guard let shown = try reader.revision(of: memory.row, memory.revision) else {
            throw LociError.raced
        }
        draft.left = CommitDraft.LeftMemory(id: fields.id, content: contents.count)
        contents.append(
            PendingContent(
                .blob(try BlobKey(shown.blobKey), size: shown.size),
                hash: shown.hash,
                fields: fields,
                name: memory.name,
                revision: RevisionNumber(1)
            )
        )
    }

    static func hash(_ sealed: StagedBytes.Sealed) throws -> ContentHash {
        switch sealed {
        case .bytes(let bytes): try ContentHash(bytes: ContentHasher.hash(bytes))
        case .file(let file): try hash(file)
        }
    }

    static func hash(_ file: OpenFile) throws -> ContentHash {
        var hasher = ContentHasher()
        var offset: Int64 = 0
        while true {
            let piece = try file.file.read(count: 256 << 10, at: offset)
            if piece.isEmpty { break }
            hasher.update(piece)
            offset += Int64(piece.count)
        }
        return try ContentHash(bytes: hasher.finalize())
    }
}

extension CommitItem {
    /// For content whose memory is gone.
    var fallbackName: Name { Name(unchecked: Array("recovered-\(node).bin".utf8)) }
}

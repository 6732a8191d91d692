import Catalog
import Linux
public import Model
import SQL

extension Tenant {
    /// Which memories get a vector.
    public enum EmbeddingScope: Hashable, Sendable {
        /// Those that have none of their current text.
        case missing
        /// Those, and once more those below a directory.
        case under(NamePath)
        /// All, beside the vectors that there are, whose place they take in one commit: the way to
        /// another embedder.
        case all
    }

    /// Makes vectors of current texts and stores them, some at a time.
    ///
    /// What was stored when a process ended is used by the next call. Memories may change all the
    /// while.
    ///
    /// Returns how many memories were looked at.
    ///
    /// Throws `embedderMismatch` where the tenant has the vectors of another embedder and not all
    /// are made anew, `embedderFailed`, `lockHeld` while another process does it, `notFound`.
    public func embed(
        _ scope: EmbeddingScope = .missing,
        with embedder: any Embedder,
        origin: Origin,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> Int64 {
        defer { progress?.finish() }
        return try await embedder.run { [self] (session) throws(LociError) in
            let lock = try buildersLock("embedder", "makes the vectors of this tenant")
            defer { try? lock.unlock() }
            guard scope == .all else {
                try require(session.model)
                try begin(.live, session.model, origin)
                if case .under(let path) = scope { try requeue(under: path, origin) }
                return try embedWaiting(in: .live, session, origin, progress)
            }
            try begin(.building, session.model, origin)
            var done: Int64 = 0
            repeat {
                done += try embedWaiting(in: .building, session, origin, progress)
            } while try !swapVectors(origin)
            return done
        }
    }

    /// Whose vectors the tenant has, and how many.
    public func embeddingStatus() throws(LociError) -> EmbeddingStatus {
        try read { reader in
            let model = try reader.embedder(of: .live)
            let counts = model == nil ? VectorCounts() : try reader.vectorCounts()
            return EmbeddingStatus(
                model: model,
                embedded: counts.embedded,
                waiting: counts.waiting,
                notText: counts.notText,
                tooLarge: counts.tooLarge,
                unread: counts.unread,
                refused: counts.refused
            )
        }
    }

    /// Throws where the tenant has vectors of another embedder.
    func require(_ model: EmbedderModel) throws(LociError) {
        let known = try read { try $0.embedder(of: .live) }
        if let known, known != model { throw Self.mismatch(known, model) }
    }

    static func mismatch(_ known: EmbedderModel, _ given: EmbedderModel) -> LociError {
        LociError(
            .embedderMismatch,
            subject: given.id,
            message: "The vectors of this tenant are of \(known), and this embedder is \(given).",
            remedy: "Use the embedder that made them, or make all anew with: "
                + "loci reindex --embedder CMD --scope all"
        )
    }

    /// Makes the vectors that are missing, where they are few and nobody else is at it.
    func embedFew(_ session: any EmbedderSession) throws(LociError) {
        let count = try read { try $0.unembeddedCount(in: .live) }
        guard (1...Embedding.mostBeforeASearch).contains(count),
            let lock = try? buildersLock("embedder", "")
        else { return }
        defer { try? lock.unlock() }
        do throws(LociError) {
            _ = try embedWaiting(in: .live, session, Self.indexing, nil)
        } catch  where error.code != .embedderFailed {
            // The catalog cannot be written: the search tells what is missing.
        }
    }

    // MARK: Parts

    private func begin(
        _ table: VectorTable,
        _ model: EmbedderModel,
        _ origin: Origin
    ) throws(LociError) {
        try catalog.write(.normal, origin: origin) { tx in
            let known = try tx.reader.embedder(of: table)
            try tx.beginVectors(table, of: model)
            if table == .live, known == nil { try tx.recordEmbedder(model) }
        }
    }

    private func swapVectors(_ origin: Origin) throws(LociError) -> Bool {
        try catalog.write(.full, origin: origin) { tx in
            let (known, built) = (
                try tx.reader.embedder(of: .live), try tx.reader.embedder(of: .building)
            )
            guard try tx.swapVectors() else { return false }
            if let built, built != known { try tx.recordEmbedder(built) }
            return true
        }
    }

    private func requeue(under path: NamePath, _ origin: Origin) throws(LociError) {
        var cursor: ListCursor?
        repeat {
            let page = try list(under: path, after: cursor, limit: 1000)
            try catalog.write(.normal, origin: origin) { tx in
                try tx.requeueVectors(page.memories.map(\.row))
            }
            cursor = page.next
        } while cursor != nil
    }

    /// Returns how many memories it looked at.
    private func embedWaiting(
        in table: VectorTable,
        _ session: any EmbedderSession,
        _ origin: Origin,
        _ progress: ProgressFeed?
    ) throws(LociError) -> Int64 {
        var done: Int64 = 0
        while true {
            let (page, left) = try read { reader in
                let page = try reader.unembedded(in: table, limit: Embedding.mostAtOnce)
                return (page, progress == nil ? 0 : try reader.unembeddedCount(in: table))
            }
            guard !page.isEmpty else { return done }
            progress?.report(done, of: done + left)
            let items = try vectors(of: page, session)
            let began = SystemClock.monotonic()
            let isStored = try catalog.write(.normal, origin: origin) { tx in
                try tx.store(items, in: table, of: session.model)
            }
            guard isStored else {
                let known = try read { try $0.embedder(of: table) }
                throw known.map { Self.mismatch($0, session.model) } ?? Self.hasNoVectors
            }
            done += Int64(page.count)
            // As long as that took: else others hardly get the lock.
            SystemClock.sleep(.nanoseconds(SystemClock.monotonic() - began))
        }
    }

    static let hasNoVectors = LociError(
        .wrongState,
        subject: "embedder",
        message: "This tenant has no vectors, which a search by meaning needs.",
        remedy: "Make them with: loci reindex --embedder CMD"
    )

    private func vectors(
        of page: [RevisionRow],
        _ session: any EmbedderSession
    ) throws(LociError) -> [VectorTable.Item] {
        var items: [VectorTable.Item] = []
        var inputs: [(revision: RevisionRow, input: EmbedderInput)] = []
        for revision in page {
            switch text(of: revision) {
            case .success(let text):
                inputs.append((revision, EmbedderInput(.text, text, name: name(of: revision))))
            case .failure(let none):
                items.append(VectorTable.Item(revision, .failure(none)))
            }
        }
        guard !inputs.isEmpty else { return items }
        let vectors = try session.vectors(of: inputs.map(\.input))
        for (asked, vector) in zip(inputs, vectors) {
            // One without a direction is as near to all as to none.
            let vector = vector.flatMap { UnitVector($0) }
            let none = VectorTable.NoVector(.refused)
            let stored = vector.map(Result.success) ?? .failure(none)
            items.append(VectorTable.Item(asked.revision, stored))
        }
        return items
    }

    private func text(of revision: RevisionRow) -> Result<String, VectorTable.NoVector> {
        let entry = TextIndex.Entry(size: revision.size) {
            TextSource.bytes(of: revision, in: blobs)
        }
        switch entry {
        case .text(let bytes):
            let text = String(decoding: bytes, as: UTF8.self)
            let isBlank = text.allSatisfy(\.isWhitespace)
            return isBlank ? .failure(.init(.notText)) : .success(text)
        case .none(.notText): return .failure(.init(.notText))
        case .none(.tooLarge): return .failure(.init(.tooLarge))
        case .none(.unread): return .failure(.init(.unread))
        }
    }

    /// A memory's name for sentences about the embedder.
    private func name(of revision: RevisionRow) -> String {
        let memory = try? read { try $0.memory(row: revision.memory) }
        return memory.map { Name.printable($0.name.bytes) } ?? "a memory"
    }
}

extension CatalogTransaction {
    /// Notes in the log whose vectors the tenant has from now on.
    fileprivate func recordEmbedder(_ model: EmbedderModel) throws {
        try record(
            .setting,
            detail: JSON.object([
                .init(Setting.embedderID, .string(model.id)),
                .init(Setting.embedderDimensions, .integer(Int64(model.dimensions))),
            ]).text()
        )
    }
}

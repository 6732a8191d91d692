import Catalog
import Linux
public import Model
import SQL

extension Tenant {
    /// Searches the current texts of the memories outside the trash by what they mean; the best
    /// hits come first.
    ///
    /// Few vectors that are missing are made first, with the same session; more are told of.
    ///
    /// Throws `embedderMismatch` where the vectors are another embedder's, `embedderFailed`,
    /// `wrongState` where the tenant has no vectors or, for `both`, no index, `notFound` where the
    /// directory is none.
    ///
    /// Complexity: besides the embedder, looks at all vectors.
    public func search(
        _ request: SearchRequest,
        by ranking: SearchRanking,
        with embedder: any Embedder
    ) async throws(LociError) -> SearchPage {
        // Before a program is started for nothing.
        guard try read({ try $0.embedder(of: .live) }) != nil else { throw Self.hasNoVectors }
        if ranking == .both { indexAllWaiting() }
        return try await embedder.run { [self] (session) throws(LociError) in
            try require(session.model)
            try embedFew(session)
            let query = EmbedderInput(.query, request.query.text, name: request.query.text)
            let answer = try session.vectors(of: [query])
            guard let vector = answer.first.flatMap(\.self).flatMap({ UnitVector($0) }) else {
                throw LociError(
                    .invalidArgument,
                    subject: request.query.text,
                    message: "The embedder has no vector for '\(request.query.text)'.",
                    remedy: "Say it in other words."
                )
            }
            return try read { reader in
                // Another process may have put other vectors in their place by now, or removed them.
                guard let known = try reader.embedder(of: .live) else { throw Self.hasNoVectors }
                guard known == session.model else { throw Self.mismatch(known, session.model) }
                return try self.page(request, ranking, vector, reader)
            }
        }
    }

    // MARK: Parts

    /// Of each list, so many of the best count for the fusion.
    private static let fusedFromEach = 200

    /// Reciprocal rank fusion's constant, as its authors found it: the smaller, the more the first
    /// places count.
    private static let fusionConstant = 60.0

    private struct Ranked {
        let memory: MemoryRow
        let score: Double
    }

    private func page(
        _ request: SearchRequest,
        _ ranking: SearchRanking,
        _ vector: UnitVector,
        _ reader: CatalogReader
    ) throws -> SearchPage {
        let skipped = request.offset + (request.cursor?.skipping ?? 0)
        let limit = max(0, request.limit)
        let wanted = skipped + limit
        let ranked =
            switch ranking {
            // One more, to know whether a page follows.
            case .meaning: try nearest(wanted + 1, request, vector, reader)
            case .both: try fused(request, vector, reader)
            }
        var words = try SearchWords(request.query.phrases, reader.connection)
        let hits = try ranked.dropFirst(skipped).prefix(limit).map { hit in
            SearchHit(
                memory: try value(of: hit.memory, reader),
                score: hit.score,
                excerpt: try excerpt(of: hit.memory, &words, reader)
            )
        }
        let next = SearchCursor(before: .max, skipping: wanted)
        var page = SearchPage(
            hits: hits,
            next: ranked.count > wanted ? next : nil,
            total: ranking == .both ? ranked.count : nil,
            waiting: ranking == .both ? try reader.waitingCount(upTo: .max) : 0
        )
        page.unembedded = try reader.unembeddedCount(in: .live)
        return page
    }

    /// The memories whose texts are nearest, the nearest first.
    private func nearest(
        _ count: Int,
        _ request: SearchRequest,
        _ vector: UnitVector,
        _ reader: CatalogReader
    ) throws -> [Ranked] {
        let place = try SearchPlace.find(request, reader)
        let matches = try reader.matches(
            of: vector,
            since: request.since ?? .distantPast,
            attributes: request.attributes.map { ($0.key, $0.value) }
        )
        var nearest: [Ranked] = []
        for match in NearestFirst(matches) {
            guard nearest.count < count else { break }
            guard let memory = try reader.memory(row: match.memory) else { continue }
            if let place, try !place.has(memory, reader) { continue }
            nearest.append(Ranked(memory: memory, score: Double(match.score)))
        }
        return nearest
    }

    private func fused(
        _ request: SearchRequest,
        _ vector: UnitVector,
        _ reader: CatalogReader
    ) throws -> [Ranked] {
        let worded = try window(request, before: .max, reader) { _ in true }
            .matches.prefix(Self.fusedFromEach).map(\.memory)
        let meant = try nearest(Self.fusedFromEach, request, vector, reader).map(\.memory)
        var scores: [Int64: Double] = [:]
        var memories: [Int64: MemoryRow] = [:]
        for list in [worded, meant] {
            for (place, memory) in list.enumerated() {
                scores[memory.row, default: 0] += 1 / (Self.fusionConstant + Double(place + 1))
                memories[memory.row] = memory
            }
        }
        return memories.values.map { Ranked(memory: $0, score: scores[$0.row] ?? 0) }
            .sorted { ($1.score, $1.memory.row) < ($0.score, $0.memory.row) }
    }
}

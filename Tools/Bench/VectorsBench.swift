import Linux
import Loci
import Migration
import Model

/// What a search by meaning takes over all vectors of a tenant, what keeping them takes, and how far
/// a byte a number is from what the embedder said.
///
/// The vectors are made up, so that the embedder's own time is in none of this: 384 numbers each, in
/// clusters, as those of a model are.
struct VectorsBench {
    let count: Int
    private let directory: String
    private let corpus = SearchCorpus()
    private let tenant: Tenant

    private static let batch = 1000
    private static let searches = 60

    init(directory: String, count: Int) throws {
        self.count = count
        self.directory = directory
        tenant = try Store.create(
            at: "\(directory)/vectors",
            scheme: try Scheme("user={user}/topic={topic}"),
            origin: .thisProcess
        ).tenant(.main)
    }

    func run() async throws {
        for start in stride(from: 0, to: count, by: Self.batch) {
            let batch = try (start..<min(count, start + Self.batch)).map { try corpus.memory($0) }
            for result in try await tenant.append(contentsOf: batch, origin: .thisProcess) {
                _ = try result.get()
            }
        }
        let size = databaseSize()
        let began = SystemClock.monotonic()
        let embedded = try await tenant.embed(with: MadeUpEmbedder(), origin: .thisProcess)
        let took = Double(SystemClock.monotonic() - began) / 1e9
        print(
            "vectors \(embedded)  stored \(rounded(Double(embedded) / took)) a second"
                + "  \((databaseSize() - size) / Int64(max(1, count))) bytes each"
        )
        try await searches()
        try status()
        agreement()
    }

    private func databaseSize() -> Int64 {
        ["", "-wal"].map { name in
            (try? File.status(of: "\(directory)/vectors/main/catalog.db\(name)"))?.size ?? 0
        }.reduce(0, +)
    }

    private func searches() async throws {
        let query = try SearchQuery("\(Vocabulary.shared[40]) OR \(Vocabulary.shared[60])")
        var ten = SearchRequest(query)
        ten.limit = 10
        var filtered = ten
        filtered.attributes = ["user": "u3", "topic": "t0"]
        var below = ten
        below.directory = try NamePath("user=u3/topic=t0")
        let requests: [(String, SearchRequest, SearchRanking)] = [
            ("by meaning", ten, .meaning),
            ("by meaning --where 1 directory of 400", filtered, .meaning),
            ("by meaning --under 1 directory of 400", below, .meaning),
            ("by both", ten, .both),
        ]
        for (name, request, ranking) in requests {
            var times = Histogram()
            for turn in 0..<Self.searches {
                let began = SystemClock.monotonic()
                _ = try await tenant.search(request, by: ranking, with: MadeUpEmbedder())
                if turn >= 5 { times.add(SystemClock.monotonic() - began) }
            }
            print(
                "search \(name)  p50 \(rounded(times.percentile(50)))"
                    + "  p99 \(rounded(times.percentile(99))) ms"
            )
        }
    }

    private func status() throws {
        let began = SystemClock.monotonic()
        _ = try tenant.embeddingStatus()
        print("status \(rounded(Double(SystemClock.monotonic() - began) / 1e6)) ms")
    }

    /// Of the ten nearest by what was said, how many are among the ten nearest by what is kept.
    private func agreement() {
        let said = (0..<10_000).map { MadeUpEmbedder.vector(seed: UInt64($0)) }
        let kept = said.compactMap { UnitVector($0) }
        var same = 0
        for turn in 0..<20 {
            let query = MadeUpEmbedder.vector(seed: UInt64(1_000_000 + turn))
            guard let unit = UnitVector(query) else { continue }
            let exact = Self.nearest(said.map { Self.cosine(query, $0) })
            let stored = Self.nearest(kept.map { vector in unit.cosine(vector) })
            same += exact.intersection(stored).count
        }
        print("of the 10 nearest of 10000, a byte a number has \(rounded(Double(same) / 20))")
    }

    private static func nearest(_ scores: [Float]) -> Set<Int> {
        Set(scores.indices.sorted { scores[$0] > scores[$1] }.prefix(10))
    }

    private static func cosine(_ a: [Float], _ b: [Float]) -> Float {
        var (product, lengths) = (Float(0), (a: Float(0), b: Float(0)))
        for (a, b) in zip(a, b) {
            product += a * b
            lengths.a += a * a
            lengths.b += b * b
        }
        return product / (lengths.a * lengths.b).squareRoot()
    }
}

/// An embedder that takes no time: a text's vector follows from its bytes.
private struct MadeUpEmbedder: Embedder, EmbedderSession {
    let model = EmbedderModel(id: "made-up", dimensions: 384)

    func run<R: Sendable>(
        _ body: @escaping @Sendable (any EmbedderSession) throws(LociError) -> R
    ) async throws(LociError) -> R { try body(self) }

    func vectors(of inputs: [EmbedderInput]) throws(LociError) -> [[Float]?] {
        inputs.map { input in
            var seed: UInt64 = 0xcbf2_9ce4_8422_2325
            for byte in input.text.utf8 { seed = (seed ^ UInt64(byte)) &* 0x100_0000_01b3 }
            return Self.vector(seed: seed)
        }
    }

    /// Half of it is that of one of 200 clusters.
    static func vector(seed: UInt64) -> [Float] {
        var (own, cluster) = (SplitMix(state: seed), SplitMix(state: seed % 200 &* 7919))
        return (0..<384).map { _ in number(&own) + number(&cluster) }
    }

    private static func number(_ random: inout SplitMix) -> Float {
        // Four evenly spread numbers add up to nearly a normal distribution.
        (0..<4).reduce(Float(0)) { sum, _ in sum + Float(random.next() >> 40) / Float(1 << 24) - 0.5
        }
    }
}

import Linux
import Loci
import Migration

/// What a search takes, and what keeping the index costs a commit.
///
/// Two tenants get the same notes in turn, one with an index and one without: what else the machine
/// does meets both.
struct SearchBench {
    let count: Int
    private let corpus = SearchCorpus()
    private let indexed: Tenant
    private let plain: Tenant

    private static let batch = 1000
    private static let searches = 500
    private static let singles = 2000

    init(directory: String, count: Int) throws {
        self.count = count
        let scheme = try Scheme("user={user}/topic={topic}")
        func make(_ name: String) throws -> Tenant {
            try Store.create(at: "\(directory)/\(name)", scheme: scheme, origin: .thisProcess)
                .tenant(.main)
        }
        indexed = try make("indexed")
        plain = try make("plain")
        try plain.endSearch(origin: .thisProcess)
    }

    func run() async throws {
        print("notes \(count)")
        try await fill()
        try await commits("append", add)
        try await commits("edit", edit)
        for query in queries() { try search(query) }
        try common()
    }

    /// The same two words through a mount: `.loci/search/<query>/results`, read to its end.
    static func mounted(at mount: String) throws {
        var random = SplitMix(state: 7)
        var times = Histogram()
        for turn in 0..<searches {
            let query = Vocabulary.shared.text(2, &random)
            let began = SystemClock.monotonic()
            let file = try File.open("\(mount)/.loci/search/\(query)/results")
            _ = try file.readAll(limit: 1 << 20)
            if turn >= 20 { times.add(SystemClock.monotonic() - began) }
        }
        print(
            "mount two words of the notes  p50 \(rounded(times.percentile(50)))"
                + "  p99 \(rounded(times.percentile(99)))"
                + "  max \(rounded(times.percentile(100))) ms"
        )
    }

    // MARK: What it costs

    private func fill() async throws {
        var times: (indexed: Int64, plain: Int64) = (0, 0)
        for start in stride(from: 0, to: count, by: Self.batch) {
            let batch = try (start..<min(count, start + Self.batch)).map { try corpus.memory($0) }
            // Who is first pays for what both need.
            let isFirst = start / Self.batch % 2 == 0
            if isFirst { times.indexed += try await add(batch, to: indexed) }
            times.plain += try await add(batch, to: plain)
            if !isFirst { times.indexed += try await add(batch, to: indexed) }
        }
        let each = (Double(times.indexed) / Double(count), Double(times.plain) / Double(count))
        print(
            "batches of \(Self.batch)  with \(rounded(each.0 / 1e6)) ms a note"
                + "  without \(rounded(each.1 / 1e6)) ms"
                + "  ratio \(rounded(each.0 / each.1))"
        )
    }

    private func add(_ batch: [NewMemory], to tenant: Tenant) async throws -> Int64 {
        let began = SystemClock.monotonic()
        for result in try await tenant.append(contentsOf: batch, origin: .thisProcess) {
            _ = try result.get()
        }
        return SystemClock.monotonic() - began
    }

    private func commits(
        _ name: String,
        _ commit: (Int, Tenant) async throws -> Void
    ) async throws {
        var times = (indexed: Histogram(), plain: Histogram())
        var sums = (indexed: Int64(0), plain: Int64(0))
        for turn in 0..<Self.singles * 2 {
            let isIndexed = turn % 2 == 0
            let began = SystemClock.monotonic()
            try await commit(turn / 2, isIndexed ? indexed : plain)
            let took = SystemClock.monotonic() - began
            if isIndexed {
                times.indexed.add(took)
                sums.indexed += took
            } else {
                times.plain.add(took)
                sums.plain += took
            }
        }
        let medians = (times.indexed.percentile(50), times.plain.percentile(50))
        print(
            "one \(name)  with p50 \(rounded(medians.0)) p99 \(rounded(times.indexed.percentile(99)))"
                + "  without p50 \(rounded(medians.1)) p99 \(rounded(times.plain.percentile(99))) ms"
                + "  ratio of medians \(rounded(medians.0 / medians.1))"
                + "  of sums \(rounded(Double(sums.indexed) / Double(sums.plain)))"
        )
    }

    private func add(_ turn: Int, _ tenant: Tenant) async throws {
        let note = try corpus.memory(count + turn)
        _ = try await tenant.append(note, origin: .thisProcess)
    }

    private func edit(_ turn: Int, _ tenant: Tenant) async throws {
        let place = turn * 97 % count
        let path = "user=u\(place / 250 % 40)/topic=t\(place / 10_000)/note-\(place).md"
        let memory = try tenant.memory(at: NamePath(path))
        let text = corpus[count * 2 + turn]
        _ = try await tenant.edit(memory.id, content: text, origin: .thisProcess)
    }

    // MARK: What it takes

    private func queries() -> [(String, [String])] {
        var random = SplitMix(state: 7)
        let pairs = (0..<Self.searches).map { _ in Vocabulary.shared.text(2, &random) }
        let words = SearchCorpus.markers.map(\.word)
        return [
            ("two words of the notes", pairs),
            ("1 of 10,000", [words[0]]),
            ("1 of 100", [words[1]]),
            ("1 of 2", [words[2]]),
            ("1 of 100, 1 of 2", [words[1] + " " + words[2]]),
            ("1 of 2, half of them", [words[2] + " " + words[3]]),
            ("1 of 2, or a phrase", ["\"\(words[2]) \(words[3])\" OR \(words[2])"]),
            ("a beginning", [Vocabulary.shared[100].prefix(3) + "*"]),
        ]
    }

    private func search(_ query: (name: String, texts: [String])) throws {
        var times = Histogram()
        var hits = 0
        for turn in 0..<Self.searches {
            let text = query.texts[turn % query.texts.count]
            let began = SystemClock.monotonic()
            hits += try indexed.search(SearchRequest(SearchQuery(text))).hits.count
            // The first ones fill caches.
            if turn >= 20 { times.add(SystemClock.monotonic() - began) }
        }
        print(
            "search \(query.name)  p50 \(rounded(times.percentile(50)))"
                + "  p99 \(rounded(times.percentile(99)))"
                + "  max \(rounded(times.percentile(100))) ms"
                + "  hits \(rounded(Double(hits) / Double(Self.searches)))"
        )
    }

    /// With filters that few pass, every match is looked at.
    private func common() throws {
        let query = try SearchQuery(SearchCorpus.markers[2].word)
        let requests = [
            ("--where", SearchRequest(query, attributes: ["user": "u3", "topic": "t0"])),
            ("--under", SearchRequest(query, under: try NamePath("user=u3/topic=t0"))),
        ]
        for (name, request) in requests {
            var times = Histogram()
            for _ in 0..<50 {
                let began = SystemClock.monotonic()
                _ = try indexed.search(request)
                times.add(SystemClock.monotonic() - began)
            }
            print(
                "search 1 of 2 \(name) 1 directory of 400  p50 \(rounded(times.percentile(50)))"
                    + "  p99 \(rounded(times.percentile(99))) ms"
            )
        }
    }
}

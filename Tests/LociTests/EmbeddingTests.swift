import Catalog
import Linux
import Model
import SQL
import Testing

@testable import Loci

@Suite("A search by meaning")
struct EmbeddingTests {
    let origin = TemporaryStore.origin
    let made: TemporaryStore
    let tenant: Tenant
    let script: EmbedderScript

    init() throws {
        made = try TemporaryStore(scheme: try Scheme("user={user}/topic={topic}"))
        tenant = try made.tenant()
        script = try EmbedderScript()
    }

    @discardableResult
    func add(_ path: String, _ text: String) async throws -> Memory {
        try await tenant.append(bytes(text), at: NamePath("user=a/topic=\(path)"), origin: origin)
    }

    @discardableResult
    func embed(_ scope: Tenant.EmbeddingScope = .missing) async throws -> Int64 {
        try await tenant.embed(scope, with: try script.embedder(), origin: origin)
    }

    func page(
        _ query: String,
        _ ranking: SearchRanking = .meaning,
        _ change: (inout SearchRequest) throws -> Void = { _ in }
    ) async throws -> SearchPage {
        let query = ranking == .meaning ? try SearchQuery(meaning: query) : try SearchQuery(query)
        var request = SearchRequest(query)
        try change(&request)
        return try await tenant.search(request, by: ranking, with: try script.embedder())
    }

    func names(_ query: String, _ ranking: SearchRanking = .meaning) async throws -> [String] {
        try await page(query, ranking).hits.map(\.memory.name.description)
    }

    /// Three memories of three meanings.
    private func addThree() async throws {
        try await add("pets/cat.md", "the cat and its kitten")
        try await add("shop/refund.md", "refund the money\nwhatever the weather")
        try await add("sky/rain.md", "rain, then a storm")
    }

    // MARK: Finding

    @Test("finds what means the same in other words, the nearest first")
    func finds() async throws {
        try await addThree()
        #expect(try await embed() == 3)
        let page = try await page("cash when a storm comes")
        #expect(page.hits.map(\.memory.name.description) == ["refund.md", "rain.md", "cat.md"])
        #expect(page.hits.map(\.score).reversed() == page.hits.map(\.score).sorted())
        #expect(try await names("feline").first == "cat.md")
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("keeps to attributes, a directory and a time, and goes on page by page")
    func filters() async throws {
        for number in 0..<5 { try await add("pets/\(number).md", "cat " + "x".repeated(number)) }
        made.advance(.seconds(100))
        let late = made.now
        try await add("sky/9.md", "kitten weather")
        try await embed()
        let all = try await names("feline")
        #expect(all.count == 6 && all.last == "9.md")
        #expect(try await page("feline") { $0.attributes = ["topic": "sky"] }.hits.count == 1)
        let below = try await page("feline") { $0.directory = try NamePath("user=a/topic=pets") }
        #expect(below.hits.count == 5)
        #expect(try await page("feline") { $0.since = late }.hits.count == 1)
        var (paged, cursor): ([String], SearchCursor?) = ([], nil)
        repeat {
            let next = try await page("feline") { ($0.limit, $0.cursor) = (4, cursor) }
            paged += next.hits.map(\.memory.name.description)
            cursor = next.next
        } while cursor != nil
        #expect(paged == all)
        let rest = try await page("feline") { ($0.limit, $0.offset) = (4, 4) }
        #expect(rest.hits.map(\.memory.name.description) == Array(all[4...]))
        #expect(
            await failure { _ = try await page("cat") { $0.directory = try NamePath("nowhere") } }
                == .notFound
        )
    }

    @Test("follows edits and the trash, and makes the few vectors that are missing first")
    func follows() async throws {
        try await addThree()
        try await embed()
        let memory = try tenant.memory(at: NamePath("user=a/topic=pets/cat.md"))
        _ = try await tenant.edit(memory.id, content: bytes("a cup of tea"), origin: origin)
        #expect(try tenant.embeddingStatus().waiting == 1)
        let found = try await page("coffee")
        #expect(found.hits.first?.memory.id == memory.id)
        #expect(found.unembedded == 0)
        try await tenant.delete(memory.id, origin: origin)
        #expect(try await names("coffee") == ["rain.md", "refund.md"])
        _ = try await tenant.restore(memory.id, origin: origin)
        #expect(try await names("coffee").first == "cat.md")
        #expect(try tenant.embeddingStatus().waiting == 0)
    }

    @Test("makes none first where many are missing, and says how many")
    func stale() async throws {
        try await addThree()
        try await embed()
        for number in 0..<33 { try await add("new/\(number).md", "tea \(number)") }
        let page = try await page("coffee")
        #expect(page.unembedded == 33)
        #expect(page.hits.count == 3)
        #expect(try await embed() == 33)
        #expect(try await self.page("coffee").unembedded == 0)
    }

    @Test("joined with the words ranks by reciprocal rank fusion")
    func hybrid() async throws {
        try await add("a/both.md", "cat rotation")
        try await add("b/meaning.md", "kitten feline")
        try await add("c/words.md", "rotation rotation storm")
        try await embed()
        let page = try await page("rotation OR cat", .both)
        #expect(page.total == 3)
        var scores: [String: Double] = [:]
        for hit in page.hits { scores[hit.memory.name.description] = hit.score }
        // First of both lists, second by meaning alone, third by meaning and second by words.
        #expect(page.hits.first?.memory.name.description == "both.md")
        let firstAndFirst = 1.0 / 61 + 1.0 / 61
        #expect([firstAndFirst, 1.0 / 61 + 1.0 / 62].contains(scores["both.md"]))
        #expect(scores["meaning.md"] == 1.0 / 61 || scores["meaning.md"] == 1.0 / 62)
        #expect(scores["words.md"] ?? 0 > scores["meaning.md"] ?? 1)
        #expect(page.hits.first?.excerpt.matches.count == 2)
        let second = try await self.page("rotation OR cat", .both) { request in
            (request.limit, request.offset) = (1, 1)
        }
        #expect(second.hits.map(\.memory.name.description) == ["words.md"])
    }

    // MARK: Vectors

    @Test("is refused without vectors, and with another embedder, naming both and the way out")
    func mismatch() async throws {
        try await addThree()
        #expect(await failure { _ = try await names("cat") } == .wrongState)
        #expect(script.asked == [])
        try await embed()
        try script.write("hello(id='other')\nfor q in questions(): say(q, vector=[0, 0, 0, 1])")
        let error = await #expect(throws: LociError.self) { try await embed() }
        #expect(error?.code == .embedderMismatch)
        for part in ["'meanings' with 4 dimensions", "'other' with 4 dimensions", "--scope all"] {
            #expect(error?.description.contains(part) == true)
        }
        #expect(await failure { _ = try await names("cat") } == .embedderMismatch)
        try script.write("hello(dimensions=5)\nfor q in questions(): say(q, vector=[1] * 5)")
        #expect(await failure { _ = try await names("cat") } == .embedderMismatch)
        #expect(try tenant.embeddingStatus().embedded == 3)
        #expect(try await embed(.all) == 3)
        #expect(try tenant.embeddingStatus().model?.dimensions == 5)
        #expect(try await names("cat").count == 3)
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("answers from the old vectors until the new ones are whole, which go on where they were")
    func rebuilding() async throws {
        for number in 0..<40 { try await add("pets/\(number).md", "cat \(number)") }
        try await embed()
        let other = """
            hello(id="other", dimensions=1)
            for number, q in enumerate(questions()):
                if number == %d: os.abort()
                say(q, vector=[1])
            """
        try script.write(other.replacing("%d", with: "35"))
        #expect(await failure { try await embed(.all) } == .embedderFailed)
        try script.write(EmbedderScript.honest)
        #expect(try await names("feline").count == 20)
        try await add("pets/new.md", "kitten")
        #expect(try await names("kitten").count == 20)
        try script.write(other.replacing("%d", with: "-1"))
        #expect(try await embed(.all) == 9)
        #expect(try tenant.embeddingStatus().embedded == 41)
        #expect(try tenant.embeddingStatus().waiting == 0)
    }

    @Test("does not take the vectors for its own that came in their place while it was asking")
    func replacedMeanwhile() async throws {
        try await addThree()
        try await embed()
        let (tenant, origin) = (tenant, origin)
        let request = SearchRequest(try SearchQuery(meaning: "feline"))
        let replacing = InterruptedEmbedder {
            try tenant.catalog.write(.normal, origin: origin) { tx in
                try tx.endVectors()
                try tx.beginVectors(.live, of: EmbedderModel(id: "other", dimensions: 4))
            }
        }
        #expect(
            await failure { _ = try await tenant.search(request, by: .meaning, with: replacing) }
                == .embedderMismatch
        )
        try await embed(.all)
        let ending = InterruptedEmbedder { try tenant.endSearch(origin: origin) }
        #expect(
            await failure { _ = try await tenant.search(request, by: .meaning, with: ending) }
                == .wrongState
        )
    }

    @Test("leaves out what is no text, too large, empty, or has no vector, and counts it")
    func none() async throws {
        try await add("a/1", "cat")
        try await add("a/2", "\0")
        try await add("a/3", " \n")
        try await add("a/4", "x".repeated(Int(SearchStatus.largestText) + 1))
        try await add("a/5", "a word without a meaning")
        #expect(try await embed() == 5)
        let status = try tenant.embeddingStatus()
        #expect(status.embedded == 1)
        #expect(status.notText == 2)
        #expect(status.tooLarge == 1)
        #expect(status.refused == 1)
        #expect(status.waiting == 0)
        #expect(try await embed() == 0)
        #expect(try await names("cat") == ["1"])
        #expect(await failure { _ = try await names("unheard of") } == .invalidArgument)
    }

    @Test("can have the vectors below a directory made once more")
    func under() async throws {
        try await addThree()
        try await embed()
        #expect(try await embed(.under(NamePath("user=a/topic=pets"))) == 1)
        #expect(script.asked.count == 4)
    }

    // MARK: The end of a vector

    private func stored() throws -> [[UInt8]] {
        try tenant.read { reader in
            try reader.connection.all("SELECT numbers FROM vector") { row throws(SQLError) in
                row.bytes(0)
            }
        }
    }

    @Test("has no vector of a purged memory, not even in the bytes of the store")
    func purge() async throws {
        let wide =
            "hello(dimensions=64)\nfor q in questions():\n"
            + "    say(q, vector=[(len(q['text']) * n * n) % 101 - 50 for n in range(64)])"
        try script.write(wide)
        try await add("a/kept.md", "kept")
        let secret = try await add("a/secret.md", "a secret")
        try await embed()
        let earlier = try stored()
        _ = try await tenant.edit(secret.id, content: bytes("another secret"), origin: origin)
        try await embed()
        let before = try earlier + stored()
        #expect(Set(before).count == 3)
        try await tenant.delete(secret.id, origin: origin)
        _ = try await tenant.purge([secret.id], origin: origin)
        _ = try await tenant.collect(delete: true, origin: origin)
        let after = try stored()
        #expect(after.count == 1)
        for vector in before {
            #expect(try fileBytes().contains(vector) == after.contains(vector))
        }
        #expect(try await tenant.check(contents: true) == [])
    }

    private func fileBytes() throws -> [UInt8] {
        var all: [UInt8] = []
        for name in ["catalog.db", "catalog.db-wal"] {
            all += (try? File.open("\(tenant.directory)/\(name)").readAll(limit: 1 << 28)) ?? []
        }
        return all
    }

    @Test("has one vector a memory, and none of a revision that is gone")
    func retention() async throws {
        let memory = try await add("a/x.md", "cat")
        try await embed()
        _ = try await tenant.edit(memory.id, content: bytes("tea"), origin: origin)
        try await embed()
        #expect(try stored().count == 1)
        _ = try await tenant.edit(memory.id, content: bytes("rain"), origin: origin)
        #expect(try stored().count == 1)
        made.advance(.seconds(100 * 86_400))
        _ = try await tenant.applyRetention(origin: origin)
        #expect(try stored().isEmpty)
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("is over, with all vectors, where the tenant is to keep no words")
    func ends() async throws {
        try await addThree()
        try await embed()
        try tenant.endSearch(origin: origin)
        #expect(try stored().isEmpty)
        #expect(try tenant.embeddingStatus().model == nil)
        #expect(await failure { _ = try await names("cat") } == .wrongState)
        try await add("a/more.md", "cat")
        #expect(try tenant.embeddingStatus().waiting == 0)
        #expect(try await embed() == 4)
    }

    @Test("takes in what is written while vectors are made")
    func concurrent() async throws {
        for number in 0..<100 { try await add("a/\(number)", "cat \(number)") }
        async let count = embed()
        for number in 0..<30 { try await add("b/\(number)", "tea \(number)") }
        _ = try await count
        try await embed()
        let status = try tenant.embeddingStatus()
        #expect(status.embedded == 130 && status.waiting == 0)
    }
}

/// Says what the script would, after something else has happened.
private struct InterruptedEmbedder: Embedder, EmbedderSession {
    let model = EmbedderModel(id: "meanings", dimensions: 4)
    let meanwhile: @Sendable () throws -> Void

    func run<R: Sendable>(
        _ body: @escaping @Sendable (any EmbedderSession) throws(LociError) -> R
    ) async throws(LociError) -> R { try body(self) }

    func vectors(of inputs: [EmbedderInput]) throws(LociError) -> [[Float]?] {
        do { try meanwhile() } catch { Issue.record(error) }
        return inputs.map { _ in [1, 0, 0, 0] }
    }
}

extension String {
    fileprivate func repeated(_ count: Int) -> String { String(repeating: self, count: count) }
}

import Catalog
import Model
import Testing

@testable import Loci

// What a large batch leaves for the index: no commit and no search is held up by it.
extension SearchTests {
    private func addBatch(_ count: Int) async throws {
        let batch = try (0..<count).map { number in
            NewMemory(
                .bytes(bytes("apple \(number)")),
                name: try Name("\(number)"),
                attributes: ["user": "a", "topic": "b"]
            )
        }
        let results = try await tenant.append(contentsOf: batch, origin: origin)
        for result in results { _ = try result.get() }
    }

    @Test("commits leave a large batch to who searches, or to who catches up")
    func backlog() async throws {
        try await addBatch(1200)
        #expect(try tenant.searchStatus().waiting == 1200)
        // What is committed after it is no further behind for it.
        try await add("user=a/topic=b/after", "apple pear")
        #expect(try tenant.searchStatus().waiting == 1201)
        #expect(try names("pear") == ["after"])
        #expect(try tenant.searchStatus().waiting == 0)
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("a request of a mount is not held up by it, and says how much is missing")
    func inAMount() async throws {
        try await addBatch(700)
        tenant.indexWaitingForRequest()
        let request = SearchRequest(try SearchQuery("apple"))
        let page = try tenant.read { reader in try tenant.search(request, reader) }
        #expect(page.waiting == 700)
        #expect(page.hits.isEmpty)

        #expect(tenant.indexSomeWaiting(atMost: 300) == 300)
        tenant.indexWaitingForRequest()
        let whole = try tenant.read { reader in try tenant.search(request, reader) }
        #expect(whole.waiting == 0)
        #expect(whole.total == 700)
    }

    @Test("what changes or goes while it waits is indexed as it is then")
    func changedBacklog() async throws {
        try await addBatch(600)
        let edited = try tenant.memory(at: NamePath("user=a/topic=b/1"))
        _ = try await tenant.edit(edited.id, content: bytes("pear"), origin: origin)
        let purged = try tenant.memory(at: NamePath("user=a/topic=b/2"))
        try await tenant.delete(purged.id, origin: origin)
        _ = try await tenant.purge([purged.id], origin: origin)
        try await tenant.catchUp()
        #expect(try names("pear") == ["1"])
        #expect(try tenant.searchStatus().indexed == 599)
        #expect(try await tenant.check(contents: true) == [])
    }
}

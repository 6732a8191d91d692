import Catalog
import Model
import SQL
import Testing

@testable import Loci

// The index as a whole: built anew, not kept, checked.
extension SearchTests {
    @Test("finds the same after the index was built anew")
    func reindex() async throws {
        for number in 0..<250 { try await add("user=a/topic=b/\(number)", "apple \(number)") }
        let before = try search("apple").map(\.memory.id)
        #expect(try await tenant.reindex(origin: origin) == 250)
        #expect(try search("apple").map(\.memory.id) == before)
        #expect(try await tenant.reindex(under: NamePath("user=a"), origin: origin) == 250)
        #expect(try search("apple").count == before.count)
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("takes up a rebuilding that was interrupted, with what changed meanwhile")
    func interruptedReindex() async throws {
        var memories: [Memory] = []
        for number in 0..<9 {
            memories.append(try await add("user=a/topic=b/\(number)", "apple \(number)"))
        }
        // As a process leaves it that ended on the way.
        try tenant.catalog.write(origin: origin) { tx in
            try tx.beginTextIndex()
            let items = memories.prefix(5).map { memory in
                TextIndex.Item(memory.row, memory.revision, .text(bytes("apple \(memory.name)")))
            }
            try tx.index(.building, items)
        }
        _ = try await tenant.edit(memories[0].id, content: bytes("pear"), origin: origin)
        try await add("user=a/topic=b/new", "pear")
        #expect(try await tenant.reindex(origin: origin) == 6)
        #expect(try names("pear") == ["0", "new"])
        #expect(try names("apple").count == 8)
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("is refused where no index is kept, until it is built again")
    func withoutAnIndex() async throws {
        try await add("user=a/topic=b/1", "apple")
        try tenant.endSearch(origin: origin)
        try await add("user=a/topic=b/2", "apple")
        #expect(await failure { _ = try names("apple") } == .wrongState)
        #expect(try !tenant.searchStatus().isOn)
        #expect(try await tenant.check(contents: true) == [])
        _ = try await tenant.reindex(origin: origin)
        #expect(try names("apple") == ["1", "2"])
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("that disagrees with the revisions is found by a check, and mended by rebuilding")
    func checks() async throws {
        let memory = try await add("user=a/topic=b/1", "apple")
        try await add("user=a/topic=b/2", "apple")
        tenant.indexAllWaiting()
        try tenant.catalog.write(origin: origin) { tx in
            try tx.reader.connection.run(
                "UPDATE searchable SET revision = 7 WHERE memory = ?",
                .integer(memory.row)
            )
        }
        let findings = try await tenant.check()
        #expect(findings.map(\.rule) == [9])
        #expect(findings.map(\.subject) == [memory.id.description])
        #expect(findings.first?.message.contains("loci reindex") == true)
        _ = try await tenant.reindex(origin: origin)
        #expect(try await tenant.check() == [])
    }

    @Test("leaves no word behind of a memory that was taken out of the index")
    func forgets() async throws {
        let memory = try await add("user=a/topic=b/1", "xylophone")
        try await add("user=a/topic=b/2", "apple")
        tenant.indexAllWaiting()
        try tenant.catalog.write(origin: origin) { tx in
            #expect(try tx.forgetText(of: memory.row))
            try tx.mergeWords()
        }
        let blocks = try tenant.read { reader in
            try reader.connection.all("SELECT block FROM memory_text_data") {
                row throws(SQLError) in row.bytes(0)
            }
        }
        let stored = blocks.map { String(decoding: $0, as: UTF8.self) }.joined()
        #expect(!stored.contains("xylo"))
        #expect(stored.contains("apple"))
    }
}

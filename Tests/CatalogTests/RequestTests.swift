import Testing

@testable import Catalog

@Suite("What is asked of mounts")
struct RequestTests {
    @Test("no two requests have one number, also where the first is done")
    func numbers() throws {
        let temporary = try TemporaryCatalog()
        let first = try temporary.write { tx in try tx.request(.snapshot, of: "mount-1") }
        #expect(try temporary.read { try $0.requests(to: "mount-1") } == [first])
        #expect(try temporary.read { try $0.isWaiting(first) })
        try temporary.write { tx in try tx.finish(first) }
        #expect(try temporary.read { try $0.isWaiting(first) } == false)
        let second = try temporary.write { tx in try tx.request(.snapshot, of: "mount-1") }
        #expect(second != first)
        // An answer to the first that comes late.
        try temporary.write { tx in try tx.finish(first) }
        #expect(try temporary.read { try $0.requests(to: "mount-1") } == [second])
    }
}

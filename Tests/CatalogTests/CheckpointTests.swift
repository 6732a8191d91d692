import Linux
import SQL
import Testing

@testable import Catalog

@Suite("A checkpoint")
struct CheckpointTests {
    private func modified(_ temporary: TemporaryCatalog) throws -> Int64 {
        try File.status(of: temporary.catalog.path).modificationTime
    }

    /// Commits once, with a reader that sees the commit before it, as threads of a mount do.
    private func commit(_ temporary: TemporaryCatalog, _ reader: CatalogReader) throws {
        reader.end()
        try reader.begin()
        _ = try reader.setting(Setting.nextNode)
        try temporary.write { try $0.setSetting("test", .integer(1)) }
    }

    @Test("that readers keep from its end is not tried by every commit")
    func rarely() throws {
        let temporary = try TemporaryCatalog()
        let reader = try temporary.catalog.makeReader()
        defer { reader.end() }
        try reader.begin()
        _ = try reader.setting(Setting.nextNode)
        let large = [UInt8](repeating: 7, count: Int(Catalog.checkpointBytes))
        try temporary.write { try $0.setSetting("large", .blob(large)) }
        #expect(temporary.catalog.walSize >= Catalog.checkpointBytes)
        let before = try modified(temporary)
        for _ in 0..<20 { try commit(temporary, reader) }
        #expect(try modified(temporary) == before)
        try temporary.write { try $0.setSetting("more", .blob(large)) }
        #expect(try modified(temporary) > before)
    }

    @Test("that nobody keeps from its end empties the log")
    func empties() throws {
        let temporary = try TemporaryCatalog()
        let large = [UInt8](repeating: 7, count: Int(Catalog.checkpointBytes))
        for _ in 0..<3 {
            try temporary.write { try $0.setSetting("large", .blob(large)) }
            #expect(temporary.catalog.walSize == 0)
        }
    }
}

import Loci
import Model
import SQL
import Testing

@testable import Catalog

@Suite("A repair of a tenant with several layouts")
struct RepairTests {
    /// What a walk of one layout would meet.
    private static func paths(_ tenant: Tenant, _ layout: Int) throws -> [String] {
        try tenant.read { reader in
            let layout = try #require(try reader.layouts()[LayoutNumber(layout)])
            return try reader.memories(after: 0, limit: 1000).compactMap { memory in
                try reader.path(of: memory, in: layout).map { NamePath($0).description }
            }.sorted()
        }
    }

    @Test(
        "puts every name back in each of them",
        arguments: [
            "DELETE FROM entry WHERE node IN (SELECT node FROM memory)",
            "DELETE FROM entry WHERE node IN (SELECT number FROM node WHERE kind = 1)",
            "DELETE FROM node WHERE kind = 1",
            "UPDATE entry SET layouts = 1 WHERE node IN (SELECT node FROM memory WHERE id % 2 = 0)",
            "DELETE FROM node WHERE number IN (SELECT node FROM memory)",
            "UPDATE OR IGNORE entry SET directory = 4294967296 WHERE node IN (SELECT node FROM memory)",
            "UPDATE layout SET target = 0",
            "UPDATE layout SET listed = 0; DELETE FROM listing WHERE layout = 2",
        ]
    )
    func names(_ damage: String) async throws {
        let scratch = try Scratch()
        let rig = Rig(scratch, try scratch.create("user={user}/topic={topic}"))
        for number in 0..<30 {
            try await rig.tenant.add("user=u\(number % 3)/topic=t\(number % 5)/\(number).md")
        }
        try await rig.start("topic={topic}/user={user}")
        let before = try (1...2).map { try Self.paths(rig.tenant, $0) }
        let path = scratch.path + "/main/catalog.db"
        try SQLiteConnection(path: path, access: .write).execute(damage)
        let tenant = try scratch.reopen()
        #expect(try await !tenant.check().isEmpty)
        let report = try await tenant.repair(origin: Scratch.origin)
        #expect(report.left == [])
        #expect(!report.repairs.isEmpty)
        #expect(try (1...2).map { try Self.paths(tenant, $0) } == before)
        try await tenant.expectClean()
        // A migration goes on as if nothing had been.
        let again = Rig(scratch, tenant)
        try await again.settle()
        try await tenant.expectClean()
        #expect(try await tenant.text("user=u1/topic=t1/1.md") == "user=u1/topic=t1/1.md")
    }
}

import Catalog
import Linux
import Loci
import Migration
import SQL
import Testing

/// What the commits that readers wait for cost, in instructions and rows and not in time.
@Suite("The size of a commit")
struct CommitSizeTests {
    private struct Cost: Hashable {
        var instructions: Int64
        var rows: Int64
    }

    private static func filled(_ count: Int) async throws -> Rig {
        let scratch = try Scratch()
        let tenant = try scratch.create("user={user}/topic={topic}")
        var batch: [NewMemory] = []
        for number in 0..<count {
            batch.append(
                NewMemory(
                    .bytes([UInt8(ascii: "x")]),
                    name: try Name("n\(number).md"),
                    attributes: ["user": "u\(number % 10)", "topic": "t\(number % 7)"]
                )
            )
        }
        _ = try await tenant.append(contentsOf: batch, origin: Scratch.origin)
        let rig = Rig(scratch, tenant)
        try rig.addForeign(".swp", in: "user=u1")
        return rig
    }

    private static func cost(_ rig: Rig, _ body: (Migrator) throws -> Void) throws -> Cost {
        func now() throws -> Cost {
            try rig.tenant.catalog.write(.normal, origin: Scratch.origin) { transaction in
                let connection = transaction.reader.connection as? SQLiteConnection
                let made = try #require(connection)
                return Cost(instructions: made.instructions, rows: made.rowsChanged)
            }
        }
        let before = try now()
        try body(rig.migrator)
        let after = try now()
        return Cost(
            instructions: after.instructions - before.instructions,
            rows: after.rows - before.rows
        )
    }

    /// Every step that is one commit, in an order in which each is allowed.
    private static func costs(_ count: Int) async throws -> [String: Cost] {
        let rig = try await filled(count)
        let scheme = "topic={topic}/user={user}"
        var costs: [String: Cost] = [:]
        try await rig.start(scheme)
        // Statements are compiled and layouts read before anything is counted.
        try rig.migrator.cutover()
        try rig.migrator.revert()
        costs["cutover"] = try cost(rig) { try $0.cutover() }
        costs["revert"] = try cost(rig) { try $0.revert() }
        costs["abort"] = try cost(rig) { try $0.abort() }
        try await rig.settle()
        try await rig.start(scheme)
        try rig.migrator.cutover()
        costs["retire"] = try cost(rig) { try $0.retire() }
        return costs
    }

    @Test("cut-over, revert, abort and retire do the same work for 200 memories and for 20,000")
    func sameWork() async throws {
        let few = try await Self.costs(200)
        let many = try await Self.costs(20_000)
        for step in ["cutover", "revert", "abort", "retire"] {
            let (one, other) = (try #require(few[step]), try #require(many[step]))
            #expect(other.rows == one.rows, "\(step)")
            // The depth of a B-tree may differ by a level, a scan by thousands.
            #expect(other.instructions < one.instructions + 200, "\(step): \(one) \(other)")
        }
    }
}

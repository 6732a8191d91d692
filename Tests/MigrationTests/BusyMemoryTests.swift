import Catalog
import Loci
import Migration
import Synchronization
import Testing

/// Memories that somebody changes between the choice of their new key and the row that names it.
@Suite("Memories that change while they are moved")
struct BusyMemoryTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// Sets an attribute; gives back what went wrong.
    private static func change(
        _ id: MemoryID,
        _ key: String,
        to value: String,
        in tenant: Tenant
    ) -> LociError? {
        do {
            try tenant.catalog.write(origin: Scratch.origin) { transaction in
                let reader = transaction.reader
                guard let row = try reader.memory(id) else { return }
                _ = try transaction.change(
                    row,
                    attributes: [AttributeChange(key: key, value: value)],
                    primary: try reader.layouts().listed.number,
                    operation: .set
                )
            }
            return nil
        } catch {
            return LociError(catalogError: error, subject: "test")
        }
    }

    /// Moves everything, while each commit of a batch is preceded by a change of one attribute.
    private func move(changing key: String) async throws -> (Tenant, rounds: Int) {
        let tenant = try scratch.create("user={user}/topic={topic}")
        let memory = try await tenant.add("user=bob/topic=auth/a.md", "text")
        try await tenant.add("user=bob/topic=auth/b.md", "other")
        let rounds = Mutex(0)
        var tuning = MigrationTuning()
        tuning.graceTime = .zero
        tuning.interrupt = { step in
            guard step == .commit else { return nil }
            let round = rounds.withLock { rounds in
                rounds += 1
                return rounds
            }
            guard round <= 20 else { return nil }
            return Self.change(memory.id, key, to: "v\(round)", in: tenant)
        }
        let migrator = Migrator(tenant, tuning: tuning)
        try await migrator.start(to: try Scheme("topic={topic}/user={user}"))
        let worker = MigrationWorker(tenant, tuning: tuning)
        for try await _ in worker.runUntilReady() {}
        return (tenant, rounds.withLock(\.self))
    }

    @Test("one that changes after the mover found it is placed where it belongs by then")
    func foundAhead() async throws {
        let tenant = try scratch.create("user={user}/topic={topic}")
        var ids: [MemoryID] = []
        for number in 0..<6 {
            ids.append(try await tenant.add("user=bob/topic=auth/\(number).md", "text").id)
        }
        let rig = Rig(scratch, tenant)
        // Then each batch but the first is found while the one before it moves.
        try rig.migrator.throttle(.none)
        try await rig.start("topic={topic}/user={user}")
        let memories = ids
        let batches = Mutex(0)
        var tuning = rig.tuning
        tuning.interrupt = { step in
            guard step == .account else { return nil }
            let batch = batches.withLock { batches in
                batches += 1
                return batches - 1
            }
            guard batch < memories.count else { return nil }
            return Self.change(memories[batch], "user", to: "late\(batch)", in: tenant)
        }
        let worker = MigrationWorker(tenant, batchSize: 1, tuning: tuning)
        for try await _ in worker.runUntilReady() {}
        #expect(batches.withLock(\.self) > memories.count)
        for number in 0..<6 {
            let key = try tenant.revisions(of: memories[number])[0].blobKey
            #expect(key.hasPrefix("topic=auth/user=late\(number)/"))
        }
        try await tenant.expectClean()
    }

    @Test("one whose other attributes change before every commit is placed by the first")
    func otherAttributes() async throws {
        let (tenant, rounds) = try await move(changing: "mood")
        #expect(rounds == 1)
        #expect(try Migrator(tenant).status().misplaced == 0)
        try await tenant.expectClean()
    }

    @Test("one that moves before every commit is placed where it comes to rest")
    func movingMemory() async throws {
        let (tenant, rounds) = try await move(changing: "user")
        #expect(rounds > 20)
        let memory = try tenant.memory(at: try NamePath("topic=auth/user=v20/a.md"))
        let key = try tenant.revisions(of: memory.id)[0].blobKey
        #expect(key.hasPrefix("topic=auth/user=v20/"))
        try await tenant.expectClean()
    }
}

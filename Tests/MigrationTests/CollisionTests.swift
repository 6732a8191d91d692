import Blobs
import Catalog
import Linux
import Loci
import Migration
import SQL
import Synchronization
import Testing

/// Keys are guesses: what gets a number stands under a key that was chosen before.
@Suite("Keys that two want")
struct CollisionTests {
    private final class Added: Sendable {
        let isDone = Atomic<Bool>(false)
    }

    @Test("a memory that cannot be placed and came after the plan ends the start, and is listed")
    func unplaceable() async throws {
        let scratch = try Scratch()
        let tenant = try scratch.create("user={user}")
        try await tenant.add("user=ann/n.md")
        var tuning = MigrationTuning()
        let added = Added()
        tuning.interrupt = { step in
            guard step == .begin else { return nil }
            Task.detached {
                defer { added.isDone.store(true, ordering: .releasing) }
                _ = try await tenant.append(
                    [1],
                    name: Name("long.md"),
                    attributes: ["user": "bob", "topic": String(repeating: "x", count: 300)],
                    origin: Scratch.origin
                )
            }
            while !added.isDone.load(ordering: .acquiring) { SystemClock.sleep(.milliseconds(1)) }
            return nil
        }
        let migrator = Migrator(tenant, tuning: tuning)
        let scheme = try Scheme("topic={topic}/user={user}")
        #expect(await code { try await migrator.start(to: scheme) } == .collision)
        let failures = try migrator.errors().failures
        #expect(failures.map(\.name.description) == ["long.md"])
        #expect(failures.allSatisfy { $0.attempts <= 2 })
        #expect(await code { try await migrator.start(to: scheme) } == .collision)
        let memory = try tenant.memory(at: NamePath("user=bob/long.md"))
        _ = try await tenant.set(memory.id, attributes: ["topic": "x"], origin: Scratch.origin)
        try await migrator.start(to: scheme)
        #expect(try tenant.has("topic=x/user=bob/long.md"))
        try await tenant.expectClean()
    }

    private static let path = "user=ann/topic=auth/notes.md"

    private func filled() async throws -> (rig: Rig, memory: Memory) {
        let scratch = try Scratch()
        let tenant = try scratch.create("user={user}/topic={topic}")
        let memory = try await tenant.add(Self.path, "first")
        return (Rig(scratch, tenant), memory)
    }

    private func pending(
        _ text: String,
        for memory: Memory,
        revision: Int,
        _ tenant: Tenant
    ) throws -> PendingContent {
        try tenant.read { reader in
            let row = try #require(try reader.memory(memory.id))
            return PendingContent(
                .bytes(Array(text.utf8)),
                fields: try reader.fields(of: row),
                name: row.name,
                revision: RevisionNumber(revision)
            )
        }
    }

    /// Gives content that was placed a row: beside the current revision, or as the newest one.
    private func name(
        _ content: PlacedContent,
        of memory: Memory,
        beside: Bool,
        _ tenant: Tenant
    ) throws {
        try tenant.catalog.write(.full, origin: Scratch.origin) { tx in
            let row = try #require(try tx.reader.memory(memory.id))
            let fields = try tx.reader.fields(of: row)
            let confirmed = try tenant.confirm(content, for: fields, in: tx)
            if beside {
                try tx.keepBeside(row, content: confirmed)
            } else {
                _ = try tx.addRevision(row, content: confirmed, mtime: tx.now.nanoseconds)
            }
        }
    }

    private func expect(
        _ texts: [String],
        of memory: Memory,
        _ tenant: Tenant,
        _ location: SourceLocation = #_sourceLocation
    ) async throws {
        for (index, text) in texts.enumerated() {
            let bytes = try await tenant.content(
                of: memory.id,
                revision: RevisionNumber(index + 1)
            )
            #expect(
                String(decoding: bytes, as: UTF8.self) == text,
                sourceLocation: location
            )
        }
    }

    @Test(
        "a revision beside, a migration and an edit before history has moved: each keeps its bytes"
    )
    func beside() async throws {
        let (rig, memory) = try await filled()
        let tenant = rig.tenant
        let other = try pending("beside", for: memory, revision: 2, tenant)
        try name(
            try tenant.place([other], origin: Scratch.origin)[0],
            of: memory,
            beside: true,
            tenant
        )
        try await rig.start("topic={topic}/user={user}")
        _ = try await tenant.edit(
            memory.id,
            content: Array("edited".utf8),
            origin: Scratch.origin
        )
        #expect(try await rig.settle().misplaced == 0)
        #expect(try rig.state == .ready)
        try await expect(["first", "beside", "edited"], of: memory, tenant)
        try await tenant.expectClean()
    }

    @Test("a writer that placed its bytes where history is to move keeps them, and history its own")
    func writerAtWork() async throws {
        let (rig, memory) = try await filled()
        let tenant = rig.tenant
        try await rig.start("topic={topic}/user={user}")
        // A writer that guesses wrong: the number is taken by a revision that has not moved yet.
        let wrong = try pending("written", for: memory, revision: 1, tenant)
        let placed = try tenant.place([wrong], origin: Scratch.origin)[0]
        #expect(try await rig.settle().misplaced == 0)
        #expect(try rig.state == .ready)
        try name(placed, of: memory, beside: false, tenant)
        #expect(try await rig.settle().misplaced == 0)
        try await expect(["first", "written"], of: memory, tenant)
        try await tenant.expectClean()
    }

    @Test("bytes that stand under a key unaccounted for are left alone, and another key is taken")
    func occupied() async throws {
        let (rig, memory) = try await filled()
        let tenant = rig.tenant
        try await rig.start("topic={topic}/user={user}")
        let stray = try BlobKey("topic=auth/user=ann/\(memory.id).1.md")
        try tenant.blobs.write([7], at: stray, syncing: true)
        #expect(try await rig.settle().misplaced == 0)
        #expect(try tenant.blobs.read(stray) == [7])
        try await expect(["first"], of: memory, tenant)
    }

    @Test("a pause stops moving, but not collecting what nobody needs")
    func collectsWhilePaused() async throws {
        let (rig, _) = try await filled()
        let tenant = rig.tenant
        try await rig.start("topic={topic}/user={user}")
        try rig.migrator.pause(reason: "the disk is full")
        let key = try BlobKey("user=ann/nobody.1.md")
        try tenant.blobs.write([7], at: key, syncing: true)
        try tenant.catalog.write(.full, origin: Scratch.origin) { tx in
            try tx.collect(key.text, notBefore: tx.now, reason: .expired)
        }
        #expect(await code { try await rig.settle() } == .wrongState)
        #expect(try !tenant.blobs.exists(key))
        #expect(try rig.migrator.status().misplaced == 1)
        try rig.migrator.resume()
        #expect(try await rig.settle().misplaced == 0)
        try await tenant.expectClean()
    }

    @Test("the path of a layout made apart is found as the memory's listed path")
    func apart() async throws {
        let (rig, _) = try await filled()
        try await rig.start("topic={topic}/user={user}", .with { $0.apart = true })
        let tenant = rig.tenant
        let second = try tenant.read { try $0.layouts().target.number }
        let found = try tenant.sharedPath(
            of: try NamePath("topic=auth/user=ann/notes.md"),
            in: second
        )
        #expect(found == (try NamePath(Self.path)))
        #expect(
            await code {
                _ = try tenant.sharedPath(of: try NamePath("topic=auth"), in: second)
            } == .notFound
        )
    }
}

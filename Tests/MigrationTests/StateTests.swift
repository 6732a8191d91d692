import Catalog
import Loci
import Migration
import Testing

/// The table of states in the design: what works in each, and the way on and back.
@Suite("States of a migration")
struct StateTests {
    static let old = "user={user}/topic={topic}"
    static let new = "topic={topic}/user={user}"

    private func filled() async throws -> Rig {
        let scratch = try Scratch()
        let tenant = try scratch.create(Self.old)
        for user in ["ann", "bob"] {
            for topic in ["auth", "db"] {
                try await tenant.add("user=\(user)/topic=\(topic)/notes.md")
            }
        }
        return Rig(scratch, tenant)
    }

    @Test("before any migration the state is none")
    func none() async throws {
        #expect(try await filled().state == .none)
    }

    @Test("a plan writes nothing")
    func planWritesNothing() async throws {
        let rig = try await filled()
        let before = try rig.tenant.lastChange()
        _ = try await rig.migrator.plan(to: try Scheme(Self.new))
        #expect(try rig.tenant.lastChange() == before)
        #expect(try rig.state == .none)
    }

    @Test("after start both paths open, the old layout is listed, and blobs are still to move")
    func moving() async throws {
        let rig = try await filled()
        let status = try await rig.start(Self.new)
        #expect(status.state == .moving)
        #expect(status.misplaced == 4)
        #expect(
            try await rig.tenant.text("topic=db/user=bob/notes.md") == "user=bob/topic=db/notes.md"
        )
        #expect(
            try await rig.tenant.text("user=bob/topic=db/notes.md") == "user=bob/topic=db/notes.md"
        )
        #expect(try rig.tenant.listedPaths().allSatisfy { $0.hasPrefix("user=") })
        try await rig.tenant.expectClean()
    }

    @Test("when every blob has moved the state is ready, and contents are the same by both paths")
    func ready() async throws {
        let rig = try await filled()
        try await rig.start(Self.new)
        let status = try await rig.settle()
        #expect(status.state == .ready)
        #expect(status.run?.moved == 4)
        #expect(status.collectable == 0)
        #expect(
            try await rig.tenant.text("topic=db/user=ann/notes.md") == "user=ann/topic=db/notes.md"
        )
        try await rig.tenant.expectClean()
    }

    @Test("cut-over lists the new layout once, raises the scheme version once, and old paths open")
    func complete() async throws {
        let rig = try await filled()
        let version = try rig.tenant.schemeVersion()
        try await rig.start(Self.new)
        try rig.migrator.cutover(origin: Scratch.origin)
        #expect(try rig.state == .complete)
        #expect(try rig.tenant.schemeVersion() == version + 1)
        #expect(try rig.tenant.listedPaths().allSatisfy { $0.hasPrefix("topic=") })
        #expect(try rig.tenant.has("user=ann/topic=db/notes.md"))
        try rig.migrator.revert(origin: Scratch.origin)
        try rig.migrator.cutover(origin: Scratch.origin)
        #expect(try rig.tenant.schemeVersion() == version + 1)
        let events = try rig.tenant.changes(after: ChangeNumber(0), limit: 1000)
        #expect(events.filter { $0.operation == .schemeMigrated }.count == 1)
    }

    @Test("a walk meets each memory once in every state")
    func walks() async throws {
        let rig = try await filled()
        func expectFour() throws {
            let paths = try rig.tenant.listedPaths()
            #expect(paths.count == 4 && Set(paths).count == 4)
        }
        try await rig.start(Self.new)
        try expectFour()
        try await rig.settle()
        try expectFour()
        try rig.migrator.cutover(origin: Scratch.origin)
        try expectFour()
        try rig.migrator.retire(origin: Scratch.origin)
        try expectFour()
        try await rig.settle()
        try expectFour()
        try await rig.tenant.expectClean()
    }

    @Test("after retirement old paths are gone and their rows are cleared")
    func retired() async throws {
        let rig = try await filled()
        try await rig.start(Self.new)
        try rig.migrator.cutover(origin: Scratch.origin)
        try rig.migrator.retire(origin: Scratch.origin)
        #expect(try rig.state == .retired)
        #expect(try !rig.tenant.has("user=ann/topic=db/notes.md"))
        let status = try await rig.settle()
        #expect(status.state == .retired)
        #expect(status.misplaced == 0 && status.collectable == 0)
        let left = try rig.tenant.catalog.read { reader in
            try reader.layouts().all.filter { $0.state == .retired }.count
        }
        #expect(left == 0)
        try await rig.tenant.expectClean()
    }

    @Test("abort while moving ends the new paths, and blobs go back")
    func abortWhileMoving() async throws {
        let rig = try await filled()
        let places = try rig.blobKeys()
        try await rig.start(Self.new)
        try await rig.settle()
        #expect(try rig.blobKeys() != places)
        try rig.migrator.abort(origin: Scratch.origin)
        #expect(try rig.state == .aborted)
        #expect(try !rig.tenant.has("topic=db/user=ann/notes.md"))
        #expect(try rig.tenant.has("user=ann/topic=db/notes.md"))
        try await rig.settle()
        #expect(try rig.blobKeys() == places)
        try await rig.tenant.expectClean()
    }

    @Test("abort after a revert works, and so does the same migration again")
    func abortAfterRevert() async throws {
        let rig = try await filled()
        try await rig.start(Self.new)
        try rig.migrator.cutover(origin: Scratch.origin)
        #expect(await code { try rig.migrator.abort() } == .wrongState)
        try rig.migrator.revert(origin: Scratch.origin)
        #expect(try rig.state == .moving)
        try rig.migrator.abort(origin: Scratch.origin)
        #expect(try rig.state == .aborted)
        try await rig.start(Self.new)
        try await rig.settle()
        #expect(try rig.state == .ready)
        try await rig.tenant.expectClean()
    }

    @Test("verbs that do not fit the state are refused, and name the one that does")
    func refusals() async throws {
        let rig = try await filled()
        let migrator = rig.migrator
        #expect(await code { try migrator.cutover() } == .wrongState)
        #expect(await code { try migrator.revert() } == .wrongState)
        #expect(await code { try migrator.abort() } == .wrongState)
        #expect(await code { try migrator.retire() } == .wrongState)
        #expect(await code { try await rig.start(Self.old) } == .wrongState)
        try await rig.start(Self.new)
        #expect(await code { try migrator.revert() } == .wrongState)
        #expect(await code { try migrator.retire() } == .wrongState)
        #expect(await code { try migrator.retire(LayoutNumber(2)) } == .wrongState)
        #expect(await code { try migrator.retire(LayoutNumber(9)) } == .notFound)
        let again = await #expect(throws: LociError.self) { try await rig.start(Self.new) }
        #expect(again?.remedy?.contains("cutover") == true)
        try migrator.cutover()
        #expect(await code { try migrator.cutover() } == .wrongState)
        try migrator.retire()
        #expect(await code { try migrator.revert() } == .wrongState)
        try await rig.tenant.expectClean()
    }

    @Test("a check says what the verb would, and changes nothing")
    func checks() async throws {
        let rig = try await filled()
        #expect(await code { try rig.migrator.check(.cutover) } == .wrongState)
        try await rig.start(Self.new)
        let before = try rig.tenant.lastChange()
        try rig.migrator.check(.cutover)
        try rig.migrator.check(.abort)
        #expect(await code { try rig.migrator.check(.revert) } == .wrongState)
        #expect(try rig.tenant.lastChange() == before)
    }

    @Test("edits, creates, renames and deletes by either layout serve both, in every state")
    func writesByBoth() async throws {
        let rig = try await filled()
        try await rig.start(Self.new)
        try await rig.exercise("1")
        try await rig.settle()
        try await rig.exercise("2")
        try rig.migrator.cutover(origin: Scratch.origin)
        try await rig.exercise("3")
        try rig.migrator.revert(origin: Scratch.origin)
        try await rig.exercise("4")
        try await rig.settle()
        try await rig.tenant.expectClean()
    }

    @Test("three migrations in a row, with all layouts live, then each retired")
    func chain() async throws {
        let rig = try await filled()
        let schemes = [Self.new, "year={created:year}/topic={topic}", "who={user}/{topic}"]
        for scheme in schemes {
            try await rig.start(scheme, .with { $0.onCollision = .suffix })
            try await rig.settle(batchSize: 3)
            try rig.migrator.cutover(origin: Scratch.origin)
            try await rig.tenant.expectClean()
        }
        #expect(try rig.migrator.status().live.count == 4)
        #expect(try rig.tenant.has("user=ann/topic=db/notes.md"))
        #expect(try rig.tenant.has("who=ann/db/notes.md"))
        for number in 1...3 {
            try rig.migrator.retire(LayoutNumber(number), origin: Scratch.origin)
        }
        try await rig.settle()
        #expect(try rig.tenant.layouts().filter { $0.status == .live }.count == 1)
        #expect(try rig.tenant.listedPaths().count == 4)
        #expect(try rig.migrator.history().count == 3)
        try await rig.tenant.expectClean()
    }
}

extension Rig {
    func blobKeys() throws -> Set<String> {
        try tenant.catalog.read { reader in
            var keys: Set<String> = []
            for memory in try reader.allMemories(after: 0, limit: 10_000) {
                keys.formUnion(try reader.revisions(of: memory.row).map(\.blobKey))
            }
            return keys
        }
    }

    /// Changes of every kind, by old and by new paths; each is seen by the other.
    func exercise(_ tag: String) async throws {
        let origin = Scratch.origin
        let born = try await tenant.add("topic=new\(tag)/user=eve/born.md", "one")
        #expect(try await tenant.text("user=eve/topic=new\(tag)/born.md") == "one")
        _ = try await tenant.edit(born.id, content: Array("two".utf8), origin: origin)
        #expect(try await tenant.text("topic=new\(tag)/user=eve/born.md") == "two")
        let old = try await tenant.add("user=eve/topic=old\(tag)/old.md")
        #expect(try tenant.has("topic=old\(tag)/user=eve/old.md"))
        _ = try await tenant.move(
            old.id,
            to: try NamePath("topic=moved\(tag)/user=eve/renamed.md"),
            origin: origin
        )
        #expect(try tenant.has("user=eve/topic=moved\(tag)/renamed.md"))
        try await tenant.delete(born.id, origin: origin)
        #expect(try !tenant.has("user=eve/topic=new\(tag)/born.md"))
        _ = try await tenant.restore(born.id, origin: origin)
        #expect(try await tenant.text("user=eve/topic=new\(tag)/born.md") == "two")
        try await tenant.delete(born.id, origin: origin)
    }
}

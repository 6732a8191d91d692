import Linux
import Loci
import Migration
import Testing

@Suite("What status tells apart")
struct StatusTests {
    private let scratch: Scratch
    private let tenant: Tenant
    private let rig: Rig

    init() async throws {
        scratch = try Scratch()
        tenant = try scratch.create("user={user}")
        for name in ["a", "b", "c"] { try await tenant.add("user=ann/\(name).md") }
        rig = Rig(scratch, tenant)
    }

    private func kinds(_ status: MigrationStatus) -> [MigrationStatus.Wait.Kind] {
        status.waits.map(\.kind)
    }

    @Test("what the run moved is done, what was written meanwhile is in place")
    func done() async throws {
        try await rig.start("by={user}")
        try await tenant.add("user=bob/d.md")
        let before = try rig.migrator.status()
        #expect(before.done == 0 && before.inPlace == 1 && before.misplaced == 3)
        let after = try await rig.settle()
        #expect(after.done == 3 && after.inPlace == 1 && after.misplaced == 0)
        #expect(after.busy == 0 && after.failed == 0 && after.unmapped == 0)
    }

    @Test("what a worker was placing when it was killed is busy until the next one")
    func busy() async throws {
        let killed = Rig(scratch, tenant, stoppingAt: .link)
        try await killed.start("by={user}")
        _ = await code { try await killed.settle() }
        let status = try rig.migrator.status()
        #expect(status.busy == 3 && status.done == 0)
        #expect(try await rig.settle().busy == 0)
    }

    @Test("the time that is left is unknown while no rate was measured")
    func unknownTime() async throws {
        #expect(try rig.migrator.status().eta == .zero)
        try await rig.start("by={user}")
        let status = try rig.migrator.status()
        #expect(status.state == .moving && status.rate == nil && status.eta == nil)
    }

    @Test("moving waits for a worker, for whoever paused it, or for a rate")
    func waits() async throws {
        #expect(try rig.migrator.status().waits.isEmpty)
        try await rig.start("by={user}")
        #expect(kinds(try rig.migrator.status()) == [.nobody])
        let lock = try tenant.moverLock()
        #expect(try lock.tryLock())
        try lock.announce()
        #expect(kinds(try rig.migrator.status()) == [])
        try rig.migrator.throttle(.perSecond(5), for: .seconds(60))
        let held = try rig.migrator.status().waits
        #expect(held.map(\.kind) == [.throttle])
        #expect(held.first?.message.contains("then polite") == true)
        try rig.migrator.pause(reason: "backup", origin: Scratch.origin)
        let paused = try rig.migrator.status().waits
        #expect(paused.map(\.kind) == [.paused])
        #expect(paused.first?.message.contains("backup") == true)
        #expect(paused.first?.message.contains("loci migrate resume") == true)
        try lock.unlock()
    }

    @Test("a pause is refused where no migration is under way, and taken while anything moves")
    func pauses() async throws {
        let error = #expect(throws: LociError.self) { try rig.migrator.pause(reason: "now") }
        #expect(error?.code == .wrongState)
        #expect(error?.message.hasPrefix("No migration is under way") == true)
        #expect(try !rig.migrator.status().isPaused)
        try await rig.start("by={user}")
        try await rig.settle()
        try rig.migrator.pause(reason: "now", origin: Scratch.origin)
        try rig.migrator.resume(origin: Scratch.origin)
        try rig.migrator.abort(origin: Scratch.origin)
        // Blobs move back.
        try rig.migrator.pause(reason: "now", origin: Scratch.origin)
        try rig.migrator.resume(origin: Scratch.origin)
        try await rig.settle()
        #expect(await code { try rig.migrator.pause() } == .wrongState)
    }

    @Test("nothing waits for a rate where nothing is to be moved")
    func idleThrottle() async throws {
        try await rig.start("by={user}")
        try await rig.settle()
        let lock = try tenant.moverLock()
        #expect(try lock.tryLock())
        try lock.announce()
        try rig.migrator.throttle(.perSecond(500), origin: Scratch.origin)
        #expect(!kinds(try rig.migrator.status()).contains(.throttle))
        try lock.unlock()
        try rig.migrator.abort(origin: Scratch.origin)
        try await rig.settle()
        #expect(try lock.tryLock())
        try lock.announce()
        #expect(!kinds(try rig.migrator.status()).contains(.throttle))
        try lock.unlock()
    }

    @Test("preparing waits for the same start where its process is gone")
    func preparingWaits() async throws {
        let killed = Rig(scratch, tenant, stoppingAt: .goLive)
        #expect(await code { try await killed.start("by={user}") } == .cancelled)
        let waits = try rig.migrator.status().waits
        #expect(waits.map(\.kind) == [.nobody])
        #expect(waits.first?.message.contains("loci migrate start") == true)
    }
}

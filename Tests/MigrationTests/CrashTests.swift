import Loci
import Migration
import Synchronization
import Testing

/// Every durable step: the process ends before it, another opens the store, everything must hold,
/// and the same command finishes.
@Suite("A crash at every step")
struct CrashTests {
    static let old = "user={user}/topic={topic}"
    static let new = "topic={topic}/user={user}"

    private func filled(_ scratch: Scratch) async throws -> [String: String] {
        let tenant = try scratch.create(Self.old)
        var texts: [String: String] = [:]
        for number in 0..<9 {
            let path = "user=u\(number % 3)/topic=t\(number % 2)/note\(number).md"
            let memory = try await tenant.add(path, "first \(number)")
            if number % 3 == 0 {
                _ = try await tenant.edit(
                    memory.id,
                    content: Array("second \(number)".utf8),
                    origin: Scratch.origin
                )
                texts[path] = "second \(number)"
            } else {
                texts[path] = "first \(number)"
            }
        }
        let gone = try await tenant.add("user=u0/topic=t0/gone.md")
        try await tenant.delete(gone.id, origin: Scratch.origin)
        return texts
    }

    /// What a run does from its beginning to its end, whatever was done before.
    private func finish(_ rig: Rig) async throws {
        let options = MigrationOptions.with { $0.batchSize = 2 }
        switch try rig.state {
        case .none, .preparing, .aborted: try await rig.start(Self.new, options)
        default: break
        }
        if [.moving, .ready].contains(try rig.state) {
            try await rig.settle(batchSize: 4)
            try rig.migrator.cutover(origin: Scratch.origin)
        }
        try await rig.settle(batchSize: 4)
        if try rig.state == .complete { try rig.migrator.retire(origin: Scratch.origin) }
        try await rig.settle(batchSize: 4)
    }

    private func expectAll(_ texts: [String: String], _ tenant: Tenant) async throws {
        #expect(try tenant.listedPaths().count == texts.count)
        for (path, text) in texts {
            let parts = path.split(separator: "/")
            #expect(try await tenant.text("\(parts[1])/\(parts[0])/\(parts[2])") == text)
        }
    }

    @Test(
        "leaves nothing broken, and the same command goes on",
        arguments: MigrationStep.allCases,
        [0, 1, 3]
    )
    func crash(_ step: MigrationStep, _ after: Int) async throws {
        let scratch = try Scratch()
        let texts = try await filled(scratch)
        let first = Rig(scratch, try scratch.reopen(), stoppingAt: step, after: after)
        // Steps that a run takes only once end it at its first, or not at all.
        _ = await code { try await finish(first) }
        let tenant = try scratch.reopen()
        try await tenant.expectClean()
        let second = Rig(scratch, tenant)
        try await finish(second)
        #expect(try second.state == .retired)
        #expect(try second.migrator.status().collectable == 0)
        try await expectAll(texts, tenant)
        try await tenant.expectClean()
    }

    @Test("each step is met by a whole run")
    func allStepsAreMet() async throws {
        let scratch = try Scratch()
        _ = try await filled(scratch)
        let tenant = try scratch.reopen()
        let seen = Seen()
        var tuning = MigrationTuning()
        tuning.graceTime = .zero
        tuning.interrupt = { step in
            seen.steps.withLock { _ = $0.insert(step) }
            return nil
        }
        let migrator = Migrator(tenant, tuning: tuning)
        try await migrator.start(to: try Scheme(Self.new))
        let worker = MigrationWorker(tenant, tuning: tuning)
        for try await _ in worker.runUntilReady() {}
        try migrator.cutover()
        try migrator.retire()
        for try await _ in worker.runUntilReady() {}
        #expect(seen.steps.withLock { $0 } == Set(MigrationStep.allCases))
    }

    private final class Seen: Sendable {
        let steps = Mutex<Set<MigrationStep>>([])
    }

    @Test(
        "while an abort is cleaned up leaves nothing broken",
        arguments: [
            MigrationStep.end, .account, .link, .syncLinks, .commit, .collect, .clear,
            .finishClearing,
        ]
    )
    func crashAfterAbort(_ step: MigrationStep) async throws {
        let scratch = try Scratch()
        let texts = try await filled(scratch)
        let tenant = try scratch.reopen()
        let rig = Rig(scratch, tenant)
        try await rig.start(Self.new)
        try await rig.settle()
        let crashing = Rig(scratch, tenant, stoppingAt: step)
        _ = await code {
            try crashing.migrator.abort(origin: Scratch.origin)
            try await crashing.settle(batchSize: 2)
        }
        let reopened = try scratch.reopen()
        try await reopened.expectClean()
        let last = Rig(scratch, reopened)
        if try last.state != .aborted { try last.migrator.abort(origin: Scratch.origin) }
        try await last.settle(batchSize: 2)
        #expect(try last.state == .aborted)
        #expect(try reopened.listedPaths() == texts.keys.sorted())
        #expect(try last.migrator.status().misplaced == 0)
        try await reopened.expectClean()
    }

    @Test("what was edited, renamed and deleted between crash and restart is right afterwards")
    func changesInBetween() async throws {
        let scratch = try Scratch()
        _ = try await filled(scratch)
        let first = Rig(scratch, try scratch.reopen(), stoppingAt: .prepare, after: 2)
        #expect(
            await code {
                try await first.start(Self.new, .with { $0.batchSize = 2 })
            } == .cancelled
        )
        let tenant = try scratch.reopen()
        #expect(try Rig(scratch, tenant).state == .preparing)
        let renamed = try tenant.memory(at: try NamePath("user=u0/topic=t0/note0.md"))
        _ = try await tenant.move(
            renamed.id,
            to: try NamePath("user=u9/topic=t9/other.md"),
            origin: Scratch.origin
        )
        let deleted = try tenant.memory(at: try NamePath("user=u1/topic=t1/note1.md"))
        try await tenant.delete(deleted.id, origin: Scratch.origin)
        try await tenant.add("user=u8/topic=t8/born.md", "born")
        let rig = Rig(scratch, tenant)
        try await rig.start(Self.new, .with { $0.batchSize = 2 })
        try await rig.settle(batchSize: 3)
        #expect(try tenant.has("topic=t9/user=u9/other.md"))
        #expect(try !tenant.has("topic=t0/user=u0/note0.md"))
        #expect(try !tenant.has("topic=t1/user=u1/note1.md"))
        #expect(try await tenant.text("topic=t8/user=u8/born.md") == "born")
        try await tenant.expectClean()
    }

    @Test("an abort while preparing ends the preparer too")
    func abortWhilePreparing() async throws {
        let scratch = try Scratch()
        _ = try await filled(scratch)
        let first = Rig(scratch, try scratch.reopen(), stoppingAt: .prepare, after: 1)
        _ = await code { try await first.start(Self.new, .with { $0.batchSize = 2 }) }
        let rig = Rig(scratch, try scratch.reopen())
        try rig.migrator.abort(origin: Scratch.origin)
        #expect(try rig.state == .aborted)
        try await rig.settle()
        #expect(try !rig.tenant.has("topic=t0/user=u0/note0.md"))
        try await rig.tenant.expectClean()
    }
}

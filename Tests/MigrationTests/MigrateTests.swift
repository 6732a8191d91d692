import Blobs
import Linux
import Loci
import Migration
import Synchronization
import TestSupport
import Testing

@Suite("Migrating in one call")
struct MigrateTests {
    static let new = "topic={topic}/user={user}"

    private func filled() async throws -> (Scratch, Tenant) {
        let scratch = try Scratch()
        let tenant = try scratch.create("user={user}/topic={topic}")
        for number in 0..<5 { try await tenant.add("user=u\(number)/topic=t/n.md", "\(number)") }
        return (scratch, tenant)
    }

    @Test("moves all, lists the new layout, leaves the old one live, and reports")
    func whole() async throws {
        let (scratch, tenant) = try await filled()
        let report = try await tenant.migrate(to: try Scheme(Self.new))
        #expect(report.moved == 5 && report.skipped == 0 && report.errorCount == 0)
        #expect(report.snapshot == "before-layout-2")
        #expect(report.duration > .zero && report.plan == nil)
        let status = try Migrator(tenant).status()
        #expect(status.state == .complete && status.misplaced == 0)
        #expect(try await tenant.text("topic=t/user=u3/n.md") == "3")
        #expect(try await tenant.text("user=u3/topic=t/n.md") == "3")
        try await tenant.expectClean()
        _ = scratch
    }

    @Test("a dry run gives the plan and changes nothing")
    func dry() async throws {
        let (scratch, tenant) = try await filled()
        let before = try tenant.lastChange()
        let report = try await tenant.migrate(
            to: try Scheme(Self.new),
            options: .with { $0.dryRun = true }
        )
        #expect(report.plan?.toMove == 5)
        #expect(try tenant.lastChange() == before)
        _ = scratch
    }

    @Test("reports the first 32 errors, their number, and where all of them are")
    func errors() async throws {
        let scratch = try Scratch()
        let tenant = try scratch.create("{folder...}")
        for number in 0..<40 { try await tenant.add("d/n\(number).md") }
        let mapper = ClosureMapper(identity: "none") { _ in .skip(reason: "no topic") }
        let report = try await tenant.migrate(
            to: try Scheme("topic={topic}/{folder...}"),
            mapper: mapper,
            options: .with { $0.batchSize = 7 }
        )
        #expect(report.skipped == 40 && report.errorCount == 40)
        #expect(report.errors.count == 32)
        #expect(report.allErrors.contains("migrate errors"))
        var all: [MigrationFailure] = []
        var cursor: ListCursor?
        repeat {
            let page = try Migrator(tenant).errors(after: cursor, limit: 9)
            all += page.failures
            cursor = page.next
        } while cursor != nil
        #expect(all.count == 40)
    }

    @Test("a call that was killed after the layout went live goes on from there")
    func goesOn() async throws {
        let (scratch, tenant) = try await filled()
        try await Migrator(tenant).start(to: try Scheme(Self.new))
        let report = try await scratch.reopen().migrate(to: try Scheme(Self.new))
        #expect(report.moved == 5)
        #expect(try Migrator(tenant).status().state == .complete)
    }

    @Test("waits for a worker that has the lock instead of moving itself")
    func waits() async throws {
        let (scratch, tenant) = try await filled()
        let stop = try WakeEvent()
        let worker = MigrationWorker(try scratch.reopen())
        let thread = try Thread.spawn(name: "worker") { worker.run(until: stop) }
        defer {
            stop.signal()
            thread.join()
        }
        while try Migrator(tenant).status().worker == nil { SystemClock.sleep(.milliseconds(5)) }
        let report = try await tenant.migrate(to: try Scheme(Self.new))
        #expect(report.moved == 5)
        #expect(try Migrator(tenant).status().state == .complete)
    }

    @Test("a full disk pauses the migration with its reason, skips nothing, and resume finishes")
    func fullDisk() async throws {
        let (scratch, tenant) = try await filled()
        try await Migrator(tenant).start(to: try Scheme(Self.new))
        let isFull = Full()
        let rig = Rig(
            scratch,
            try scratch.reopen { base in
                InterceptedBlobStore(base) { step throws(BlobError) in
                    if case .link = step, isFull.value { throw .noSpace(nil) }
                }
            }
        )
        #expect(await code { try await rig.settle() } == .noSpace)
        let status = try rig.migrator.status()
        #expect(status.isPaused && status.pauseReason?.contains("space") == true)
        #expect(status.misplaced == 5)
        try await rig.tenant.expectClean()
        isFull.end()
        try rig.migrator.resume()
        #expect(try await rig.settle().misplaced == 0)
        try await rig.tenant.expectClean()
    }

    private final class Full: Sendable {
        private let state = Mutex(true)

        var value: Bool { state.withLock { $0 } }

        func end() { state.withLock { $0 = false } }
    }
}

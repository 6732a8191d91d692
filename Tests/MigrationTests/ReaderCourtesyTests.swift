import Linux
import Loci
import Migration
import Synchronization
import Testing

@Suite("Courtesy to readers")
struct ReaderCourtesyTests {
    private typealias Times = ReaderCourtesy.Times

    /// A window of a second after another.
    private final class Driven {
        var courtesy = ReaderCourtesy(window: .seconds(1), now: 0)
        var now: Int64 = 0

        /// Whether the window after this one is rest.
        func pass(moving: Bool, p99: Int?, count: Int = 1000) -> Bool {
            if moving { courtesy.noteMove() }
            now += 1_000_000_000
            let begins = courtesy.look(now: now) {
                Times(count: count, p99: p99.map { .microseconds($0) })
            }
            #expect(begins == courtesy.isResting)
            return begins
        }
    }

    @Test("rests for a window where readers wait more than twice as long as without moves")
    func rests() {
        let driven = Driven()
        #expect(!driven.pass(moving: false, p99: 50))
        #expect(!driven.pass(moving: true, p99: 100))
        #expect(driven.pass(moving: true, p99: 101))
        #expect(!driven.pass(moving: false, p99: 50))
        #expect(driven.pass(moving: true, p99: 500))
    }

    @Test("takes what readers meet while it rests as what they meet without it")
    func adapts() {
        let driven = Driven()
        #expect(!driven.pass(moving: false, p99: 50))
        #expect(driven.pass(moving: true, p99: 5000))
        // They read from the disk now, whether anything moves or not.
        #expect(!driven.pass(moving: false, p99: 4800))
        #expect(!driven.pass(moving: true, p99: 5200))
    }

    @Test("rests a window to learn the baseline, where it never saw one without moves")
    func learns() {
        let driven = Driven()
        #expect(driven.pass(moving: true, p99: 100))
        #expect(!driven.pass(moving: false, p99: 60))
        #expect(!driven.pass(moving: true, p99: 120))
        #expect(driven.pass(moving: true, p99: 121))
    }

    @Test("needs enough requests on both sides")
    func needsEnough() {
        let driven = Driven()
        #expect(!driven.pass(moving: true, p99: 5000, count: ReaderCourtesy.enough - 1))
        #expect(driven.pass(moving: true, p99: 5000))
        #expect(!driven.pass(moving: false, p99: 1, count: ReaderCourtesy.enough - 1))
        #expect(driven.pass(moving: true, p99: 5000), "that window taught nothing")
        #expect(!driven.pass(moving: false, p99: nil, count: 0))
        #expect(!driven.pass(moving: false, p99: 10))
        #expect(!driven.pass(moving: true, p99: 5000, count: ReaderCourtesy.enough - 1))
        #expect(driven.pass(moving: true, p99: 5000, count: ReaderCourtesy.enough))
    }

    @Test("looks once a window")
    func looksOnceAWindow() {
        var courtesy = ReaderCourtesy(window: .seconds(1), now: 0)
        courtesy.noteMove()
        let begins = courtesy.look(now: 999_999_999) {
            Issue.record("looked too early")
            return Times(count: 0, p99: nil)
        }
        #expect(!begins)
    }

    @Test("a worker of a mount rests, status says for whom, and everything moves all the same")
    func worker() async throws {
        let scratch = try Scratch()
        let tenant = try scratch.create("user={user}")
        for name in 0..<40 { try await tenant.add("user=ann/\(name).md") }
        let rig = Rig(scratch, tenant)
        var tuning = rig.tuning
        tuning.readersWindow = .milliseconds(50)
        // What readers meet is worse whenever something has moved since.
        let seen = Mutex(Int64(0))
        let stop = try WakeEvent()
        let worker = MigrationWorker(tenant, batchSize: 4, tuning: tuning)
        let thread = try Thread.spawn(name: "mover") {
            worker.run(until: stop) {
                SystemClock.sleep(.milliseconds(1))
                let done = (try? rig.migrator.status().done) ?? 0
                let isSlow = seen.withLock { seen in
                    defer { seen = done }
                    return done > seen
                }
                return Times(count: 1000, p99: isSlow ? .milliseconds(50) : .milliseconds(1))
            }
        }
        defer {
            stop.signal()
            thread.join()
        }
        // So that moving takes longer than a window.
        try rig.migrator.throttle(.perSecond(40))
        try await rig.start("by={user}")
        var kinds: Set<MigrationStatus.Wait.Kind> = []
        let deadline = SystemClock.monotonic() + 60_000_000_000
        while try rig.migrator.status().misplaced > 0, SystemClock.monotonic() < deadline {
            kinds.formUnion(try rig.migrator.status().waits.map(\.kind))
            SystemClock.sleep(.milliseconds(2))
        }
        #expect(try rig.migrator.status().misplaced == 0)
        #expect(kinds.contains(.readers))
        try await tenant.expectClean()
    }
}

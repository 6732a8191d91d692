import Linux
import Loci
import Migration

/// How fast a tenant's contents move, durable and with what they leave collected.
struct MigrateBench {
    let directory: String
    let corpus: Corpus
    let newScheme: Scheme
    let tenant: Tenant

    /// Old keys are collected at once: the grace time is waiting, not work.
    private var tuning: MigrationTuning {
        var tuning = MigrationTuning()
        tuning.graceTime = .zero
        return tuning
    }

    /// `scattered`: each new directory gets memories of many old ones, as if by chance; else the
    /// levels of the tree change places.
    init(directory: String, memories: Int, perDirectory: Int, scattered: Bool) throws {
        self.directory = directory
        corpus = Corpus(count: memories, perDirectory: perDirectory)
        let scheme = try Scheme("user={user}/topic={topic}")
        newScheme = try Scheme(scattered ? "set={scattered}" : "topic={topic}/user={user}")
        tenant = try Store.create(at: directory, scheme: scheme, origin: .thisProcess)
            .tenant(.main)
        // Moving leaves the index alone; that of random letters, each word in one text only, would be
        // larger than all else, and filling it would take most of the time.
        try tenant.endSearch(origin: .thisProcess)
    }

    func run() async throws {
        let clock = ContinuousClock()
        let adding = try await clock.measure { try await corpus.add(to: tenant) }
        let migrator = Migrator(tenant)
        var options = MigrationOptions()
        options.takeSnapshotFirst = false
        let preparing = try await clock.measure {
            try await migrator.start(to: newScheme, options: options)
        }
        try migrator.throttle(.none)
        let memory = Int(RunningProcess.current.residentBytes ?? 0) / 1024
        var peak = memory
        let moving = try await clock.measure {
            let worker = MigrationWorker(tenant, tuning: tuning)
            for try await _ in worker.runUntilReady(collecting: true) {
                peak = max(peak, Int(RunningProcess.current.residentBytes ?? 0) / 1024)
            }
        }
        let moved = try migrator.status().run?.moved ?? 0
        let status = try migrator.status()
        precondition(moved == corpus.count && status.collectable == 0, "not all was moved")
        // The same way back, a transaction for each: what batches are worth.
        try migrator.abort()
        let single = try await singly(for: .seconds(10))
        print(
            "memories=\(corpus.count) per_directory=\(corpus.perDirectory) to=\(newScheme)",
            "added_per_s=\(rate(corpus.count, adding))",
            "prepared_per_s=\(rate(corpus.count, preparing))",
            "moved_per_s=\(rate(corpus.count, moving))",
            "singly_per_s=\(single)",
            "resident_before_kib=\(memory) resident_peak_kib=\(peak)"
        )
    }

    /// Moves a second with one memory a transaction, durable each, over about `time`.
    private func singly(for time: Duration) async throws -> Int {
        let migrator = Migrator(tenant)
        let before = try migrator.status().misplaced
        let began = ContinuousClock.now
        let worker = MigrationWorker(tenant, batchSize: 1, tuning: tuning)
        for try await _ in worker.runUntilReady(collecting: true)
        where ContinuousClock.now - began > time {
            break
        }
        let took = ContinuousClock.now - began
        return rate(Int(before - (try migrator.status().misplaced)), took)
    }

    private func rate(_ count: Int, _ time: Duration) -> Int {
        Int(Double(count) / (Double(time.wholeNanoseconds) / 1e9))
    }
}

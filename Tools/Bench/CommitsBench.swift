import Linux
import Loci
import Migration

/// How long one process's commits take, idle and while another process moves blobs at the default
/// pace.
struct CommitsBench {
    let tenant: Tenant
    let store: String
    let loci: String

    init(store: String, loci: String) throws {
        tenant = try Store.open(at: store).tenant(.main)
        self.store = store
        self.loci = loci
    }

    func run() async throws {
        let memory = try tenant.list(limit: 1).memories[0]
        let began = ContinuousClock.now
        let idle = try await commits(memory) { ContinuousClock.now - began < .seconds(5) }
        let null = try File.open("/dev/null", .readWrite)
        let mover = try Child.spawn(
            Child.Command(
                executable: loci,
                arguments: ["loci", "migrate", "run", "--quiet", "--store", store],
                descriptors: [0: null.descriptor, 1: null.descriptor, 2: 2]
            )
        )
        let (start, before) = (ContinuousClock.now, try Migrator(tenant).status())
        var looked = ContinuousClock.now
        let moving = try await commits(memory) {
            guard ContinuousClock.now - looked > .milliseconds(100) else { return true }
            looked = ContinuousClock.now
            return try Migrator(tenant).status().misplaced > 0
        }
        let seconds = Double((ContinuousClock.now - start).wholeNanoseconds) / 1e9
        _ = try mover.wait()
        print("commits idle    ", line(idle))
        print("commits, moving ", line(moving))
        print("blobs moved at the default pace: \(Int(Double(before.misplaced) / seconds))/s")
    }

    /// One durable commit after another while `goesOn`.
    private func commits(
        _ memory: Memory,
        _ goesOn: () throws -> Bool
    ) async throws -> Histogram {
        var times = Histogram()
        while try goesOn() {
            let start = SystemClock.monotonic()
            _ = try await tenant.set(
                memory.id,
                attributes: ["turn": "\(times.total)"],
                origin: .thisProcess
            )
            times.add(SystemClock.monotonic() - start)
        }
        return times
    }

    private func line(_ times: Histogram) -> String {
        "\(times.total)  p50 \(rounded(times.percentile(50))) ms"
            + "  p99 \(rounded(times.percentile(99))) ms  max \(rounded(times.percentile(100))) ms"
    }
}

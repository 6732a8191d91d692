import Linux
import Loci
import Migration

/// How long it takes from the command until a mount lists the other layout.
struct CutoverBench {
    let store: String
    let mount: String
    let loci: String
    let flips: Int

    /// Fills a tenant with `count` memories in 400 directories, and makes the second layout live.
    ///
    /// The layouts share one directory, their root, which has as many names for any count.
    static func fill(_ directory: String, count: Int) async throws {
        let scheme = try Scheme("user={user}/topic={topic}")
        let tenant = try Store.create(at: directory, scheme: scheme, origin: .thisProcess)
            .tenant(.main)
        // A mount would index for minutes what came in so fast.
        try tenant.endSearch(origin: .thisProcess)
        try await Corpus(count: count, perDirectory: max(1, count / 400)).add(to: tenant)
        var options = MigrationOptions()
        options.takeSnapshotFirst = false
        let migrator = Migrator(tenant)
        try await migrator.start(to: try Scheme("topic={topic}/user={user}"), options: options)
        try migrator.throttle(.none)
        for try await _ in MigrationWorker(tenant).runUntilReady(collecting: false) {}
    }

    func run() throws {
        var times: [String: [Int64]] = [:]
        for flip in 0..<flips {
            let (verb, prefix) = flip % 2 == 0 ? ("cutover", "topic=") : ("revert", "user=")
            let began = SystemClock.monotonic()
            let command = try Child.spawn(
                Child.Command(
                    executable: loci,
                    arguments: ["loci", "migrate", verb, "--quiet", "--store", store]
                )
            )
            while try !lists(prefix) {
                guard SystemClock.monotonic() - began < 10_000_000_000 else { throw Failed.usage }
                // The command and the mount need the processors more.
                SystemClock.sleep(.microseconds(200))
            }
            times[verb, default: []].append(SystemClock.monotonic() - began)
            guard try command.wait() == .exited(0) else { throw Failed.usage }
            SystemClock.sleep(.milliseconds(200))
        }
        for (verb, times) in times.sorted(by: { $0.key < $1.key }) {
            let ordered = times.sorted()
            print(
                verb,
                "median \(rounded(Double(ordered[ordered.count / 2]) / 1e6)) ms",
                "max \(rounded(Double(ordered[ordered.count - 1]) / 1e6)) ms",
                "of \(ordered.count)"
            )
        }
    }

    /// Whether the mount's root lists names that begin so.
    private func lists(_ prefix: String) throws -> Bool {
        try File.open(mount, [.readOnly, .directory]).entries().contains { entry in
            entry.name.starts(with: prefix.utf8)
        }
    }
}

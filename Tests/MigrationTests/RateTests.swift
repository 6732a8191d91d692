import Glibc
import Linux
import Loci
import Migration
import Testing

/// How fast blobs move, durable and collected: printed, not judged, unless nothing else runs here.
///
/// Only where `LOCI_MEASURE` is set: it takes long, and says nothing while others use the machine.
@Suite("Rate of moving", .serialized, .enabled(if: Measuring.isWanted))
struct RateTests {
    @Test("20,000 memories move, whatever the size of the directories", arguments: [500, 10])
    func rate(_ perDirectory: Int) async throws {
        let scratch = try Scratch()
        let tenant = try scratch.create("user={user}")
        let count = 20_000
        let batch = try (0..<count).map { number in
            NewMemory(
                .bytes(Array("memory \(number)".utf8)),
                name: try Name("n\(number).md"),
                attributes: [
                    "user": "u\(number % 40)", "topic": "t\(number / perDirectory)",
                ]
            )
        }
        for result in try await tenant.append(contentsOf: batch, origin: Scratch.origin) {
            _ = try result.get()
        }
        let rig = Rig(scratch, tenant)
        let clock = ContinuousClock()
        let preparing = try await clock.measure {
            try await rig.start("topic={topic}", .with { $0.takeSnapshotFirst = false })
        }
        try rig.migrator.throttle(.none)
        let moving = try await clock.measure { try await rig.settle() }
        let status = try rig.migrator.status()
        #expect(status.run?.moved == Int64(count) && status.collectable == 0)
        try rig.migrator.cutover()
        try rig.migrator.retire()
        let clearing = try await clock.measure { try await rig.settle() }
        print(
            "\(perDirectory) a directory: prepared \(Self.rate(count, preparing))/s, "
                + "moved and collected \(Self.rate(count, moving))/s, cleared in \(clearing)"
        )
        try await tenant.expectClean()
    }

    private static func rate(_ count: Int, _ time: Duration) -> Int {
        Int(Double(count) / (Double(time.wholeNanoseconds) / 1e9))
    }
}

private enum Measuring {
    static let isWanted = unsafe getenv("LOCI_MEASURE") != nil
}

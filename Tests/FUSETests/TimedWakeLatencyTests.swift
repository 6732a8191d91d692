import FUSE
import Glibc
import Testing

/// Whether this machine lets us ask: root, on a kernel that lets processors sleep.
private let canAsk = unsafe access("/dev/cpu_dma_latency", R_OK | W_OK) == 0

/// Timed, because the other tests' mounts ask for the same.
@Suite("A session whose wake-ups are to be quick", .serialized, .enabled(if: canAsk))
struct TimedWakeLatencyTests {
    /// What all processes together ask for, in microseconds.
    private static func asked() -> Int32? {
        let device = unsafe open("/dev/cpu_dma_latency", O_RDONLY | O_CLOEXEC)
        guard device >= 0 else { return nil }
        defer { close(device) }
        var value: Int32 = -1
        return unsafe read(device, &value, 4) == 4 ? value : nil
    }

    /// Asks the mount as often as it answers.
    private static func storm(_ path: String, until end: () -> Bool) -> Bool {
        for round in 0..<10_000 {
            // Each name costs a request: it is not there, and was not asked for.
            for number in 0..<20 { _ = exists("\(path)-\(round)-\(number)") }
            if end() { return true }
        }
        return false
    }

    @Test("keeps processors awake while requests come fast, and not after")
    func asksOnlyWhileBusy() throws {
        try withMount(MemoryFileSystem(["a": "x"]), lowLatency: true) { _, path in
            for storm in 0..<3 {
                try #require(Self.asked() != 0, "another process keeps processors awake")
                #expect(Self.storm("\(path)/\(storm)") { Self.asked() == 0 })
                #expect(eventually(within: 1000) { Self.asked() != 0 })
            }
        }
    }

    @Test("asks for nothing where requests come slowly, or it is not wished for")
    func leavesAlone() throws {
        try withMount(MemoryFileSystem(["a": "x"]), lowLatency: true) { session, path in
            var quiet = 0
            try #require(Self.asked() != 0, "another process keeps processors awake")
            for number in 0..<200 {
                _ = exists("\(path)/none-\(number)")
                usleep(1000)
                if Self.asked() != 0 { quiet += 1 }
            }
            #expect(session.counts.total >= 200)
            // The machine may keep this thread waiting, and wake it for several requests at once.
            #expect(quiet > 190)
        }
        try withMount(MemoryFileSystem(["a": "x"])) { _, path in
            var quiet = 0
            for round in 0..<200 {
                for number in 0..<20 { _ = exists("\(path)/none-\(round)-\(number)") }
                if Self.asked() != 0 { quiet += 1 }
            }
            #expect(quiet == 200)
        }
    }
}

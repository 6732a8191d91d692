import Mount
import Testing

@Suite("Times of requests")
struct RequestTimesTests {
    @Test("the hundredth is told to an eighth, whatever its size")
    func tellsTheHundredth() throws {
        let times = RequestTimes()
        for size in [Int64(1), 7, 8, 9, 100, 1023, 1024, 12_345, 1_000_000, 3_000_000_000] {
            for _ in 0..<985 { times.note(size / 100) }
            for _ in 0..<15 { times.note(size) }
            let summary = times.take()
            #expect(summary.count == 1000)
            let p99 = try #require(summary.p99)
            #expect(p99 >= .nanoseconds(size), "\(size): \(p99)")
            #expect(p99 <= .nanoseconds(size + size / 8), "\(size): \(p99)")
        }
    }

    @Test("a rare slow one does not count, and a look begins anew")
    func passesOverRareOnes() throws {
        let times = RequestTimes()
        for _ in 0..<999 { times.note(1000) }
        times.note(1_000_000_000)
        let p99 = try #require(times.take().p99)
        #expect(p99 < .nanoseconds(1200))
        #expect(times.take() == RequestTimes.Summary(count: 0, p99: nil))
    }

    @Test("what is longer than can be told counts as the longest")
    func hasAnEnd() {
        let times = RequestTimes()
        times.note(.max)
        times.note(-5)
        let longest = Duration.nanoseconds(Int64(1) << 42 - 1)
        #expect(times.take() == RequestTimes.Summary(count: 2, p99: longest))
        times.note(-5)
        #expect(times.take() == RequestTimes.Summary(count: 1, p99: .zero))
    }

    @Test("lookups and reads of a mount are counted")
    func counts() async throws {
        let mounted = try MountedTenant()
        try await mounted.add("user=bob/topic=auth/a.md", "1")
        let times = mounted.daemon.fileSystem.requestTimes
        _ = times.take()
        _ = try mounted.read("user=bob/topic=auth/a.md")
        let summary = times.take()
        #expect(summary.count >= 2 && summary.p99 != nil)
    }
}

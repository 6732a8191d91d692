import Linux
import Model
import TestSupport
import Testing

@testable import Loci

@Suite("The feed of changes, in time")
struct TimedFeedTests {
    let origin = TemporaryStore.origin
    let made: TemporaryStore
    let tenant: Tenant

    init() throws {
        made = try TemporaryStore(scheme: try Scheme("user={user}"))
        tenant = try made.tenant()
    }

    @Test("tells a change of another process within half a second")
    func isPrompt() async throws {
        let other = try made.reopened()
        let began = AsyncStream<Void>.makeStream()
        let follower = Task { [tenant] in
            var iterator = tenant.changes.makeAsyncIterator()
            began.continuation.finish()
            let change = try await iterator.next()
            return (change, ContinuousClock.now)
        }
        for await _ in began.stream {}
        // Long enough that the feed waits.
        try await Task.sleep(for: .milliseconds(100))
        let memory = try await other.append([], at: NamePath("user=b/x.md"), origin: origin)
        let (stalled, committed) = (Stalls.total(of: [.current]), ContinuousClock.now)
        let (change, seen) = try await follower.value
        #expect(change?.memory == memory.id)
        #expect(change?.operation == .add)
        let waited = Stalls.total(of: [.current]) - stalled
        #expect(seen - committed - waited < .milliseconds(500))
    }
}

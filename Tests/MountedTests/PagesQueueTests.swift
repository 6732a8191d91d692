import Linux
import Synchronization
import Testing

@testable import FUSE
@testable import Mount

@Suite("The queue of pages to drop", .timeLimit(.minutes(20)))
struct PagesQueueTests {
    @Test("holds each node once, and lets who adds to a full one wait")
    func bound() throws {
        let queue = try PagesQueue(Notifier(device: -1, gate: Gate()), after: {})
        for number in 1...UInt64(PagesQueue.limit) { queue.add(.content(NodeID(number))) }
        queue.add(.content(NodeID(1)))
        let isAdded = Atomic<Bool>(false)
        let adder = try Thread.spawn(name: "adder") {
            queue.add(.content(NodeID(0)))
            isAdded.store(true, ordering: .releasing)
        }
        SystemClock.sleep(.milliseconds(30))
        let wasEarly = isAdded.load(ordering: .acquiring)
        try queue.start()
        adder.join()
        queue.stop()
        #expect(!wasEarly)
    }
}

import Loci
import Testing

@testable import Migration

/// Who is asked again after a failure, and when that ends: without processes or clocks.
@Suite("A mapper's queue")
struct MapperQueueTests {
    private static func ids(_ count: Int) -> [MemoryID] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map {
            MemoryID(time: Timestamp(nanoseconds: Int64($0) * 1_000_000), using: &generator)
        }
    }

    private func queue(_ ids: [MemoryID]) -> MapperQueue {
        var queue = MapperQueue(timeout: .nanoseconds(100))
        for id in ids { queue.add(id) }
        return queue
    }

    private func ask(_ queue: inout MapperQueue, _ child: Int, at now: Int64 = 0) -> [MemoryID] {
        var asked: [MemoryID] = []
        while let id = queue.next(for: child, now: now) { asked.append(id) }
        return asked
    }

    private func fail(_ queue: inout MapperQueue, _ child: Int) -> MapperQueue.Verdict {
        queue.fail(child)
    }

    private func receive(
        _ queue: inout MapperQueue,
        _ id: MemoryID,
        from child: Int
    ) -> MapperQueue.Reception {
        queue.receive(id, from: child, now: 0)
    }

    @Test("a child is asked about 16 at a time, in order")
    func window() {
        let ids = Self.ids(40)
        var queue = queue(ids)
        #expect(ask(&queue, 0) == Array(ids[..<16]))
        #expect(ask(&queue, 1) == Array(ids[16..<32]))
        queue.finish(ids[3], now: 1)
        #expect(ask(&queue, 0) == [ids[32]])
    }

    @Test("after a failure those in flight are asked again one by one, before any other")
    func suspects() {
        let ids = Self.ids(40)
        var queue = queue(ids)
        _ = ask(&queue, 0)
        #expect(fail(&queue, 0).givenUp == nil)
        #expect(ask(&queue, 0) == [ids[0]])
        queue.finish(ids[0], now: 1)
        #expect(ask(&queue, 0) == [ids[1]])
    }

    /// Asks and fails as a child does to which some memories are too much; gives what was given up,
    /// and whether it ended as broken.
    private func play(
        _ queue: inout MapperQueue,
        _ isBad: (MemoryID) -> Bool
    ) -> (givenUp: [MemoryID], isBroken: Bool) {
        var givenUp: [MemoryID] = []
        var inFlight: [MemoryID] = []
        while true {
            inFlight += ask(&queue, 0)
            guard !inFlight.isEmpty else { return (givenUp, false) }
            let id = inFlight.removeFirst()
            guard isBad(id) else {
                queue.finish(id, now: 0)
                continue
            }
            inFlight = []
            let verdict = queue.fail(0)
            if let id = verdict.givenUp {
                givenUp.append(id)
                #expect(verdict.attempts == 3)
            }
            if verdict.isBroken { return (givenUp, true) }
        }
    }

    @Test("what fails alone three times is given up, and only that, wherever it stands")
    func givesUp() {
        for bad in [1..<2, 0..<12, 20..<32, 28..<40] {
            let ids = Self.ids(40)
            var queue = queue(ids)
            let played = play(&queue) { ids[bad].contains($0) }
            #expect(!played.isBroken)
            #expect(played.givenUp.sorted() == Array(ids[bad]))
        }
    }

    @Test("where fresh memories fail alone too, the mapper is broken, and nobody is given up")
    func breaks() {
        let ids = Self.ids(40)
        var queue = queue(ids)
        let played = play(&queue) { _ in true }
        #expect(played.isBroken && played.givenUp.isEmpty)
    }

    @Test("where there is nobody else to ask, each has its three tries")
    func few() {
        let ids = Self.ids(3)
        var queue = queue(ids)
        let played = play(&queue) { _ in true }
        #expect(!played.isBroken && played.givenUp.sorted() == ids)
    }

    @Test("a child that fails after each answer is not started for ever")
    func breaksSlowly() {
        let ids = Self.ids(1000)
        var queue = queue(ids)
        var failures = 0
        while let id = queue.next(for: 0, now: 0) {
            queue.finish(id, now: 0)
            failures += 1
            if queue.fail(0).isBroken { break }
        }
        #expect(failures < 40)
    }

    @Test("an answer is unknown, expected or repeated, and only to the child that was asked")
    func receives() {
        let ids = Self.ids(2)
        var queue = queue(ids)
        _ = ask(&queue, 0)
        #expect(receive(&queue, ids[0], from: 1) == .unknown)
        #expect(receive(&queue, ids[0], from: 0) == .expected)
        queue.finish(ids[0], now: 0)
        #expect(receive(&queue, ids[0], from: 0) == .repeated)
        #expect(receive(&queue, Self.ids(1)[0], from: 0) == .unknown)
    }

    @Test("a child hangs when it says nothing for the time of one answer")
    func quietChild() {
        let ids = Self.ids(4)
        var queue = queue(ids)
        _ = ask(&queue, 0, at: 1000)
        #expect(queue.deadline(of: 0) == 1100)
        _ = queue.receive(ids[0], from: 0, now: 1050)
        queue.finish(ids[0], now: 1050)
        #expect(queue.deadline(of: 0) == 1150)
        #expect(queue.deadline(of: 1) == nil)
    }

    @Test("one memory that is passed over again and again is overdue, however busy its child is")
    func overdueMemory() {
        let ids = Self.ids(200)
        var queue = queue(ids)
        _ = ask(&queue, 0, at: 0)
        for (index, id) in ids[1...].enumerated() {
            let now = Int64(index) * 90
            guard let deadline = queue.deadline(of: 0), deadline > now else { return }
            _ = queue.receive(id, from: 0, now: now)
            queue.finish(id, now: now)
            _ = ask(&queue, 0, at: now)
        }
        Issue.record("the first memory was never overdue")
    }

    @Test("no time runs while the child waits for a body")
    func bodies() {
        let ids = Self.ids(1)
        var queue = queue(ids)
        _ = ask(&queue, 0)
        queue.awaitBody(ids[0])
        #expect(queue.deadline(of: 0) == nil)
        #expect(receive(&queue, ids[0], from: 0) == .unknown)
        let child = queue.bodyArrived(ids[0], now: 500)
        #expect(child == 0)
        #expect(queue.deadline(of: 0) == 600)
    }

    @Test("a memory that nobody wants any more is not asked about")
    func withdraws() {
        let ids = Self.ids(20)
        var queue = queue(ids)
        _ = ask(&queue, 0)
        let wasWaiting = queue.withdraw(ids[18])
        let wasAsked = !queue.withdraw(ids[2])
        #expect(wasWaiting && wasAsked)
        #expect(ask(&queue, 1) == [ids[16], ids[17], ids[19]])
    }
}

@Suite("A mapper's bodies")
struct MapperBodiesTests {
    @Test("those on their way are bounded together, in the order in which they were wanted")
    func bounds() {
        var generator = SystemRandomNumberGenerator()
        let ids = (0..<4).map {
            MemoryID(time: Timestamp(nanoseconds: $0 * 1_000_000), using: &generator)
        }
        var bodies = MapperBodies()
        for id in ids { bodies.add(id, size: 12 << 20) }
        let first = [bodies.next(), bodies.next(), bodies.next()]
        #expect(first == [ids[0], ids[1], nil])
        bodies.release(ids[2])
        #expect(bodies.next() == nil)
        bodies.release(ids[0])
        #expect(bodies.next() == ids[3])
        for id in ids { bodies.release(id) }
        bodies.add(ids[0], size: 40 << 20)
        #expect(bodies.next() == ids[0])
    }
}

import Linux
import Testing

@testable import Mount

/// A file's life and a clock that only tests move.
private struct Driven {
    var life: StagedFileLife
    var now = Moment(1_000_000_000_000)
    var size: Int64 = 10

    init(isUnborn: Bool = false, limits: StagedFileLife.Limits = StagedFileLife.Limits()) {
        life = StagedFileLife(isUnborn: isUnborn, limits: limits)
    }

    mutating func pass(_ milliseconds: Int) { now = now + .milliseconds(milliseconds) }

    mutating func happen(_ event: StagedFileLife.Event) { life.handle(event, at: now) }

    var action: StagedFileLife.Action { life.action(at: now, size: size) }

    /// Milliseconds until it is committed, if nothing more happens; nil for never.
    var commitsIn: Int? {
        var copy = self
        for _ in 0..<20 {
            switch copy.action {
            case .rest: return nil
            case .commit: return Int((copy.now.rawValue - now.rawValue) / 1_000_000)
            case .wait(let until): copy.now = until
            }
        }
        Issue.record("the waits have no end")
        return nil
    }
}

@Suite("The life of a staged file")
struct StagedFileLifeTests {
    @Test("a clean file rests")
    func rests() {
        var driven = Driven()
        #expect(driven.action == .rest)
        driven.happen(.closed)
        #expect(driven.action == .rest)
    }

    @Test("a close is followed by 50 ms of waiting, then the commit")
    func closes() {
        var driven = Driven()
        driven.happen(.written)
        driven.pass(10)
        driven.happen(.closed)
        #expect(driven.commitsIn == 50)
        driven.pass(49)
        #expect(driven.action != .commit)
        driven.pass(1)
        #expect(driven.action == .commit)
    }

    @Test("without a close, 100 ms of quiet make it a candidate")
    func quiet() {
        var driven = Driven()
        driven.happen(.written)
        #expect(driven.commitsIn == 150)
    }

    @Test("a write after the close takes the candidate back")
    func writtenAfterClose() {
        var driven = Driven()
        driven.happen(.written)
        driven.happen(.closed)
        driven.pass(40)
        driven.happen(.written)
        #expect(driven.commitsIn == 150)
    }

    @Test("a close that comes late does not delay the commit")
    func lateClose() {
        var driven = Driven()
        driven.happen(.written)
        driven.pass(140)
        driven.happen(.closed)
        #expect(driven.commitsIn == 10)
    }

    @Test("writing with pauses of 60 ms without end is committed after 5 s, in the next pause")
    func endless() {
        var driven = Driven()
        let start = driven.now
        while driven.now - start < .milliseconds(4_980) {
            driven.happen(.written)
            driven.pass(60)
            #expect(driven.action != .commit)
        }
        driven.happen(.written)
        let wait = driven.commitsIn ?? .max
        #expect(driven.now + .milliseconds(wait) >= start + .milliseconds(5_050))
        #expect(wait <= 110)
    }

    @Test("writing every 10 ms without end never commits half of a burst")
    func neverWithinABurst() {
        var driven = Driven()
        for _ in 0..<1_000 {
            driven.happen(.written)
            driven.pass(10)
            #expect(driven.action != .commit)
        }
        #expect(driven.commitsIn == 40)
    }

    @Test("an unborn file is born 500 ms after it last became a candidate")
    func birth() {
        var driven = Driven(isUnborn: true)
        driven.happen(.written)
        #expect(driven.commitsIn == 600)
        driven.pass(20)
        driven.happen(.closed)
        #expect(driven.commitsIn == 500)
        driven.pass(400)
        driven.happen(.written)
        #expect(driven.commitsIn == 600)
        driven.happen(.closed)
        #expect(driven.commitsIn == 500)
    }

    @Test("a large file is committed at most once a minute")
    func large() {
        var driven = Driven()
        driven.size = 17 << 20
        driven.happen(.written)
        #expect(driven.commitsIn == 150)
        driven.pass(150)
        driven.happen(.sealed)
        driven.life.committed()
        driven.pass(1_000)
        driven.happen(.written)
        #expect(driven.commitsIn == 59_000)
        driven.size = 16 << 20
        #expect(driven.commitsIn == 150)
    }

    @Test("the minute of a large file also counts from a commit of its earlier life")
    func largeAgain() {
        let start = Moment(5_000_000_000)
        var life = StagedFileLife(isUnborn: false, lastCommit: start)
        life.handle(.written, at: start + .seconds(10))
        #expect(
            life.action(at: start + .seconds(11), size: 17 << 20)
                == .wait(until: start + .seconds(60))
        )
    }

    @Test("after a failure it waits, twice as long each time, at most 10 s")
    func failures() {
        var driven = Driven()
        driven.happen(.written)
        driven.pass(1_000)
        var waits: [Int] = []
        for _ in 0..<9 {
            driven.happen(.sealed)
            #expect(driven.action == .rest)
            driven.happen(.failed)
            let wait = driven.commitsIn ?? -1
            waits.append(wait)
            driven.pass(wait)
            #expect(driven.action == .commit)
        }
        #expect(waits == [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000])
    }

    @Test("a failed file whose bytes were rewritten keeps the age of what was sealed")
    func failedAndRewritten() {
        var driven = Driven()
        driven.happen(.written)
        let first = driven.life.dirtySince
        driven.pass(200)
        driven.happen(.sealed)
        driven.happen(.written)
        driven.happen(.failed)
        #expect(driven.life.dirtySince == first)
    }

    @Test("what is written during a commit is committed by the same rules")
    func writtenWhileSealed() {
        var driven = Driven()
        driven.happen(.written)
        driven.pass(200)
        driven.happen(.sealed)
        driven.pass(5)
        driven.happen(.written)
        driven.life.committed()
        #expect(driven.commitsIn == 150)
    }

    @Test("an unconditional demand takes it within its write, a command leaves it for 50 ms")
    func demands() {
        var driven = Driven(isUnborn: true)
        #expect(driven.life.action(at: driven.now, on: .unconditional) == .rest)
        driven.happen(.written)
        #expect(driven.life.action(at: driven.now, on: .unconditional) == .commit)
        #expect(
            driven.life.action(at: driven.now, on: .settled)
                == .wait(until: driven.now + .milliseconds(50))
        )
        driven.pass(50)
        #expect(driven.life.action(at: driven.now, on: .settled) == .commit)
    }

    @Test("no order of events commits within 50 ms of a write", arguments: 0..<200)
    func neverSoon(seed: UInt64) {
        var generator = SplitMix(state: seed)
        var driven = Driven(isUnborn: seed.isMultiple(of: 2))
        var lastWrite: Moment?
        for _ in 0..<300 {
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                driven.happen(.written)
                lastWrite = driven.now
            case 1: driven.happen(.closed)
            default: driven.pass(Int.random(in: 1...120, using: &generator))
            }
            guard driven.action == .commit else { continue }
            guard let written = lastWrite else {
                Issue.record("seed \(seed): nothing was written")
                return
            }
            #expect(driven.now - written >= .milliseconds(50), "seed \(seed)")
            driven.happen(.sealed)
            driven.life.committed()
            lastWrite = nil
        }
    }
}

/// A seeded generator: a failure can be repeated.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

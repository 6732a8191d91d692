import Loci
import Migration
import Testing

@Suite("Throttle")
struct ThrottleTests {
    @Test("admits a burst at once, then asks for exactly the missing time")
    func waitsForTheMissingMoves() {
        var throttle = Throttle(rate: 100, now: 0)
        #expect(throttle.batch == 10)
        #expect(throttle.admit(10, now: 0) == .proceed)
        #expect(throttle.admit(10, now: 0) == .wait(.milliseconds(100)))
        #expect(throttle.admit(10, now: 60_000_000) == .wait(.milliseconds(40)))
        #expect(throttle.admit(10, now: 100_000_000) == .proceed)
    }

    @Test("a long rest earns one burst, not more")
    func restEarnsOneBurst() {
        var throttle = Throttle(rate: 100, now: 0)
        #expect(throttle.admit(10, now: 0) == .proceed)
        #expect(throttle.admit(10, now: 60_000_000_000) == .proceed)
        #expect(throttle.admit(1, now: 60_000_000_000) != .proceed)
    }

    @Test("over a long time the rate is kept exactly")
    func keepsTheRate() {
        var throttle = Throttle(rate: 50, now: 0)
        var now: Int64 = 0
        var moved = 0
        while now < 10_000_000_000 {
            switch throttle.admit(throttle.batch, now: now) {
            case .proceed: moved += throttle.batch
            case .wait(let time): now += time.components.attoseconds / 1_000_000_000
            }
        }
        #expect((500...505).contains(moved))
    }

    @Test("a clock that goes back gives nothing away")
    func clockGoesBack() {
        var throttle = Throttle(rate: 10, now: 1_000_000_000)
        #expect(throttle.admit(1, now: 1_000_000_000) == .proceed)
        #expect(throttle.admit(1, now: 0) == .wait(.milliseconds(100)))
    }

    @Test("rates are read as they are written", arguments: ["polite", "none", "500"])
    func rates(_ text: String) throws {
        #expect(try MoveRate(text).description == text)
    }

    @Test("a rate that is no rate is refused", arguments: ["", "fast", "0", "-3", "1.5"])
    func noRate(_ text: String) {
        #expect(throws: LociError.self) { try MoveRate(text) }
    }
}

@Suite("Batch size")
struct BatchSizerTests {
    @Test("a batch has as many rows as fit the time")
    func fitsTheTime() {
        var sizer = BatchSizer(aim: 5_000_000, limit: 1000)
        sizer.learn(rows: 64, nanoseconds: 640_000)
        #expect(sizer.size == 500)
    }

    @Test("never more than the limit, never none")
    func bounds() {
        var sizer = BatchSizer(aim: 5_000_000, limit: 100)
        sizer.learn(rows: 100, nanoseconds: 10)
        #expect(sizer.size == 100)
        sizer.learn(rows: 1, nanoseconds: 1_000_000_000)
        #expect(sizer.size == 1)
    }

    @Test("a slow transaction counts at once, a fast one by half")
    func learnsCarefully() {
        var sizer = BatchSizer(aim: 1000, limit: 1000)
        sizer.learn(rows: 1, nanoseconds: 10)
        #expect(sizer.size == 100)
        sizer.learn(rows: 1, nanoseconds: 100)
        #expect(sizer.size == 10)
        sizer.learn(rows: 1, nanoseconds: 0)
        #expect(sizer.size < 20)
    }
}

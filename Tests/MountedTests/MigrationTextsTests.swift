import Model
import Mount
import Synchronization
import Testing

@Suite("Texts of .loci/migration")
struct MigrationTextsTests {
    /// Texts that take a given time to make, by a clock that nothing else moves.
    private final class Made: Sendable {
        private let now = Mutex(Int64(0))
        private let count = Mutex(0)

        func texts() -> MigrationTexts { MigrationTexts { self.now.withLock(\.self) } }

        func pass(_ time: Int64) { now.withLock { $0 += time } }

        func make(in time: Int64) -> [UInt8] {
            pass(time)
            return count.withLock { count in
                count += 1
                return [UInt8(count)]
            }
        }
    }

    @Test("are kept ten times as long as they took, at most a second")
    func kept() throws {
        let times: [(cost: Int64, kept: Int64)] = [
            (1_000_000, 10_000_000), (400_000_000, 1_000_000_000),
        ]
        for (cost, kept) in times {
            let made = Made()
            let texts = made.texts()
            func read() throws -> [UInt8] { try texts.text(of: .who) { _ in made.make(in: cost) } }
            #expect(try read() == [1])
            made.pass(kept - 1)
            #expect(try read() == [1])
            made.pass(1)
            #expect(try read() == [2])
        }
    }

    @Test("are made anew after a command, and one does not stand for another")
    func dropped() throws {
        let made = Made()
        let texts = made.texts()
        func read(_ report: MigrationPanel.Report) throws -> [UInt8] {
            try texts.text(of: report) { _ in made.make(in: 1_000_000) }
        }
        #expect(try read(.who) == [1])
        #expect(try read(.status) == [2])
        texts.drop()
        #expect(try read(.who) == [3])
    }
}

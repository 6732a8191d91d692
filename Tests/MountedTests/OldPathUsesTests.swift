import Catalog
import Testing

@testable import Loci
@testable import Mount

@Suite("Uses of old paths before they are written")
struct OldPathUsesTests {
    private func key(_ prefix: String) -> OldPathUseRow.Key {
        OldPathUseRow.Key(layout: LayoutNumber(1), prefix: prefix, uid: 1, process: "cat")
    }

    @Test("what could not be written is taken back, and adds up with what came since")
    func merge() throws {
        let uses = OldPathUses()
        let (early, late) = (Timestamp(nanoseconds: 1), Timestamp(nanoseconds: 2))
        uses.note(key("a"), pid: 7, at: early)
        uses.note(key("b"), pid: 7, at: early)
        let failed = uses.take()
        #expect(uses.take().isEmpty)
        uses.note(key("a"), pid: 8, at: late)
        uses.merge(failed)
        let rows = uses.take()
        #expect(rows.count == 2)
        let row = try #require(rows.first { $0.key.prefix == "a" })
        #expect(row.count == 2 && row.pid == 8)
        #expect(row.first == early && row.last == late)
    }

    @Test("a full memory of them stays bounded when some are taken back")
    func bounded() {
        let uses = OldPathUses()
        let time = Timestamp(nanoseconds: 1)
        for index in 0..<OldPathUses.capacity { uses.note(key("a\(index)"), pid: 7, at: time) }
        let failed = uses.take()
        for index in 0..<OldPathUses.capacity { uses.note(key("b\(index)"), pid: 7, at: time) }
        uses.merge(failed)
        let rows = uses.take()
        #expect(rows.count == OldPathUses.capacity + 1)
        #expect(rows.reduce(0) { $0 + $1.count } == Int64(2 * OldPathUses.capacity))
    }
}

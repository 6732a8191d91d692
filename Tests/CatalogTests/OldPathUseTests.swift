import Model
import Testing

@testable import Catalog

@Suite("Uses of old paths")
struct OldPathUseTests {
    private func count(
        _ temporary: TemporaryCatalog,
        _ uses: [(prefix: String, uid: UInt32)],
        of layout: Int = 1
    ) throws {
        try temporary.write { tx in
            try tx.countUses(
                uses.map { use in
                    let key = OldPathUseRow.Key(
                        layout: LayoutNumber(layout),
                        prefix: use.prefix,
                        uid: use.uid,
                        process: "cat"
                    )
                    return OldPathUseRow(key, pid: 7, count: 2, first: tx.now, last: tx.now)
                }
            )
        }
    }

    private func rows(_ temporary: TemporaryCatalog) throws -> [OldPathUseRow] {
        try temporary.read {
            try $0.oldPathUses(of: nil, since: Timestamp(nanoseconds: .min), limit: .max)
        }
    }

    @Test("add up by prefix, user and command")
    func addUp() throws {
        let temporary = try TemporaryCatalog()
        try count(temporary, [("a", 1), ("a", 1), ("a", 2), ("b", 1)])
        let rows = try rows(temporary)
        #expect(rows.map(\.count).sorted() == [2, 2, 4])
    }

    @Test("of a layout that does not live leave no row, whoever comes late with them")
    func ended() throws {
        let temporary = try TemporaryCatalog()
        try count(temporary, [("a", 1)], of: 7)
        #expect(try rows(temporary).isEmpty)
    }

    @Test("of too many prefixes are brought together by user, of too many users in one row")
    func bounded() throws {
        let temporary = try TemporaryCatalog()
        let limit = Catalog.oldPathUseLimit
        try count(temporary, (0..<limit + 50).map { (prefix: "p\($0)", uid: UInt32(1)) })
        let prefixes = try rows(temporary)
        #expect(prefixes.count == limit + 1)
        #expect(prefixes.first { $0.key.prefix == OldPathUseRow.any }?.count == 100)
        try count(temporary, (0..<limit + 50).map { (prefix: "q", uid: UInt32(2 + $0)) })
        // One that has a row is counted there, however full it is.
        try count(temporary, [("p0", 1)])
        let rows = try rows(temporary)
        #expect(rows.count == 2 * limit + 1)
        #expect(rows.first { $0.key.uid == OldPathUseRow.anybody }?.count == 102)
        #expect(rows.first { $0.key.prefix == "p0" }?.count == 4)
        #expect(rows.reduce(0) { $0 + $1.count } == Int64(4 * (limit + 50) + 2))
    }
}

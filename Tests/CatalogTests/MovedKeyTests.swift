import Model
import SQL
import Testing

@testable import Catalog

@Suite("A revision whose content gets another key")
struct MovedKeyTests {
    private let temporary: TemporaryCatalog
    private let memory: MemoryRow
    private let old: String
    private static let new = "topic=auth/user=bob/new.1.md"

    init() throws {
        temporary = try TemporaryCatalog()
        let added = try temporary.add("x.md", ["user": "bob", "topic": "auth"])
        memory = added
        old = try #require(
            try temporary.read { try $0.revision(of: added.row, added.revision)?.blobKey }
        )
    }

    /// Moves to a key, and says whether that was done.
    private func move(
        from old: String? = nil,
        to new: String = Self.new,
        after grace: Duration = .seconds(10)
    ) throws -> Bool {
        try temporary.write { tx in
            try tx.moveBlob(
                memory: memory.row,
                memory.revision,
                from: old ?? self.old,
                to: new,
                layout: LayoutNumber(1),
                collectOldAfter: tx.now + grace
            )
        }
    }

    @discardableResult
    private func claim(_ key: String = Self.new) throws -> Bool {
        try temporary.write { try $0.claim(key, notBefore: $0.now + .seconds(600)) }
    }

    private func key() throws -> String? {
        try temporary.read { try $0.revision(of: memory.row, memory.revision)?.blobKey }
    }

    private func use(of key: String) throws -> BlobKeyUse {
        try temporary.read { try $0.use(ofBlobKey: key) }
    }

    @Test("leaves the old key to be collected, and nothing under the new one")
    func moves() throws {
        try claim()
        #expect(try move())
        #expect(try key() == Self.new)
        #expect(try use(of: old).reason == .moved)
        let left = try use(of: Self.new)
        #expect(left.isNamed && !left.isCollectable)
        #expect(try move() == false)
    }

    @Test("whose old key waits already keeps one row for it")
    func oldWaits() throws {
        try claim()
        let old = old
        try temporary.write { try $0.collect(old, notBefore: $0.now, reason: .expired) }
        #expect(try move())
        let left = try use(of: old)
        #expect(left.reason == .moved && !left.isDue(at: temporary.now + .seconds(5)))
        #expect(try temporary.read { try $0.collectableCount() } == 1)
    }

    @Test("changes nothing where the claim was given up")
    func withoutClaim() throws {
        #expect(try move() == false)
        #expect(try key() == old)
        #expect(try temporary.read { try $0.collectableCount() } == 0)
        try temporary.write { try $0.collect(Self.new, notBefore: $0.now, reason: .purged) }
        #expect(try move() == false)
        #expect(try use(of: Self.new).reason == .purged)
    }

    @Test("leaves what was linked in vain for a short time only")
    func inVain() throws {
        try claim()
        #expect(try move(from: "user=bob/topic=auth/another.1.md") == false)
        #expect(try key() == old)
        let left = try use(of: Self.new)
        #expect(left.reason == .moving && left.isDue(at: temporary.now + .seconds(11)))
    }

    @Test("tells keys apart by their bytes, not by what they look like")
    func otherForm() throws {
        let (composed, decomposed) = ("user=\u{e9}/x.1.md", "user=e\u{301}/x.1.md")
        #expect(composed == decomposed)
        try claim(composed)
        #expect(try move(to: composed))
        try claim(decomposed)
        #expect(try move(from: composed, to: decomposed))
        let left = try use(of: composed)
        #expect(!left.isNamed && left.reason == .moved)
        #expect(try use(of: decomposed).isNamed)
    }

    @Test("that stays under its key is no longer collected")
    func inPlace() throws {
        let old = old
        try temporary.write { try $0.collect(old, notBefore: $0.now, reason: .moved) }
        #expect(try move(to: old))
        let left = try use(of: old)
        #expect(left.isNamed && !left.isCollectable)
    }
}

import Testing

@testable import Model

@Suite("ids and names")
struct IdentifierTests {
    @Test("a ULID reads back from its text and its bytes, and orders as they do", arguments: 0..<5)
    func ulids(seed: Int) throws {
        var generator = SplitMix64(seed: UInt64(seed))
        var ids: [MemoryID] = []
        for _ in 0..<500 {
            let time = Timestamp(
                nanoseconds: .random(in: 0...Int64.max, using: &generator)
                    >> generator.pick([0, 20])
            )
            let id = MemoryID(time: time, using: &generator)
            #expect(id.time.nanoseconds / 1_000_000 == time.nanoseconds / 1_000_000)
            #expect(try MemoryID(id.description) == id)
            #expect(try MemoryID(id.description.lowercased()) == id)
            #expect(MemoryID(bytes: id.bytes) == id)
            ids.append(id)
        }
        let sorted = ids.sorted()
        #expect(sorted == ids.sorted { $0.description < $1.description }, "seed \(seed)")
        #expect(sorted == ids.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) })
    }

    @Test("a text for a message has no control characters of either kind")
    func printable() {
        for (raw, shown) in [
            ("a\u{1B}[31m", "a%1B[31m"), ("a\nb\u{7F}", "a%0Ab%7F"), ("\u{9B}31m", "%C2%9B31m"),
            ("\u{80}\u{9F}", "%C2%80%C2%9F"), ("é\u{A0}—Û", "é\u{A0}—Û"), ("", ""),
        ] {
            #expect(Name.printable(raw) == shown)
        }
        #expect(Name.printable([0x9B, 0x41]) == "\u{FFFD}A")
    }

    @Test("a known ULID has its known time, and what is no ULID is refused")
    func knownULID() throws {
        let id = try MemoryID("01ARYZ6S41TSV4RRFFQ69G5FAV")
        #expect(id.time.description == "2016-07-30T22:36:16.385000000Z")
        for text in [
            "", "01ARYZ6S41TSV4RRFFQ69G5FA", "81ARYZ6S41TSV4RRFFQ69G5FAV",
            "01ARYZ6S41TSV4RRFFQ69G5FAU", "01ARYZ6S41TSV4RRFFQ69G5FA/",
        ] {
            #expect(failure { _ = try MemoryID(text) }?.code == .invalidArgument)
        }
        #expect(MemoryID(bytes: [1, 2, 3]) == nil)
    }

    @Test("a tenant's id cannot leave the store")
    func tenants() throws {
        #expect(try TenantID("a-Z_9").description == "a-Z_9")
        #expect(TenantID.main.rawValue == "main")
        for text in ["", ".", "..", "a/b", "a b", "é", "a\0", String(repeating: "a", count: 65)] {
            #expect(failure { _ = try TenantID(text) }?.code == .invalidArgument)
        }
    }

    @Test("a name is any bytes but those that a path cannot hold")
    func names() throws {
        for bytes in [[], [0x2E], [0x2E, 0x2E], [0x61, 0], [0x2F]] as [[UInt8]] {
            #expect(failure { _ = try Name(validating: bytes) }?.code == .invalidName)
        }
        let long = [UInt8](repeating: 0x61, count: 256)
        #expect(failure { _ = try Name(validating: long) }?.code == .nameTooLong)
        let odd = try Name(validating: [0xFF, 0x0A])
        #expect(odd.utf8String == nil)
        #expect(try Name("é") != Name("e\u{301}"))
        #expect(try Name("...").utf8String == "...")
        #expect(try NamePath("/a//b/").names == [Name("a"), Name("b")])
        #expect(try NamePath("a/b").isWithin(NamePath("a")))
        #expect(try !NamePath("ab").isWithin(NamePath("a")))
        #expect(failure { _ = try NamePath("a/../b") }?.code == .invalidName)
    }

    @Test("a hash reads back from its text")
    func hashes() throws {
        let text = String(repeating: "0f", count: 32)
        #expect(try ContentHash(hex: text).description == text)
        #expect(failure { _ = try ContentHash(hex: "0f") }?.code == .invalidArgument)
        #expect(failure { _ = try ContentHash(bytes: [1]) }?.code == .corrupt)
    }

    @Test("tools' names are foreign, and memories' names are not")
    func foreign() throws {
        for text in [".x", ".obsidian", "x~", "~", "4913", "#x#", "x.swp", ".#x", "x.swx", ".loci"]
        {
            #expect(ForeignNames.isForeign(try Name(text)), "\(text)")
        }
        for text in ["x", "#x", "x#", "##", "swp", "4914", "x.md", "~x", "x.swpp"] {
            #expect(!ForeignNames.isForeign(try Name(text)), "\(text)")
        }
        #expect(!ForeignNames.isForeignDirectory(try Name("4913")))
    }

    @Test(
        "a suffix comes from the id's end, grows until free, and fits 255 bytes"
    )
    func suffixes() throws {
        let id = try MemoryID("01ARZ3NDEKTSV4RRFF4QZ8KD00")
        let plain = CollisionSuffix.candidates(for: try Name("oauth.md"), id: id).map(\.description)
        #expect(plain.first == "oauth~Z8KD00.md")
        #expect(plain[1] == "oauth~QZ8KD00.md")
        #expect(plain.last == "oauth~\(id).md" && plain.count == 21)
        let bare = CollisionSuffix.candidates(for: try Name("noext"), id: id)
        #expect(bare.first { _ in true }?.description == "noext~Z8KD00")
        let long = try Name(String(repeating: "é", count: 126) + ".md")
        for name in CollisionSuffix.candidates(for: long, id: id) {
            #expect(name.bytes.count <= 255 && name.utf8String?.hasSuffix(".md") == true)
            #expect((try? Name(validating: name.bytes)) == name)
        }
        let odd = try Name(validating: [UInt8](repeating: 0xBF, count: 255))
        let cut = CollisionSuffix.candidates(for: odd, id: id).first { _ in true }
        #expect(cut?.bytes.count == 255)
    }

    @Test("a near miss is named, a far one is not")
    func nearMisses() {
        #expect(NearMiss.nearest(to: "lowre", in: ["year", "lower"]) == "lower")
        #expect(NearMiss.nearest(to: "allow-other", in: ["allow_other", "ro"]) == "allow_other")
        #expect(NearMiss.nearest(to: "xyz", in: ["year", "lower"]) == nil)
    }

    @Test("an error reads as message and remedy")
    func errors() {
        let error = LociError(.notFound, subject: "x", message: "No x.", remedy: "Make it.")
        #expect("\(error)" == "No x. Make it.")
    }
}

@Suite("the state of a migration follows from facts")
struct MigrationStateTests {
    @Test(
        "each row of the design's table",
        arguments: [
            (nil, .none),
            (.init(newLayout: nil, newIsListed: false, oldIsLive: true, misplaced: 0), .planned),
            (
                .init(newLayout: .building, newIsListed: false, oldIsLive: true, misplaced: 9),
                .preparing
            ),
            (.init(newLayout: .live, newIsListed: false, oldIsLive: true, misplaced: 1), .moving),
            (.init(newLayout: .live, newIsListed: false, oldIsLive: true, misplaced: 0), .ready),
            (.init(newLayout: .live, newIsListed: true, oldIsLive: true, misplaced: 5), .complete),
            (.init(newLayout: .live, newIsListed: true, oldIsLive: false, misplaced: 5), .retired),
            (
                .init(newLayout: .aborted, newIsListed: false, oldIsLive: true, misplaced: 0),
                .aborted
            ),
            (
                .init(newLayout: .retired, newIsListed: false, oldIsLive: true, misplaced: 0),
                .aborted
            ),
        ] as [(MigrationState.Facts?, MigrationState)]
    )
    func derived(facts: MigrationState.Facts?, state: MigrationState) {
        #expect(MigrationState(facts) == state)
    }
}

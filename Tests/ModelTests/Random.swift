@testable import Model

/// A generator that repeats itself for a seed, so that a failure can be run again.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    mutating func pick<T>(_ values: [T]) -> T {
        values[Int.random(in: 0..<values.count, using: &self)]
    }

    mutating func chance(_ oneIn: Int) -> Bool { Int.random(in: 0..<oneIn, using: &self) == 0 }
}

enum Sample {
    static let now = Timestamp(seconds: 1_795_000_000) ?? .distantPast

    static let values = [
        "", "_", "__", "%", "%4", "%41", "%%41", "%zz", "%2f", "%2F", "%FF", "%25", ".", "..", ".x",
        "a/b", "/", "//", "a/", "/a", "a//b", "\0", "a\u{1}b", "\u{7F}", "\n", "user=bob", "b=",
        "=",
        "a b", " ", "é", "e\u{301}", "İx", "ǅ", "ΑΣ", "𝄞", "👩\u{200D}👧", "a", "b", "A", "B", "bob",
        "Bob",
        "~", "x~",
        "4913", "#x#", "a.swp", "CON", "\u{FEFF}", "\u{202E}x", "lit", "k=x", "k=", "{a}", "a{b",
    ]
    static let pieces = [
        "%", "4", "1", "F", "/", "_", ".", "a", "B", "=", "\0", "\u{1F}", "é", "İ", "k",
    ]

    static func value(_ generator: inout SplitMix64) -> String {
        if generator.chance(2) { return generator.pick(values) }
        let count = Int.random(in: 0...8, using: &generator)
        return (0..<count).map { _ in generator.pick(pieces) }.joined()
    }

    static func fields(_ keys: [String], _ generator: inout SplitMix64) -> MemoryFields {
        let time = Timestamp(
            nanoseconds: .random(in: .min..<now.nanoseconds, using: &generator)
        )
        var attributes: [String: String] = [:]
        for key in keys where !generator.chance(5) { attributes[key] = value(&generator) }
        return MemoryFields(
            id: MemoryID(time: now, using: &generator),
            created: time,
            attributes: attributes
        )
    }

    static func scheme(_ generator: inout SplitMix64) -> Scheme {
        let plain = [
            "{a}", "{b}", "k={a}", "k={b}", "a={a}", "b={b}", "lit", "k=x", "other", "{a:lower}",
            "{b:first(1)}", "{a:first(2)}", "{id:hash(4)}", "h={id:hash(16)}", "{created:year}",
            "y={created:year}", "{created:year}/{created:month}", "{id}",
            "y={created:year}/m={created:month}/d={created:day}", "{created}",
        ]
        while true {
            var parts = (0..<Int.random(in: 0...3, using: &generator)).map { _ in
                generator.pick(plain)
            }
            if parts.isEmpty || generator.chance(4) {
                parts.append(generator.pick(["{f...}", "{a...}"]))
            }
            if let scheme = try? Scheme(parts.joined(separator: "/")) { return scheme }
        }
    }
}

func names(_ path: String) throws -> [Name] { try NamePath(path).names }

/// The error that `body` throws, for tests of its parts.
func failure(_ body: () throws -> Void) -> LociError? {
    do {
        try body()
        return nil
    } catch {
        return error as? LociError
    }
}

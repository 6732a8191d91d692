import Testing

@testable import Model

@Suite("JSON is read strictly and written exactly")
struct JSONTests {
    @Test("an object written member by member is the text of its value")
    func written() {
        let name = Name(unchecked: [0x61, 0xFF])
        let value = JSON.object([
            .init("name", JSON(name: name)),
            .init(
                "after \"it\"",
                .object([
                    .init("attributes", .object([.init("a\n", "b\\")])),
                    .init("revision", .integer(-7)),
                ])
            ),
            .init("none", .object([])),
            .init("trashed", .bool(true)),
        ])
        var text = JSONObjectText()
        text.add("name", name: name)
        text.add("after \"it\"") { text in
            text.add("attributes") { $0.add("a\n", "b\\") }
            text.add("revision", integer: -7)
        }
        text.add("none") { _ in }
        text.add("trashed", true)
        #expect(text.text() == value.text())
        #expect(JSONObjectText().text() == "{}")
    }

    @Test("what is written reads back", arguments: 0..<10)
    func roundTrip(seed: Int) throws {
        var generator = SplitMix64(seed: UInt64(seed))
        for _ in 0..<100 {
            let value = Self.value(&generator, depth: 0)
            #expect(try JSON(parsing: value.text()) == value, "seed \(seed): \(value.text())")
            #expect(try JSON(parsing: value.text(.pretty)) == value, "seed \(seed)")
        }
    }

    private static func value(_ generator: inout SplitMix64, depth: Int) -> JSON {
        switch Int.random(in: 0..<(depth < 4 ? 7 : 5), using: &generator) {
        case 0: return .null
        case 1: return .bool(generator.chance(2))
        case 2: return .integer(Int64(bitPattern: generator.next()))
        case 3: return .number(Double(Int32(truncatingIfNeeded: generator.next())) / 1024 + 0.25)
        case 4: return .string(Sample.value(&generator))
        case 5: return .array((0..<3).map { _ in value(&generator, depth: depth + 1) })
        default:
            return .object(
                (0..<3).map { JSON.Member("\($0)é", value(&generator, depth: depth + 1)) }
            )
        }
    }

    @Test("members keep their order, or come sorted, on one line or many")
    func layouts() {
        let value: JSON = ["b": [1, 2], "a": ["x\n": true], "c": [], "d": nil]
        #expect(value.text() == #"{"b":[1,2],"a":{"x\n":true},"c":[],"d":null}"#)
        #expect(value.text(sorted: true) == #"{"a":{"x\n":true},"b":[1,2],"c":[],"d":null}"#)
        let pretty: JSON = ["a": [1], "b": [:]]
        #expect(pretty.text(.pretty) == "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}")
        #expect(value["b"]?.arrayValue?.first?.integerValue == 1)
    }

    @Test("escapes and numbers mean what RFC 8259 says")
    func values() throws {
        #expect(try JSON(parsing: #""\u00e9\ud834\udd1e\/\b""#).stringValue == "é𝄞/\u{8}")
        #expect(try JSON(parsing: " -0 ") == .integer(0))
        #expect(try JSON(parsing: "1e3") == .number(1000))
        #expect(try JSON(parsing: "9223372036854775807") == .integer(.max))
        #expect(try JSON(parsing: "9223372036854775808") == .number(9_223_372_036_854_775_808))
    }

    @Test(
        "what is not JSON is refused",
        arguments: [
            "", "{", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "01", "1.", "+1", ".5", "1e", "nul",
            "\"\\x\"", "\"\u{1}\"", "\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "1 2",
            "'a'", "{a:1}", "NaN", "1e999", "[1 2]", "// x\n1", "\u{FEFF}1",
        ]
    )
    func refused(text: String) {
        #expect(failure { _ = try JSON(parsing: text) }?.code == .malformedJSON)
    }

    @Test("nesting is bounded and bytes must be UTF-8")
    func bounds() throws {
        let deep = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(try JSON(parsing: deep).arrayValue?.count == 1)
        let deeper = String(repeating: "[", count: 100_000)
        #expect(failure { _ = try JSON(parsing: deeper) }?.code == .malformedJSON)
        let invalid = failure { _ = try JSON(parsing: [0x22, 0xFF, 0x22]) }
        #expect(invalid?.code == .malformedJSON)
    }

    @Test("a name that is not UTF-8 comes back byte for byte")
    func names() throws {
        for bytes in [[0x61], [0xFF, 0x0A], Array("e\u{301}".utf8)] as [[UInt8]] {
            let written = JSON(name: try Name(validating: bytes)).text()
            #expect(try JSON(parsing: written).nameBytes == bytes)
        }
        #expect(JSON(name: try Name(validating: [0xFF])).text() == #"{"bytes":"ff"}"#)
    }
}

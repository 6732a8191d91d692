import Testing

@testable import Model

@Suite("rendering has an inverse")
struct RenderingTests {
    @Test("parse(render(x)) is x for every value, in every kind of segment", arguments: 0..<20)
    func inverse(seed: Int) throws {
        var generator = SplitMix64(seed: UInt64(seed))
        for round in 0..<300 {
            let scheme = Sample.scheme(&generator)
            let fields = Sample.fields(["a", "b", "f"], &generator)
            let directories: [Name]
            do {
                directories = try scheme.render(fields)
            } catch {
                Issue.record("seed \(seed), round \(round), \(scheme): \(error)")
                continue
            }
            let context: Comment = "seed \(seed), round \(round), \(scheme), \(directories)"
            let parsed = try scheme.parse(directories, now: Sample.now)
            for segment in scheme.segments {
                check(segment, of: parsed, against: fields, context)
            }
            if let created = parsed.created { #expect(created.contains(fields.created), context) }
            #expect(parsed.findings.allSatisfy { $0.admits(fields.id) }, context)
            for name in directories {
                #expect((try? Name(validating: name.bytes)) == name, context)
                #expect(!ForeignNames.isForeignDirectory(name), context)
            }
            let again = try Scheme.resolve(parsed, now: Sample.now) {
                MemoryID(time: Sample.now, using: &generator)
            }
            #expect(try scheme.render(again) == directories, context)
        }
    }

    private func check(
        _ segment: Scheme.Segment,
        of parsed: ParsedPath,
        against fields: MemoryFields,
        _ context: Comment
    ) {
        guard let key = segment.attribute else { return }
        let value = fields.attributes[key]
        let mine = parsed.findings.filter { $0.attribute == key }
        switch parsed.told(key) {
        case .missing:
            if case .rest = segment {
                #expect(value ?? "" == "", context)
            } else {
                #expect(value == nil, context)
            }
        case .value(let told):
            #expect(value.map { v in mine.allSatisfy { $0.admits(v) } } == true, context)
            if case .field(_, .attribute(_, .whole)) = segment {
                #expect(value?.hasSameBytes(as: told) == true, context)
            }
            if case .rest = segment { #expect(value?.hasSameBytes(as: told) == true, context) }
        case .nothing, .contradiction: Issue.record(context)
        }
    }

    @Test(
        "values that a directory cannot hold as they are become one canonical form",
        arguments: [
            ("_", "%5F"), ("", "%FF"), ("%41", "%2541"), ("%zz", "%zz"), ("..", "%2E."),
            (".hidden", "%2Ehidden"), ("a/b", "a%2Fb"), ("a\0b", "a%00b"), ("\u{7F}", "%7F"),
            ("__", "__"), ("user=bob", "user=bob"), ("%FF", "%25FF"), ("é", "é"),
        ]
    )
    func canonical(value: String, directory: String) throws {
        let fields = try memory(["t": value])
        let rendered = try Scheme("{t}").render(fields)
        #expect(rendered == [try Name(directory)])
        let keyed = try Scheme("t={t}").render(fields)
        #expect(keyed == [try Name("t=" + (value.isEmpty ? "" : directory))])
    }

    @Test("a missing attribute is '_', and no '{folder...}' is no directory")
    func missing() throws {
        let scheme = try Scheme("a={a}/{b}/{folder...}")
        #expect(try scheme.render(memory([:])) == names("a=_/_"))
        #expect(try scheme.render(memory(["folder": ""])) == names("a=_/_"))
        #expect(try scheme.render(memory(["folder": "x/_/y"])) == names("a=_/_/x/%5F/y"))
        #expect(try scheme.render(memory(["folder": "/x//"])) == names("a=_/_/%FF/x/%FF/%FF"))
    }

    @Test("NFC and NFD are two values and two directories")
    func normalForms() throws {
        let scheme = try Scheme("{t}")
        let composed = try scheme.render(memory(["t": "é"]))
        let decomposed = try scheme.render(memory(["t": "e\u{301}"]))
        #expect(composed != decomposed)
        let parsed = try scheme.parse(decomposed, now: Sample.now)
        guard case .value(let value) = parsed.told("t") else { throw Unexpected() }
        #expect(Array(value.utf8) == Array("e\u{301}".utf8))
    }

    @Test("a component over 255 bytes is refused, and 255 are not")
    func length() throws {
        let scheme = try Scheme("{t}")
        let longest = String(repeating: "x", count: 255)
        #expect(try scheme.render(memory(["t": longest])) == [Name(longest)])
        #expect(
            failure { _ = try scheme.render(memory(["t": longest + "x"])) }?.code == .nameTooLong
        )
        let keyed = failure { _ = try Scheme("t={t}").render(memory(["t": longest])) }
        #expect(keyed?.code == .nameTooLong)
        let escaped = failure {
            _ = try scheme.render(memory(["t": "/" + String(longest.dropFirst())]))
        }
        #expect(escaped?.code == .nameTooLong)
    }

    @Test("transforms show a part of the value, of the time or of the id")
    func transforms() throws {
        let scheme = try Scheme(
            "{user:lower}/{topic:first(2)}/{created:year}/{created:month}/d={created:day}"
        )
        var fields = try memory(["user": "BÖb", "topic": "e\u{301}x"])
        fields.created = try Timestamp("2024-02-29T23:59:59Z")
        #expect(try scheme.render(fields) == names("böb/e\u{301}/2024/02/d=29"))
    }

    @Test("the lower case of every scalar is its own lower case, or parse would refuse it")
    func lowerIsStable() {
        for code in UInt32(0)..<0x1_FFFF {
            guard let scalar = Unicode.Scalar(code), scalar.properties.changesWhenLowercased else {
                continue
            }
            let lower = Scheme.lower(String(scalar))
            #expect(Scheme.lower(lower).hasSameBytes(as: lower), "U+\(String(code, radix: 16))")
        }
    }

    @Test("the bucket of an id never changes")
    func bucket() throws {
        let id = try MemoryID("01ARZ3NDEKTSV4RRFFQ69G5FAV")
        let fields = MemoryFields(id: id, created: Sample.now, attributes: [:])
        #expect(
            try Scheme("{id:hash(1000)}/{id}").render(fields).last?.description == id.description
        )
        #expect(id.bucket(of: 1000) == Self.knownBucket)
        var generator = SplitMix64(seed: 1)
        var counts = [Int](repeating: 0, count: 16)
        for _ in 0..<16_000 {
            counts[MemoryID(time: Sample.now, using: &generator).bucket(of: 16)] += 1
        }
        #expect(counts.allSatisfy { (800...1200).contains($0) })
    }

    private static let knownBucket = 809
}

struct Unexpected: Error {}

func memory(_ attributes: [String: String]) throws -> MemoryFields {
    MemoryFields(
        id: try MemoryID("01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        created: Sample.now,
        attributes: attributes
    )
}

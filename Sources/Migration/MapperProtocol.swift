import Glibc
import Linux
import Loci

// What a mapper's program and Loci say to each other: one JSON object a line, UTF-8.
//
//   Loci    {"protocol":1,"tenant":"main","id":"01J…","path":"user=ann/a.md","name":"a.md",
//            "attributes":{"user":"ann"},"missing":["topic"],"size":120,
//            "created":"2026-02-03T00:00:00Z","updated":"2026-02-03T00:00:00Z"}
//   mapper  {"id":"01J…","fields":{"topic":"auth"}}
//        or {"id":"01J…","skip":"no topic in it"}
//        or {"id":"01J…","error":"the service is away"}
//        or {"id":"01J…","want":"body"}       the same line comes again, with "body"
//
// `path` is null in the trash. A name or path that is not UTF-8 is {"bytes":"<hex>"}, a body that
// is not UTF-8 stands as "bodyBase64"; one that cannot be given is "body":null with "bodyError".

/// A line for the mapper.
enum MapperRequest {
    static let version: Int64 = 1

    /// Larger bodies are not given: a mapper gets its input in one line.
    static let largestBody: Int64 = 16 << 20

    /// The members that every line about a memory has.
    static func members(_ input: MapperInput) -> [JSON.Member] {
        [
            .init("protocol", .integer(version)),
            .init("tenant", .string(input.tenant.rawValue)),
            .init("id", .string(input.id.description)),
            .init("path", input.path.map { JSON(path: $0) } ?? .null),
            .init("name", JSON(name: input.name)),
            .init("attributes", JSON(attributes: input.attributes)),
            .init("missing", .array(input.missing.map { .string($0) })),
            .init("size", .integer(input.size)),
            .init("created", .string(input.created.description)),
            .init("updated", .string(input.updated.description)),
        ]
    }

    /// The line without the body.
    static func line(_ input: MapperInput) -> [UInt8] { line(members(input)) }

    /// The line with the body, or with the reason why there is none.
    static func line(
        _ input: MapperInput,
        body: Result<[UInt8], LociError>
    ) -> [UInt8] {
        var members = members(input)
        switch body {
        case .success(let bytes):
            if let text = String(validating: bytes, as: UTF8.self) {
                members.append(.init("body", .string(text)))
            } else {
                members.append(.init("bodyBase64", .string(Base64.text(bytes))))
            }
        case .failure(let error):
            members.append(.init("body", .null))
            members.append(.init("bodyError", .string(error.message)))
        }
        return line(members)
    }

    /// The body of a memory, read from the store.
    static func body(of input: MapperInput) async -> Result<[UInt8], LociError> {
        guard input.size <= largestBody else {
            return .failure(
                LociError(
                    .unsupported,
                    subject: input.name.description,
                    message: "It has \(input.size) bytes; a mapper is given at most "
                        + "\(largestBody)."
                )
            )
        }
        do throws(LociError) {
            return .success(try await input.content())
        } catch {
            return .failure(error)
        }
    }

    private static func line(_ members: [JSON.Member]) -> [UInt8] {
        JSON.object(members).bytes() + [UInt8(ascii: "\n")]
    }
}

/// A line from the mapper.
struct MapperAnswer: Hashable, Sendable {
    enum Body: Hashable, Sendable {
        case outcome(MapperOutcome)
        case wantsBody
    }

    let id: MemoryID
    let body: Body

    /// What is wrong with a line, to follow "the mapper printed a line that is no answer: ".
    struct Malformed: Error, Hashable {
        let what: String
    }

    init(_ line: [UInt8]) throws(Malformed) {
        let json: JSON
        do throws(LociError) {
            json = try JSON(parsing: line)
        } catch {
            throw Malformed(what: "it is not JSON (\(error.subject))")
        }
        guard json.objectValue != nil else { throw Malformed(what: "it is not a JSON object") }
        guard let text = json["id"]?.stringValue else { throw Malformed(what: "it has no id") }
        guard let id = try? MemoryID(text) else {
            throw Malformed(what: "'\(Self.shown(Array(text.utf8)))' is not an id")
        }
        self.id = id
        let given = ["fields", "skip", "error", "want"].filter { json[$0] != nil }
        guard given.count == 1, let value = json[given[0]] else {
            throw Malformed(what: "it needs one of fields, skip, error and want")
        }
        if given[0] == "fields" {
            body = .outcome(try Self.fields(value))
            return
        }
        guard let text = value.stringValue else {
            throw Malformed(what: "its '\(given[0])' is not a text")
        }
        switch given[0] {
        case "skip": body = .outcome(.skip(reason: ShownText.shown(text)))
        case "error": body = .outcome(.error(reason: ShownText.shown(text)))
        default:
            guard text.hasSameBytes(as: "body") else {
                throw Malformed(what: "it wants '\(Self.shown(Array(text.utf8)))', not 'body'")
            }
            body = .wantsBody
        }
    }

    /// A field that is no text is a fault of this answer alone: whose it is, it says.
    private static func fields(_ value: JSON) throws(Malformed) -> MapperOutcome {
        guard let members = value.objectValue else {
            throw Malformed(what: "its 'fields' is not an object")
        }
        var fields: [String: String] = [:]
        for member in members {
            guard let text = member.value.stringValue else {
                let given = ShownText.shown("\(member.key)=\(member.value.text())")
                return .error(reason: "the mapper gave \(given), which is not a text")
            }
            fields[member.key] = text
        }
        return .fields(fields)
    }

    /// The beginning of what a mapper printed, for a sentence.
    static func shown(_ bytes: [UInt8]) -> String { ShownText.shown(bytes, limit: 120) }
}

/// Bytes as RFC 4648 text.
enum Base64 {
    private static let digits = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
    )

    static func text(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var index = 0
        while index < bytes.count {
            let group = bytes[index..<min(index + 3, bytes.count)]
            var bits: UInt32 = 0
            for offset in 0..<3 {
                let byte = offset < group.count ? group[index + offset] : 0
                bits = bits << 8 | UInt32(byte)
            }
            for offset in 0..<4 {
                let digit = Int(bits >> UInt32(18 - 6 * offset)) & 63
                text.append(offset <= group.count ? digits[digit] : UInt8(ascii: "="))
            }
            index += 3
        }
        return String(decoding: text, as: UTF8.self)
    }
}

import Model

// What an embedder's program and Loci say to each other: one JSON object a line, UTF-8.
//
//   embedder  {"protocol":1,"id":"all-MiniLM-L6-v2","dimensions":384}      once, when it is ready
//   Loci      {"id":1,"kind":"text","text":"…"}                            or "kind":"query"
//   embedder  {"id":1,"vector":[0.0312,-0.125,…]}
//          or {"id":1,"error":"no word of it is known"}

/// What is wrong with a line, to follow "the embedder printed …: ".
struct MalformedLine: Error, Hashable {
    let what: String

    /// The object that a line is.
    static func object(_ line: [UInt8]) throws(MalformedLine) -> JSON {
        let json: JSON
        do throws(LociError) {
            json = try JSON(parsing: line)
        } catch {
            throw MalformedLine(what: "it is not JSON (\(error.subject))")
        }
        guard json.objectValue != nil else {
            throw MalformedLine(what: "it is not a JSON object")
        }
        return json
    }
}

extension EmbedderModel {
    static let protocolVersion: Int64 = 1
    /// The longest id, in bytes.
    private static let longestID = 200

    /// Reads the first line of an embedder.
    init(line: [UInt8]) throws(MalformedLine) {
        let json = try MalformedLine.object(line)
        guard let version = json["protocol"]?.integerValue else {
            throw MalformedLine(what: "it has no protocol")
        }
        guard version == Self.protocolVersion else {
            throw MalformedLine(what: "it has protocol \(version), not \(Self.protocolVersion)")
        }
        guard let id = json["id"]?.stringValue, !id.isEmpty, id.utf8.count <= Self.longestID,
            id.hasSameBytes(as: Name.printable(id))
        else { throw MalformedLine(what: "it has no id of 1 to \(Self.longestID) bytes") }
        guard let dimensions = json["dimensions"]?.integerValue,
            (1...Int64(Self.mostDimensions)).contains(dimensions)
        else { throw MalformedLine(what: "it has no dimensions of 1 to \(Self.mostDimensions)") }
        self.init(id: id, dimensions: Int(dimensions))
    }
}

/// A line from an embedder about a text.
struct EmbedderAnswer {
    let id: Int64
    /// Nil where it has none for the text.
    let vector: [Float]?

    init(_ line: [UInt8], dimensions: Int) throws(MalformedLine) {
        let json = try MalformedLine.object(line)
        guard let id = json["id"]?.integerValue else { throw MalformedLine(what: "it has no id") }
        self.id = id
        if json["vector"] == nil, json["error"]?.stringValue != nil {
            vector = nil
            return
        }
        guard let values = json["vector"]?.arrayValue, json["error"] == nil else {
            throw MalformedLine(what: "it needs a vector or an error")
        }
        guard values.count == dimensions else {
            throw MalformedLine(
                what: "its vector has \(values.count) numbers, and \(dimensions) were announced"
            )
        }
        var numbers: [Float] = []
        numbers.reserveCapacity(dimensions)
        for value in values {
            let number: Float? =
                switch value {
                case .integer(let integer): Float(integer)
                case .number(let double): Float(double)
                default: nil
                }
            guard let number, number.isFinite else {
                throw MalformedLine(what: "its vector has a \(value.text()), which is no number")
            }
            numbers.append(number)
        }
        vector = numbers
    }

    /// The line that asks for it.
    static func question(_ id: Int64, _ input: EmbedderInput) -> [UInt8] {
        JSON.object([
            .init("id", .integer(id)), .init("kind", .string(input.kind.rawValue)),
            .init("text", .string(input.text)),
        ]).bytes() + [UInt8(ascii: "\n")]
    }
}

extension JSON {
    /// How a value is laid out.
    package enum Layout: Hashable, Sendable {
        /// On one line without spaces.
        case compact
        /// One member or element a line, two spaces deeper at each level.
        case pretty
    }

    /// The value as text; without a line feed at the end.
    ///
    /// With `sorted`, members come in the order of their keys' bytes, else in their own. A number
    /// that is not finite, which JSON does not have, is `null`.
    package func text(_ layout: Layout = .compact, sorted: Bool = false) -> String {
        String(decoding: bytes(layout, sorted: sorted), as: UTF8.self)
    }

    /// The bytes of `text`.
    package func bytes(_ layout: Layout = .compact, sorted: Bool = false) -> [UInt8] {
        var writer = JSONWriter(layout: layout, sorted: sorted)
        writer.write(self, depth: 0)
        return writer.bytes
    }
}

private struct JSONWriter {
    let layout: JSON.Layout
    let sorted: Bool
    private(set) var bytes: [UInt8] = []

    init(layout: JSON.Layout, sorted: Bool) {
        self.layout = layout
        self.sorted = sorted
    }

    mutating func write(_ value: JSON, depth: Int) {
        switch value {
        case .null: append("null")
        case .bool(let value): append(value ? "true" : "false")
        case .integer(let value): append(String(value))
        case .number(let value): append(value.isFinite ? value.description : "null")
        case .string(let value): write(value)
        case .array(let values): write(values, depth: depth)
        case .object(let members): write(members, depth: depth)
        }
    }

    private mutating func write(_ values: [JSON], depth: Int) {
        append("[")
        for (index, value) in values.enumerated() {
            if index > 0 { append(",") }
            breakLine(depth + 1)
            write(value, depth: depth + 1)
        }
        if !values.isEmpty { breakLine(depth) }
        append("]")
    }

    private mutating func write(_ members: [JSON.Member], depth: Int) {
        var members = members
        if sorted { members.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) } }
        append("{")
        for (index, member) in members.enumerated() {
            if index > 0 { append(",") }
            breakLine(depth + 1)
            write(member.key)
            append(layout == .pretty ? ": " : ":")
            write(member.value, depth: depth + 1)
        }
        if !members.isEmpty { breakLine(depth) }
        append("}")
    }

    private mutating func write(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): append("\\\"")
            case UInt8(ascii: "\\"): append("\\\\")
            case 0x0A: append("\\n")
            case 0x0D: append("\\r")
            case 0x09: append("\\t")
            case 0..<0x20, 0x7F:
                append("\\u00")
                bytes.append(ASCII.hexDigit(byte >> 4))
                bytes.append(ASCII.hexDigit(byte & 15))
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func breakLine(_ depth: Int) {
        guard layout == .pretty else { return }
        bytes.append(0x0A)
        bytes.append(contentsOf: repeatElement(ASCII.space, count: depth * 2))
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }
}

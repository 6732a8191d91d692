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
        bytes.reserveCapacity(256)
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
        bytes.append(UInt8(ascii: "["))
        for (index, value) in values.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            breakLine(depth + 1)
            write(value, depth: depth + 1)
        }
        if !values.isEmpty { breakLine(depth) }
        bytes.append(UInt8(ascii: "]"))
    }

    private mutating func write(_ members: [JSON.Member], depth: Int) {
        if sorted {
            write(inOrder: members.sorted(by: JSON.Member.precedes), depth: depth)
        } else {
            write(inOrder: members, depth: depth)
        }
    }

    private mutating func write(inOrder members: [JSON.Member], depth: Int) {
        bytes.append(UInt8(ascii: "{"))
        for (index, member) in members.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            breakLine(depth + 1)
            write(member.key)
            bytes.append(UInt8(ascii: ":"))
            if layout == .pretty { bytes.append(ASCII.space) }
            write(member.value, depth: depth + 1)
        }
        if !members.isEmpty { breakLine(depth) }
        bytes.append(UInt8(ascii: "}"))
    }

    /// Most strings have nothing to escape, and are copied whole.
    private mutating func write(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { utf8 in
            if unsafe !utf8.contains(where: Self.isEscaped) {
                unsafe bytes.append(contentsOf: utf8)
            } else {
                for byte in unsafe Array(utf8) { append(escaped: byte) }
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func isEscaped(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == 0x7F || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private mutating func append(escaped byte: UInt8) {
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

    private mutating func breakLine(_ depth: Int) {
        guard layout == .pretty else { return }
        bytes.append(0x0A)
        bytes.append(contentsOf: repeatElement(ASCII.space, count: depth * 2))
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }
}

extension JSON.Member {
    /// By the bytes of their keys.
    fileprivate static func precedes(_ one: JSON.Member, _ other: JSON.Member) -> Bool {
        one.key.utf8.lexicographicallyPrecedes(other.key.utf8)
    }
}

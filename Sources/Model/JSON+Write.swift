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

/// An object as compact text, written member by member: the text of `JSON.object`, without a value
/// in between.
package struct JSONObjectText {
    private var writer = JSONWriter(layout: .compact, sorted: false)
    private var isFirst = true

    package init() { writer.open() }

    package mutating func add(_ key: String, _ value: JSON) {
        begin(key)
        writer.write(value, depth: 0)
    }

    package mutating func add(_ key: String, _ value: String) {
        begin(key)
        writer.write(value)
    }

    /// As `JSON.init(name:)` has it.
    package mutating func add(_ key: String, name: Name) {
        if let text = name.utf8String { add(key, text) } else { add(key, JSON(name: name)) }
    }

    package mutating func add(_ key: String, integer value: Int64) {
        begin(key)
        writer.append(String(value))
    }

    /// An object within this one.
    package mutating func add(_ key: String, _ body: (inout JSONObjectText) -> Void) {
        begin(key)
        writer.open()
        isFirst = true
        body(&self)
        writer.close()
        isFirst = false
    }

    package consuming func text() -> String {
        writer.close()
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private mutating func begin(_ key: String) {
        if !isFirst { writer.next() }
        isFirst = false
        writer.write(key)
        writer.colon()
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

    mutating func open() { bytes.append(UInt8(ascii: "{")) }
    mutating func close() { bytes.append(UInt8(ascii: "}")) }
    mutating func next() { bytes.append(UInt8(ascii: ",")) }
    mutating func colon() { bytes.append(UInt8(ascii: ":")) }

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
        open()
        for (index, member) in members.enumerated() {
            if index > 0 { next() }
            breakLine(depth + 1)
            write(member.key)
            colon()
            if layout == .pretty { bytes.append(ASCII.space) }
            write(member.value, depth: depth + 1)
        }
        if !members.isEmpty { breakLine(depth) }
        close()
    }

    /// Most strings have nothing to escape, and are copied whole.
    mutating func write(_ text: String) {
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

    mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }
}

extension JSON.Member {
    /// By the bytes of their keys.
    fileprivate static func precedes(_ one: JSON.Member, _ other: JSON.Member) -> Bool {
        one.key.utf8.lexicographicallyPrecedes(other.key.utf8)
    }
}

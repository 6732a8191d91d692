/// A JSON value.
///
/// Members of objects keep their order.
///
/// Texts compare byte by byte. Names that are not UTF-8 are written as `{"bytes":"<lower-case
/// hex>"}` where a name that is UTF-8 is a string, so that both read back to the same bytes: see
/// `init(name:)`.
package enum JSON: Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    /// A number with a fraction, an exponent, or more digits than `Int64` holds.
    case number(Double)
    case string(String)
    case array([JSON])
    case object([Member])

    /// One member of an object.
    package struct Member: Sendable, Hashable {
        package var key: String
        package var value: JSON

        package init(_ key: String, _ value: JSON) {
            self.key = key
            self.value = value
        }

        package static func == (a: Member, b: Member) -> Bool {
            a.key.hasSameBytes(as: b.key) && a.value == b.value
        }

        package func hash(into hasher: inout Hasher) { hasher.combine(Array(key.utf8)) }
    }
}

extension JSON: Hashable {
    package static func == (a: JSON, b: JSON) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.number(let a), .number(let b)): a == b
        case (.string(let a), .string(let b)): a.hasSameBytes(as: b)
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)): a == b
        default: false
        }
    }

    package func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let value): hasher.combine(value)
        case .integer(let value): hasher.combine(value)
        case .number(let value): hasher.combine(value)
        case .string(let value): hasher.combine(Array(value.utf8))
        case .array(let values): hasher.combine(values)
        case .object(let members): hasher.combine(members)
        }
    }
}

extension JSON {
    /// The first member of that key; nil where there is none or this is no object.
    package subscript(_ key: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key.hasSameBytes(as: key) }?.value
    }

    package var stringValue: String? {
        if case .string(let value) = self { value } else { nil }
    }

    package var integerValue: Int64? {
        if case .integer(let value) = self { value } else { nil }
    }

    package var boolValue: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    package var arrayValue: [JSON]? {
        if case .array(let value) = self { value } else { nil }
    }

    package var objectValue: [Member]? {
        if case .object(let value) = self { value } else { nil }
    }

    /// An object of attributes, in the order of their keys' bytes.
    package init(attributes: [String: String]) {
        let sorted = attributes.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        self = .object(sorted.map { Member($0.key, .string($0.value)) })
    }

    /// A name: a string, or `{"bytes":"<hex>"}` where it is not UTF-8.
    package init(name: Name) { self.init(bytes: name.bytes) }

    /// A path: its components joined by `/`, as a string, or `{"bytes":"<hex>"}` where one is not
    /// UTF-8.
    package init(path: NamePath) { self.init(bytes: path.bytes) }

    private init(bytes: [UInt8]) {
        if let text = String(validating: bytes, as: UTF8.self) {
            self = .string(text)
        } else {
            self = .object([Member("bytes", .string(Hex.text(bytes)))])
        }
    }

    /// The bytes that `init(name:)` or `init(path:)` wrote, or nil for anything else.
    package var nameBytes: [UInt8]? {
        switch self {
        case .string(let text): Array(text.utf8)
        case .object(let members) where members.count == 1:
            self["bytes"]?.stringValue.flatMap { Hex.bytes($0) }
        default: nil
        }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(elements.map { Member($0.0, $0.1) })
    }
    package init(nilLiteral: ()) { self = .null }
}

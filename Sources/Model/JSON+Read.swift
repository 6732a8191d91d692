extension JSON {
    /// Deeper nesting is refused, so that hostile input cannot exhaust the stack.
    package static let maximumDepth = 64

    /// Reads exactly one value, strictly by RFC 8259, with nothing but white space around it.
    ///
    /// Throws `malformedJSON` with the byte where it stumbles; also for invalid UTF-8, a key that
    /// occurs twice, lone surrogates, and nesting deeper than `maximumDepth`.
    package init(parsing bytes: [UInt8]) throws(LociError) {
        var reader = JSONReader(bytes: bytes)
        self = try reader.document()
    }

    /// Reads text like `init(parsing:)`.
    package init(parsing text: String) throws(LociError) {
        try self.init(parsing: Array(text.utf8))
    }
}

private struct JSONReader {
    let bytes: [UInt8]
    private var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(LociError) -> JSON {
        let value = try value(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw failure("something follows the value") }
        return value
    }

    private mutating func value(depth: Int) throws(LociError) -> JSON {
        guard depth <= JSON.maximumDepth else { throw failure("the nesting is too deep") }
        skipSpace()
        switch peek {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func object(depth: Int) throws(LociError) -> JSON {
        position += 1
        var members: [JSON.Member] = []
        var keys: Set<[UInt8]> = []
        if next(is: "}") { return .object(members) }
        repeat {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw failure("a key is missing") }
            let key = try string()
            guard keys.insert(Array(key.utf8)).inserted else {
                throw failure("the key '\(key)' occurs twice")
            }
            guard next(is: ":") else { throw failure("':' is missing") }
            members.append(JSON.Member(key, try value(depth: depth + 1)))
        } while next(is: ",")
        guard next(is: "}") else { throw failure("'}' is missing") }
        return .object(members)
    }

    private mutating func array(depth: Int) throws(LociError) -> JSON {
        position += 1
        var values: [JSON] = []
        if next(is: "]") { return .array(values) }
        repeat {
            values.append(try value(depth: depth + 1))
        } while next(is: ",")
        guard next(is: "]") else { throw failure("']' is missing") }
        return .array(values)
    }

    private mutating func word(_ word: String, _ value: JSON) throws(LociError) -> JSON {
        guard bytes[position...].starts(with: word.utf8) else { throw failure("no value is here") }
        position += word.utf8.count
        return value
    }

    private mutating func number() throws(LociError) -> JSON {
        let start = position
        if peek == UInt8(ascii: "-") { position += 1 }
        let whole = digits()
        guard !whole.isEmpty, whole.count == 1 || whole.first != UInt8(ascii: "0") else {
            throw failure("no value is here")
        }
        var isInteger = true
        if peek == UInt8(ascii: ".") {
            isInteger = false
            position += 1
            guard !digits().isEmpty else { throw failure("a digit is missing") }
        }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            isInteger = false
            position += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { position += 1 }
            guard !digits().isEmpty else { throw failure("a digit is missing") }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let integer = Int64(text) { return .integer(integer) }
        guard let number = Double(text), number.isFinite else {
            throw failure("the number is too large")
        }
        return .number(number)
    }

    private mutating func digits() -> ArraySlice<UInt8> {
        let digits = bytes[position...].prefix(while: ASCII.isDigit)
        position += digits.count
        return digits
    }
}

extension JSONReader {
    private mutating func string() throws(LociError) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: text, as: UTF8.self) else {
                    throw failure("the text is not UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw failure("a control character is not escaped")
            default: text.append(byte)
            }
        }
        throw failure("the text is not closed")
    }

    private mutating func escape(into text: inout [UInt8]) throws(LociError) {
        guard let byte = peek else { throw failure("the text is not closed") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: String(try scalar()).utf8)
        default: throw failure("the escape is not known")
        }
    }

    /// One `\uXXXX`, or two that are the halves of a surrogate pair.
    private mutating func scalar() throws(LociError) -> Character {
        var code = try codeUnit()
        if (0xD800..<0xDC00).contains(code), bytes[position...].starts(with: "\\u".utf8) {
            position += 2
            let low = try codeUnit()
            guard (0xDC00..<0xE000).contains(low) else { throw failure("a surrogate is alone") }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw failure("a surrogate is alone") }
        return Character(scalar)
    }

    private mutating func codeUnit() throws(LociError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = ASCII.hexValue(byte) else {
                throw failure("four hexadecimal digits are missing")
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || (0x09...0x0A).contains(byte) || byte == 0x0D {
            position += 1
        }
    }

    /// Takes a character after white space, if it is the one.
    private mutating func next(is character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard peek == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private func failure(_ what: String) -> LociError {
        LociError(
            .malformedJSON,
            subject: "byte \(position)",
            message: "The JSON cannot be read: at byte \(position), \(what)."
        )
    }
}

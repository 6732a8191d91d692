/// One component of a path: 1 to 255 bytes without NUL and `/`, and neither `.` nor `..`.
///
/// Names are bytes and compared as bytes: NFC and NFD twins are two names.
public struct Name: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The bytes of the name.
    public let bytes: [UInt8]

    /// The most bytes a name can have.
    public static let maximumLength = 255

    /// Checks and takes bytes; throws `invalidName` or `nameTooLong`.
    public init(validating bytes: [UInt8]) throws(LociError) {
        guard bytes.count <= Self.maximumLength else { throw Self.tooLong(bytes) }
        let isDots = bytes == [ASCII.dot] || bytes == [ASCII.dot, ASCII.dot]
        guard !bytes.isEmpty, !isDots, !bytes.contains(0), !bytes.contains(ASCII.slash) else {
            let text = String(decoding: bytes, as: UTF8.self)
            throw LociError(
                .invalidName,
                subject: text,
                message: "'\(Self.printable(bytes))' cannot be a name.",
                remedy: "A name is not empty, has no '/' and no NUL, and is not '.' or '..'."
            )
        }
        self.bytes = bytes
    }

    /// Checks and takes text; throws `invalidName` or `nameTooLong`.
    public init(_ string: String) throws(LociError) {
        try self.init(validating: Array(string.utf8))
    }

    /// Takes bytes that the caller knows to be a name.
    package init(unchecked bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The name as text, or nil where it is not UTF-8.
    public var utf8String: String? { String(validating: bytes, as: UTF8.self) }

    /// The name for people: bytes that are not UTF-8 show as U+FFFD.
    ///
    /// Never use it to compare or to open.
    public var description: String { String(decoding: bytes, as: UTF8.self) }

    /// Orders by bytes.
    public static func < (a: Name, b: Name) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }
}

extension Name {
    /// The error for a component of more than 255 bytes; its text is cut so that messages stay
    /// readable.
    package static func tooLong(_ bytes: [UInt8]) -> LociError {
        let start = printable(Array(bytes.prefix(40)))
        return LociError(
            .nameTooLong,
            subject: String(decoding: bytes, as: UTF8.self),
            message: "The name '\(start)…' has \(bytes.count) bytes; a name has at most 255.",
            remedy: "Use a shorter name or attribute value."
        )
    }

    /// The bytes for a message: control bytes as `%XX`, also those of U+0080 to U+009F, of which
    /// one begins terminals' commands; what is not UTF-8 as U+FFFD.
    package static func printable(_ bytes: [UInt8]) -> String {
        var shown: [UInt8] = []
        var last: UInt8 = 0
        for (index, byte) in bytes.enumerated() {
            let next = index + 1 < bytes.count ? bytes[index + 1] : 0
            // In UTF-8 those are two bytes.
            let isFirst = byte == 0xC2 && (0x80...0x9F).contains(next)
            let isSecond = last == 0xC2 && (0x80...0x9F).contains(byte)
            last = byte
            if ASCII.isControl(byte) || isFirst || isSecond {
                Escape.appendEscaped(byte, to: &shown)
            } else {
                shown.append(byte)
            }
        }
        return String(decoding: shown, as: UTF8.self)
    }

    /// The text for a message or a terminal: control bytes as `%XX`, also line feeds.
    package static func printable(_ text: String) -> String { printable(Array(text.utf8)) }

    /// Whether the name begins with `prefix`.
    package func hasPrefix(_ prefix: [UInt8]) -> Bool { bytes.starts(with: prefix) }
}

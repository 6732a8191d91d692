/// The SHA-256 of a revision's content.
public struct ContentHash: Hashable, Sendable, CustomStringConvertible {
    /// The 32 bytes of the hash.
    public let bytes: [UInt8]

    /// Takes a hash of exactly 32 bytes; throws `corrupt`, because only stored hashes come as
    /// bytes.
    public init(bytes: [UInt8]) throws(LociError) {
        guard bytes.count == 32 else {
            throw LociError(
                .corrupt,
                subject: "SHA-256",
                message: "A SHA-256 has 32 bytes, and this one has \(bytes.count)."
            )
        }
        self.bytes = bytes
    }

    /// Reads 64 hexadecimal digits of either case; throws `invalidArgument`.
    public init(hex text: String) throws(LociError) {
        guard text.utf8.count == 64, let bytes = Hex.bytes(text) else {
            throw .unreadable(
                text,
                as: "a SHA-256",
                remedy: "It is written as 64 hexadecimal digits."
            )
        }
        self.bytes = bytes
    }

    /// The hash as 64 lower-case hexadecimal digits.
    public var description: String { Hex.text(bytes) }
}

/// Bytes written as hexadecimal digits.
package enum Hex {
    /// Two lower-case digits for each byte.
    package static func text(_ bytes: [UInt8]) -> String {
        var digits: [UInt8] = []
        digits.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            digits.append(ASCII.hexDigit(byte >> 4) | (byte >> 4 < 10 ? 0 : 0x20))
            digits.append(ASCII.hexDigit(byte & 15) | (byte & 15 < 10 ? 0 : 0x20))
        }
        return String(decoding: digits, as: UTF8.self)
    }

    /// The bytes of an even number of digits of either case, or nil.
    package static func bytes(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = ASCII.hexValue(digits[index]),
                let low = ASCII.hexValue(digits[index + 1])
            else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }
}

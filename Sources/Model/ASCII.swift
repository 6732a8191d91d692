/// The bytes that names, schemes and JSON are read by.
package enum ASCII {
    package static let space = UInt8(ascii: " ")
    package static let percent = UInt8(ascii: "%")
    package static let hyphen = UInt8(ascii: "-")
    package static let dot = UInt8(ascii: ".")
    package static let slash = UInt8(ascii: "/")
    package static let colon = UInt8(ascii: ":")
    package static let equals = UInt8(ascii: "=")
    package static let underscore = UInt8(ascii: "_")
    package static let tilde = UInt8(ascii: "~")
    package static let hash = UInt8(ascii: "#")
    package static let braceOpen = UInt8(ascii: "{")
    package static let braceClose = UInt8(ascii: "}")

    package static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    package static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

    /// A byte below space, or DEL.
    package static func isControl(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x7F }

    /// The value of a hexadecimal digit of either case.
    package static func hexValue(_ byte: UInt8) -> UInt8? {
        if isDigit(byte) { return byte - 0x30 }
        let letter = (byte | 0x20) &- 0x61
        return letter < 6 ? letter + 10 : nil
    }

    /// The upper-case hexadecimal digit of a value below 16.
    package static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? 0x30 + value : 0x41 + value - 10
    }
}

extension String {
    /// Whether both texts are the same bytes; `==` takes NFC and NFD for equal, which names and
    /// values never are.
    package func hasSameBytes(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}

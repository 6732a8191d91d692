import Model

/// What a child process wrote, fit to be shown: without control bytes, and not too long.
package enum ShownText {
    /// The most bytes of a reason.
    package static let limit = 500

    package static func shown(_ text: String, limit: Int = limit) -> String {
        shown(Array(text.utf8), limit: limit)
    }

    package static func shown(_ bytes: [UInt8], limit: Int = limit) -> String {
        guard bytes.count > limit else { return Name.printable(bytes) }
        var end = limit
        // Not amid a character.
        while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        return Name.printable(Array(bytes[..<end])) + "…"
    }
}

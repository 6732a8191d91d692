/// Arguments that are not UTF-8, carried through a parser that knows only text.
///
/// A byte that no UTF-8 text holds becomes a scalar of the last private plane, and the same byte
/// again where a path is read. Texts that hold such scalars themselves are not touched: only
/// arguments that were not UTF-8 are written so.
enum RawArguments {
    private static let base: UInt32 = 0x10_FE00

    /// The text that stands for the bytes of an argument.
    static func text(_ bytes: [UInt8]) -> String {
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        var scalars = String.UnicodeScalarView()
        var rest = bytes[...]
        while let first = rest.first {
            let length = (1...4).first { count in
                count <= rest.count
                    && String(validating: rest.prefix(count), as: UTF8.self)?
                        .unicodeScalars.count == 1
            }
            if let length {
                let part = String(decoding: rest.prefix(length), as: UTF8.self)
                scalars.append(contentsOf: part.unicodeScalars)
                rest = rest.dropFirst(length)
            } else {
                if let scalar = Unicode.Scalar(base + UInt32(first)) { scalars.append(scalar) }
                rest = rest.dropFirst()
            }
        }
        return String(scalars)
    }

    /// The bytes that `text` was made of.
    static func bytes(_ text: String) -> [UInt8] {
        let escapes = base + 0x80...base + 0xFF
        guard text.unicodeScalars.contains(where: { escapes.contains($0.value) }) else {
            return Array(text.utf8)
        }
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            if escapes.contains(scalar.value) {
                bytes.append(UInt8(scalar.value - base))
            } else {
                bytes.append(contentsOf: Array(String(scalar).utf8))
            }
        }
        return bytes
    }
}

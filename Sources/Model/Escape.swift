/// How a value becomes one path component and back.
///
/// Percent-encoded, with upper-case digits, are: `/`, NUL and control bytes; a leading `.`; a value
/// that is just `_` (a missing attribute's sign); and a `%` before two hexadecimal digits. All else
/// stands as it is, so every component has one value and every value one component.
///
/// An empty value has no bytes to stand for it. Without a `key=` in front it is written `%FF`: no
/// UTF-8 text holds that byte, so no other value makes it.
package enum Escape {
    /// How the empty value is written where it is a whole component.
    package static let empty = Array("%FF".utf8)

    /// Appends the canonical form of a value; nothing for an empty one.
    package static func append(_ value: some Collection<UInt8>, to component: inout [UInt8]) {
        let start = component.count
        component.append(contentsOf: value)
        guard needsEscape(component, from: start) else { return }
        let raw = component[start...]
        component.removeSubrange(start...)
        encode(raw, to: &component)
    }

    /// The canonical form of a value, empty for an empty one.
    package static func encoded(_ value: some Collection<UInt8>) -> [UInt8] {
        var component: [UInt8] = []
        append(value, to: &component)
        return component
    }

    /// Reads every `%` before two hexadecimal digits as the byte they name, canonical or not.
    package static func decoded(_ component: ArraySlice<UInt8>) -> [UInt8] {
        guard component.contains(ASCII.percent) else { return Array(component) }
        var value: [UInt8] = []
        var index = component.startIndex
        while index < component.endIndex {
            if let byte = escapedByte(component, at: index) {
                value.append(byte)
                index += 3
            } else {
                value.append(component[index])
                index += 1
            }
        }
        return value
    }

    package static func appendEscaped(_ byte: UInt8, to component: inout [UInt8]) {
        component.append(ASCII.percent)
        component.append(ASCII.hexDigit(byte >> 4))
        component.append(ASCII.hexDigit(byte & 15))
    }

    /// Most values need nothing: this scan is what they cost.
    private static func needsEscape(_ bytes: [UInt8], from start: Int) -> Bool {
        guard start < bytes.count else { return false }
        if bytes[start] == ASCII.dot { return true }
        if bytes[start] == ASCII.underscore, bytes.count == start + 1 { return true }
        for index in start..<bytes.count where mustEscape(bytes[...], at: index) { return true }
        return false
    }

    private static func mustEscape(_ bytes: ArraySlice<UInt8>, at index: Int) -> Bool {
        let byte = bytes[index]
        if ASCII.isControl(byte) || byte == ASCII.slash { return true }
        return byte == ASCII.percent && escapedByte(bytes, at: index) != nil
    }

    private static func encode(_ value: ArraySlice<UInt8>, to component: inout [UInt8]) {
        let isUnderscore = value.count == 1 && value.first == ASCII.underscore
        for index in value.indices {
            let leads = index == value.startIndex && (value[index] == ASCII.dot || isUnderscore)
            if leads || mustEscape(value, at: index) {
                appendEscaped(value[index], to: &component)
            } else {
                component.append(value[index])
            }
        }
    }

    /// The byte that `%XX` at `index` names, or nil where no such thing stands there.
    private static func escapedByte(_ bytes: ArraySlice<UInt8>, at index: Int) -> UInt8? {
        guard bytes[index] == ASCII.percent, index + 2 < bytes.endIndex,
            let high = ASCII.hexValue(bytes[index + 1]),
            let low = ASCII.hexValue(bytes[index + 2])
        else { return nil }
        return high << 4 | low
    }
}

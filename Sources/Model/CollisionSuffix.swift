/// The names that a memory may take when another has its own: `name~4QZ8KD.md`.
package enum CollisionSuffix {
    /// The fewest characters of the ULID that a suffix has; it grows to all 26.
    package static let shortest = 6
    /// An extension of more bytes than this, its dot included, is cut like the rest of the name.
    private static let longestExtension = 16

    /// The names to try, in this order, each with one character more from the end of the id.
    ///
    /// Deterministic; the last holds the whole id, so that only the same memory could have taken
    /// it. Names are cut to fit 255 bytes, at a character's edge where they are UTF-8.
    package static func candidates(
        for name: Name,
        id: MemoryID
    ) -> some Sequence<Name> {
        let text = id.text
        let (stem, ending) = split(name)
        let isText = name.utf8String != nil
        return (shortest...text.count).lazy.map { length in
            let suffix = [ASCII.tilde] + text.suffix(length)
            let room = Name.maximumLength - suffix.count - ending.count
            return Name(unchecked: cut(stem, to: room, isText: isText) + suffix + ending)
        }
    }

    /// The name without its extension, and the extension with its dot.
    private static func split(_ name: Name) -> (stem: ArraySlice<UInt8>, ending: [UInt8]) {
        let bytes = name.bytes
        guard let dot = bytes.lastIndex(of: ASCII.dot), dot > 0,
            bytes.count - dot <= longestExtension
        else { return (bytes[...], []) }
        return (bytes[..<dot], Array(bytes[dot...]))
    }

    private static func cut(_ stem: ArraySlice<UInt8>, to room: Int, isText: Bool) -> [UInt8] {
        guard stem.count > room else { return Array(stem) }
        var end = room
        while isText, end > 0, UTF8.isContinuation(stem[stem.startIndex + end]) { end -= 1 }
        return Array(stem.prefix(end))
    }
}

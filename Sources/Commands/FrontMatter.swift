import Loci
import Yams

/// What stands in YAML at the head of a note.
///
/// It is read, never rewritten.
struct FrontMatter {
    var attributes: [String: String] = [:]
    /// From `created` or `date`.
    var created: Timestamp?

    /// The most bytes that are searched for its end.
    static let limit = 64 << 10

    /// Reads the head of a note; nil where there is none.
    ///
    /// Throws where it is not YAML.
    init?(headOf content: [UInt8]) throws(LociError) {
        guard let yaml = Self.text(of: content) else { return nil }
        let node: Node?
        do {
            node = try Yams.compose(yaml: yaml)
        } catch {
            throw Self.unreadable
        }
        guard let node else { return nil }
        guard let mapping = node.mapping else { throw Self.unreadable }
        for (key, value) in mapping {
            guard let key = key.scalar?.string, let text = Self.text(of: value) else { continue }
            take(key, text)
        }
    }

    private mutating func take(_ key: String, _ text: String) {
        switch key {
        case "created", "date":
            if let time = try? Timestamp(text.replacing(" ", with: "T")) {
                if key == "created" || created == nil { created = time }
                if key == "date" { attributes[key] = text }
            } else {
                attributes[key == "created" ? "fm.created" : key] = text
            }
        case "id", "name":
            attributes["fm." + key] = text
        default:
            if Self.isAttribute(key) { attributes[key] = text }
        }
    }

    /// What a scheme can name: a letter, then letters, digits, `_`, `.` and `-`.
    static func isAttribute(_ key: String) -> Bool {
        guard let first = key.utf8.first, ASCII.isLetter(first) else { return false }
        return key.utf8.count <= 64
            && key.utf8.allSatisfy {
                ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == ASCII.underscore
                    || $0 == ASCII.dot || $0 == ASCII.hyphen
            }
    }

    /// A scalar as it is written; a list of scalars joined by `, `; nil for the rest.
    private static func text(of node: Node) -> String? {
        if let scalar = node.scalar {
            return scalar.string.isEmpty || scalar.string == "null" || scalar.string == "~"
                ? nil : scalar.string
        }
        guard let sequence = node.sequence else { return nil }
        let parts = sequence.compactMap { $0.scalar?.string }
        return parts.isEmpty || parts.count < sequence.count ? nil : parts.joined(separator: ", ")
    }

    /// The text between a first line `---` and the next line `---` or `...`.
    private static func text(of content: [UInt8]) -> String? {
        var lines = content.prefix(limit).split(
            separator: UInt8(ascii: "\n"),
            omittingEmptySubsequences: false
        )[...]
        guard let first = lines.popFirst(), isFence(first, "---") else { return nil }
        guard let end = lines.firstIndex(where: { isFence($0, "---") || isFence($0, "...") })
        else { return nil }
        let body = lines[..<end].joined(separator: [UInt8(ascii: "\n")])
        return String(validating: Array(body), as: UTF8.self)
    }

    private static func isFence(_ line: ArraySlice<UInt8>, _ fence: String) -> Bool {
        var line = line
        while let last = line.last, last == UInt8(ascii: "\r") || last == ASCII.space {
            line.removeLast()
        }
        return line.elementsEqual(fence.utf8)
    }

    private static var unreadable: LociError {
        LociError(
            .invalidArgument,
            subject: "front matter",
            message: "Its front matter is not YAML, so nothing was read from it."
        )
    }
}

import Blobs
import Catalog
import Linux
import Loci
import SQL

extension Planner {
    /// Texts of more bytes are not searched for links.
    private static let longestText: Int64 = 4 << 20

    /// Follows the relative links of every text from its place today, and tells those that would
    /// lead elsewhere or nowhere from its new one.
    ///
    /// Complexity: reads the current content of every memory.
    mutating func followLinks(_ tenant: Tenant) throws {
        plan.brokenLinks = PlanCount()
        try eachMemory { planner, memory, fields in
            guard let revision = try planner.reader.revision(of: memory.row, memory.revision),
                revision.size <= Self.longestText,
                let new = try? planner.scheme.render(fields)
            else { return }
            let old = try planner.listed.scheme.render(fields)
            // A content that cannot be read is for fsck to tell of.
            guard
                let file = try? tenant.openBlob(
                    of: memory.row,
                    revision: memory.revision,
                    reader: planner.reader
                ),
                let bytes = try? file.readAll(limit: Int(Self.longestText))
            else { return }
            for link in MarkdownLinks.relative(in: bytes)
            where try planner.breaks(link, from: old, to: new) {
                planner.plan.brokenLinks?.add(
                    MigrationPlan.BrokenLink(
                        source: NamePath(old + [memory.name]),
                        link: link.text
                    )
                )
            }
        }
    }

    /// Whether a link that leads somewhere from `old` does not lead there from `new`.
    private func breaks(
        _ link: MarkdownLinks.Link,
        from old: [Name],
        to new: [Name]
    ) throws -> Bool {
        for components in link.readings {
            guard let target = Self.follow(components, from: old), !target.isEmpty else { continue }
            let entry = try reader.snapshot {
                try reader.resolve(
                    target,
                    from: listed.root,
                    layouts: listed.bit.union(.foreign)
                )
            }
            guard let entry, let node = try reader.node(entry.node) else { continue }
            guard let reached = Self.follow(components, from: new) else { return true }
            switch node.kind {
            case .directory: return !hasDirectory(reached)
            // What tools keep stays where it is.
            case .foreign: return reached != target
            case .memory:
                guard let row = node.memory, let memory = try reader.memory(row: row),
                    let directories = try? scheme.render(try reader.fields(of: memory))
                else { return false }
                return reached != directories + [memory.name]
            }
        }
        return false
    }

    /// Where a relative path leads; nil above the root.
    private static func follow(_ components: [[UInt8]], from directory: [Name]) -> [Name]? {
        var names = directory
        for component in components {
            if component.elementsEqual(".".utf8) || component.isEmpty { continue }
            if component.elementsEqual("..".utf8) {
                guard names.popLast() != nil else { return nil }
            } else {
                guard let name = try? Name(validating: component) else { return nil }
                names.append(name)
            }
        }
        return names
    }
}

/// Finds the relative links of a Markdown text.
///
/// Pure: bytes in, links out. It knows inline links and images, `[x](../a.md "title")`, also in
/// angle brackets, and definitions, `[x]: ../a.md`. Code, fenced or between backticks, has none.
enum MarkdownLinks {
    /// One relative link, without its fragment and query.
    struct Link: Hashable {
        /// As it is written.
        let text: String
        /// Its components with percent signs decoded, and as they stand where that differs.
        let readings: [[[UInt8]]]
    }

    static func relative(in bytes: [UInt8]) -> [Link] {
        // Pictures and archives have no links.
        guard !bytes.prefix(8192).contains(0) else { return [] }
        var links: [Link] = []
        var fence: UInt8?
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let text = line.drop { $0 == UInt8(ascii: " ") }
            if let mark = fenceMark(text) {
                if fence == nil { fence = mark } else if fence == mark { fence = nil }
                continue
            }
            guard fence == nil else { continue }
            links += destinations(in: line).compactMap(link)
        }
        return links
    }

    private static func fenceMark(_ line: ArraySlice<UInt8>) -> UInt8? {
        for mark in [UInt8(ascii: "`"), UInt8(ascii: "~")]
        where line.prefix(3).count == 3 && line.prefix(3).allSatisfy({ $0 == mark }) {
            return mark
        }
        return nil
    }

    /// What stands where a destination does, in one line.
    private static func destinations(in line: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        var found: [ArraySlice<UInt8>] = []
        var isCode = false
        var index = line.startIndex
        while index < line.endIndex {
            let byte = line[index]
            if byte == UInt8(ascii: "\\") {
                index += 2
                continue
            }
            if byte == UInt8(ascii: "`") { isCode.toggle() }
            if !isCode, byte == UInt8(ascii: "]"), index + 1 < line.endIndex {
                let next = line[index + 1]
                if next == UInt8(ascii: "(") {
                    found.append(destination(line[(index + 2)...]))
                } else if next == UInt8(ascii: ":"), line.first == UInt8(ascii: "[") {
                    found.append(destination(line[(index + 2)...]))
                }
            }
            index += 1
        }
        return found
    }

    /// From the opening bracket to the title, the space or the bracket that closes.
    private static func destination(_ rest: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let text = rest.drop { $0 == UInt8(ascii: " ") }
        if text.first == UInt8(ascii: "<") {
            return text.dropFirst().prefix { $0 != UInt8(ascii: ">") }
        }
        var depth = 0
        return text.prefix { byte in
            switch byte {
            case UInt8(ascii: "("): depth += 1
            case UInt8(ascii: ")"):
                depth -= 1
                return depth >= 0
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): return false
            default: break
            }
            return true
        }
    }

    /// Returns nil for what is no relative path: a URL, an absolute path, a fragment alone.
    private static func link(_ destination: ArraySlice<UInt8>) -> Link? {
        let path = destination.prefix { $0 != UInt8(ascii: "#") && $0 != UInt8(ascii: "?") }
        guard let first = path.first, first != UInt8(ascii: "/") else { return nil }
        let scheme = path.prefix { $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: "/") }
        if scheme.endIndex < path.endIndex, path[scheme.endIndex] == UInt8(ascii: ":") {
            return nil
        }
        let raw = path.split(separator: UInt8(ascii: "/")).map { Array($0) }
        let decoded = raw.map { decodingPercent($0) }
        return Link(
            text: String(decoding: destination, as: UTF8.self),
            readings: decoded == raw ? [raw] : [decoded, raw]
        )
    }

    private static func decodingPercent(_ bytes: [UInt8]) -> [UInt8] {
        var decoded: [UInt8] = []
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                decoded.append(value)
                rest = rest.dropFirst(2)
            } else {
                decoded.append(byte)
            }
        }
        return decoded
    }
}

/// Reads the grammar of `Scheme` from left to right, and says at which byte it stumbles.
struct SchemeReader {
    private let text: String
    private let bytes: [UInt8]
    private var taken: [Scheme.Segment] = []

    /// Deeper trees than this are refused; the text of a scheme is bounded by it and by the length
    /// of names.
    static let maximumSegments = 64

    init(_ text: String) {
        self.text = text
        bytes = Array(text.utf8)
    }

    mutating func segments() throws(LociError) -> [Scheme.Segment] {
        var start = 0
        while true {
            let end = bytes[start...].firstIndex(of: ASCII.slash) ?? bytes.count
            let segment = try segment(start..<end)
            try admit(segment, at: start)
            taken.append(segment)
            guard end < bytes.count else { return taken }
            guard segment.isLastOnly == false else {
                throw failure(
                    at: start,
                    "'\(segment.text)' is not the last segment",
                    "Put it at the end: it holds all directories that are left."
                )
            }
            start = end + 1
        }
    }

    private func segment(_ range: Range<Int>) throws(LociError) -> Scheme.Segment {
        guard !range.isEmpty else {
            throw failure(
                at: range.lowerBound,
                "a segment is empty",
                "Write key={field}, {field} or a plain name between slashes."
            )
        }
        guard let open = bytes[range].firstIndex(of: ASCII.braceOpen) else {
            return .literal(try literal(range))
        }
        let key = try key(range.lowerBound..<open)
        guard let close = bytes[open..<range.upperBound].firstIndex(of: ASCII.braceClose) else {
            throw failure(at: open, "the brace is not closed", "Write }.")
        }
        guard close == range.upperBound - 1 else {
            throw failure(
                at: close + 1,
                "text follows the closing brace",
                "A segment holds one field: key={field} or {field}."
            )
        }
        return try braced(string(open + 1..<close), key: key, at: open + 1)
    }

    private func literal(_ range: Range<Int>) throws(LociError) -> Name {
        let raw = Array(bytes[range])
        guard !raw.contains(ASCII.braceClose) else {
            throw failure(at: range.lowerBound, "a brace is closed but not opened", "Write {.")
        }
        guard raw.last != ASCII.equals else {
            let key = string(range.lowerBound..<range.upperBound - 1)
            throw failure(
                at: range.upperBound,
                "nothing follows '='",
                "Write \(key)={\(key)}."
            )
        }
        guard Escape.encoded(raw) == raw else {
            throw failure(
                at: range.lowerBound,
                "'\(Name.printable(raw))' is not how a directory is written",
                "Use text without control characters, without a dot in front and without %XX, "
                    + "and not '_'."
            )
        }
        do {
            return try Name(validating: raw)
        } catch {
            throw failure(at: range.lowerBound, "a literal is too long", "Use at most 255 bytes.")
        }
    }

    private func key(_ range: Range<Int>) throws(LociError) -> Scheme.Key? {
        guard !range.isEmpty else { return nil }
        let key = string(range.lowerBound..<range.upperBound - 1)
        guard bytes[range.upperBound - 1] == ASCII.equals, Self.isFieldName(key) else {
            throw failure(
                at: range.lowerBound,
                "'\(string(range))' cannot stand before a brace",
                "Write key={field} or {field}; a key begins with a letter and has letters, digits, "
                    + "'_', '.' and '-'."
            )
        }
        return Scheme.Key(key)
    }

    private func braced(
        _ inner: String,
        key: Scheme.Key?,
        at position: Int
    ) throws(LociError) -> Scheme.Segment {
        if inner.hasSuffix("...") {
            return .rest(try rest(String(inner.dropLast(3)), key: key, at: position))
        }
        let parts = inner.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        let transform = parts.count > 1 ? String(parts[1]) : nil
        try checkName(name, at: position)
        let reader = TransformReader(field: name, transform: transform)
        switch reader.read() {
        case .success(let field): return .field(key, field)
        case .failure(let stumble):
            let place = position + (transform == nil ? 0 : name.utf8.count + 1)
            throw failure(at: place, stumble.what, stumble.remedy)
        }
    }

    private func rest(
        _ name: String,
        key: Scheme.Key?,
        at position: Int
    ) throws(LociError) -> String {
        guard key == nil else {
            throw failure(
                at: position,
                "'{\(name)...}' cannot have a key",
                "Write {\(name)...} alone: it makes any number of directories."
            )
        }
        try checkName(name, at: position)
        guard name != "id", name != "created" else {
            throw failure(
                at: position,
                "'\(name)' is not made of directories",
                "Use an attribute."
            )
        }
        return name
    }

    private func checkName(_ name: String, at position: Int) throws(LociError) {
        guard name != "name" else {
            throw failure(
                at: position,
                "'name' cannot be a field",
                "Leave it out: the name is always the last component of a path."
            )
        }
        guard Self.isFieldName(name) else {
            throw failure(
                at: position,
                "'\(Name.printable(Array(name.utf8)))' is not a field's name",
                "A field begins with a letter and has letters, digits, '_', '.' and '-'."
            )
        }
    }

    /// Whether `text` can be a key or the name of an attribute in a scheme.
    static func isFieldName(_ text: String) -> Bool {
        guard let first = text.utf8.first, ASCII.isLetter(first) else { return false }
        return text.utf8.allSatisfy { byte in
            ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == ASCII.underscore
                || byte == ASCII.dot || byte == ASCII.hyphen
        }
    }

    private func string(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    private func failure(at position: Int, _ what: String, _ remedy: String) -> LociError {
        LociError(
            .malformedScheme,
            subject: text,
            message: "The scheme '\(text)' cannot be read: at character \(position + 1), \(what).",
            remedy: remedy
        )
    }
}

extension SchemeReader {
    /// Refuses what is well formed by itself but not after the segments before it.
    private func admit(_ segment: Scheme.Segment, at position: Int) throws(LociError) {
        guard taken.count < Self.maximumSegments else {
            throw failure(
                at: position,
                "there are too many segments",
                "Use at most \(Self.maximumSegments) segments."
            )
        }
        if let twin = taken.first(where: { $0.showsSame(as: segment) }) {
            throw failure(
                at: position,
                "'\(segment.text)' shows the same as '\(twin.text)'",
                "Name each field once; a transform such as {field:lower} may stand beside it."
            )
        }
        if case .rest(let key) = segment, taken.contains(where: { $0.attribute == key }) {
            throw failure(
                at: position,
                "'\(segment.text)' stands beside a transform of '\(key)'",
                "Leave the transform out, or write '{\(key)}' in place of '{\(key)...}'."
            )
        }
        guard case .field(_, .created(let span)) = segment, let needed = span.needed else { return }
        let isGiven = taken.contains { taken in
            if case .field(_, .created(needed)) = taken { true } else { false }
        }
        guard isGiven else {
            let unit = Scheme.Field.created(needed).text
            throw failure(
                at: position,
                "'\(segment.text)' stands without '{\(unit)}' before it",
                "Put {\(unit)} in front of it."
            )
        }
    }
}

extension Scheme.Segment {
    fileprivate var isLastOnly: Bool {
        if case .rest = self { true } else { false }
    }

    fileprivate func showsSame(as other: Scheme.Segment) -> Bool {
        guard let mine = shown, let theirs = other.shown else { return false }
        return mine == theirs
    }

    private var shown: Scheme.Field? {
        switch self {
        case .literal: nil
        case .field(_, let field): field
        case .rest(let key): .attribute(key, .whole)
        }
    }
}

extension Scheme.Field.Span {
    /// The larger unit that must stand before this one.
    fileprivate var needed: Scheme.Field.Span? {
        switch self {
        case .whole, .year: nil
        case .month: .year
        case .day: .month
        }
    }
}

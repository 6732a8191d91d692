extension Scheme {
    /// How directories are written.
    package enum Spelling: Hashable, Sendable {
        /// As `render` writes them; anything else is refused and the canonical form named.
        case rendered
        /// As somebody else's tree has them: the bytes are the value, nothing is decoded.
        ///
        /// A lone `_` still means that an attribute is missing, but not in a `{field...}`.
        case verbatim
    }

    /// Reads all directories of a memory, the outermost first.
    ///
    /// Throws `pathDoesNotFit` for too few or too many directories and for what `render` never
    /// makes, naming the canonical form; `notUTF8`; `futureDate` where a range of `created` begins
    /// after `now`.
    package func parse(
        _ directories: [Name],
        now: Timestamp,
        spelling: Spelling = .rendered
    ) throws(LociError) -> ParsedPath {
        let parsed = try parsePrefix(directories, now: now, spelling: spelling)
        guard parsed.isComplete else {
            let missing = segments[directories.count..<fixedDepth].map(\.text)
            throw LociError(
                .pathDoesNotFit,
                subject: NamePath(directories).description,
                message: "'/\(NamePath(directories))' holds directories only: paths here follow "
                    + "\(text).",
                remedy: "Go on with \(missing.joined(separator: "/")) before the name."
            )
        }
        return parsed
    }

    /// Reads the first directories of a path, none to all; the answer says what may follow.
    ///
    /// Throws like `parse`, but not for too few.
    package func parsePrefix(
        _ directories: [Name],
        now: Timestamp,
        spelling: Spelling = .rendered
    ) throws(LociError) -> ParsedPath {
        var reader = PathReader(scheme: self, directories: directories, spelling: spelling)
        for index in directories.indices.prefix(fixedDepth) {
            try reader.read(segments[index], at: index)
        }
        if let rest {
            if directories.count >= fixedDepth { try reader.readRest(rest, from: fixedDepth) }
        } else if directories.count > fixedDepth {
            throw reader.misfit(
                at: fixedDepth,
                "is one directory too deep",
                "Paths here follow \(text), and then the name."
            )
        }
        var parsed = reader.parsed
        parsed.isComplete = directories.count >= fixedDepth
        parsed.mayHaveSubdirectories = rest != nil || directories.count < fixedDepth
        try reader.check(parsed, now: now)
        return parsed
    }

    /// The text that a directory of somebody else's tree gives to a `{field...}`; throws `notUTF8`.
    package static func value(ofDirectory name: Name) throws(LociError) -> String {
        guard let text = name.utf8String else { throw PathReader.notUTF8(name) }
        return text
    }
}

/// Reads one path component by component; a value that lives for one parse.
struct PathReader {
    let scheme: Scheme
    let directories: [Name]
    let spelling: Scheme.Spelling
    private(set) var parsed = ParsedPath()
    private var year: Int?
    private var month: Int?

    init(scheme: Scheme, directories: [Name], spelling: Scheme.Spelling) {
        self.scheme = scheme
        self.directories = directories
        self.spelling = spelling
    }

    mutating func read(_ segment: Scheme.Segment, at index: Int) throws(LociError) {
        let name = directories[index]
        switch segment {
        case .literal(let literal):
            guard name == literal else {
                throw misfit(at: index, "does not fit '\(literal)'", "Write '\(literal)'.")
            }
        case .field(let key, let field):
            let prefix = key?.prefix ?? []
            guard name.hasPrefix(prefix) else {
                throw misfit(
                    at: index,
                    "does not fit \(segment.text)",
                    "Write a directory that begins with '\(key?.text ?? "")='."
                )
            }
            let component = name.bytes.dropFirst(prefix.count)
            try readField(field, component, isKeyed: key != nil, at: index)
        case .rest: break
        }
    }

    mutating func readRest(_ key: String, from start: Int) throws(LociError) {
        guard directories.count > start else {
            parsed.findings.append(.missing(key))
            return
        }
        var parts: [String] = []
        for index in start..<directories.count {
            let bytes = directories[index].bytes
            if spelling == .rendered, bytes == Escape.empty {
                parts.append("")
            } else {
                parts.append(try text(bytes[...], at: index))
            }
        }
        let value = parts.joined(separator: "/")
        guard !value.isEmpty else {
            throw misfit(
                at: start,
                "stands for no directory at all",
                "Leave the directory out."
            )
        }
        parsed.findings.append(.value(key, value))
    }

    private mutating func readField(
        _ field: Scheme.Field,
        _ component: ArraySlice<UInt8>,
        isKeyed: Bool,
        at index: Int
    ) throws(LociError) {
        switch field {
        case .created(let span): try readCreated(span, component, at: index)
        case .id(let buckets): try readID(buckets, component, at: index)
        case .attribute(let key, let form):
            if component.elementsEqual(Scheme.missing) {
                parsed.findings.append(.missing(key))
                return
            }
            var value = ""
            if isKeyed || spelling == .verbatim || !component.elementsEqual(Escape.empty) {
                value = try text(component, at: index)
            }
            parsed.findings.append(try finding(key, form, value, at: index))
        }
    }

    private func finding(
        _ key: String,
        _ form: Scheme.Field.Form,
        _ text: String,
        at index: Int
    ) throws(LociError) -> ParsedPath.Finding {
        let shown: String
        switch form {
        case .whole: return .value(key, text)
        case .lower: shown = Scheme.lower(text)
        case .first(let count): shown = Scheme.first(count, of: text)
        }
        guard shown.hasSameBytes(as: text) else {
            let canonical = canonical(shown, like: index)
            throw misfit(
                at: index,
                "does not fit \(scheme.segments[index].text)",
                "Write '\(canonical)'."
            )
        }
        if case .first(let count) = form { return .first(key, text, count) }
        return .lower(key, text)
    }

    /// The value that a component stands for.
    private func text(
        _ component: ArraySlice<UInt8>,
        at index: Int
    ) throws(LociError) -> String {
        let decoded = spelling == .verbatim ? Array(component) : Escape.decoded(component)
        guard let text = String(validating: decoded, as: UTF8.self) else {
            throw Self.notUTF8(directories[index])
        }
        if spelling == .rendered, !component.elementsEqual(Escape.encoded(decoded)) {
            throw notCanonical(text, component, at: index)
        }
        return text
    }
}

extension PathReader {
    private mutating func readCreated(
        _ span: Scheme.Field.Span,
        _ component: ArraySlice<UInt8>,
        at index: Int
    ) throws(LociError) {
        let range: Range<Timestamp>?
        switch span {
        case .whole: range = instant(component)
        case .year:
            year = number(component, width: 4)
            range = year.flatMap { Timestamp.range(year: $0) }
        case .month:
            month = number(component, width: 2)
            range = month.flatMap { Timestamp.range(year: year ?? 0, month: $0) }
        case .day:
            let day = number(component, width: 2)
            range = day.flatMap { Timestamp.range(year: year ?? 0, month: month ?? 0, day: $0) }
        }
        guard let range else {
            throw misfit(
                at: index,
                "is not \(span.noun)",
                "Write it like '\(canonical(span.example, like: index))'."
            )
        }
        parsed.findings.append(.created(range))
        let known = parsed.created ?? range
        guard known.overlaps(range) else {
            throw misfit(
                at: index,
                "contradicts the directories above it",
                "All parts of a date must name the same time."
            )
        }
        parsed.created = known.clamped(to: range)
    }

    private func instant(_ component: ArraySlice<UInt8>) -> Range<Timestamp>? {
        guard let text = String(validating: component, as: UTF8.self),
            let moment = try? Timestamp(text), moment.text.elementsEqual(component),
            moment < .distantFuture
        else { return nil }
        return moment..<Timestamp(nanoseconds: moment.nanoseconds + 1)
    }

    private mutating func readID(
        _ buckets: Int?,
        _ component: ArraySlice<UInt8>,
        at index: Int
    ) throws(LociError) {
        if let buckets {
            let width = String(buckets - 1).utf8.count
            guard let bucket = number(component, width: width), bucket < buckets else {
                var example: [UInt8] = []
                Digits.append(0, width: width, to: &example)
                throw misfit(
                    at: index,
                    "is not a bucket of \(buckets)",
                    "Write a number of \(width) digits from "
                        + "\(String(decoding: example, as: UTF8.self)) to \(buckets - 1)."
                )
            }
            parsed.findings.append(.bucket(bucket, of: buckets))
        } else {
            guard let text = String(validating: component, as: UTF8.self),
                let id = try? MemoryID(text), id.text.elementsEqual(component)
            else {
                throw misfit(
                    at: index,
                    "is not the id of a memory",
                    "An id is a ULID: 26 capital letters and digits."
                )
            }
            parsed.findings.append(.id(id))
        }
    }

    private func number(_ component: ArraySlice<UInt8>, width: Int) -> Int? {
        component.count == width ? Digits.value(component) : nil
    }

    /// Refuses what each segment admits by itself but not all together.
    func check(_ parsed: ParsedPath, now: Timestamp) throws(LociError) {
        for key in parsed.attributes {
            guard case .contradiction = parsed.told(key) else { continue }
            throw misfit(
                at: max(0, directories.count - 1),
                "contradicts the directories above it",
                "All directories that show '\(key)' must show the same value."
            )
        }
        let ids = parsed.findings.compactMap { finding -> MemoryID? in
            if case .id(let id) = finding { id } else { nil }
        }
        if let id = ids.first, !parsed.findings.allSatisfy({ $0.admits(id) }) {
            throw misfit(
                at: max(0, directories.count - 1),
                "contradicts the directories above it",
                "The bucket is not the one of the id."
            )
        }
        if let created = parsed.created, created.lowerBound > now {
            throw LociError(
                .futureDate,
                subject: NamePath(directories).description,
                message: "'/\(NamePath(directories))' claims a time that is still to come.",
                remedy: "Use a directory of today, \(now.date.text), or of the past."
            )
        }
    }
}

extension PathReader {
    /// The error for a directory that the scheme cannot have made.
    func misfit(at index: Int, _ what: String, _ remedy: String) -> LociError {
        let path = NamePath(Array(directories.prefix(index + 1)))
        let name = directories.indices.contains(index) ? directories[index].bytes : []
        return LociError(
            .pathDoesNotFit,
            subject: path.description,
            message: "The directory '\(Name.printable(name))' \(what), by the scheme "
                + "\(scheme.text).",
            remedy: remedy
        )
    }

    static func notUTF8(_ name: Name) -> LociError {
        LociError(
            .notUTF8,
            subject: name.description,
            message: "The directory '\(name)' is not UTF-8, and attribute values are.",
            remedy: "Rename it; only a memory's own name may have any bytes."
        )
    }

    /// Names both things that may have been meant: the decoded value, and the text as it stands.
    private func notCanonical(
        _ decoded: String,
        _ component: ArraySlice<UInt8>,
        at index: Int
    ) -> LociError {
        let asMeant = canonical(decoded, like: index)
        var remedy = "Write '\(asMeant)'."
        let verbatim = String(decoding: component, as: UTF8.self)
        if !verbatim.hasSameBytes(as: decoded) {
            remedy +=
                " For the text '\(Name.printable(Array(component)))' as it stands, write "
                + "'\(canonical(verbatim, like: index))'."
        }
        return misfit(at: index, "is not in its canonical form", remedy)
    }

    /// How the directory at `index` is written for a value.
    private func canonical(_ value: String, like index: Int) -> String {
        var bytes: [UInt8] = []
        var isKeyed = false
        if index < scheme.fixedDepth, case .field(let key?, _) = scheme.segments[index] {
            bytes = key.prefix
            isKeyed = true
        }
        Escape.append(value.utf8, to: &bytes)
        return String(decoding: bytes.isEmpty && !isKeyed ? Escape.empty : bytes, as: UTF8.self)
    }
}

extension CivilDate {
    fileprivate var text: String {
        var text: [UInt8] = []
        Digits.append(year, width: 4, to: &text)
        text.append(ASCII.hyphen)
        Digits.append(month, width: 2, to: &text)
        text.append(ASCII.hyphen)
        Digits.append(day, width: 2, to: &text)
        return String(decoding: text, as: UTF8.self)
    }
}

extension Scheme.Field.Span {
    fileprivate var noun: String {
        switch self {
        case .whole: "a time"
        case .year: "a year"
        case .month: "a month"
        case .day: "a day of that month"
        }
    }

    fileprivate var example: String {
        switch self {
        case .whole: "2024-02-29T12:34:56Z"
        case .year: "2024"
        case .month: "02"
        case .day: "29"
        }
    }
}

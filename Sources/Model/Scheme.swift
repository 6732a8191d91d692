/// A template of paths, such as `topic={topic}/user={user}/year={created:year}`.
///
/// ```
/// scheme  = segment *("/" segment)
/// segment = key "={" field "}" | "{" field "}" | literal | "{" attribute "...}"
/// field   = attribute [":lower" | ":first(" n ")"]
///         | "created" [":year" | ":month" | ":day"] | "id" [":hash(" n ")"]
/// ```
///
/// `{attribute...}` stands only at the end. Each segment makes one directory, `{attribute...}` as
/// many as its value has components; the memory's name follows. A month needs the year before it
/// and a day the month, so that each prefix of a path names one stretch of time. Two schemes are
/// equal when their texts are.
public struct Scheme: Hashable, Sendable, CustomStringConvertible {
    /// The canonical text, which `init(_:)` reads.
    public let text: String
    /// What each level of directories shows; never empty.
    package let segments: [Segment]

    /// Reads a scheme; throws `malformedScheme` with the position and what to write instead.
    public init(_ text: String) throws(LociError) {
        var reader = SchemeReader(text)
        segments = try reader.segments()
        self.text = segments.map(\.text).joined(separator: "/")
    }

    /// The scheme of a tenant whose owner names none: any tree as it stands.
    public static let folders = Scheme(segments: [.rest("folder")])

    package init(segments: [Segment]) {
        self.segments = segments
        text = segments.map(\.text).joined(separator: "/")
    }

    /// The canonical text.
    public var description: String { text }

    /// Compares the texts byte by byte.
    public static func == (a: Scheme, b: Scheme) -> Bool { a.text.hasSameBytes(as: b.text) }

    /// Hashes the bytes of the text.
    public func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}

extension Scheme {
    /// One level of a scheme.
    package enum Segment: Hashable, Sendable {
        /// A directory of a fixed name.
        case literal(Name)
        /// A directory named after a field, `key={field}` or `{field}`.
        case field(Key?, Field)
        /// Zero or more directories, the components of an attribute's value: `{folder...}`.
        case rest(String)
    }

    /// The `key=` in front of a field.
    package struct Key: Hashable, Sendable {
        package let text: String
        /// The bytes of `key=`, made once because every rendering begins with them.
        package let prefix: [UInt8]

        package init(_ text: String) {
            self.text = text
            prefix = Array(text.utf8) + [ASCII.equals]
        }
    }

    /// What a directory shows of a memory.
    package enum Field: Hashable, Sendable {
        case attribute(String, Form)
        case created(Span)
        /// The id itself, or its bucket among so many.
        case id(buckets: Int?)

        /// How much of an attribute's value is shown.
        package enum Form: Hashable, Sendable {
            case whole
            case lower
            /// The first so many Unicode scalars.
            case first(Int)
        }

        /// How much of the time of creation is shown, UTC.
        package enum Span: Hashable, Sendable {
            /// RFC 3339.
            case whole
            case year
            case month
            case day
        }
    }
}

extension Scheme.Segment {
    /// The segment as the grammar has it.
    package var text: String {
        switch self {
        case .literal(let name): name.description
        case .field(let key, let field): (key.map { $0.text + "=" } ?? "") + "{\(field.text)}"
        case .rest(let key): "{\(key)...}"
        }
    }

    /// The attribute that the segment needs, or nil for literals, `id` and `created`.
    package var attribute: String? {
        switch self {
        case .field(_, .attribute(let key, _)), .rest(let key): key
        default: nil
        }
    }
}

extension Scheme.Field {
    /// The field as the grammar has it, without braces.
    package var text: String {
        switch self {
        case .attribute(let key, .whole): key
        case .attribute(let key, .lower): "\(key):lower"
        case .attribute(let key, .first(let count)): "\(key):first(\(count))"
        case .created(.whole): "created"
        case .created(.year): "created:year"
        case .created(.month): "created:month"
        case .created(.day): "created:day"
        case .id(nil): "id"
        case .id(let buckets?): "id:hash(\(buckets))"
        }
    }

    /// The name of the field without its transform.
    package var name: String {
        switch self {
        case .attribute(let key, _): key
        case .created: "created"
        case .id: "id"
        }
    }
}

extension Scheme {
    /// The attributes that the scheme shows, each once, in the order of their first segments.
    package var attributes: [String] {
        var seen: Set<String> = []
        return segments.compactMap(\.attribute).filter { seen.insert($0).inserted }
    }

    /// The attributes whose values a path of this scheme tells in full.
    package var wholeAttributes: Set<String> {
        var whole: Set<String> = []
        for segment in segments {
            switch segment {
            case .field(_, .attribute(let key, .whole)), .rest(let key): whole.insert(key)
            default: break
            }
        }
        return whole
    }

    /// The attributes of which a path tells only a part, so that it cannot be the only carrier of
    /// their values: an import by such a scheme would lose data.
    ///
    /// A migration loses none, since the catalog keeps attributes.
    package var partialAttributes: [String] {
        let whole = wholeAttributes
        return attributes.filter { !whole.contains($0) }
    }

    /// The attributes that paths of `old` tell and paths of this scheme do not, in the order of
    /// `old`.
    package func attributesHidden(from old: Scheme) -> [String] {
        let shown = wholeAttributes
        return old.attributes.filter { old.wholeAttributes.contains($0) && !shown.contains($0) }
    }

    /// The attribute of the `{field...}` at the end, if there is one.
    package var rest: String? {
        guard case .rest(let key)? = segments.last else { return nil }
        return key
    }

    /// The number of directories of every path, not counting those of a `{field...}`.
    package var fixedDepth: Int { rest == nil ? segments.count : segments.count - 1 }
}

/// What the directories of a path tell by a scheme.
package struct ParsedPath: Hashable, Sendable {
    /// What each segment tells, the outermost first; literals tell nothing.
    package var findings: [Finding] = []
    /// The moments that `created` can be, or nil where the path does not say.
    package var created: Range<Timestamp>?
    /// Whether a memory's name may follow.
    package var isComplete = false
    /// Whether another directory may follow.
    package var mayHaveSubdirectories = false

    /// One segment's share.
    package enum Finding: Sendable {
        /// An attribute's value.
        case value(String, String)
        /// An attribute that the memory lacks.
        case missing(String)
        /// The lower case of an attribute's value.
        case lower(String, String)
        /// The first so many scalars of an attribute's value.
        case first(String, String, Int)
        /// The moments that `created` can be.
        case created(Range<Timestamp>)
        case id(MemoryID)
        /// The bucket of the id among so many.
        case bucket(Int, of: Int)
    }

    package init() {}
}

extension ParsedPath.Finding: Hashable {
    /// The attribute that this tells of, or nil for `created` and `id`.
    package var attribute: String? {
        switch self {
        case .value(let key, _), .missing(let key), .lower(let key, _), .first(let key, _, _): key
        case .created, .id, .bucket: nil
        }
    }

    /// Compares texts byte by byte.
    package static func == (a: Self, b: Self) -> Bool {
        switch (a, b) {
        case (.value(let k, let v), .value(let l, let w)),
            (.lower(let k, let v), .lower(let l, let w)):
            k == l && v.hasSameBytes(as: w)
        case (.missing(let k), .missing(let l)): k == l
        case (.first(let k, let v, let n), .first(let l, let w, let m)):
            k == l && n == m && v.hasSameBytes(as: w)
        case (.created(let v), .created(let w)): v == w
        case (.id(let v), .id(let w)): v == w
        case (.bucket(let v, let n), .bucket(let w, let m)): v == w && n == m
        default: false
        }
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(attribute)
    }
}

extension ParsedPath {
    /// What the path tells of one attribute.
    package enum Told: Sendable {
        /// Nothing.
        case nothing
        /// That the memory lacks it.
        case missing
        /// Its value, whole where a segment shows it whole, else the text that the segments show.
        case value(String)
        /// Things that no one value can fulfil.
        case contradiction
    }

    /// The attributes that the path tells of, each once, in order.
    package var attributes: [String] {
        var seen: Set<String> = []
        return findings.compactMap(\.attribute).filter { seen.insert($0).inserted }
    }

    /// What all segments together tell of an attribute.
    package func told(_ key: String) -> Told {
        let mine = findings.filter { $0.attribute == key }
        guard !mine.isEmpty else { return .nothing }
        let missing = mine.filter { if case .missing = $0 { true } else { false } }
        guard missing.isEmpty else {
            return missing.count == mine.count ? .missing : .contradiction
        }
        let value = Self.candidate(mine)
        return mine.allSatisfy { $0.admits(value) } ? .value(value) : .contradiction
    }

    /// The one value that can fulfil all findings, if any value can: the whole one; else the
    /// longest beginning, and after it what the lower case has left.
    private static func candidate(_ findings: [Finding]) -> String {
        var beginning = ""
        var lower: String?
        for finding in findings {
            switch finding {
            case .value(_, let whole): return whole
            case .lower(_, let text): lower = text
            case .first(_, let text, _) where text.utf8.count > beginning.utf8.count:
                beginning = text
            default: break
            }
        }
        guard let lower else { return beginning }
        let known = Scheme.lower(beginning)
        guard lower.utf8.starts(with: known.utf8) else { return lower }
        let left = lower.utf8.dropFirst(known.utf8.count)
        return beginning + String(decoding: left, as: UTF8.self)
    }
}

extension ParsedPath.Finding {
    /// Whether a memory with this value would be shown so.
    package func admits(_ value: String) -> Bool {
        switch self {
        case .value(_, let text): value.hasSameBytes(as: text)
        case .lower(_, let text): Scheme.lower(value).hasSameBytes(as: text)
        case .first(_, let text, let count):
            Scheme.first(count, of: value).hasSameBytes(as: text)
        case .missing: false
        case .created, .id, .bucket: true
        }
    }

    /// Whether a memory with this id would be shown so.
    package func admits(_ id: MemoryID) -> Bool {
        switch self {
        case .id(let exact): id == exact
        case .bucket(let number, let count): id.bucket(of: count) == number
        default: true
        }
    }
}

extension Scheme {
    /// The fields of a memory that is about to be made at a path.
    ///
    /// `created` is `now` where the path does not say or `now` fits. In the past it is the start of
    /// the range, or `mtime` (a time that was set on the file before it was born) where that lies
    /// inside. `generateID` is called until an id fits every `{id:hash(n)}`; a path that holds
    /// `{id}` gives the id, which the caller checks to be free.
    ///
    /// Throws `unsupported` where no id fits after 64 draws for each bucket, which only a generator
    /// that repeats itself makes likely.
    package static func resolve(
        _ path: ParsedPath,
        now: Timestamp,
        mtime: Timestamp? = nil,
        generateID: () -> MemoryID
    ) throws(LociError) -> MemoryFields {
        var attributes: [String: String] = [:]
        for key in path.attributes {
            if case .value(let value) = path.told(key) { attributes[key] = value }
        }
        return MemoryFields(
            id: try id(fitting: path, generateID),
            created: created(path.created, now, mtime),
            attributes: attributes
        )
    }

    private static func created(
        _ range: Range<Timestamp>?,
        _ now: Timestamp,
        _ mtime: Timestamp?
    ) -> Timestamp {
        guard let range, !range.contains(now) else { return now }
        if let mtime, range.contains(mtime) { return mtime }
        return range.lowerBound
    }

    private static func id(
        fitting path: ParsedPath,
        _ generateID: () -> MemoryID
    ) throws(LociError) -> MemoryID {
        var chances = 64
        for finding in path.findings {
            switch finding {
            case .id(let id): return id
            case .bucket(_, let count): chances = chances.multipliedReportingOverflow(by: count).0
            default: break
            }
        }
        for _ in 0..<max(64, min(chances, 64 * TransformReader.maximumBuckets)) {
            let id = generateID()
            if path.findings.allSatisfy({ $0.admits(id) }) { return id }
        }
        throw LociError(
            .unsupported,
            subject: "id",
            message: "No id was found that fits the directory.",
            remedy: "Create the memory in another directory."
        )
    }

    /// What a move within this scheme changes: only the fields whose directories differ.
    ///
    /// A field that only `:lower` and `:first` show keeps its value where that fits the new
    /// directories, and takes their text where not. Throws `immutableField` where `created` or `id`
    /// would change, else like `parse`; a directory that stays may name any time.
    package func changes(
        from old: [Name],
        to new: [Name],
        existing: some FieldSource
    ) throws(LociError) -> [AttributeChange] {
        let parsed = try parse(new, now: .distantFuture)
        var changed: Set<String> = []
        for (index, segment) in segments.enumerated() {
            let differs: Bool
            if case .rest = segment {
                differs = old.dropFirst(index) != new.dropFirst(index)
            } else {
                differs = index >= old.count || old[index] != new[index]
            }
            guard differs else { continue }
            if let key = segment.attribute {
                changed.insert(key)
            } else if case .field(_, let field) = segment {
                throw Self.immutable(field, new)
            }
        }
        var changes: [AttributeChange] = []
        for key in attributes where changed.contains(key) {
            if let change = Self.change(key, parsed, existing.attribute(key)) {
                changes.append(change)
            }
        }
        return changes
    }

    private static func change(
        _ key: String,
        _ path: ParsedPath,
        _ existing: String?
    ) -> AttributeChange? {
        switch path.told(key) {
        case .nothing, .contradiction: return nil
        case .missing: return existing == nil ? nil : AttributeChange(key: key, value: nil)
        case .value(let value):
            if let existing {
                let mine = path.findings.filter { $0.attribute == key }
                if mine.allSatisfy({ $0.admits(existing) }) { return nil }
            }
            return AttributeChange(key: key, value: value)
        }
    }

    private static func immutable(_ field: Field, _ directories: [Name]) -> LociError {
        LociError(
            .immutableField,
            subject: NamePath(directories).description,
            message: "Moving there would change '\(field.name)', which a memory keeps for life.",
            remedy: "Move it within the same \(field.text), or make a copy with cp."
        )
    }
}

extension Scheme {
    /// The directories of a memory for an export: values as they were imported, not escaped, where
    /// a file system can hold them so.
    ///
    /// Escaped all the same stay values that are empty, hold `/` or NUL or begin with a dot, and
    /// `_` outside a `{field...}`. Reading them back takes `Spelling.verbatim`. Two different
    /// values can meet in one directory (`a/b` and the text `a%2Fb`), so an exporter checks whether
    /// a path is taken. Throws `nameTooLong`.
    package func exportDirectories(_ fields: some FieldSource) throws(LociError) -> [Name] {
        var names: [Name] = []
        for (segment, rendered) in zip(segments, try render(fields)) {
            if case .rest = segment { break }
            names.append(Self.raw(segment, rendered) ?? rendered)
        }
        guard let rest, let value = fields.attribute(rest), !value.isEmpty else { return names }
        for part in value.utf8.split(separator: ASCII.slash, omittingEmptySubsequences: false) {
            let bytes = Array(part)
            if Self.isSafe(bytes) {
                names.append(Name(unchecked: bytes))
            } else {
                let escaped = bytes.isEmpty ? Escape.empty : Escape.encoded(bytes)
                names.append(try Name(validating: escaped))
            }
        }
        return names
    }

    private static func raw(_ segment: Segment, _ rendered: Name) -> Name? {
        guard case .field(let key, .attribute) = segment else { return nil }
        let prefix = key?.prefix ?? []
        if key == nil, rendered.bytes == Escape.empty { return nil }
        let value = Escape.decoded(rendered.bytes.dropFirst(prefix.count))
        guard isSafe(value), value != missing else { return nil }
        return Name(unchecked: prefix + value)
    }

    private static func isSafe(_ value: [UInt8]) -> Bool {
        guard let first = value.first, first != ASCII.dot else { return false }
        return value.count <= Name.maximumLength && !value.contains(0)
            && !value.contains(ASCII.slash)
    }
}

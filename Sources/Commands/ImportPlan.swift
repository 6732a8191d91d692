import Linux
import Loci

/// How the files of a tree become memories: from a path to attributes, and on to a place.
struct ImportPlan {
    let source: Scheme
    /// The layout that the tenant lists: where things will be, and are looked for.
    let listed: Scheme
    let set: [String: String]
    /// Whether directories that a file's path lacks count as missing attributes.
    let fillsMissing: Bool
    let now: Timestamp
    /// Where a place does not depend on the id, any will do.
    private let anyID: MemoryID

    init(
        source: Scheme,
        listed: Scheme,
        set: [String: String],
        fillsMissing: Bool,
        now: Timestamp
    ) {
        self.source = source
        self.listed = listed
        self.set = set
        self.fillsMissing = fillsMissing
        self.now = now
        var generator = SystemRandomNumberGenerator()
        anyID = MemoryID(time: now, using: &generator)
    }

    /// Refuses what could not keep everything that paths tell.
    func check() throws(LociError) {
        let partial = source.partialAttributes
        guard partial.isEmpty else {
            throw LociError(
                .schemeLosesData,
                subject: source.text,
                message: "The scheme '\(source)' tells only a part of "
                    + "\(partial.joined(separator: ", ")), and the rest would be lost.",
                remedy: "Show the whole value somewhere in the scheme."
            )
        }
        for key in set.keys.sorted() where source.attributes.contains(key) {
            throw LociError(
                .invalidArgument,
                subject: key,
                message: "'\(key)' comes from the directories by the scheme '\(source)'.",
                remedy: "Leave --set \(key)=… out, or the field out of the scheme."
            )
        }
    }

    /// What a directory tells of each file in it.
    struct Told {
        let parsed: ParsedPath
        let attributes: [String: String]
    }

    /// Throws `pathDoesNotFit` for too few directories.
    func told(by directories: [Name]) throws(LociError) -> Told {
        let parsed =
            fillsMissing
            ? try source.parsePrefix(directories, now: now, spelling: .verbatim)
            : try source.parse(directories, now: now, spelling: .verbatim)
        return Told(parsed: parsed, attributes: Self.attributes(of: parsed))
    }

    /// The attributes that a path tells.
    static func attributes(of path: ParsedPath) -> [String: String] {
        var attributes: [String: String] = [:]
        for key in path.attributes {
            if case .value(let value) = path.told(key) { attributes[key] = value }
        }
        return attributes
    }

    /// The memory that a file becomes.
    ///
    /// Path beats `--set`, and both beat front matter.
    func memory(
        _ name: Name,
        _ told: Told,
        _ status: FileStatus,
        at absolute: [UInt8],
        _ front: FrontMatter?
    ) -> NewMemory {
        var attributes = told.attributes
        if front != nil || !set.isEmpty {
            attributes = front?.attributes ?? [:]
            attributes.merge(set) { _, new in new }
            // A directory `_` says that the attribute is missing, whatever the front matter says.
            for key in source.attributes where told.attributes[key] == nil {
                attributes[key] = nil
            }
            attributes.merge(told.attributes) { _, new in new }
        }
        let modified = Timestamp(nanoseconds: status.modificationTime)
        return NewMemory(
            .file(absolute),
            name: name,
            attributes: attributes,
            created: created(status, told.parsed, front?.created),
            modified: modified,
            permissions: status.permissions & 0o777
        )
    }

    /// The front matter's time, else the earlier of birth and modification; the path's range
    /// beats both.
    private func created(
        _ status: FileStatus,
        _ path: ParsedPath,
        _ front: Timestamp?
    ) -> Timestamp {
        let modified = status.modificationTime
        let earlier = min(status.birthTime ?? modified, modified)
        let own = min(front ?? Timestamp(nanoseconds: earlier), now)
        guard let range = path.created, !range.contains(own) else { return own }
        return range.contains(Timestamp(nanoseconds: modified))
            ? Timestamp(nanoseconds: modified) : range.lowerBound
    }

    /// Where the listed layout will have a memory; nil where that depends on an id not yet drawn.
    func place(of memory: NewMemory) throws(LociError) -> NamePath? {
        for case .field(_, .id) in listed.segments { return nil }
        let fields = MemoryFields(
            id: anyID,
            created: memory.created ?? now,
            attributes: memory.attributes
        )
        return NamePath(try listed.render(fields) + [memory.name])
    }

    /// Where the listed layout has what belongs to a directory of the source: as deep as its
    /// attributes reach.
    ///
    /// The second value tells whether that is all the way.
    func place(
        ofDirectory directories: [Name]
    ) throws(LociError) -> (path: NamePath, isWhole: Bool) {
        let parsed = try source.parsePrefix(directories, now: now, spelling: .verbatim)
        let attributes = Self.attributes(of: parsed)
        let fields = MemoryFields(
            id: anyID,
            created: now,
            attributes: attributes
        )
        let names = try listed.render(fields)
        var known = 0
        for segment in listed.segments {
            switch segment {
            case .literal: known += 1
            case .field(_, .attribute(let key, _)) where attributes[key] != nil: known += 1
            case .rest: known = names.count
            case .field: return (NamePath(Array(names.prefix(known))), false)
            }
        }
        return (NamePath(names), true)
    }
}

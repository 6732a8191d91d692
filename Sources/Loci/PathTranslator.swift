import Catalog
public import Model
import SQL

/// Turns paths of one layout into paths of another, many at a time; also paths of layouts that have
/// ended.
///
/// A path of a live layout is the path of whichever memory it opens. A path of an ended layout means
/// the memory that it would open if that layout had never ended: the one that had the path and
/// still has the attributes that the path says, else the only one that has those attributes and
/// that name now, also if it came later, else the one that had the path and moved on.
///
/// One thread at a time. Memory: for each ended layout that has to be searched, a hash and a row
/// number for each memory.
public final class PathTranslator {
    private let tenant: Tenant
    private let source: LayoutNumber?
    private let target: LayoutNumber?
    private var indexes: [LayoutNumber: EndedIndex] = [:]

    /// Makes the translator of a tenant.
    ///
    /// `source`: the layout of the paths that come in; nil where they may be of any.
    /// `target`: the live layout of those that come out; nil for the one that is listed.
    ///
    /// Throws `notFound` for a layout that never was, `wrongState` for a target that is not live.
    public init(
        _ tenant: Tenant,
        from source: LayoutNumber? = nil,
        to target: LayoutNumber? = nil
    ) throws(LociError) {
        self.tenant = tenant
        self.source = source
        self.target = target
        try tenant.read { reader in
            let table = try reader.layouts()
            if let source { _ = try Self.layout(source, table) }
            _ = try Self.target(target, table)
        }
    }

    /// Translates each path; what cannot be is an error in its place.
    ///
    /// The first time that an ended layout has to be searched it reads every memory's attributes.
    /// Blocks.
    public func translate(
        _ paths: [NamePath]
    ) throws(LociError) -> [Result<NamePath, LociError>] {
        var answers = [Result<NamePath, LociError>?](repeating: nil, count: paths.count)
        let searched = try tenant.read { reader in
            var lookup = try self.lookup(reader)
            for (index, path) in paths.enumerated() {
                answers[index] = try Self.answer { try lookup.known(path) }
            }
            return lookup.endedLayouts
        }
        let open = answers.indices.filter { answers[$0] == nil }
        guard !open.isEmpty else { return answers.compactMap(\.self) }
        for layout in searched where indexes[layout.number] == nil {
            indexes[layout.number] = try EndedIndex(tenant, layout.scheme)
        }
        let indexes = indexes
        try tenant.read { reader in
            var lookup = try self.lookup(reader)
            for index in open {
                let path = paths[index]
                answers[index] = try Self.answer { try lookup.search(path, indexes) }
            }
        }
        return answers.compactMap(\.self)
    }

    /// Errors of one path are its answer; those of the catalog end the work.
    private static func answer(
        _ body: () throws -> NamePath?
    ) throws -> Result<NamePath, LociError>? {
        do {
            return try body().map { .success($0) }
        } catch let error as LociError {
            return .failure(error)
        }
    }

    private func lookup(_ reader: CatalogReader) throws -> PathLookup {
        let table = try reader.layouts()
        return PathLookup(
            reader: reader,
            table: table,
            source: try source.map { (number) throws(LociError) in
                try Self.layout(number, table)
            },
            target: try Self.target(target, table)
        )
    }

    private static func target(
        _ number: LayoutNumber?,
        _ table: LayoutTable
    ) throws(LociError) -> Layout {
        guard let number else { return table.listed }
        let layout = try layout(number, table)
        guard layout.isLive else {
            throw LociError(
                .wrongState,
                subject: "layout \(number)",
                message: "Layout \(number) is \(layout.status.rawValue): it has no paths.",
                remedy: "Translate into a live one: loci layout list"
            )
        }
        return layout
    }

    private static func layout(
        _ number: LayoutNumber,
        _ table: LayoutTable
    ) throws(LociError) -> Layout {
        if let layout = table[number] { return layout }
        throw LociError(
            .notFound,
            subject: "layout \(number)",
            message: "There is no layout \(number).",
            remedy: "List them with: loci layout list"
        )
    }
}

/// Looks paths up in one state of the catalog.
private struct PathLookup {
    let reader: CatalogReader
    let table: LayoutTable
    let source: Layout?
    let target: Layout
    private var directories: [NodeNumber: [NamePath: NodeNumber?]] = [:]
    private var targetDirectories: [NodeNumber: [Name]] = [:]
    private var former: FormerPaths

    init(reader: CatalogReader, table: LayoutTable, source: Layout?, target: Layout) {
        self.reader = reader
        self.table = table
        self.source = source
        self.target = target
        former = FormerPaths(roots: source.map { [$0.root] } ?? table.roots)
    }

    /// Ended layouts that a path may be of, the newest first.
    var endedLayouts: [Layout] {
        guard let source else { return table.ended }
        return source.isLive ? [] : [source]
    }

    // MARK: What rows tell

    /// Where a path leads by the names that stand, or by those that ended; nil where only a search
    /// among all memories can tell.
    mutating func known(_ path: NamePath) throws -> NamePath? {
        if let memory = try live(path) { return try place(of: memory, path) }
        if let source, !source.isLive {
            // What its scheme cannot have made is told of at once.
            _ = try source.scheme.parse(path.parent.names, now: .distantFuture)
        }
        let ended = endedLayouts.filter { $0.reads(path) }
        guard !ended.isEmpty else { throw try missing(path) }
        guard let memory = try former.memory(at: path, reader), memory.trashed == nil else {
            return nil
        }
        let fields = try reader.fields(of: memory)
        for layout in ended where (try? layout.scheme.render(fields)) == path.parent.names {
            return try place(of: memory, path)
        }
        return nil
    }

    private mutating func live(_ path: NamePath) throws -> MemoryRow? {
        guard let name = path.last else { throw Tenant.isADirectory(path) }
        if let source {
            guard source.isLive else { return nil }
            return try memory(path.parent, name, from: source.root, source.bit, path)
        }
        for root in table.liveRoots {
            if let found = try memory(path.parent, name, from: root, table.resolvable, path) {
                return found
            }
        }
        return nil
    }

    private mutating func memory(
        _ parent: NamePath,
        _ name: Name,
        from root: NodeNumber,
        _ set: LayoutSet,
        _ path: NamePath
    ) throws -> MemoryRow? {
        guard let directory = try directory(parent, from: root, set),
            let entry = try reader.entry(in: directory, named: name, layouts: set),
            let node = try reader.node(entry.node)
        else { return nil }
        if node.kind == .directory { throw Tenant.isADirectory(path) }
        return try node.memory.flatMap { row in try reader.memory(row: row) }
    }

    private mutating func directory(
        _ path: NamePath,
        from root: NodeNumber,
        _ set: LayoutSet
    ) throws -> NodeNumber? {
        guard let name = path.last else { return root }
        if let known = directories[root]?[path] { return known }
        var found: NodeNumber?
        if let parent = try directory(path.parent, from: root, set) {
            found = try reader.entry(in: parent, named: name, layouts: set)?.node
        }
        directories[root, default: [:]][path] = .some(found)
        return found
    }

    // MARK: What attributes tell

    /// Where a path of an ended layout leads by the attributes that memories have now.
    mutating func search(
        _ path: NamePath,
        _ indexes: [LayoutNumber: EndedIndex]
    ) throws -> NamePath {
        for layout in endedLayouts where layout.reads(path) {
            guard let index = indexes[layout.number] else { continue }
            switch index.found(path) {
            case .nothing: continue
            case .several:
                // Who had the path is told by the names that ended; the others had a suffix.
                throw LociError(
                    .collision,
                    subject: path.description,
                    message: "Several memories have the attributes and the name of \"/\(path)\".",
                    remedy: "Tell them apart with: loci ls"
                )
            case .one(let row):
                guard let memory = try reader.memory(row: row), memory.trashed == nil,
                    memory.name == path.last,
                    try layout.scheme.render(try reader.fields(of: memory)) == path.parent.names
                else { continue }
                return try place(of: memory, path)
            }
        }
        guard let memory = try former.memory(at: path, reader) else { throw try missing(path) }
        return try place(of: memory, path)
    }

    // MARK: Answers

    private mutating func place(of memory: MemoryRow, _ path: NamePath) throws -> NamePath {
        guard memory.trashed == nil else {
            throw LociError(
                .notFound,
                subject: path.description,
                message: "The memory of \"/\(path)\" is in the trash.",
                remedy: "Take it back with: loci restore \(memory.id)"
            )
        }
        guard let entry = try reader.entries(of: memory.node, layouts: target.bit).first else {
            throw try missing(path)
        }
        if let known = targetDirectories[entry.directory] { return NamePath(known + [entry.name]) }
        guard let found = try reader.path(ofDirectory: entry.directory) else {
            throw try missing(path)
        }
        targetDirectories[entry.directory] = found.names
        return NamePath(found.names + [entry.name])
    }

    private func missing(_ path: NamePath) throws -> LociError {
        let place = source.map { " of layout \($0.number)" } ?? ""
        return LociError(
            .notFound,
            subject: path.description,
            message: "There is no memory at \"/\(path)\"\(place).",
            remedy: "See the layouts with: loci layout list"
        )
    }
}

/// Where an ended layout would have each memory today, as hashes.
struct EndedIndex: Sendable {
    enum Found {
        case nothing
        /// The row of a memory, unless two paths have one hash: to be looked at.
        case one(Int64)
        case several
    }

    /// Rows by the hash of the path; 0 where there are several.
    private var rows: [Int: Int64] = [:]

    /// Reads every memory outside the trash, in pages.
    init(_ tenant: Tenant, _ scheme: Scheme) throws(LociError) {
        var cursor: Int64 = 0
        while true {
            let (after, limit) = (cursor, 1000)
            let page = try tenant.read { reader in
                let memories = try reader.memories(after: after, limit: limit)
                return zip(memories, try reader.fields(of: memories)).map { ($0, $1) }
            }
            guard let last = page.last else { return }
            cursor = last.0.row
            for (memory, fields) in page {
                // What that layout could not name, no path of it can mean.
                guard let directories = try? scheme.render(fields) else { continue }
                let hash = Self.hash(directories, memory.name)
                rows[hash] = rows[hash] == nil ? memory.row : 0
            }
        }
    }

    func found(_ path: NamePath) -> Found {
        guard let name = path.last, let row = rows[Self.hash(path.parent.names, name)] else {
            return .nothing
        }
        return row == 0 ? .several : .one(row)
    }

    private static func hash(_ directories: [Name], _ name: Name) -> Int {
        var hasher = Hasher()
        for directory in directories { hasher.combine(directory) }
        hasher.combine(name)
        return hasher.finalize()
    }
}

extension LayoutTable {
    /// Layouts that can have a directory or a memory of that path: live ones, or where there is
    /// none, ended ones.
    func reading(_ path: NamePath) -> [Layout] {
        for some in [liveLayouts, ended] {
            let found = some.filter {
                let asDirectory = try? $0.scheme.parsePrefix(path.names, now: .distantFuture)
                return asDirectory != nil || $0.reads(path)
            }
            if !found.isEmpty { return found }
        }
        return []
    }

    /// Layouts whose paths open no more, the newest first.
    var ended: [Layout] { all.reversed().filter { !$0.isLive && $0.state != .building } }

    /// Where paths of any layout there ever was begin.
    var roots: [NodeNumber] { Self.distinct(all) }

    /// Where paths of live layouts begin, the tenant's root first.
    var liveRoots: [NodeNumber] { Self.distinct([listed] + liveLayouts) }

    private static func distinct(_ layouts: [Layout]) -> [NodeNumber] {
        var seen: Set<NodeNumber> = []
        return layouts.map(\.root).filter { seen.insert($0).inserted }
    }
}

extension Layout {
    /// Whether the scheme can have made the directories of a path.
    func reads(_ path: NamePath) -> Bool {
        (try? scheme.parse(path.parent.names, now: .distantFuture)) != nil
    }
}

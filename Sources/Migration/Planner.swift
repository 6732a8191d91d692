import Catalog
import Loci
import SQL

/// Computes a plan: reads every memory once, and once more those that may collide.
///
/// Memory: two hashes for each memory (16 bytes), one for each new directory, and the paths of
/// what collides.
///
/// It reads in pages, each a transaction of its own, so that it never holds the past; what changes
/// meanwhile may be counted as before or after.
struct Planner {
    let reader: CatalogReader
    let scheme: Scheme
    let listed: Layout
    private let target: Layout
    /// What others claim against the new layout, and it against them, where they share a root.
    private let neighbours: [Neighbour]
    private let shownFields: [String]
    var plan: MigrationPlan
    private let progress: ProgressFeed?
    /// Whether a mapper is to find what memories lack: where those will be is not known.
    private let isMapping: Bool

    private var paths: [PathHash] = []
    private var directories: [UInt64: DirectoryCount] = [:]
    private var foldedDirectories: [UInt64: UInt64] = [:]

    private struct Neighbour {
        let layout: Layout
        /// What the new layout claims of its names.
        let claim: Claim?
        /// What it claims of the new layout's names.
        let counterclaim: Claim?
    }

    private struct PathHash {
        var exact: UInt64
        /// Without regard to case and normal form.
        var folded: UInt64
    }

    private struct DirectoryCount {
        var memories: Int32 = 0
        var directories: Int32 = 0
        var isShared = false
        var isRoot = false

        var children: Int { Int(memories) + Int(directories) }
    }

    static let page = 1000

    init(
        _ reader: CatalogReader,
        scheme: Scheme,
        apart: Bool,
        isMapping: Bool = false,
        progress: ProgressFeed?
    ) throws {
        let table = try reader.layouts()
        self.reader = reader
        self.scheme = scheme
        self.progress = progress
        self.isMapping = isMapping
        listed = table.listed
        target = table.target
        let next = LayoutNumber((table.all.last?.number.rawValue ?? 0) + 1)
        let number = table.building?.scheme == scheme ? table.building?.number : nil
        plan = MigrationPlan(
            from: listed.number,
            fromScheme: listed.scheme,
            to: number ?? next,
            toScheme: scheme
        )
        // What is being built does not stand in its own way.
        let others =
            apart
            ? []
            : table.served.filter {
                $0.root == table.listed.root && $0.number != number
            }
        neighbours = others.map {
            Neighbour(
                layout: $0,
                claim: scheme.claim(over: $0.scheme),
                counterclaim: $0.scheme.claim(over: scheme)
            )
        }
        plan.dispute = others.lazy.compactMap { scheme.disputes(with: $0.scheme) }.first?
            .error(for: scheme)
        plan.hidden = scheme.attributesHidden(from: listed.scheme)
        let rest = scheme.rest
        shownFields = scheme.attributes.filter { $0 != rest }
    }

    mutating func run() throws {
        let counts = try reader.memoryCounts()
        plan.trashed = Int(counts.trashed)
        plan.foreign = Int(try reader.foreignCount())
        plan.revisions = Int(try reader.revisionCount())
        var missing: [String: Int] = [:]
        try eachMemory { planner, memory, fields in
            for field in planner.shownFields where fields.attributes[field] == nil {
                missing[field, default: 0] += 1
            }
            try planner.look(at: memory, fields)
            planner.progress?.report(Int64(planner.plan.memories), of: counts.live)
        }
        plan.missing = shownFields.compactMap { field in
            missing[field].map { MigrationPlan.MissingField(field: field, memories: $0) }
        }
        countFanOut()
        try findCollisions()
        findTwins()
    }

    /// Calls `body` with each memory outside the trash, between two transactions.
    mutating func eachMemory(
        _ body: (inout Planner, MemoryRow, MemoryFields) throws -> Void
    ) throws {
        var cursor: Int64 = 0
        while true {
            let page = try reader.snapshot { () throws -> [(MemoryRow, MemoryFields)] in
                let rows = try reader.memories(after: cursor, limit: Self.page)
                return zip(rows, try reader.fields(of: rows)).map { ($0, $1) }
            }
            for (memory, fields) in page { try body(&self, memory, fields) }
            guard let last = page.last, page.count == Self.page else { return }
            cursor = last.0.row
        }
    }

    // MARK: The first pass

    private mutating func look(at memory: MemoryRow, _ fields: MemoryFields) throws {
        plan.memories += 1
        let old = NamePath(try listed.scheme.render(fields) + [memory.name])
        let rendered: [Name]
        do throws(LociError) {
            rendered = try scheme.render(fields)
        } catch {
            plan.tooLong.add(old)
            return
        }
        try countMove(fields, rendered, memory)
        if awaitsMapper(fields) {
            plan.toMap += 1
            return
        }
        checkClaims(fields, rendered, memory, old)
        countDirectories(rendered, old)
        let new = NamePath(rendered + [memory.name])
        paths.append(Self.hash(new.names))
        if plan.sample == nil { plan.sample = MigrationPlan.Sample(from: old, to: new) }
        if new.names.count > (plan.deepest?.names.count ?? 0) { plan.deepest = new }
    }

    private func awaitsMapper(_ fields: MemoryFields) -> Bool {
        isMapping && shownFields.contains { fields.attributes[$0] == nil }
    }

    private mutating func countMove(
        _ fields: MemoryFields,
        _ rendered: [Name],
        _ memory: MemoryRow
    ) throws {
        if try target.scheme.render(fields) == rendered {
            plan.inPlace += 1
        } else {
            plan.toMove += 1
            plan.bytes += try reader.revision(of: memory.row, memory.revision)?.size ?? 0
        }
    }

    private mutating func checkClaims(
        _ fields: MemoryFields,
        _ rendered: [Name],
        _ memory: MemoryRow,
        _ old: NamePath
    ) {
        for neighbour in neighbours {
            if let claim = neighbour.counterclaim,
                claim.isBroken(by: rendered, name: memory.name)
            {
                plan.brokenClaims.add(NamePath(rendered + [memory.name]))
                return
            }
            guard let claim = neighbour.claim,
                let theirs = try? neighbour.layout.scheme.render(fields),
                claim.isBroken(by: theirs, name: memory.name)
            else { continue }
            plan.brokenClaims.add(NamePath(theirs + [memory.name]))
            return
        }
    }

    private mutating func countDirectories(_ rendered: [Name], _ old: NamePath) {
        let sharedDepth =
            neighbours.contains { $0.layout.number == listed.number }
            ? scheme.sharedDepth(with: listed.scheme) : -1
        var hash = PathHash(exact: FNV.start, folded: FNV.start)
        for depth in 0...rendered.count {
            let parent = hash.exact
            if depth > 0 {
                let last = rendered[depth - 1]
                hash.exact = FNV.hash(last.bytes, from: hash.exact)
                hash.folded = FNV.folded(last, from: hash.folded)
            }
            noteTwins(hash, rendered, depth)
            var count: DirectoryCount
            if let known = directories[hash.exact] {
                count = known
            } else {
                count = DirectoryCount(isRoot: depth == 0)
                if depth > 0 { addDirectory(to: parent, rendered.prefix(depth - 1)) }
            }
            if !count.isShared, depth <= sharedDepth {
                count.isShared = true
                plan.shared.add(NamePath(Array(rendered.prefix(depth))))
            }
            if depth == rendered.count { addMemory(to: &count, rendered) }
            directories[hash.exact] = count
        }
    }

    private mutating func addMemory(to count: inout DirectoryCount, _ rendered: [Name]) {
        count.memories += 1
        if Int(count.memories) > plan.largestDirectory?.memories ?? 0 {
            plan.largestDirectory = MigrationPlan.Directory(
                path: NamePath(rendered),
                memories: Int(count.memories)
            )
        }
        noteWidth(of: count, rendered[...])
    }

    private mutating func addDirectory(to parent: UInt64, _ path: ArraySlice<Name>) {
        guard var count = directories[parent] else { return }
        count.directories += 1
        directories[parent] = count
        noteWidth(of: count, path)
    }

    private mutating func noteWidth(of count: DirectoryCount, _ path: ArraySlice<Name>) {
        guard !count.isShared, !count.isRoot, count.children > plan.fanOut.largest else { return }
        plan.fanOut.largest = count.children
        plan.fanOut.widest = NamePath(Array(path))
    }

    private mutating func countFanOut() {
        let new = directories.values.lazy.filter { !$0.isShared && !$0.isRoot }
        var children = 0
        for count in new {
            plan.fanOut.directories += 1
            children += count.children
        }
        let number = plan.fanOut.directories
        plan.fanOut.mean = number > 0 ? Double(children) / Double(number) : 0
    }

    /// Whether the new layout would have a directory of that path.
    func hasDirectory(_ names: [Name]) -> Bool { directories[Self.hash(names).exact] != nil }

    private mutating func noteTwins(_ hash: PathHash, _ rendered: [Name], _ depth: Int) {
        guard let other = foldedDirectories.updateValue(hash.exact, forKey: hash.folded),
            other != hash.exact, directories[hash.exact] == nil
        else { return }
        plan.twins.add(NamePath(Array(rendered.prefix(depth))))
    }

    // MARK: Collisions

    /// Finds paths of which there are two by their hashes, then looks at the paths themselves.
    private mutating func findCollisions() throws {
        let sorted = paths.map(\.exact).sorted()
        var suspects: Set<UInt64> = []
        for (one, next) in zip(sorted, sorted.dropFirst()) where one == next {
            suspects.insert(one)
        }
        for one in sorted where directories[one] != nil { suspects.insert(one) }
        guard !suspects.isEmpty else { return }
        var found: [NamePath: [MemoryID]] = [:]
        var taken: Set<NamePath> = []
        var order: [NamePath] = []
        var extra: [NamePath: Int] = [:]
        let scheme = scheme
        try eachMemory { planner, memory, fields in
            guard !planner.awaitsMapper(fields), let rendered = try? scheme.render(fields) else {
                return
            }
            var hash = FNV.start
            for (depth, name) in rendered.enumerated() {
                hash = FNV.hash(name.bytes, from: hash)
                if suspects.contains(hash) { taken.insert(NamePath(Array(rendered[...depth]))) }
            }
            guard suspects.contains(FNV.hash(memory.name.bytes, from: hash)) else { return }
            let path = NamePath(rendered + [memory.name])
            if found[path] == nil { order.append(path) } else { extra[path, default: 0] += 1 }
            if found[path, default: []].count < PlanCount<Int>.kept {
                found[path, default: []].append(memory.id)
            }
        }
        for path in order {
            let count = (extra[path] ?? 0) + (taken.contains(path) ? 1 : 0)
            for _ in 0..<count {
                plan.collisions.add(
                    MigrationPlan.Collision(path: path, memories: found[path] ?? [])
                )
            }
        }
    }

    private mutating func findTwins() {
        let sorted = paths.sorted { ($0.folded, $0.exact) < ($1.folded, $1.exact) }
        var suspects: Set<UInt64> = []
        for (one, next) in zip(sorted, sorted.dropFirst())
        where one.folded == next.folded && one.exact != next.exact {
            suspects.insert(next.exact)
        }
        guard !suspects.isEmpty else { return }
        let scheme = scheme
        try? eachMemory { planner, memory, fields in
            guard !planner.awaitsMapper(fields), let rendered = try? scheme.render(fields) else {
                return
            }
            let path = rendered + [memory.name]
            guard suspects.remove(Self.hash(path).exact) != nil else { return }
            planner.plan.twins.add(NamePath(path))
        }
    }

    private static func hash(_ names: [Name]) -> PathHash {
        names.reduce(into: PathHash(exact: FNV.start, folded: FNV.start)) { hash, name in
            hash.exact = FNV.hash(name.bytes, from: hash.exact)
            hash.folded = FNV.folded(name, from: hash.folded)
        }
    }
}

/// 64-bit FNV-1a over components, each ended by a slash, which no name has.
private enum FNV {
    static let start: UInt64 = 0xCBF2_9CE4_8422_2325
    private static let prime: UInt64 = 0x100_0000_01B3

    static func hash(_ bytes: [UInt8], from start: UInt64) -> UInt64 {
        var hash = start
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* prime }
        return (hash ^ 0x2F) &* prime
    }

    /// The same for two names that other file systems take for one.
    static func folded(_ name: Name, from start: UInt64) -> UInt64 {
        var hash = start
        if name.bytes.allSatisfy({ $0 < 0x80 }) {
            for byte in name.bytes {
                let isUpper = byte &- 0x41 < 26
                hash = (hash ^ UInt64(isUpper ? byte | 0x20 : byte)) &* prime
            }
            return (hash ^ 0x2F) &* prime
        }
        guard let text = name.utf8String else { return Self.hash(name.bytes, from: start) }
        // A Character compares by canonical equivalence; its hash agrees with that.
        for character in text.lowercased() {
            var scalars = Hasher()
            scalars.combine(character)
            hash = (hash ^ UInt64(bitPattern: Int64(scalars.finalize()))) &* prime
        }
        return (hash ^ 0x2F) &* prime
    }
}

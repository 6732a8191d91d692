import Linux

/// Compares what the two sides show.
struct DifferentialComparer {
    typealias Operation = DifferentialOperation

    /// What differs, in words.
    struct Difference: Error, CustomStringConvertible {
        let description: String
    }

    let plain: DifferentialSide
    let mount: DifferentialSide
    private var times = OperationTimes()
    /// Which file of the mount each plain file is, for as long as both live.
    private var inodes: [PlainFile: UInt64] = [:]
    private var plainFiles: [UInt64: PlainFile] = [:]

    /// A plain file system uses numbers again, but not for two files born in one nanosecond.
    private struct PlainFile: Hashable {
        let inode: UInt64
        let birth: Int64
    }

    init(plain: DifferentialSide, mount: DifferentialSide) {
        self.plain = plain
        self.mount = mount
    }

    /// Says that an operation begins.
    mutating func begin() { times.begin() }

    // MARK: After an operation

    mutating func compare(after operation: Operation) throws {
        for path in operation.touched { try compare(path, bytes: operation.changesBytes) }
        if operation.changesNames {
            for parent in Set(operation.touched.map(RelativePath.parent)) {
                try compareNames(parent)
            }
        }
        for slot in operation.touchedSlots { try compare(slot: slot) }
    }

    /// One path; below a directory nothing.
    mutating func compare(_ path: String, bytes: Bool, fresh: Bool = false) throws {
        let (here, there) = (
            result { () throws(Errno) in try plain.status(path) },
            result { () throws(Errno) in try mount.status(path) }
        )
        guard case (.success(let plainStatus), .success(let mountStatus)) = (here, there) else {
            if case (.failure(let one), .failure(let other)) = (here, there), one == other {
                return
            }
            throw Difference(description: "\(path): plain \(here), mount \(there)")
        }
        try compareIdentity(path, plainStatus, mountStatus)
        try compare("\(path) (inode \(mountStatus.identity.inode))", plainStatus, mountStatus)
        if plainStatus.kind == .symbolicLink, try plain.link(path) != mount.link(path) {
            throw Difference(description: "\(path): another target of the link")
        }
        guard bytes, plainStatus.kind == .file else { return }
        try compare(path, try plain.bytes(path), try mount.bytes(path, fresh: fresh))
    }

    private func result<Success>(
        _ body: () throws(Errno) -> Success
    ) -> Result<Success, Errno> {
        do throws(Errno) {
            return .success(try body())
        } catch {
            return .failure(error)
        }
    }

    private func compare(_ what: String, _ plain: [UInt8], _ mount: [UInt8]) throws {
        guard !plain.isSame(as: mount) else { return }
        let pairs = zip(plain, mount).enumerated()
        let differing = pairs.filter { $0.element.0 != $0.element.1 }.map(\.offset)
        let shortest = min(plain.count, mount.count)
        let first = differing.first ?? shortest
        let end = min(first + 8, shortest)
        throw Difference(
            description: "\(what): plain has \(plain.count) bytes, mount \(mount.count); "
                + "\(differing.count) differ, from \(first) to \(differing.last ?? first): "
                + "plain \(plain[min(first, end)..<end]), mount \(mount[min(first, end)..<end])"
        )
    }

    // MARK: Looks

    private func compare(_ what: String, _ plain: FileStatus, _ mount: FileStatus) throws {
        func check<Value: Equatable>(_ name: String, _ one: Value, _ other: Value) throws {
            guard one != other else { return }
            throw Difference(description: "\(what): \(name): plain \(one), mount \(other)")
        }
        try check("kind", plain.kind, mount.kind)
        try check("mode", plain.permissions, mount.permissions)
        try check("owner", [plain.user, plain.group], [mount.user, mount.group])
        if plain.kind != .directory { try check("size", plain.size, mount.size) }
        guard times.areSame(plain.modificationTime, mount.modificationTime) else {
            throw Difference(
                description: "\(what): modified: plain \(plain.modificationTime), "
                    + "mount \(mount.modificationTime), now \(SystemClock.realtime())"
            )
        }
    }

    private mutating func compareIdentity(
        _ path: String,
        _ plain: FileStatus,
        _ mount: FileStatus
    ) throws {
        guard let birth = plain.birthTime else { return }
        let file = PlainFile(inode: plain.identity.inode, birth: birth)
        let inode = mount.identity.inode
        if let known = inodes[file], known != inode {
            throw Difference(description: "\(path): it was inode \(known) and is now \(inode)")
        }
        if let known = plainFiles[inode], known != file {
            throw Difference(description: "\(path): inode \(inode) was another file before")
        }
        inodes[file] = inode
        plainFiles[inode] = file
    }

    // MARK: Names

    private func compareNames(_ path: String) throws {
        guard case .success(let here) = result({ () throws(Errno) in try plain.entries(path) })
        else { return }
        let names = try names(here)
        let there = try self.names(try mount.entries(path))
        guard names != there else { return }
        let missing = names.subtracting(there).sorted()
        let added = there.subtracting(names).sorted()
        throw Difference(
            description: "/\(path): the mount lacks \(missing) and has besides \(added)"
        )
    }

    private func names(_ entries: [DirectoryStream.Entry]) throws -> Set<String> {
        let names = entries.map { entry in
            let mark =
                switch entry.kind {
                case .directory?: "/"
                case .symbolicLink?: "@"
                default: ""
                }
            return String(decoding: entry.name, as: UTF8.self) + mark
        }
        let unique = Set(names)
        guard unique.count == names.count else {
            throw Difference(description: "a name is listed twice: \(names.sorted())")
        }
        return unique
    }

    // MARK: Open files

    mutating func compare(slot: Int) throws {
        guard let here = plain.slots[slot], let there = mount.slots[slot] else { return }
        try compare("slot \(slot)", try here.file.status(), try there.file.status())
        let limit = 8 << 20
        let one = result { () throws(Errno) in try here.file.read(count: limit, at: 0) }
        let other = result { () throws(Errno) in try there.file.read(count: limit, at: 0) }
        switch (one, other) {
        case (.success(let plain), .success(let mount)):
            try compare("slot \(slot)", plain, mount)
        case (.failure(let plain), .failure(let mount)) where plain == mount: break
        default:
            throw Difference(description: "slot \(slot): reading: plain \(one), mount \(other)")
        }
    }

    // MARK: Everything

    /// Compares the whole trees, and what is open; `fresh`: past the page cache.
    mutating func compareAll(fresh: Bool) throws {
        try compareTree("", fresh: fresh)
        for slot in plain.slots.indices { try compare(slot: slot) }
    }

    private mutating func compareTree(_ path: String, fresh: Bool) throws {
        try compareNames(path)
        for entry in try plain.entries(path) {
            let below = RelativePath.join(path, String(decoding: entry.name, as: UTF8.self))
            try compare(below, bytes: true, fresh: fresh)
            if try plain.status(below).kind == .directory { try compareTree(below, fresh: fresh) }
        }
    }

    /// The trees without times and inode numbers: what a view that follows later must show.
    func compareNamesAndBytes(_ path: String = "") throws {
        try compareNames(path)
        for entry in try plain.entries(path) {
            let below = RelativePath.join(path, String(decoding: entry.name, as: UTF8.self))
            switch try plain.status(below).kind {
            case .directory: try compareNamesAndBytes(below)
            case .file: try compare(below, try plain.bytes(below), try mount.bytes(below))
            default: break
            }
        }
    }

    /// The plain side's files and directories, in a stable order.
    func tree() throws -> DifferentialTree {
        var tree = DifferentialTree()
        try collect("", &tree)
        tree.slots = plain.slots.indices.filter { plain.slots[$0] != nil }
        return tree
    }

    private func collect(_ path: String, _ tree: inout DifferentialTree) throws {
        let entries = try plain.entries(path).map {
            ($0.kind, String(decoding: $0.name, as: UTF8.self))
        }
        for (kind, name) in entries.sorted(by: { $0.1 < $1.1 })
        where name != DifferentialSide.keeper {
            let below = RelativePath.join(path, name)
            if kind == .directory {
                tree.directories.append(below)
                try collect(below, &tree)
            } else {
                tree.files.append(below)
            }
        }
    }
}

/// When each operation began, to tell whether two times were set by the same one.
private struct OperationTimes {
    private var begins: [Int64] = []

    /// A file system's clock ticks; on one with 100 ticks a second a time is up to this old.
    private static let tick: Int64 = 12_000_000

    /// No time is set by hand that is later.
    private static let latestSet = DifferentialGenerator.latestTime

    mutating func begin() { begins.append(SystemClock.realtime()) }

    /// Times from before the exercise were set by hand: they must be equal.
    func areSame(_ plain: Int64, _ mount: Int64) -> Bool {
        // Without operations, after the exercise: only what was set by hand can be compared.
        guard let first = begins.first else {
            return plain == mount || min(plain, mount) > Self.latestSet
        }
        guard plain >= first - Self.tick else { return plain == mount }
        let from = begins[max(0, index(of: plain))] - Self.tick
        let next = index(of: plain + Self.tick) + 1
        let to = next < begins.count ? begins[next] : SystemClock.realtime()
        return (from...max(from, to + Self.tick)).contains(mount)
    }

    /// The last operation that began at or before a time; -1 where none did.
    private func index(of time: Int64) -> Int {
        var (low, high) = (0, begins.count)
        while low < high {
            let middle = (low + high) / 2
            if begins[middle] <= time { low = middle + 1 } else { high = middle }
        }
        return low - 1
    }
}

extension [UInt8] {
    /// Compares memory; element by element a debug build takes most of the exercise's time.
    fileprivate func isSame(as other: [UInt8]) -> Bool {
        guard count == other.count else { return false }
        return unsafe withUnsafeBytes { one in
            unsafe other.withUnsafeBytes { other in
                unsafe bytesAreEqual(one, other)
            }
        }
    }
}

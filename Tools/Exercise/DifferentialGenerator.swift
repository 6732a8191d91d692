/// Draws operations: the same seed and the same tree give the same operations.
///
/// Names come from a small pool, so that operations meet each other; sizes are mostly small, and
/// often around the end of a page.
struct DifferentialGenerator {
    typealias Operation = DifferentialOperation

    private var random: SplitMix64

    static let slots = 6
    private static let mostFiles = 50
    private static let mostDirectories = 14
    private static let largestFile: Int64 = 96 << 10

    /// What an operation's number is drawn from: as many times as its weight.
    private enum Kind: CaseIterable {
        case create, overwrite, save, open, close, write, append, truncate, read, mapRead
        case mapWrite, copy, seek, rename, moveDirectory, unlink, makeDirectory, removeDirectory
        case removeTree, permissions, times, sync, status, list, symbolicLink, hardLink

        var weight: Int {
            switch self {
            case .read, .status: 16
            case .write: 14
            case .mapRead: 12
            case .create, .rename, .list: 8
            case .append, .unlink: 7
            case .truncate, .open, .save, .overwrite: 5
            case .mapWrite, .permissions, .times, .close: 4
            case .copy, .makeDirectory, .moveDirectory, .removeDirectory: 3
            case .seek, .symbolicLink: 2
            case .sync, .hardLink, .removeTree: 1
            }
        }
    }

    private static let kinds = Kind.allCases.flatMap { Array(repeating: $0, count: $0.weight) }

    private static let tops = ["user=ann", "user=bob", "user=cy", "user=dan"]
    private static let folders = ["deep", "draft", "with space", "é", "x~", ".git", ".tool"]
    private static let names = [
        "a.md", "b.md", "c.txt", "d", "note 1.md", "ä.md", "e.md", "f.md",
        ".a.md.swp", "a.md~", "#a.md#", "4913", ".hidden", ".#b.md", "b.md.swx",
    ]
    private static let modes: [UInt32] = [0o644, 0o600, 0o664, 0o755, 0o700, 0o640]

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    mutating func next(_ tree: DifferentialTree) -> Operation {
        if tree.directories.count < 2 { return .makeDirectory(pick(Self.tops)) }
        var kind = pick(Self.kinds)
        if kind == .create, tree.files.count > Self.mostFiles { kind = .unlink }
        if kind == .makeDirectory, tree.directories.count > Self.mostDirectories {
            kind = .removeTree
        }
        return bytes(kind, tree) ?? names(kind, tree)
    }

    /// Operations on what files hold and look like; nil for those on names.
    private mutating func bytes(_ kind: Kind, _ tree: DifferentialTree) -> Operation? {
        switch kind {
        case .overwrite: .overwrite(file(tree), piece())
        case .close: .close(slot: below(Self.slots))
        case .write: .write(target(tree), at: offset(), piece())
        case .append: .append(target(tree), piece())
        case .truncate: .truncate(target(tree), to: offset())
        case .read: .read(target(tree), at: offset(), count: below(20 << 10))
        case .mapRead: .mapRead(target(tree), at: offset(), count: 1 + below(12 << 10))
        case .mapWrite: .mapWrite(target(tree), at: offset(), piece())
        case .copy:
            .copy(
                target(tree),
                at: offset(),
                count: 1 + below(16 << 10),
                to: target(tree),
                there: offset()
            )
        case .seek: .seek(target(tree), from: offset(), toHole: chance(2))
        case .permissions: .permissions(target(tree), pick(Self.modes))
        case .times: .times(target(tree), modification: time())
        // On a disk that is busy one takes as long as a hundred others.
        case .sync where chance(4): .sync(target(tree))
        case .sync: .read(target(tree), at: offset(), count: below(20 << 10))
        case .status: .status(chance(4) ? .path(directory(tree)) : target(tree))
        default: nil
        }
    }

    private mutating func names(_ kind: Kind, _ tree: DifferentialTree) -> Operation {
        switch kind {
        case .create:
            .create(newFile(tree), mode: pick(Self.modes), exclusive: chance(3), piece())
        case .save:
            .save(
                file(tree),
                temporary: RelativePath.join(directory(tree), pick(Self.names)),
                syncing: chance(50),
                piece()
            )
        case .open: .open(slot: below(Self.slots), file(tree), pick(Operation.OpenMode.allCases))
        case .rename: rename(tree)
        case .moveDirectory:
            .rename(directory(tree), newDirectory(tree), chance(4) ? .noReplace : .replacing)
        case .unlink: .unlink(chance(12) ? directory(tree) : file(tree))
        case .makeDirectory: .makeDirectory(newDirectory(tree))
        case .removeDirectory: .removeDirectory(chance(12) ? file(tree) : directory(tree))
        case .removeTree: .removeTree(directory(tree))
        case .symbolicLink: .symbolicLink(newFile(tree), to: pick(Self.names))
        case .hardLink: .hardLink(file(tree), to: newFile(tree))
        default: .list(directory(tree))
        }
    }

    private mutating func rename(_ tree: DifferentialTree) -> Operation {
        let old = file(tree)
        let manner: Operation.Manner =
            switch below(8) {
            case 0: .exchange
            case 1: .noReplace
            default: .replacing
            }
        var new = manner == .exchange || chance(3) ? file(tree) : newFile(tree)
        if chance(30) { new = directory(tree) }
        // Within its directory more often than not: that is what programs do.
        if chance(2) { new = RelativePath.join(RelativePath.parent(old), pick(Self.names)) }
        return .rename(old, new, manner)
    }

    // MARK: Draws

    private mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

    /// True once in `times`.
    private mutating func chance(_ times: Int) -> Bool { below(times) == 0 }

    private mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[below(elements.count)]
    }

    private mutating func target(_ tree: DifferentialTree) -> Operation.Target {
        if !tree.slots.isEmpty, chance(3) { return .slot(pick(tree.slots)) }
        return .path(file(tree))
    }

    /// A file that is there, mostly.
    private mutating func file(_ tree: DifferentialTree) -> String {
        tree.files.isEmpty || chance(12) ? newFile(tree) : pick(tree.files)
    }

    /// A place for a file, which may be taken.
    private mutating func newFile(_ tree: DifferentialTree) -> String {
        RelativePath.join(directory(tree), pick(Self.names))
    }

    private mutating func directory(_ tree: DifferentialTree) -> String {
        chance(40) ? pick(Self.tops) : pick(tree.directories)
    }

    /// A place for a directory, at most four deep.
    private mutating func newDirectory(_ tree: DifferentialTree) -> String {
        if chance(6) { return pick(Self.tops) }
        let parent = pick(tree.directories)
        guard parent.utf8.count(where: { $0 == UInt8(ascii: "/") }) < 3 else {
            return pick(Self.tops)
        }
        return RelativePath.join(parent, pick(Self.folders))
    }

    private mutating func offset() -> Int64 {
        let around = Int64(below(2 * 40)) - 40
        switch below(10) {
        case 0..<4: return Int64(below(6 << 10))
        case 4..<6: return max(0, Int64(below(4)) * 4096 + around)
        case 6..<9: return Int64(below(20 << 10))
        default: return Int64(below(Int(Self.largestFile)))
        }
    }

    private mutating func piece() -> Operation.Piece {
        let count =
            switch below(10) {
            case 0: 0
            case 1..<6: 1 + below(200)
            case 6..<8: 4096 - 40 + below(80)
            case 8: below(6 << 10)
            default: below(20 << 10)
            }
        return Operation.Piece(
            start: below(Operation.Pool.bytes.count - count),
            count: count
        )
    }

    /// In 2017.
    static let latestTime: Int64 = 1_500_000_000_000_000_000

    /// A time before the exercise began, in nanoseconds.
    private mutating func time() -> Int64 {
        Self.latestTime - Int64(below(500_000_000)) * 1_000_000_000 - Int64(below(1_000_000_000))
    }
}

/// What there is to work on: the tree as the plain side has it, and the open descriptors.
struct DifferentialTree {
    var files: [String] = []
    var directories: [String] = []
    var slots: [Int] = []
}

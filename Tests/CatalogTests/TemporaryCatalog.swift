import Linux
import Model
import SQL
import Synchronization

@testable import Catalog

/// A catalog in a directory of its own under /tmp, and short ways to do things with it.
final class TemporaryCatalog: Sendable {
    static let origin = Origin(actor: "tester", uid: 0)

    let directory: String
    let catalog: Catalog
    private let clock: Ticks

    /// A clock that moves on by a microsecond at each look.
    private final class Ticks: Sendable {
        let time = Mutex(Timestamp(nanoseconds: 1_700_000_000_000_000_000))

        func now() -> Timestamp {
            time.withLock { time in
                time = time + .microseconds(1)
                return time
            }
        }
    }

    init(_ scheme: String = "user={user}/topic={topic}") throws {
        let random = Hex.text(try Machine.random(count: 8))
        directory = "/tmp/loci-catalog-\(random)"
        for name in ["", "/lock"] {
            try File.workingDirectory.makeDirectory(directory + name, mode: 0o700)
        }
        let clock = Ticks()
        self.clock = clock
        try Catalog.create(
            directory: directory,
            session: "init",
            scheme: try Scheme(scheme),
            origin: Self.origin,
            clock: { clock.now() }
        )
        catalog = try Catalog(directory: directory, session: "test", clock: { clock.now() })
    }

    deinit {
        for name in [
            "lock/writer", "lock", "wake", "catalog.db", "catalog.db-wal", "catalog.db-shm", "",
        ] {
            let path = directory + "/" + name
            do { try File.workingDirectory.unlink(path) } catch {
                try? File.workingDirectory.removeDirectory(path)
            }
        }
    }

    func advance(_ duration: Duration) { clock.time.withLock { $0 = $0 + duration } }

    var now: Timestamp { clock.time.withLock(\.self) }

    func write<R>(_ body: (CatalogTransaction) throws -> R) throws -> R {
        try catalog.write(.full, origin: Self.origin, body)
    }

    func read<R>(_ body: (CatalogReader) throws -> R) throws -> R { try catalog.read(body) }

    /// Adds a memory whose id is drawn from `seed`.
    @discardableResult
    func add(
        _ name: String,
        _ attributes: [String: String] = [:],
        seed: UInt64 = 0,
        primary: Int? = nil
    ) throws -> MemoryRow {
        try write { tx in
            let primary = try primary.map { LayoutNumber($0) } ?? tx.reader.layouts().listed.number
            return try tx.addSample(name, attributes, seed: seed, primary: primary)
        }
    }

    /// The paths of a memory by the number of each layout that is live or building.
    func paths(_ memory: MemoryRow) throws -> [Int: String] {
        try read { reader in
            var paths: [Int: String] = [:]
            for layout in try reader.layouts().served {
                paths[layout.number.rawValue] = try reader.path(of: memory, in: layout).map {
                    NamePath($0).description
                }
            }
            return paths
        }
    }

    func findings() throws -> [CatalogCheck.Finding] { try read { try CatalogCheck.findings($0) } }

    /// Makes another layout live, with all memories placed in it.
    func addLayout(_ scheme: String, apart: Bool = false) throws -> Layout {
        try write { tx in
            let layout = try tx.beginLayout(try Scheme(scheme), apart: apart)
            for memory in try tx.reader.memories(after: 0, limit: .max) {
                try tx.place(
                    memory,
                    try tx.reader.fields(of: memory),
                    in: layout,
                    isPrimary: false,
                    since: memory.since
                )
            }
            try tx.makeLive(layout)
            return try tx.layout(layout.number)
        }
    }

    func layout(_ number: Int) throws -> Layout {
        try write { try $0.layout(LayoutNumber(number)) }
    }

    /// The names in the directory at a path of the root, in the layouts of `set`.
    func names(_ path: String, _ set: LayoutSet) throws -> [String] {
        try read { reader in
            let names = try NamePath(path).names
            let root = Catalog.rootNode
            let all = try reader.layouts().resolvable
            let node = try reader.resolve(names, from: root, layouts: all)?.node
            guard let node = names.isEmpty ? root : node else { return [] }
            var found: [String] = []
            try reader.list(node, layouts: set) { entry, _ in
                found.append(entry.name.description)
                return true
            }
            return found.sorted()
        }
    }
}

extension CatalogTransaction {
    func addSample(
        _ name: String,
        _ attributes: [String: String],
        seed: UInt64,
        primary: LayoutNumber
    ) throws -> MemoryRow {
        var generator = SeededGenerator(seed: seed &+ 1)
        let id = MemoryID(time: now, using: &generator)
        let fields = MemoryFields(id: id, created: now, attributes: attributes)
        return try addMemory(
            fields,
            name: try Name(name),
            content: .sample("\(id).1"),
            appearance: NodeAppearance(permissions: 0o644, uid: 0, gid: 0, mtime: 0),
            primary: primary
        )
    }

    func layout(_ number: LayoutNumber) throws -> Layout {
        guard let layout = try reader.layouts()[number] else {
            throw LociError(.notFound, subject: "layout", message: "No such layout.")
        }
        return layout
    }
}

extension PlacedContent {
    static func sample(_ key: String, size: Int64 = 3) throws -> PlacedContent {
        PlacedContent(
            blobKey: key,
            size: size,
            hash: try ContentHash(bytes: Array(repeating: 7, count: 32)),
            layout: nil
        )
    }
}

/// SplitMix64: the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// The code of the error that `body` throws.
func failure(_ body: () throws -> Void) -> LociError.Code? {
    do {
        try body()
        return nil
    } catch {
        return (error as? LociError)?.code
    }
}

import Linux
import Loci

/// One export as an archive.
struct ArchiveExport {
    private(set) var memories = 0
    private(set) var revisions = 0

    /// Writes the archive in pieces of whole lines.
    mutating func run(
        _ tenant: Tenant,
        history: Bool,
        at moment: PastMoment?,
        _ write: ([UInt8]) throws -> Void
    ) throws {
        func line(_ json: JSON) throws { try write(json.bytes() + [UInt8(ascii: "\n")]) }
        let scheme =
            if let moment {
                try tenant.listedLayout(at: moment).scheme
            } else {
                try tenant.listedLayout().scheme
            }
        try line(ArchiveFormat.head(tenant, scheme: scheme, history: history))
        var counts = (memories: 0, revisions: 0)
        try tenant.archive(history: history, at: moment) { memory in
            try line(ArchiveFormat.json(memory))
            counts.memories += 1
            counts.revisions += memory.revisions.count
        }
        try line(ArchiveFormat.end(memories: counts.memories, revisions: counts.revisions))
        (memories, revisions) = counts
    }
}

/// One import of an archive: each memory comes in whole, with its id, times and revisions.
struct ArchiveImport {
    private static let batchBytes = 16 << 20
    private static let batchMemories = 500

    struct Report {
        var added = 0
        var equal = 0
        var differing: [MemoryID] = []
        var failed: [(id: MemoryID, error: LociError)] = []
        var bytes: Int64 = 0
        /// Whether the archive's last line was there and counts what came before it.
        var isWhole = false
    }

    let tenant: Tenant
    let isDry: Bool
    let origin: Origin
    private(set) var report = Report()
    private var batch: [ArchivedMemory] = []
    private var size = 0
    private var seen = 0

    init(tenant: Tenant, isDry: Bool, origin: Origin) {
        self.tenant = tenant
        self.isDry = isDry
        self.origin = origin
    }

    /// Takes one line; numbers begin at 1.
    mutating func take(_ bytes: [UInt8], line: Int) async throws(LociError) {
        guard let json = try? JSON(parsing: bytes) else { throw ArchiveFormat.damaged(line) }
        if line == 1 { return try Self.checkHead(json) }
        if json["end"]?.boolValue == true {
            report.isWhole = json["memories"]?.integerValue == Int64(seen)
            return
        }
        batch.append(try ArchiveFormat.memory(json, line: line))
        seen += 1
        size += bytes.count
        if size >= Self.batchBytes || batch.count >= Self.batchMemories { try await bring() }
    }

    /// Brings in what was taken last; throws where the archive is not whole.
    mutating func finish() async throws(LociError) {
        try await bring()
        guard report.isWhole else {
            throw LociError(
                .corrupt,
                subject: "archive",
                message: "The archive ends before its end; what it holds of whole lines came in.",
                remedy: "Export it again."
            )
        }
    }

    private static func checkHead(_ json: JSON) throws(LociError) {
        guard json["loci"]?.stringValue == "archive" else { throw ArchiveFormat.damaged(1) }
        guard json["version"]?.integerValue == ArchiveFormat.version else {
            throw LociError(
                .formatTooNew,
                subject: "archive",
                message: "The archive is of another version than \(ArchiveFormat.version).",
                remedy: "Use the loci that wrote it."
            )
        }
    }

    private mutating func bring() async throws(LociError) {
        let results = try await tenant.unarchive(batch, dryRun: isDry, origin: origin)
        for (memory, result) in zip(batch, results) {
            switch result {
            case .success(.added):
                report.added += 1
                report.bytes += Int64(memory.revisions.reduce(0) { $0 + $1.content.count })
            case .success(.equal): report.equal += 1
            case .success(.differs): report.differing.append(memory.id)
            case .failure(let error): report.failed.append((memory.id, error))
            }
        }
        batch = []
        size = 0
    }
}

extension ArchiveImport.Report {
    func text(dryRun: Bool) -> String {
        var text =
            "\(dryRun ? "Would import" : "Imported") \(Grouped.text(added)) memories, "
            + "\(ByteCount(bytes))"
        let counts = [
            ("already there", equal), ("different", differing.count), ("failed", failed.count),
        ]
        for (word, count) in counts where count > 0 { text += ", \(Grouped.text(count)) \(word)" }
        return text + "."
    }

    var json: JSON {
        [
            "imported": .integer(Int64(added)), "bytes": .integer(bytes),
            "equal": .integer(Int64(equal)),
            "differing": .array(differing.map { .string($0.description) }),
            "failed": .array(
                failed.map {
                    [
                        "id": .string($0.id.description), "code": .string($0.error.code.rawValue),
                        "message": .string(Failure.sentence($0.error)),
                    ]
                }
            ),
        ]
    }

    /// Lists what stayed out, and throws `partlyDone` where something did.
    func throwIfPartial() throws {
        for id in differing { Words.note("\(id): differs from the memory that is there.") }
        for (id, error) in failed { Words.note("\(id): \(Failure.sentence(error))") }
        let left = differing.count + failed.count
        guard left > 0 else { return }
        throw LociError(
            .partlyDone,
            subject: "import",
            message: "\(Grouped.text(left)) of the memories listed above did not come in."
        )
    }
}

/// The lines of an archive, which can be long: a line is a memory with all its revisions.
struct ArchiveLines: ~Copyable {
    private static let longest = 1 << 31

    private let file: File
    private let name: [UInt8]
    private var piece = [UInt8](repeating: 0, count: 1 << 18)
    private var buffer: [UInt8] = []
    private var start = 0
    private var isOver = false

    /// `name`: the path, for messages.
    init(_ file: consuming File, name: [UInt8]) {
        self.file = file
        self.name = name
    }

    /// The next line without its end; nil after the last.
    mutating func next() throws(LociError) -> [UInt8]? {
        var seen = start
        while true {
            if let end = buffer[seen...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { start = end + 1 }
                return Array(buffer[start..<end])
            }
            guard !isOver else {
                defer { start = buffer.count }
                return start < buffer.count ? Array(buffer[start...]) : nil
            }
            buffer.removeFirst(start)
            start = 0
            seen = buffer.count
            guard buffer.count <= Self.longest else { throw ArchiveFormat.damaged(0) }
            do throws(Errno) {
                let count = try file.readPiece(into: &piece)
                isOver = count == 0
                buffer.append(contentsOf: piece[..<count])
            } catch {
                throw InputBytes.failure(error, name, "read")
            }
        }
    }
}

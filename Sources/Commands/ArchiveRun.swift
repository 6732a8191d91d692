import Linux
import Loci

/// One export as an archive.
struct ArchiveExport {
    private(set) var memories = 0
    private(set) var revisions = 0
    /// Contents that could not be read.
    private(set) var gaps: [ArchiveGap] = []

    /// Writes the archive in pieces of whole lines.
    ///
    /// `scheme`: that of the layout that is exported.
    mutating func run(
        _ tenant: Tenant,
        scheme: Scheme,
        history: Bool,
        at moment: PastMoment?,
        _ write: ([UInt8]) throws -> Void
    ) throws {
        func line(_ json: JSON) throws { try write(json.bytes() + [UInt8(ascii: "\n")]) }
        try line(ArchiveFormat.head(tenant, scheme: scheme, history: history))
        var counts = (memories: 0, revisions: 0)
        var gaps: [ArchiveGap] = []
        try tenant.archive(
            history: history,
            at: moment,
            missing: { gaps.append($0) },
            each: { memory in
                try line(ArchiveFormat.json(memory))
                counts.memories += 1
                counts.revisions += memory.revisions.count
            }
        )
        try line(ArchiveFormat.end(memories: counts.memories, revisions: counts.revisions))
        (memories, revisions) = counts
        self.gaps = gaps
    }
}

/// One import of an archive: each memory comes in whole, with its id, times and revisions.
///
/// Remembers the id and the line of each memory: a second one of that id is refused.
struct ArchiveImport {
    private static let batchBytes = 16 << 20
    private static let batchMemories = 500

    let tenant: Tenant
    let isDry: Bool
    let origin: Origin
    private(set) var report = ArchiveReport()
    /// The scheme of the layout that was exported, as the archive's head tells it.
    private(set) var scheme: Scheme?
    private var batch: [(line: Int, memory: ArchivedMemory)] = []
    private var size = 0
    private var seen = (memories: 0, revisions: 0)
    /// Whether every line so far was JSON, so that `seen.revisions` is known.
    private var isCounted = true
    private var lines: [MemoryID: Int] = [:]
    private var isOver = false
    /// What is wrong with the archive as a whole.
    private var flaw: LociError?

    init(tenant: Tenant, isDry: Bool, origin: Origin) {
        self.tenant = tenant
        self.isDry = isDry
        self.origin = origin
    }

    /// Takes one line; numbers begin at 1.
    ///
    /// A memory that cannot be read stays out by itself. Throws where the head is none.
    mutating func take(_ bytes: [UInt8], line: Int) async throws(LociError) {
        if line == 1 {
            scheme = try ArchiveFormat.scheme(head: bytes)
            return
        }
        guard flaw == nil else { return }
        guard !isOver else {
            flaw = corrupt("Line \(line) of the archive stands after its end.")
            return
        }
        let json = try? JSON(parsing: bytes)
        if let json, json["end"]?.boolValue == true {
            isOver = true
            flaw = mismatch(json, line)
            return
        }
        seen.memories += 1
        seen.revisions += json?["revisions"]?.arrayValue?.count ?? 0
        isCounted = isCounted && json != nil
        do throws(LociError) {
            guard let json else { throw ArchiveFormat.damaged }
            let memory = try ArchiveFormat.memory(json)
            try note(memory.id, line)
            batch.append((line, memory))
        } catch {
            let id = json?["id"]?.stringValue.flatMap { try? MemoryID($0) }
            report.failed.append(ArchiveReport.Failed(line: line, id: id, error: error))
            return
        }
        size += bytes.count
        if size >= Self.batchBytes || batch.count >= Self.batchMemories { try await bring() }
    }

    /// Brings in what was taken last; throws where the archive is not whole.
    mutating func finish() async throws(LociError) {
        try await bring()
        if let flaw { throw flaw }
        if !isOver { throw corrupt("The archive ends before its end.") }
    }

    private mutating func note(_ id: MemoryID, _ line: Int) throws(LociError) {
        if let first = lines[id] {
            throw LociError(
                .corrupt,
                subject: id.description,
                message: "The archive has this memory twice, first in line \(first)."
            )
        }
        lines[id] = line
    }

    /// What is wrong where the last line counts something else than what came before it.
    private func mismatch(_ end: JSON, _ line: Int) -> LociError? {
        guard let memories = end["memories"]?.integerValue,
            let revisions = end["revisions"]?.integerValue
        else { return corrupt("Line \(line), the archive's last, counts nothing.") }
        let told = "Line \(line), the archive's last, tells of "
        if memories != Int64(seen.memories) {
            let reason =
                memories > seen.memories ? "lines are missing" : "lines are doubled or were added"
            return corrupt(
                told + "\(memories) memories, and \(seen.memories) came before it: \(reason)."
            )
        }
        guard isCounted, revisions != Int64(seen.revisions) else { return nil }
        return corrupt(
            told + "\(revisions) revisions, and \(seen.revisions) came before it: a line was "
                + "changed."
        )
    }

    private func corrupt(_ sentence: String) -> LociError {
        LociError(
            .corrupt,
            subject: "archive",
            message: sentence + (isDry ? "" : " What came before of whole memories is in."),
            remedy: "Export it again."
        )
    }

    private mutating func bring() async throws(LociError) {
        let results = try await tenant.unarchive(
            batch.map(\.memory),
            dryRun: isDry,
            origin: origin
        )
        for ((line, memory), result) in zip(batch, results) {
            switch result {
            case .success(.added):
                report.added += 1
                report.bytes += Int64(memory.revisions.reduce(0) { $0 + $1.content.count })
            case .success(.equal): report.equal += 1
            case .success(.differs): report.differing.append(memory.id)
            case .failure(let error):
                report.failed.append(
                    ArchiveReport.Failed(line: line, id: memory.id, error: error)
                )
            }
        }
        batch = []
        size = 0
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

    /// How many lines there were.
    private(set) var count = 0

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
                count += 1
                return Array(buffer[start..<end])
            }
            guard !isOver else {
                guard start < buffer.count else { return nil }
                defer { start = buffer.count }
                count += 1
                return Array(buffer[start...])
            }
            buffer.removeFirst(start)
            start = 0
            seen = buffer.count
            guard buffer.count <= Self.longest else {
                throw LociError(
                    .corrupt,
                    subject: "line \(count + 1)",
                    message: "Line \(count + 1) of the archive has more than "
                        + "\(ByteCount(Int64(Self.longest))).",
                    remedy: "Export it again."
                )
            }
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

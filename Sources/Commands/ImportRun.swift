import Linux
import Loci

/// One import: reads and looks up on one side while the tenant hashes and commits on the other.
///
/// Batches have at most 4,000 files and 64 MiB, and two of them are under way at most, which bounds
/// the memory, but for the path of each file, by which it is known when two would be one. Ctrl-C leaves what was committed; the same command goes on from there.
final class ImportRun {
    struct Options {
        let readsFrontMatter: Bool
        let updates: Bool
        let isDry: Bool
        let origin: Origin
        /// Memories come from elsewhere: only what is beside them is brought.
        var leavesMemories = false
    }

    private static let batchFiles = 4000
    private static let batchBytes: Int64 = 64 << 20
    private static let batchesUnderWay = 2

    private struct Pending: Sendable {
        let path: NamePath
        let size: Int64
        let memory: NewMemory
    }

    private typealias Outcome = (batch: [Pending], results: [Result<Memory, LociError>])

    private let tenant: Tenant
    private let root: [UInt8]
    private let plan: ImportPlan
    private let options: Options
    private let tree: TreeReader
    private var line: ProgressLine
    private var report = ImportReport()
    private var told: (directories: [Name], what: ImportPlan.Told)?
    private var batch: [Pending] = []
    private var batchSize: Int64 = 0
    private var foreign: [(source: NamePath, file: NewForeign)] = []
    private var directories: [NamePath] = []
    /// The files of the source, by a hash of where they land.
    private var landed: [Int: [UInt8]] = [:]

    init(
        tenant: Tenant,
        root: [UInt8],
        plan: ImportPlan,
        options: Options,
        line: ProgressLine
    ) throws(LociError) {
        self.tenant = tenant
        self.root = root
        self.plan = plan
        self.options = options
        self.line = line
        tree = try TreeReader(tenant)
    }

    func run(_ walk: consuming SourceWalk) async throws -> ImportReport {
        let walk = walk
        let twins = try await bring(walk)
        report.twins = twins
        line.finish()
        return report
    }

    private func bring(_ source: consuming SourceWalk) async throws -> [NamePath] {
        var walk = source
        var running: [Task<Outcome, any Error>] = []
        while let item = walk.next() {
            try await take(item)
            if batch.count >= Self.batchFiles || batchSize >= Self.batchBytes {
                if running.count >= Self.batchesUnderWay {
                    note(try await running.removeFirst().value)
                }
                running.append(commit())
            }
            if foreign.count >= Self.batchFiles { try keepForeign() }
            let under = running.count * Self.batchFiles
            line.update(done: Int64(report.imported + report.equal + under), total: nil)
        }
        if !batch.isEmpty { running.append(commit()) }
        for task in running { note(try await task.value) }
        try keepForeign()
        if !options.isDry {
            try tenant.makeDirectories(directories, origin: options.origin)
        }
        report.directories = directories.count
        return walk.twins
    }

    private func take(_ item: SourceWalk.Item) async throws {
        switch item {
        case .file where options.leavesMemories: break
        case .file(let path, let status):
            do throws(LociError) {
                try await takeFile(path, status)
            } catch {
                report.problems.append((path, error))
            }
        case .foreignFile(let path, let status):
            takeForeign(path, .file(absolute(path)), status)
        case .foreignDirectory(let path, let status):
            takeForeign(path, .directory, status)
        case .emptyDirectory(let path):
            // Where attributes are missing, as far as they reach: if that is all there was.
            if let place = try? plan.place(ofDirectory: path.names),
                place.isWhole || place.path.names.count == path.names.count
            {
                directories.append(place.path)
            }
        case .skipped(.archive, _) where options.leavesMemories: break
        case .skipped(let kind, let path) where options.leavesMemories:
            // An export wrote it, so the tenant has it.
            report.problems.append((path, Self.skips(kind)))
        case .skipped(let kind, _):
            report.skipped[kind, default: 0] += 1
        case .problem(let path, let error):
            report.problems.append((path, error))
        }
    }

    private static func skips(_ kind: SourceWalk.Skipped) -> LociError {
        LociError(
            .unsupported,
            subject: kind.rawValue,
            message: "It stays out: an import skips \(kind.rawValue).",
            remedy: "Copy it into a mount."
        )
    }

    private func absolute(_ path: NamePath) -> [UInt8] { root + [ASCII.slash] + path.bytes }

    // MARK: Memories

    private func takeFile(_ path: NamePath, _ status: FileStatus) async throws(LociError) {
        let front = options.readsFrontMatter ? frontMatter(path) : nil
        guard let name = path.last else {
            throw LociError(.invalidName, subject: "", message: "A file has no name.")
        }
        let told = try told(by: path.parent.names)
        let memory = plan.memory(name, told, status, at: absolute(path), front)
        if let place = try plan.place(of: memory) {
            try land(path, at: place)
            if let known = try tree.known(at: place) {
                return try await compare(path, status, memory, known)
            }
        }
        if options.isDry {
            report.imported += 1
            report.bytes += status.size
            return
        }
        batch.append(Pending(path: path, size: status.size, memory: memory))
        batchSize += status.size
    }

    /// Files come by directory, so what the last one told is kept.
    private func told(by directories: [Name]) throws(LociError) -> ImportPlan.Told {
        if let told, told.directories == directories { return told.what }
        let what = try plan.told(by: directories)
        told = (directories, what)
        return what
    }

    /// Throws `nameTaken` where another file of the source lands at that place.
    private func land(_ path: NamePath, at place: NamePath) throws(LociError) {
        guard let other = landed.updateValue(path.bytes, forKey: place.hashValue) else { return }
        landed[place.hashValue] = other
        throw LociError(
            .nameTaken,
            subject: path.description,
            message: "It would be '\(place)', and so would "
                + "'\(String(decoding: other, as: UTF8.self))' of the same tree.",
            remedy: "Rename one of them, or import them by another scheme."
        )
    }

    private func frontMatter(_ path: NamePath) -> FrontMatter? {
        do throws(LociError) {
            let head: [UInt8]
            do throws(Errno) {
                let file = try File.open(absolute(path), [.readOnly, .noFollow])
                head = try file.read(count: FrontMatter.limit, at: 0)
            } catch {
                throw InputBytes.failure(error, path.bytes, "read")
            }
            return try FrontMatter(headOf: head)
        } catch {
            report.notes.append((path, error.message))
            return nil
        }
    }

    /// A memory has that path: equal bytes are skipped, others listed or brought.
    private func compare(
        _ path: NamePath,
        _ status: FileStatus,
        _ memory: NewMemory,
        _ known: (id: MemoryID, size: Int64, hash: ContentHash)
    ) async throws(LociError) {
        if known.size == status.size, try FileHash.hash(of: absolute(path)) == known.hash {
            report.equal += 1
        } else if !options.updates {
            report.differing.append(path)
        } else {
            if !options.isDry {
                let content = try InputBytes.file(absolute(path))
                _ = try await tenant.edit(known.id, content: content, origin: options.origin)
            }
            report.updated += 1
        }
    }

    private func commit() -> Task<Outcome, any Error> {
        let (pending, tenant, origin) = (batch, tenant, options.origin)
        batch = []
        batchSize = 0
        return Task {
            let results = try await tenant.append(
                contentsOf: pending.map(\.memory),
                operation: .import,
                origin: origin
            )
            return (pending, results)
        }
    }

    private func note(_ outcome: Outcome) {
        for (pending, result) in zip(outcome.batch, outcome.results) {
            switch result {
            case .success:
                report.imported += 1
                report.bytes += pending.size
            case .failure(let error):
                report.problems.append((pending.path, error))
            }
        }
    }

    // MARK: Foreign files

    private func takeForeign(
        _ path: NamePath,
        _ content: NewForeign.Content,
        _ status: FileStatus
    ) {
        let below = path.names.firstIndex(where: ForeignNames.isForeignDirectory)
        let partitions = min(below ?? path.names.count, path.names.count - 1)
        do throws(LociError) {
            let directories = Array(path.names.prefix(partitions))
            let place = try plan.place(ofDirectory: directories).path
            let names = place.names + path.names.dropFirst(partitions)
            if case .file = content { try land(path, at: NamePath(names)) }
            foreign.append(
                (
                    path,
                    NewForeign(
                        path: NamePath(names),
                        content: content,
                        permissions: status.permissions & 0o777,
                        modified: status.modificationTime
                    )
                )
            )
        } catch {
            report.problems.append((path, error))
        }
    }

    private func keepForeign() throws(LociError) {
        let taken = foreign
        foreign = []
        guard !taken.isEmpty else { return }
        if options.isDry {
            report.foreign += taken.count
            return
        }
        let results = try tenant.keepForeign(
            taken.map(\.file),
            update: options.updates,
            origin: options.origin
        )
        for (taken, result) in zip(taken, results) {
            switch result {
            case .success(.added): report.foreign += 1
            case .success(.updated): report.updated += 1
            case .success(.equal): report.equal += 1
            case .success(.differs): report.differing.append(taken.source)
            case .failure(let error): report.problems.append((taken.source, error))
            }
        }
    }
}

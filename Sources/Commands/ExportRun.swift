import Linux
import Loci

/// One export: walks a layout and writes what it meets.
final class ExportRun {
    /// Where a tree that is exported with its history holds that, and nothing else stands: an
    /// import with `--history` takes it for the export's own.
    static let archiveName = NamePath([Name(unchecked: Array(".loci-export.jsonl".utf8))])

    struct Options {
        var layout: LayoutNumber?
        var moment: PastMoment?
        var history = false
        /// Where ids and attributes go.
        var attributes: [UInt8]?
        /// Where checksums go.
        var manifest: [UInt8]?
    }

    struct Report {
        var memories = 0
        var bytes: Int64 = 0
        var foreign = 0
        /// Files of tools that are in no directory of this layout.
        var foreignElsewhere = 0
        /// Kept revisions, where history was asked for.
        var revisions = 0
        /// Directories that are written with their escaped names.
        var escaped = 0
        /// What is not in the export.
        var leftOut = LeftOut()
    }

    private(set) var report = Report()
    private let tree: TreeReader
    private let tenant: Tenant
    private let options: Options
    private let scheme: Scheme
    private let target: any ExportTarget
    private var listed: [UInt8] = []
    private var checksums: [UInt8] = []
    private var line: ProgressLine
    private let total: Int64
    /// What each directory of the layout is called outside, by its path.
    private var directories: [NamePath: NamePath] = [NamePath(): NamePath()]
    private var taken: Set<NamePath> = []

    init(
        tenant: Tenant,
        to target: any ExportTarget,
        _ options: Options,
        line: ProgressLine
    ) throws(LociError) {
        self.tenant = tenant
        self.options = options
        tree = try TreeReader(tenant)
        scheme = try Self.scheme(tenant, options)
        self.target = target
        self.line = line
        total = Int64(try tenant.counts().live)
    }

    /// The scheme of the layout that is exported.
    static func scheme(
        _ tenant: Tenant,
        _ options: Options
    ) throws(LociError) -> Scheme {
        if let moment = options.moment { return try tenant.listedLayout(at: moment).scheme }
        let chosen = try tenant.layouts().first {
            options.layout == nil ? $0.isListed : $0.number == options.layout
        }
        guard let chosen, chosen.status == .live else {
            throw LociError(
                .notFound,
                subject: "--layout",
                message: "There is no live layout \(options.layout?.description ?? "").",
                remedy: "List them with:  loci layout list"
            )
        }
        return chosen.scheme
    }

    func run() throws(LociError) {
        do {
            if let moment = options.moment {
                try tree.walk(at: moment) { item in try write(item) }
            } else {
                try tree.walk(options.layout) { item in try write(item) }
                // What was refused is told by name.
                if report.leftOut.isEmpty {
                    report.foreignElsewhere = max(
                        0,
                        try tenant.foreignFileCount() - report.foreign
                    )
                }
            }
            if options.history { try writeHistory() }
            try target.finish()
            if let list = options.attributes { try Self.write(listed, to: list) }
            if let manifest = options.manifest { try Self.write(checksums, to: manifest) }
            line.finish()
        } catch {
            line.finish()
            throw Failure.wrapped(error)
        }
    }

    private func write(_ item: TreeItem) throws(LociError) {
        // Nothing is known of the parent where that was left out.
        guard let parent = directories[item.path.parent], let name = item.path.last else { return }
        guard parent.appending(name) != Self.archiveName else {
            report.leftOut.note(item.path, nil, Self.notOurs(item.path))
            return
        }
        switch item.kind {
        case .directory, .foreignDirectory:
            let outside = outsideName(item, in: parent)
            directories[item.path] = outside
            let isForeign = item.kind == .foreignDirectory
            try target.directory(outside, isForeign ? item.permissions : nil)
        case .foreignLink:
            guard let file = try open(item) else { return }
            try target.link(parent.appending(name), to: try read(file, item))
            report.foreign += 1
        case .memory, .foreignFile:
            try writeFile(item, parent.appending(name))
        }
    }

    private static func notOurs(_ path: NamePath) -> LociError {
        LociError(
            .nameTaken,
            subject: path.description,
            message: "Only an export's own archive has that name in an export.",
            remedy: "Rename it in the store."
        )
    }

    /// Its bytes; nil where they cannot be read, which is noted.
    private func open(_ item: TreeItem) throws(LociError) -> File? {
        do throws(LociError) {
            return try tree.open(item)
        } catch {
            guard error.isOfOneContent || error.code == .notFound else { throw error }
            report.leftOut.note(item.path, item.memory, error)
            return nil
        }
    }

    private func read(
        _ file: borrowing File,
        _ item: TreeItem
    ) throws(LociError) -> [UInt8] {
        do throws(Errno) {
            return try file.readAll(limit: InputBytes.limit)
        } catch {
            throw InputBytes.failure(error, item.path.bytes, "read")
        }
    }

    private func writeFile(_ item: TreeItem, _ outside: NamePath) throws(LociError) {
        guard let source = try open(item) else { return }
        let copied = try target.file(
            outside,
            source,
            permissions: item.permissions,
            modified: item.modified
        )
        if options.manifest != nil {
            let hash =
                if let known = item.hash {
                    known
                } else {
                    try FileHash.hash(bytes: read(tree.open(item), item))
                }
            noteChecksum(hash, outside)
        }
        if item.kind == .memory {
            report.memories += 1
            report.bytes += copied
            note(item, outside)
        } else {
            report.foreign += 1
        }
        line.update(done: Int64(report.memories), total: total)
    }

    private func note(_ item: TreeItem, _ outside: NamePath) {
        guard options.attributes != nil else { return }
        let object: JSON = [
            "path": JSON(path: outside),
            "id": item.memory.map { .string($0.description) } ?? .null,
            "created": item.created.map { .string($0.description) } ?? .null,
            "attributes": JSON(attributes: item.attributes),
        ]
        listed.append(contentsOf: object.bytes())
        listed.append(UInt8(ascii: "\n"))
    }

    /// As `sha256sum -c` reads it: names with a backslash or a line feed are escaped.
    private func noteChecksum(_ hash: ContentHash, _ path: NamePath) {
        var name: [UInt8] = []
        for byte in path.bytes {
            switch byte {
            case UInt8(ascii: "\\"): name += Array("\\\\".utf8)
            case UInt8(ascii: "\n"): name += Array("\\n".utf8)
            default: name.append(byte)
            }
        }
        if name.count != path.bytes.count { checksums.append(UInt8(ascii: "\\")) }
        checksums += Array("\(hash)  ".utf8) + name + [UInt8(ascii: "\n")]
    }

    /// The archive with all revisions, beside the tree that shows the current ones.
    private func writeHistory() throws(LociError) {
        let file: File
        do {
            file = try archiveFile()
        } catch {
            throw Failure.wrapped(error)
        }
        _ = try target.file(
            Self.archiveName,
            file,
            permissions: 0o600,
            modified: tenant.clock().nanoseconds
        )
    }

    /// In a file without a name: a tar tells a file's size before its bytes.
    private func archiveFile() throws -> File {
        let place = Terminal.environment("TMPDIR") ?? "/tmp"
        do {
            let file = try File.open(place, [.readWrite, .temporary], mode: 0o600)
            var archive = ArchiveExport()
            try archive.run(tenant, scheme: scheme, history: true, at: options.moment) {
                try file.write($0)
            }
            report.revisions = archive.revisions
            for gap in archive.gaps { report.leftOut.note(gap) }
            try file.seek(to: 0)
            return file
        } catch let error as Errno {
            throw InputBytes.failure(error, Array(place.utf8), "written")
        }
    }

    private static func write(_ bytes: [UInt8], to path: [UInt8]) throws(LociError) {
        do throws(Errno) {
            try File.open(path, [.writeOnly, .create, .truncate], mode: 0o600).write(bytes)
        } catch {
            throw InputBytes.failure(error, path, "written")
        }
    }

    // MARK: Names

    /// A directory's name as it was imported: not escaped, where a file system can hold it so and
    /// no other directory has that name there.
    private func outsideName(_ item: TreeItem, in parent: NamePath) -> NamePath {
        guard let name = item.path.last else { return parent }
        var outside = parent.appending(name)
        if item.kind == .directory {
            let plain = ExportName.plain(name, depth: item.path.names.count - 1, scheme)
            let wanted = parent.appending(plain)
            if taken.contains(wanted) { report.escaped += 1 } else { outside = wanted }
        }
        taken.insert(outside)
        return outside
    }
}

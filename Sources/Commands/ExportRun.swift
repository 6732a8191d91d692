import Linux
import Loci

/// One export: walks a layout and writes what it meets.
final class ExportRun {
    struct Report {
        var memories = 0
        var bytes: Int64 = 0
        var foreign = 0
        /// Directories that are written with their escaped names.
        var escaped = 0
    }

    private(set) var report = Report()
    private let tree: TreeReader
    private let layout: LayoutNumber?
    private let scheme: Scheme
    private let target: [UInt8]
    private let root: File
    private let list: [UInt8]?
    private var listed: [UInt8] = []
    private var line: ProgressLine
    private let total: Int64
    /// What each directory of the layout is called outside, by its path.
    private var directories: [NamePath: NamePath] = [NamePath(): NamePath()]
    private var taken: Set<NamePath> = []

    init(
        tenant: Tenant,
        layout: LayoutNumber?,
        target: [UInt8],
        attributes: [UInt8]?,
        line: ProgressLine
    ) throws(LociError) {
        tree = try TreeReader(tenant)
        let layouts = try tenant.layouts()
        let chosen = layouts.first { layout == nil ? $0.isListed : $0.number == layout }
        guard let chosen, chosen.status == .live else {
            throw LociError(
                .notFound,
                subject: "--layout",
                message: "There is no live layout \(layout?.description ?? "").",
                remedy: "List them with:  loci layout list"
            )
        }
        self.layout = layout
        scheme = chosen.scheme
        self.target = target
        list = attributes
        self.line = line
        total = Int64(try tenant.counts().live)
        root = try Self.emptyDirectory(target)
    }

    /// Opens the target, made where it is missing; throws `notEmpty` where it holds something.
    private static func emptyDirectory(_ path: [UInt8]) throws(LociError) -> File {
        let shown = String(decoding: path, as: UTF8.self)
        let directory = try openDirectory(path)
        let isEmpty = (try? directory.entries())?.isEmpty ?? false
        guard isEmpty else {
            throw LociError(
                .notEmpty,
                subject: shown,
                message: "'\(shown)' is not empty.",
                remedy: "Name a directory that is empty or missing."
            )
        }
        return directory
    }

    private static func openDirectory(_ path: [UInt8]) throws(LociError) -> File {
        do throws(Errno) {
            if (try? File.status(of: path)) == nil {
                try File.workingDirectory.makeDirectory(path)
            }
            return try File.open(path, [.readOnly, .directory])
        } catch {
            throw InputBytes.failure(error, path, "written to")
        }
    }

    func run() throws(LociError) {
        do {
            try tree.walk(layout) { item in try write(item) }
            if let list { try Self.write(listed, to: list) }
            line.finish()
        } catch {
            line.finish()
            throw Failure.wrapped(error)
        }
    }

    private func write(_ item: TreeItem) throws(LociError) {
        guard let parent = directories[item.path.parent], let name = item.path.last else { return }
        switch item.kind {
        case .directory, .foreignDirectory:
            let outside = outsideName(item, in: parent)
            directories[item.path] = outside
            try perform(outside) { (root) throws(Errno) in
                _ = try root.makeDirectoriesBeneath(outside.bytes)
                if item.kind == .foreignDirectory {
                    let made = try root.openBeneath(outside.bytes, [.readOnly, .directory])
                    try made.setPermissions(item.permissions)
                }
            }
        case .foreignLink:
            let outside = parent.appending(name)
            let goal = try read(item)
            try perform(outside) { (root) throws(Errno) in
                try root.makeSymbolicLink(outside.bytes, to: goal)
            }
            report.foreign += 1
        case .memory, .foreignFile:
            try writeFile(item, parent.appending(name))
        }
    }

    private func read(_ item: TreeItem) throws(LociError) -> [UInt8] {
        let file = try tree.open(item)
        do throws(Errno) {
            return try file.readAll(limit: 1 << 16)
        } catch {
            throw InputBytes.failure(error, item.path.bytes, "read")
        }
    }

    private func writeFile(_ item: TreeItem, _ outside: NamePath) throws(LociError) {
        let source = try tree.open(item)
        var copied: Int64 = 0
        do throws(Errno) {
            let file = try root.openBeneath(
                outside.bytes,
                [.readWrite, .create, .exclusive],
                mode: 0o600
            )
            copied = try source.copyContents(to: file)
            try file.setPermissions(item.permissions)
            try file.setTimes(access: item.modified, modification: item.modified)
        } catch {
            throw InputBytes.failure(error, target + [ASCII.slash] + outside.bytes, "written")
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
        guard list != nil else { return }
        let object: JSON = [
            "path": JSON(path: outside),
            "id": item.memory.map { .string($0.description) } ?? .null,
            "created": item.created.map { .string($0.description) } ?? .null,
            "attributes": JSON(attributes: item.attributes),
        ]
        listed.append(contentsOf: object.bytes())
        listed.append(UInt8(ascii: "\n"))
    }

    private func perform(
        _ path: NamePath,
        _ body: (borrowing File) throws(Errno) -> Void
    ) throws(LociError) {
        do throws(Errno) {
            try body(root)
        } catch {
            throw InputBytes.failure(error, target + [ASCII.slash] + path.bytes, "written")
        }
    }

    private static func write(_ bytes: [UInt8], to path: [UInt8]) throws(LociError) {
        do throws(Errno) {
            try File.open(path, [.writeOnly, .create, .truncate]).write(bytes)
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

/// How a directory of a layout is called in an export.
enum ExportName {
    /// The name without escapes where that reads back to the same value, else as it is.
    static func plain(_ name: Name, depth: Int, _ scheme: Scheme) -> Name {
        var prefix: [UInt8] = []
        var isRest = true
        if depth < scheme.fixedDepth {
            guard case .field(let key, .attribute) = scheme.segments[depth] else { return name }
            prefix = key?.prefix ?? []
            isRest = false
        }
        let value = Escape.decoded(name.bytes.dropFirst(prefix.count))
        guard let first = value.first, first != ASCII.dot, value.count <= Name.maximumLength,
            !value.contains(0), !value.contains(ASCII.slash),
            String(validating: value, as: UTF8.self) != nil,
            isRest || value != Scheme.missing,
            let plain = try? Name(validating: prefix + value)
        else { return name }
        return plain
    }
}

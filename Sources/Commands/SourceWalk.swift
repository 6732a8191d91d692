import Linux
import Loci

/// Walks somebody else's tree, by raw bytes, without touching it.
///
/// A directory before what it holds, names in the order of their bytes. Holds one directory's names
/// at a time for each level. One thread at a time.
struct SourceWalk: ~Copyable {
    enum Item {
        case file(NamePath, FileStatus)
        /// What tools keep: dot files, editors' leavings, and all below a dot directory.
        case foreignFile(NamePath, FileStatus)
        case foreignDirectory(NamePath, FileStatus)
        /// A directory in which there is nothing to bring.
        case emptyDirectory(NamePath)
        case skipped(Skipped, NamePath)
        case problem(NamePath, LociError)
    }

    enum Skipped: String, CaseIterable {
        case git = ".git"
        /// Where an export keeps its history: it would stand in the way of the next export.
        case archive = "archive of an export"
        case symbolicLink = "symlinks"
        case special = "sockets and devices"
        case filtered = "not included"
    }

    private struct Level {
        let path: NamePath
        let isForeign: Bool
        var entries: ArraySlice<(name: Name, status: FileStatus)>
    }

    private let root: File
    private let filter: SourceFilter
    private var levels: [Level] = []
    private var queue: [Item] = []
    /// Names that differ by case or normal form only, as they were met.
    private(set) var twins: [NamePath] = []

    init(_ path: [UInt8], filter: SourceFilter) throws(LociError) {
        root = try Self.open(path)
        self.filter = filter
        enter(NamePath(), isForeign: false)
    }

    private static func open(_ path: [UInt8]) throws(LociError) -> File {
        do throws(Errno) {
            return try File.open(path, [.readOnly, .directory])
        } catch {
            throw InputBytes.failure(error, path, "read")
        }
    }

    /// The next thing, or nil at the end.
    mutating func next() -> Item? {
        while queue.isEmpty {
            guard let last = levels.indices.last else { return nil }
            guard let entry = levels[last].entries.popFirst() else {
                levels.removeLast()
                continue
            }
            let level = levels[last]
            visit(entry.name, entry.status, in: level.path, isForeign: level.isForeign)
        }
        return queue.removeFirst()
    }

    private mutating func visit(
        _ name: Name,
        _ status: FileStatus,
        in directory: NamePath,
        isForeign: Bool
    ) {
        let path = directory.appending(name)
        if let skipped = Self.skip(name, status, in: directory) {
            queue.append(.skipped(skipped, path))
        } else if status.kind == .directory {
            let below = isForeign || ForeignNames.isForeignDirectory(name)
            if below {
                queue.append(.foreignDirectory(path, status))
            } else if name.utf8String == nil {
                queue.append(.problem(path, Self.notText(path)))
                return
            }
            enter(path, isForeign: below)
        } else if isForeign || ForeignNames.isForeign(name) {
            queue.append(.foreignFile(path, status))
        } else if filter.admits(name, status) {
            queue.append(.file(path, status))
        } else {
            queue.append(.skipped(.filtered, path))
        }
    }

    private static func skip(
        _ name: Name,
        _ status: FileStatus,
        in directory: NamePath
    ) -> Skipped? {
        if name.bytes.elementsEqual(".git".utf8) { return .git }
        if status.kind == .file, directory.appending(name) == ExportRun.archiveName {
            return .archive
        }
        switch status.kind {
        case .symbolicLink: return .symbolicLink
        case .other: return .special
        case .file, .directory: return nil
        }
    }

    private static func notText(_ path: NamePath) -> LociError {
        LociError(
            .notUTF8,
            subject: path.description,
            message: "The name of the directory '\(path)' is not UTF-8, and attributes are text.",
            remedy: "Rename the directory."
        )
    }

    /// Reads a directory's names; whether it is empty is known then.
    private mutating func enter(_ path: NamePath, isForeign: Bool) {
        do throws(Errno) {
            let bytes = path.isRoot ? [ASCII.dot] : path.bytes
            let directory = try root.openBeneath(bytes, [.readOnly, .directory])
            var entries: [(name: Name, status: FileStatus)] = []
            for entry in try directory.entries() {
                let status = try directory.status(of: entry.name, .noFollow)
                entries.append((Name(unchecked: entry.name), status))
            }
            entries.sort { $0.name < $1.name }
            noteTwins(entries.map(\.name), in: path)
            let brings = entries.contains { Self.skip($0.name, $0.status, in: path) == nil }
            if !brings, !isForeign, !path.isRoot { queue.append(.emptyDirectory(path)) }
            levels.append(Level(path: path, isForeign: isForeign, entries: entries[...]))
        } catch {
            queue.append(.problem(path, InputBytes.failure(error, path.bytes, "read")))
        }
    }

    /// `String` takes NFC and NFD for equal, which is just what makes twins.
    private mutating func noteTwins(_ names: [Name], in directory: NamePath) {
        var seen: Set<String> = []
        for name in names {
            guard let text = name.utf8String else { continue }
            if !seen.insert(text.lowercased()).inserted { twins.append(directory.appending(name)) }
        }
    }
}

/// Which files of a tree are brought.
struct SourceFilter {
    /// Patterns of names, of which one must fit; none fits all.
    var include: [String] = []
    /// Bytes.
    var maximumSize: Int64?

    func admits(_ name: Name, _ status: FileStatus) -> Bool {
        if let maximumSize, status.size > maximumSize { return false }
        if include.isEmpty { return true }
        return include.contains { Glob.matches(Array($0.utf8), name.bytes) }
    }
}

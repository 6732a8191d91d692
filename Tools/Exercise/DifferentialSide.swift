import Linux

/// One of the two directories: performs operations on it and tells what came of each.
final class DifferentialSide {
    typealias Operation = DifferentialOperation

    /// What came of an operation: all that a program could see of it but looks.
    enum Outcome: Hashable, CustomStringConvertible {
        case done
        case number(Int64)
        case bytes([UInt8])
        case names([String])
        case failed(Errno)

        var description: String {
            switch self {
            case .done: "done"
            case .number(let number): "\(number)"
            case .bytes(let bytes): "\(bytes.count) bytes \(bytes.prefix(8))…"
            case .names(let names): "\(names)"
            case .failed(let errno): errno.name
            }
        }
    }

    /// An open file, shared by its slot and who looks at it.
    final class Opened {
        let file: File
        init(_ file: consuming File) { self.file = file }
    }

    let root: String
    private let directory: File
    private(set) var slots: [Opened?]
    /// Whether each directory has a file `.keep`: a directory of a layout that is not listed
    /// lives while it holds something.
    private let keepsDirectories: Bool

    static let keeper = ".keep"

    init(_ root: String, keepsDirectories: Bool) throws(Errno) {
        self.root = root
        directory = try File.open(root, [.readOnly, .directory])
        slots = Array(repeating: nil, count: DifferentialGenerator.slots)
        self.keepsDirectories = keepsDirectories
    }

    func perform(_ operation: Operation) -> Outcome {
        do throws(Errno) {
            return try run(operation)
        } catch {
            return .failed(error)
        }
    }

    private func run(_ operation: Operation) throws(Errno) -> Outcome {
        switch operation {
        case .open(let slot, let path, let mode):
            slots[slot] = nil
            slots[slot] = Opened(try directory.open(path, mode.flags, mode: 0o644))
            return .done
        case .close(let slot):
            slots[slot] = nil
            return .done
        case .rename, .unlink, .makeDirectory, .removeDirectory, .removeTree, .symbolicLink,
            .hardLink, .list:
            return try change(names: operation)
        case .create, .overwrite, .save: return try write(whole: operation)
        default: return try work(operation)
        }
    }

    // MARK: Names

    private func change(names operation: Operation) throws(Errno) -> Outcome {
        switch operation {
        case .rename(let old, let new, let manner):
            try directory.rename(old, to: directory, new, manner.linux)
        case .unlink(let path): try directory.unlink(path)
        case .makeDirectory(let path):
            try directory.makeDirectory(path, mode: 0o755)
            if keepsDirectories { try keep(path) }
        case .removeDirectory(let path): try remove(path)
        case .removeTree(let path): try removeTree(path)
        case .symbolicLink(let path, let target):
            try directory.makeSymbolicLink(path, to: target)
        case .hardLink(let old, let new): try directory.link(old, to: directory, new)
        case .list(let path):
            let entries = try directory.open(path, [.readOnly, .directory]).entries()
            return .names(entries.map { String(decoding: $0.name, as: UTF8.self) }.sorted())
        default: break
        }
        return .done
    }

    private func keep(_ path: String) throws(Errno) {
        _ = try directory.open(
            RelativePath.join(path, Self.keeper),
            [.writeOnly, .create],
            mode: 0o644
        )
    }

    private func remove(_ path: String) throws(Errno) {
        guard keepsDirectories, let entries = try? open(directory: path),
            entries.map(\.name) == [Array(Self.keeper.utf8)]
        else { return try directory.removeDirectory(path) }
        try directory.unlink(RelativePath.join(path, Self.keeper))
        try directory.removeDirectory(path)
    }

    private func removeTree(_ path: String) throws(Errno) {
        for entry in try open(directory: path).sorted(by: {
            $0.name.lexicographicallyPrecedes($1.name)
        }) {
            let below = RelativePath.join(path, String(decoding: entry.name, as: UTF8.self))
            if entry.kind == .directory {
                try removeTree(below)
            } else {
                try directory.unlink(below)
            }
        }
        try directory.removeDirectory(path)
    }

    private func open(directory path: String) throws(Errno) -> [DirectoryStream.Entry] {
        try directory.open(path, [.readOnly, .directory, .noFollow]).entries()
    }

    // MARK: Whole files

    private func write(whole operation: Operation) throws(Errno) -> Outcome {
        switch operation {
        case .create(let path, let mode, let exclusive, let piece):
            let flags: OpenFlags =
                exclusive ? [.writeOnly, .create, .exclusive] : [.writeOnly, .create]
            try directory.open(path, flags, mode: mode).write(Operation.Pool.bytes(of: piece))
        case .overwrite(let path, let piece):
            try directory.open(path, [.writeOnly, .truncate])
                .write(Operation.Pool.bytes(of: piece))
        case .save(let path, let temporary, let syncing, let piece):
            let file = try directory.open(
                temporary,
                [.writeOnly, .create, .truncate],
                mode: 0o644
            )
            try file.write(Operation.Pool.bytes(of: piece))
            if syncing { try file.sync() }
            try directory.rename(temporary, to: directory, path)
        default: break
        }
        return .done
    }

    // MARK: Files

    private func work(_ operation: Operation) throws(Errno) -> Outcome {
        switch operation {
        case .write(let target, let offset, let piece):
            let opened = try open(target, .writeOnly)
            try opened.file.write(Operation.Pool.bytes(of: piece), at: offset)
        case .append(let target, let piece):
            let opened = try open(target, [.writeOnly, .append])
            try opened.file.write(Operation.Pool.bytes(of: piece))
        case .truncate(let target, let size):
            try open(target, .writeOnly).file.truncate(to: size)
        case .read(let target, let offset, let count):
            return .bytes(try open(target, .readOnly).file.read(count: count, at: offset))
        case .mapRead(let target, let offset, let count):
            return .bytes(try mapRead(target, offset, count))
        case .mapWrite(let target, let offset, let piece):
            return .number(Int64(try mapWrite(target, offset, piece)))
        case .copy(let source, let offset, let count, let target, let there):
            return .number(try copy(source, offset, count, target, there))
        case .seek(let target, let offset, let toHole):
            return .number(try seek(target, offset, toHole))
        case .permissions(let target, let mode):
            try open(target, .readOnly).file.setPermissions(mode)
        case .times(let target, let time):
            if let path = target.path {
                try directory.setTimes(of: path, modification: time)
            } else {
                try open(target, .readOnly).file.setTimes(modification: time)
            }
        case .sync(let target): try open(target, .readOnly).file.sync()
        case .status(let target):
            if let path = target.path {
                return .number(Int64(try directory.status(of: path).permissions))
            }
            return .number(Int64(try open(target, .readOnly).file.status().permissions))
        default: break
        }
        return .done
    }

    private func open(_ target: Operation.Target, _ flags: OpenFlags) throws(Errno) -> Opened {
        switch target {
        case .path(let path): return Opened(try directory.open(path, flags))
        case .slot(let slot):
            guard let opened = slots[slot] else { throw .badDescriptor }
            return opened
        }
    }

    private static let page: Int64 = 4096

    /// What there is of a range of a file, as a mapping sees it: from a page's start on.
    private struct MappedPart {
        let start: Int64
        let skipped: Int
        let count: Int

        init?(_ file: borrowing File, _ offset: Int64, _ count: Int) throws(Errno) {
            let available = min(Int64(count), try file.status().size - offset)
            guard available > 0 else { return nil }
            start = offset / DifferentialSide.page * DifferentialSide.page
            skipped = Int(offset - start)
            self.count = Int(available)
        }

        func map(_ file: borrowing File, writable: Bool) throws(Errno) -> FileMapping {
            try FileMapping(file, at: start, count: skipped + count, writable: writable)
        }
    }

    private func mapRead(
        _ target: Operation.Target,
        _ offset: Int64,
        _ count: Int
    ) throws(Errno) -> [UInt8] {
        let opened = try open(target, .readOnly)
        guard let part = try MappedPart(opened.file, offset, count) else { return [] }
        return try part.map(opened.file, writable: false)
            .read(at: part.skipped, count: part.count)
    }

    private func mapWrite(
        _ target: Operation.Target,
        _ offset: Int64,
        _ piece: Operation.Piece
    ) throws(Errno) -> Int {
        let opened = try open(target, .readWrite)
        guard let part = try MappedPart(opened.file, offset, piece.count) else { return 0 }
        let mapping = try part.map(opened.file, writable: true)
        let piece = Operation.Piece(start: piece.start, count: part.count)
        mapping.write(Operation.Pool.bytes(of: piece), at: part.skipped)
        try mapping.sync()
        return part.count
    }

    private func copy(
        _ source: Operation.Target,
        _ offset: Int64,
        _ count: Int,
        _ target: Operation.Target,
        _ targetOffset: Int64
    ) throws(Errno) -> Int64 {
        let from = try open(source, .readOnly)
        let to = try open(target, .writeOnly)
        var done = 0
        while done < count {
            let copied = try from.file.copyRange(
                at: offset + Int64(done),
                count: count - done,
                to: to.file,
                at: targetOffset + Int64(done)
            )
            if copied == 0 { break }
            done += copied
        }
        return Int64(done)
    }

    private func seek(
        _ target: Operation.Target,
        _ offset: Int64,
        _ toHole: Bool
    ) throws(Errno) -> Int64 {
        let file = try open(target, .readOnly)
        let position = try file.file.position()
        defer { try? file.file.seek(to: position) }
        return toHole
            ? try file.file.nextHole(from: offset) : try file.file.nextData(from: offset)
    }
}

// MARK: - Looking

extension DifferentialSide {
    /// The status of a path itself.
    func status(_ path: String) throws(Errno) -> FileStatus {
        try directory.status(of: path.isEmpty ? "." : path)
    }

    func entries(_ path: String) throws(Errno) -> [DirectoryStream.Entry] {
        try directory.open(path.isEmpty ? "." : path, [.readOnly, .directory]).entries()
    }

    /// Everything a file holds; `fresh`: past the page cache.
    func bytes(_ path: String, fresh: Bool = false) throws(Errno) -> [UInt8] {
        let file = try directory.open(path, [.readOnly, .noFollow])
        if fresh { try file.advise(.dontNeed) }
        return try file.readAll(limit: 8 << 20)
    }

    func link(_ path: String) throws(Errno) -> [UInt8] { try directory.readSymbolicLink(path) }
}

import Linux

/// One step of the differential exercise, as a value: the same on the mount and on the plain
/// directory.
///
/// Paths are relative to the root of either side.
enum DifferentialOperation: Hashable, Sendable {
    /// Opens with `O_CREAT`, writes, closes.
    case create(String, mode: UInt32, exclusive: Bool, Piece)
    /// Opens with `O_TRUNC`, writes, closes.
    case overwrite(String, Piece)
    /// Writes a temporary file beside it, and renames that over it, as editors do.
    case save(String, temporary: String, syncing: Bool, Piece)
    case open(slot: Int, String, OpenMode)
    case close(slot: Int)
    case write(Target, at: Int64, Piece)
    /// With `O_APPEND` where a path is given, else at the position of the descriptor.
    case append(Target, Piece)
    case truncate(Target, to: Int64)
    case read(Target, at: Int64, count: Int)
    case mapRead(Target, at: Int64, count: Int)
    case mapWrite(Target, at: Int64, Piece)
    case copy(Target, at: Int64, count: Int, to: Target, there: Int64)
    case seek(Target, from: Int64, toHole: Bool)
    case rename(String, String, Manner)
    case unlink(String)
    case makeDirectory(String)
    case removeDirectory(String)
    /// Takes away all that is in a directory, then the directory: `rm -r`.
    case removeTree(String)
    case permissions(Target, UInt32)
    case times(Target, modification: Int64)
    case sync(Target)
    case status(Target)
    case list(String)
    case symbolicLink(String, to: String)
    case hardLink(String, to: String)

    /// What an operation works on: a path, or a descriptor that was opened before.
    enum Target: Hashable, Sendable, CustomStringConvertible {
        case path(String)
        case slot(Int)

        var description: String {
            switch self {
            case .path(let path): path
            case .slot(let slot): "slot \(slot)"
            }
        }
    }

    /// Bytes to write: a part of `Pool`.
    struct Piece: Hashable, Sendable, CustomStringConvertible {
        let start: Int
        let count: Int

        var description: String { "\(count) bytes of \(start)" }
    }

    enum OpenMode: String, CaseIterable, Sendable, CustomStringConvertible {
        case read, write, readWrite, append, create, createExclusive, truncate

        var description: String { rawValue }

        var flags: OpenFlags {
            switch self {
            case .read: .readOnly
            case .write: .writeOnly
            case .readWrite: .readWrite
            case .append: [.readWrite, .append]
            case .create: [.readWrite, .create]
            case .createExclusive: [.readWrite, .create, .exclusive]
            case .truncate: [.readWrite, .truncate]
            }
        }
    }

    enum Manner: String, Sendable, CustomStringConvertible {
        case replacing, noReplace, exchange

        var description: String { rawValue }

        var linux: File.RenameManner {
            switch self {
            case .replacing: .replacing
            case .noReplace: .noReplace
            case .exchange: .exchange
            }
        }
    }

    /// The bytes that all pieces are cut from: the same in each process.
    enum Pool {
        static let bytes: [UInt8] = {
            var generator = SplitMix64(seed: 0x10c1)
            return (0..<(64 << 10)).flatMap { _ in
                let word = generator.next()
                return (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
            }
        }()

        static func bytes(of piece: Piece) -> [UInt8] {
            Array(bytes[piece.start..<piece.start + piece.count])
        }
    }
}

extension DifferentialOperation {
    /// The paths whose looks may differ after the operation.
    var touched: [String] {
        switch self {
        case .create(let path, _, _, _), .overwrite(let path, _), .open(_, let path, _),
            .unlink(let path), .makeDirectory(let path), .removeDirectory(let path),
            .removeTree(let path),
            .list(let path), .symbolicLink(let path, _):
            return [path]
        case .save(let path, let temporary, _, _): return [path, temporary]
        case .rename(let old, let new, _), .hardLink(let old, let new): return [old, new]
        case .copy(let source, _, _, let target, _): return [source, target].compactMap(\.path)
        case .write(let target, _, _), .append(let target, _), .truncate(let target, _),
            .read(let target, _, _), .mapRead(let target, _, _), .mapWrite(let target, _, _),
            .seek(let target, _, _), .permissions(let target, _), .times(let target, _),
            .sync(let target), .status(let target):
            return [target].compactMap(\.path)
        case .close: return []
        }
    }

    /// The descriptors whose files may differ after the operation.
    var touchedSlots: [Int] {
        switch self {
        case .open(let slot, _, _): return [slot]
        case .copy(_, _, _, let target, _): return [target].compactMap(\.slot)
        case .write(let target, _, _), .append(let target, _), .truncate(let target, _),
            .mapWrite(let target, _, _), .permissions(let target, _), .times(let target, _):
            return [target].compactMap(\.slot)
        default: return []
        }
    }

    var isMapping: Bool {
        switch self {
        case .mapRead, .mapWrite: true
        default: false
        }
    }

    /// Whether a file may have other bytes afterwards.
    var changesBytes: Bool {
        switch self {
        case .create, .overwrite, .save, .write, .append, .truncate, .mapWrite, .copy, .rename:
            true
        case .open(_, _, let mode): mode == .truncate
        default: false
        }
    }

    /// Whether names may differ though it failed.
    var isPartial: Bool {
        switch self {
        case .save, .removeTree, .removeDirectory, .makeDirectory: true
        default: false
        }
    }

    /// Whether names may differ afterwards.
    var changesNames: Bool {
        switch self {
        case .create, .save, .rename, .unlink, .makeDirectory, .removeDirectory, .removeTree,
            .symbolicLink, .hardLink:
            true
        case .open(_, _, let mode): mode == .create || mode == .createExclusive
        default: false
        }
    }
}

extension DifferentialOperation.Target {
    var path: String? { if case .path(let path) = self { path } else { nil } }
    var slot: Int? { if case .slot(let slot) = self { slot } else { nil } }
}

/// Path arithmetic, for paths relative to a root; the root itself is empty.
enum RelativePath {
    static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "" }
        return String(path[..<slash])
    }

    static func name(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return path }
        return String(path[path.index(after: slash)...])
    }

    static func join(_ directory: String, _ name: String) -> String {
        directory.isEmpty ? name : directory + "/" + name
    }

    /// Whether `path` is `directory` or lies below it.
    static func isWithin(_ path: String, _ directory: String) -> Bool {
        path == directory || path.hasPrefix(directory + "/")
    }
}

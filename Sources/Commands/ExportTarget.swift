import Linux
import Loci

/// Where an export goes: what it meets comes in order, a directory before what it holds.
protocol ExportTarget: AnyObject {
    /// `permissions`: nil for a directory of the layout.
    func directory(_ path: NamePath, _ permissions: UInt32?) throws(LociError)
    func link(_ path: NamePath, to goal: [UInt8]) throws(LociError)
    /// Returns how many bytes it had.
    func file(
        _ path: NamePath,
        _ source: borrowing File,
        permissions: UInt32,
        modified: Int64
    ) throws(LociError) -> Int64
    func finish() throws(LociError)
}

extension ExportTarget {
    /// Makes the file that an export goes to, for its owner alone; throws `nameTaken` where
    /// something is there.
    static func create(_ path: [UInt8]) throws(LociError) -> File {
        do throws(Errno) {
            return try File.open(path, [.writeOnly, .create, .exclusive], mode: 0o600)
        } catch .exists {
            let shown = String(decoding: path, as: UTF8.self)
            throw LociError(
                .nameTaken,
                subject: shown,
                message: "'\(shown)' is there already.",
                remedy: "Name a file that is missing."
            )
        } catch {
            throw InputBytes.failure(error, path, "written")
        }
    }
}

/// A directory, which was empty.
final class DirectoryTarget: ExportTarget {
    private let path: [UInt8]
    private let root: File

    /// Opens it, made where it is missing; throws `notEmpty` where it holds something.
    init(_ path: [UInt8]) throws(LociError) {
        self.path = path
        let shown = String(decoding: path, as: UTF8.self)
        do throws(Errno) {
            if (try? File.status(of: path)) == nil {
                try File.workingDirectory.makeDirectory(path)
            }
            root = try File.open(path, [.readOnly, .directory])
        } catch {
            throw InputBytes.failure(error, path, "written to")
        }
        guard (try? root.entries())?.isEmpty ?? false else {
            throw LociError(
                .notEmpty,
                subject: shown,
                message: "'\(shown)' is not empty.",
                remedy: "Name a directory that is empty or missing."
            )
        }
    }

    func directory(_ path: NamePath, _ permissions: UInt32?) throws(LociError) {
        try perform(path) { (root) throws(Errno) in
            _ = try root.makeDirectoriesBeneath(path.bytes)
            guard let permissions else { return }
            let made = try root.openBeneath(path.bytes, [.readOnly, .directory])
            try made.setPermissions(permissions)
        }
    }

    func link(_ path: NamePath, to goal: [UInt8]) throws(LociError) {
        try perform(path) { (root) throws(Errno) in
            try root.makeSymbolicLink(path.bytes, to: goal)
        }
    }

    func file(
        _ path: NamePath,
        _ source: borrowing File,
        permissions: UInt32,
        modified: Int64
    ) throws(LociError) -> Int64 {
        do throws(Errno) {
            let file = try make(path)
            let copied = try source.copyContents(to: file)
            try file.setPermissions(permissions)
            try file.setTimes(access: modified, modification: modified)
            return copied
        } catch {
            throw failure(error, path)
        }
    }

    func finish() {}

    private func make(_ path: NamePath) throws(Errno) -> File {
        try root.openBeneath(path.bytes, [.readWrite, .create, .exclusive], mode: 0o600)
    }

    private func perform(
        _ path: NamePath,
        _ body: (borrowing File) throws(Errno) -> Void
    ) throws(LociError) {
        do throws(Errno) {
            try body(root)
        } catch {
            throw failure(error, path)
        }
    }

    private func failure(_ error: Errno, _ below: NamePath) -> LociError {
        InputBytes.failure(error, path + [ASCII.slash] + below.bytes, "written")
    }
}

/// An archive for `tar`, in a file or on standard output.
final class TarTarget: ExportTarget {
    private let write: ([UInt8]) throws(LociError) -> Void
    private let close: () throws(LociError) -> Void
    private let now: Int64

    /// `path`: nil for standard output.
    init(_ path: [UInt8]?, now: Timestamp) throws(LociError) {
        self.now = now.nanoseconds
        guard let path else {
            let output = OutputBox()
            write = { (bytes) throws(LociError) in try output.output.write(bytes) }
            close = { () throws(LociError) in try output.output.flush() }
            return
        }
        let file = FileBox(try Self.create(path))
        write = { (bytes) throws(LociError) in
            do throws(Errno) {
                try file.file.write(bytes)
            } catch {
                throw InputBytes.failure(error, path, "written")
            }
        }
        close = {}
    }

    private final class OutputBox {
        var output = Output()
    }

    private final class FileBox {
        let file: File

        init(_ file: consuming File) { self.file = file }
    }

    func directory(_ path: NamePath, _ permissions: UInt32?) throws(LociError) {
        try write(
            TarWriter.head(
                TarWriter.Entry(
                    path: path.bytes + [ASCII.slash],
                    kind: .directory,
                    permissions: permissions ?? 0o755,
                    modified: now
                )
            )
        )
    }

    func link(_ path: NamePath, to goal: [UInt8]) throws(LociError) {
        try write(
            TarWriter.head(
                TarWriter.Entry(
                    path: path.bytes,
                    kind: .link,
                    permissions: 0o777,
                    modified: now,
                    target: goal
                )
            )
        )
    }

    func file(
        _ path: NamePath,
        _ source: borrowing File,
        permissions: UInt32,
        modified: Int64
    ) throws(LociError) -> Int64 {
        let size: Int64
        do throws(Errno) {
            size = try source.status().size
        } catch {
            throw InputBytes.failure(error, path.bytes, "read")
        }
        try write(
            TarWriter.head(
                TarWriter.Entry(
                    path: path.bytes,
                    kind: .file,
                    permissions: permissions,
                    size: size,
                    modified: modified
                )
            )
        )
        var offset: Int64 = 0
        while offset < size {
            let piece: [UInt8]
            do throws(Errno) {
                piece = try source.read(count: Int(min(1 << 18, size - offset)), at: offset)
                if piece.isEmpty { throw .inputOutput }
            } catch {
                throw InputBytes.failure(error, path.bytes, "read")
            }
            try write(piece)
            offset += Int64(piece.count)
        }
        try write(TarWriter.padding(size))
        return size
    }

    func finish() throws(LociError) {
        try write(TarWriter.end)
        try close()
    }
}

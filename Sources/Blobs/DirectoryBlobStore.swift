import Digest
package import Linux

/// Keeps each blob as a file under one directory, readable without Loci.
///
/// Every path is opened beneath the root and without following symbolic links, so whatever
/// somebody plants there leads nowhere else. Placing goes through a cache of open directories.
package final class DirectoryBlobStore: BlobStore {
    let root: File
    let directories: DirectoryCache

    /// Opens the root, which must exist.
    package init(root path: String) throws(BlobError) {
        let opened = try naming(nil) { () throws(Errno) in
            try File.open(path, [.readOnly, .directory])
        }
        root = opened
        directories = DirectoryCache()
    }

    package func open(_ key: BlobKey) throws(BlobError) -> File {
        try naming(key) { () throws(Errno) in
            do throws(Errno) {
                return try root.openBeneath(key.bytes)
            } catch .notDirectory {
                throw .noSuchFile
            }
        }
    }

    package func openWithoutWaiting(_ key: BlobKey) -> File? {
        try? root.openBeneath(key.bytes, [.readOnly, .noAccessTime], onlyIfCached: true)
    }

    package func size(of key: BlobKey) throws(BlobError) -> Int64? {
        try naming(key) { () throws(Errno) in
            do throws(Errno) {
                return try root.openBeneath(key.bytes, .path).status().size
            } catch .noSuchFile {
                return nil
            } catch .notDirectory {
                return nil
            }
        }
    }

    package func hash(_ key: BlobKey) throws(BlobError) -> BlobDigest {
        let file = try open(key)
        return try naming(key) { () throws(Errno) in try Self.digest(of: file) }
    }

    @discardableResult
    package func remove(_ key: BlobKey) throws(BlobError) -> Bool {
        try naming(key) { () throws(Errno) in
            if let known = directories.find(key.directory) {
                if try unlink(key, in: known) { return true }
                // It may be another directory by now: in one that is gone everything is missing.
                directories.forget(key.directory)
            }
            do throws(Errno) {
                return try unlink(key, in: try existingDirectory(key.directory))
            } catch .noSuchFile {
                return false
            } catch .notDirectory {
                return false
            }
        }
    }

    /// Returns whether something had the name.
    private func unlink(_ key: BlobKey, in directory: OpenDirectory) throws(Errno) -> Bool {
        do throws(Errno) {
            try directory.file.unlink(key.lastComponent)
            return true
        } catch .noSuchFile {
            return false
        }
    }

    /// Begins the names of files that are still being written.
    package static let partialPrefix = Array(".placing-".utf8)

    package func removePartials(besides key: BlobKey, before: Int64) throws(BlobError) {
        try naming(key) { () throws(Errno) in
            do throws(Errno) {
                let directory = try openDirectory(key.directory)
                for entry in try directory.entries()
                where entry.name.starts(with: Self.partialPrefix) {
                    let status = try directory.status(of: entry.name)
                    guard status.kind == .file, status.modificationTime < before else { continue }
                    try directory.unlink(entry.name)
                }
            } catch {
                // Where no directory of ours is, nothing was left; or somebody else was faster.
                guard [.noSuchFile, .notDirectory, .symlinkLoop].contains(error) else {
                    throw error
                }
            }
        }
    }

    func openDirectory(
        _ path: [UInt8],
        _ flags: OpenFlags = .readOnly
    ) throws(Errno) -> File {
        try root.openBeneath(path.isEmpty ? [UInt8(ascii: ".")] : path, [flags, .directory])
    }

    /// Reads from the start of the file, whatever its position.
    static func digest(of file: borrowing File) throws(Errno) -> BlobDigest {
        var hasher = ContentHasher()
        var size: Int64 = 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
        defer { unsafe buffer.deallocate() }
        while true {
            let count = try unsafe file.read(into: buffer, at: size)
            unsafe hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            size += Int64(count)
            if count < buffer.count { return BlobDigest(size: size, sha256: hasher.finalize()) }
        }
    }
}

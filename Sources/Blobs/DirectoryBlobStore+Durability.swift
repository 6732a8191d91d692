import Linux
import Synchronization

extension DirectoryBlobStore {
    /// Above so many files one `syncfs` is cheaper than syncing each.
    static let filesSyncedSingly = 8
    /// Above so many directories one `syncfs` is cheaper than syncing each.
    static let directoriesSyncedSingly = 16

    package func syncContents(_ descriptors: [Int32]) throws(BlobError) {
        try naming(nil) { () throws(Errno) in
            var devices: Set<UInt64> = []
            for descriptor in descriptors {
                if descriptors.count <= Self.filesSyncedSingly {
                    try borrowing(descriptor) { (file) throws(Errno) in try file.syncContent() }
                    continue
                }
                // Staging may lie on another file system than the blobs.
                try borrowing(descriptor) { (file) throws(Errno) in
                    if devices.insert(try file.status().identity.device).inserted {
                        try file.syncFileSystem()
                    }
                }
            }
        }
    }

    package func syncAll() throws(BlobError) {
        try naming(nil) { () throws(Errno) in try root.syncFileSystem() }
    }

    private func borrowing(
        _ descriptor: Int32,
        _ body: (borrowing File) throws(Errno) -> Void
    ) throws(Errno) {
        let file = File(owning: descriptor)
        do throws(Errno) {
            try body(file)
            _ = file.release()
        } catch {
            _ = file.release()
            throw error
        }
    }

    package func makeDurable(_ keys: some Collection<BlobKey>) throws(BlobError) {
        var wanted: [KeyDirectory: OpenDirectory] = [:]
        var last: [UInt8]?
        for key in keys {
            let directory = key.directory
            // Keys come by directory, mostly.
            if directory == last { continue }
            try naming(key) { () throws(Errno) in try collect(directory, &wanted) }
            last = directory
        }
        try naming(nil) { () throws(Errno) in
            if wanted.count > Self.directoriesSyncedSingly {
                try root.syncFileSystem()
            } else {
                for directory in wanted.values { try directory.file.sync() }
            }
            for directory in wanted.values {
                directory.nameIsDurable.store(true, ordering: .releasing)
            }
        }
    }

    /// The directory, and those above up to the first whose name is known to be durable.
    private func collect(
        _ path: [UInt8],
        _ wanted: inout [KeyDirectory: OpenDirectory]
    ) throws(Errno) {
        var path = path
        while wanted[KeyDirectory(bytes: path)] == nil {
            let directory = try existingDirectory(path)
            wanted[KeyDirectory(bytes: path)] = directory
            if path.isEmpty || directory.nameIsDurable.load(ordering: .acquiring) { return }
            path = Self.parent(of: path)
        }
    }

    static func parent(of path: [UInt8]) -> [UInt8] {
        path.lastIndex(of: BlobKey.slash).map { Array(path[..<$0]) } ?? []
    }

    package func removeEmptyDirectories(
        above keys: some Collection<BlobKey>
    ) throws(BlobError) {
        for path in Set(keys.map { KeyDirectory(bytes: $0.directory) }) {
            try naming(nil) { () throws(Errno) in try removeEmpty(path.bytes) }
        }
    }

    private func removeEmpty(_ path: [UInt8]) throws(Errno) {
        var path = path
        while !path.isEmpty {
            let parent = Self.parent(of: path)
            let name = path[(parent.isEmpty ? 0 : parent.count + 1)...]
            do throws(Errno) {
                try openDirectory(parent, .path).removeDirectory(name)
                directories.forget(path)
            } catch .noSuchFile {
                directories.forget(path)
            } catch {
                if [.directoryNotEmpty, .exists, .busy, .notDirectory].contains(error) { return }
                throw error
            }
            path = parent
        }
    }

    package func walk(
        _ visit: (KeptItem) throws(BlobError) -> Void
    ) throws(BlobError) {
        var waiting: [[UInt8]] = [[]]
        while let path = waiting.popLast() {
            for entry in try entries(path) {
                let whole = path.isEmpty ? entry.name : path + [BlobKey.slash] + entry.name
                guard let status = try status(whole) else { continue }
                switch status.kind {
                case .directory: waiting.append(whole)
                case .file:
                    if let key = try? BlobKey(bytes: whole) {
                        try visit(.blob(key, size: status.size))
                    } else {
                        try visit(.stray(path: whole))
                    }
                case .symbolicLink, .other: try visit(.stray(path: whole))
                }
            }
        }
    }

    private func entries(_ path: [UInt8]) throws(BlobError) -> [DirectoryStream.Entry] {
        try naming(nil) { () throws(Errno) in
            do throws(Errno) {
                return try openDirectory(path).entries()
            } catch .noSuchFile {
                return []
            }
        }
    }

    /// Nil for what went away meanwhile.
    private func status(_ path: [UInt8]) throws(BlobError) -> FileStatus? {
        try naming(nil) { () throws(Errno) in
            do throws(Errno) {
                return try root.openBeneath(path, [.path, .noFollow]).status()
            } catch .noSuchFile {
                return nil
            }
        }
    }
}

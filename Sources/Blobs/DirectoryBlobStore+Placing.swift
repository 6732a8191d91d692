import Digest
package import Linux

extension DirectoryBlobStore {
    package func place(_ file: borrowing File, at key: BlobKey) throws(BlobError) {
        let outcome = try naming(key) { () throws(Errno) in
            try inDirectory(
                of: key,
                sourceIsMissing: { () throws(Errno) in try file.status().linkCount == 0 },
                { (directory) throws(Errno) in
                    try directory.file.link(file, as: key.lastComponent)
                }
            )
        }
        switch outcome {
        case .done: return
        case .occupied: try requireSame(file, key)
        case .unable, .missing: try copy(file, to: key)
        }
    }

    package func link(_ old: BlobKey, to new: BlobKey) throws(BlobError) {
        let outcome: Outcome
        if let source = directories.find(old.directory) {
            outcome = try link(old, in: source, to: new)
        } else {
            outcome = .missing
        }
        switch outcome {
        case .done: return
        case .occupied: try requireSame(try open(old), new)
        case .unable: try copy(try open(old), to: new)
        case .missing: try linkUncached(old, to: new)
        }
    }

    /// The directory of the old key was not open, or is another one by now.
    private func linkUncached(_ old: BlobKey, to new: BlobKey) throws(BlobError) {
        directories.forget(old.directory)
        let source = try naming(old) { () throws(Errno) in
            OpenDirectory(try openDirectory(old.directory))
        }
        directories.add(source, old.directory)
        switch try link(old, in: source, to: new) {
        case .done: return
        case .occupied: try requireSame(try open(old), new)
        case .unable: try copy(try open(old), to: new)
        case .missing: throw .notFound(old)
        }
    }

    private func link(
        _ old: BlobKey,
        in source: OpenDirectory,
        to new: BlobKey
    ) throws(BlobError) -> Outcome {
        try naming(new) { () throws(Errno) in
            try inDirectory(
                of: new,
                sourceIsMissing: { () throws(Errno) in
                    do throws(Errno) {
                        _ = try source.file.status(of: old.lastComponent)
                        return false
                    } catch .noSuchFile {
                        return true
                    }
                },
                { (directory) throws(Errno) in
                    try source.file.link(
                        old.lastComponent,
                        to: directory.file,
                        new.lastComponent
                    )
                }
            )
        }
    }

    package func write(
        _ bytes: [UInt8],
        at key: BlobKey,
        syncing: Bool
    ) throws(BlobError) {
        let outcome = try naming(key) { () throws(Errno) in
            try inDirectory(of: key) { (directory) throws(Errno) in
                try Self.make(key.lastComponent, in: directory) { (target) throws(Errno) in
                    try target.write(bytes)
                    if syncing { try target.syncContent() }
                }
            }
        }
        if try !Self.isMade(outcome, key) { try requireSame(bytes, key) }
    }

    /// Makes a file and fills it; where that fails there is none.
    private static func make(
        _ name: [UInt8],
        in directory: OpenDirectory,
        _ fill: (borrowing File) throws(Errno) -> Void
    ) throws(Errno) {
        let target = try directory.file.open(name, [.readWrite, .create, .exclusive, .noFollow])
        do throws(Errno) {
            try fill(target)
        } catch {
            try? directory.file.unlink(name)
            throw error
        }
    }

    /// Whether a key was made; false where it is taken.
    private static func isMade(_ outcome: Outcome, _ key: BlobKey) throws(BlobError) -> Bool {
        switch outcome {
        case .done: return true
        case .occupied: return false
        case .unable: throw .failed(.notSupported, key)
        case .missing: throw .notFound(key)
        }
    }

    // MARK: - Directories

    enum Outcome {
        case done
        /// Something has the name.
        case occupied
        /// The file system cannot link here; a copy must do.
        case unable
        /// The file to be linked has no name any more.
        case missing
    }

    /// Does something in the directory of a key, which is made where it is missing, and again
    /// where it was removed just now.
    func inDirectory(
        of key: BlobKey,
        sourceIsMissing: () throws(Errno) -> Bool = { false },
        _ body: (OpenDirectory) throws(Errno) -> Void
    ) throws(Errno) -> Outcome {
        let path = key.directory
        // The bound is for a file that was unlinked: to link it fails in the same way.
        for _ in 0..<256 {
            let directory = try cachedDirectory(path)
            do throws(Errno) {
                try body(directory)
                return .done
            } catch .noSuchFile {
                directories.forget(path)
                if try sourceIsMissing() { return .missing }
            } catch .exists {
                return .occupied
            } catch {
                if [.crossDevice, .tooManyLinks, .notPermitted, .notSupported].contains(error) {
                    return .unable
                }
                throw error
            }
        }
        return .missing
    }

    func cachedDirectory(_ path: [UInt8]) throws(Errno) -> OpenDirectory {
        do throws(Errno) {
            return try existingDirectory(path)
        } catch .noSuchFile {
            let made = OpenDirectory(try root.makeDirectoriesBeneath(path).takeLast())
            directories.add(made, path)
            return made
        }
    }

    func existingDirectory(_ path: [UInt8]) throws(Errno) -> OpenDirectory {
        if let found = directories.find(path) { return found }
        let opened = OpenDirectory(try openDirectory(path))
        directories.add(opened, path)
        return opened
    }

    // MARK: - Copies

    private func copy(_ source: borrowing File, to key: BlobKey) throws(BlobError) {
        let wanted = try digest(source, key)
        let built = try build(key) { (target) throws(Errno) in
            // A descriptor of its own position: the caller's may be anywhere.
            let again = try File.open("/proc/self/fd/\(source.descriptor)")
            _ = try again.copyContents(to: target)
            try target.sync()
            try target.advise(.dontNeed)
            return try Self.digest(of: target) == wanted
        }
        if !built { try requireSame(source, key) }
    }

    /// Fills a file under a name that no key has, then gives it the key; false where that is taken.
    ///
    /// `fill` says whether what it wrote is right.
    private func build(
        _ key: BlobKey,
        _ fill: (borrowing File) throws(Errno) -> Bool
    ) throws(BlobError) -> Bool {
        var right = true
        let outcome = try naming(key) { () throws(Errno) in
            let random = try Machine.random(count: 8)
            let suffix = random.map { String($0, radix: 16) }.joined(separator: "-")
            let name = Self.partialPrefix + Array(suffix.utf8)
            return try inDirectory(of: key) { (directory) throws(Errno) in
                try Self.make(name, in: directory) { (target) throws(Errno) in
                    right = try fill(target)
                    guard right else { return try directory.file.unlink(name) }
                    try directory.file.rename(
                        name,
                        to: directory.file,
                        key.lastComponent,
                        .noReplace
                    )
                }
            }
        }
        if !right { throw .corruptCopy(key) }
        return try Self.isMade(outcome, key)
    }

    // MARK: - What is there already

    private func requireSame(_ file: borrowing File, _ key: BlobKey) throws(BlobError) {
        let present = try open(key)
        let same = try naming(key) { () throws(Errno) in
            let (left, right) = (try file.status(), try present.status())
            if left.identity == right.identity { return true }
            if left.size != right.size || right.kind != .file { return false }
            return try Self.digest(of: file) == Self.digest(of: present)
        }
        if !same { throw .occupied(key) }
    }

    private func requireSame(_ bytes: [UInt8], _ key: BlobKey) throws(BlobError) {
        let wanted = BlobDigest(size: Int64(bytes.count), sha256: ContentHasher.hash(bytes))
        if try hash(key) != wanted { throw .occupied(key) }
    }

    private func digest(_ file: borrowing File, _ key: BlobKey) throws(BlobError) -> BlobDigest {
        try naming(key) { () throws(Errno) in try Self.digest(of: file) }
    }
}

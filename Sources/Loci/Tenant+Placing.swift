package import Blobs
package import Catalog
import Digest
import Linux
package import Model
import SQL

// The one way by which bytes get a row, for commands and for mounts:
//
//   ① the keys are recorded as `placing`, durably: from now on a crash leaves nothing unknown
//   ② the bytes get their keys
//   ③ bytes and keys are made durable
//   ④ the caller's transaction names the keys, and so drops the `placing` rows
//
// What never reaches ④ is collected when its grace time is over.

extension Tenant {
    /// How long a placement may take before its keys are collected.
    package static let placingGrace: Duration = .seconds(3600)

    /// Above so many blobs one sync of everything is cheaper than syncing each.
    static let syncedSingly = 8

    /// Makes contents durable under keys of the target layout: steps ① to ③.
    ///
    /// The caller then commits rows that name them, each after `confirm`. Blocks.
    package func place(
        _ contents: [PendingContent],
        origin: Origin
    ) throws(LociError) -> [PlacedContent] {
        try placeEach(contents, origin: origin).map { result throws(LociError) in
            try result.get()
        }
    }

    /// Like `place`; a source that cannot be read fails by itself.
    func placeEach(
        _ contents: [PendingContent],
        origin: Origin
    ) throws(LociError) -> [Result<PlacedContent, LociError>] {
        guard !contents.isEmpty else { return [] }
        let (keys, layout) = try reserve(contents, origin: origin)  // ①
        let isSingle = contents.count <= Self.syncedSingly
        // The index takes a batch later, and reads it again then.
        let keepsBytes = contents.count <= TextIndex.backlog
        try syncSources(contents)
        let slots = Slots<Result<PlacedContent, LociError>>(count: contents.count)
        try Parallel.forEach(contents.count) { [self] (index) throws(LociError) in
            let written = try store.owner.act { () throws(LociError) in
                try write(contents[index], at: keys[index], syncing: isSingle)  // ②
            }
            slots.put(
                written.map {
                    PlacedContent(
                        blobKey: keys[index].text,
                        size: $0.size,
                        hash: $0.hash,
                        layout: layout,
                        bytes: keepsBytes ? $0.bytes : nil
                    )
                },
                at: index
            )
        }
        let placed = slots.all
        let standing = zip(keys, placed).filter { (try? $0.1.get()) != nil }.map(\.0)
        if isSingle {
            try storing { () throws(BlobError) in try blobs.makeDurable(standing) }  // ③
        } else {
            try storing { () throws(BlobError) in try blobs.syncAll() }  // ③
        }
        return placed
    }

    /// Records the keys as `placing`.
    private func reserve(
        _ contents: [PendingContent],
        origin: Origin
    ) throws(LociError) -> (keys: [BlobKey], layout: LayoutNumber) {
        try requireWritable()
        let reserved = try catalog.write(.normal, origin: origin) { tx in
            let target = try tx.reader.layouts().target
            let notBefore = tx.now + Self.placingGrace
            let keys = try contents.map { content in
                let key = try self.freeKey(content, target, tx.reader)
                try tx.collect(key.text, notBefore: notBefore, reason: .placing)
                return key
            }
            return (keys, target.number)
        }
        // Not in the transaction: whoever wants to write would wait for the disk.
        try catalog.sync()
        return reserved
    }

    /// The key of a revision, or one beside it where a crash or another writer has that.
    private func freeKey(
        _ content: PendingContent,
        _ layout: Layout,
        _ reader: CatalogReader
    ) throws -> BlobKey {
        var attempt = 0
        while true {
            let key = try blobKey(
                for: content.fields,
                name: content.name,
                revision: content.revision,
                layout: layout,
                attempt: attempt
            )
            if try reader.isFree(key.text) { return key }
            attempt += 1
        }
    }

    /// The key of a revision in a layout.
    ///
    /// `attempt`: how many keys before it were somebody else's.
    package func blobKey(
        for fields: some FieldSource,
        name: Name,
        revision: RevisionNumber,
        layout: Layout,
        attempt: Int = 0
    ) throws(LociError) -> BlobKey {
        let partition = try layout.scheme.render(fields).map(\.bytes)
        let id = attempt == 0 ? "\(fields.id)" : "\(fields.id)~\(attempt)"
        let dot = name.bytes.lastIndex(of: UInt8(ascii: ".")) ?? name.bytes.endIndex
        let suffix = String(decoding: name.bytes[dot...].dropFirst(), as: UTF8.self)
        return try storing { () throws(BlobError) in
            try BlobKey(
                partition: partition,
                id: id,
                revision: revision.rawValue,
                extension: suffix
            )
        }
    }

    /// Checks in the transaction that is about to name it that placed content still stands.
    ///
    /// Returns the content; without its layout where the memory's place changed meanwhile, so
    /// that moving places it again.
    /// Throws `busy` where placing took longer than `placingGrace` and the keys were given up.
    package func confirm(
        _ content: PlacedContent,
        for fields: some FieldSource,
        in tx: CatalogTransaction
    ) throws -> PlacedContent {
        try requirePlacing(content, in: tx)
        let target = try tx.reader.layouts().target
        guard content.layout == target.number else { return content }
        let key = try storing { () throws(BlobError) in try BlobKey(content.blobKey) }
        let now = try blobKey(
            for: fields,
            name: Name(unchecked: [UInt8(ascii: "x")]),
            revision: RevisionNumber(1),
            layout: target
        )
        var confirmed = content
        if key.directory != now.directory { confirmed.layout = nil }
        return confirmed
    }

    /// Throws `busy` where the keys were given up, as `confirm`.
    func requirePlacing(_ content: PlacedContent, in tx: CatalogTransaction) throws {
        guard try tx.reader.isPlacing(content.blobKey) else {
            throw LociError(
                .busy,
                subject: content.blobKey,
                message: "Writing the content took so long that its place was given up.",
                remedy: "Do it again."
            )
        }
    }

    // MARK: Bytes

    /// Staged files are made durable before they get a key, all at once.
    private func syncSources(_ contents: [PendingContent]) throws(LociError) {
        let descriptors = contents.compactMap { content in
            if case .file(let descriptor) = content.source { descriptor } else { nil }
        }
        guard !descriptors.isEmpty else { return }
        try storing { () throws(BlobError) in try blobs.syncContents(descriptors) }
    }

    /// `bytes`: where they are at hand, and small or anyhow kept: a batch holds them to its end.
    private typealias Written = (size: Int64, hash: ContentHash, bytes: [UInt8]?)

    /// Copied files above this are read again by whoever wants their bytes.
    private static let keptBytes = 16 << 10

    private func write(
        _ content: PendingContent,
        at key: BlobKey,
        syncing: Bool
    ) throws(LociError) -> Result<Written, LociError> {
        switch content.source {
        case .bytes(let bytes):
            return .success(try write(bytes, at: key, syncing: syncing))
        case .file(let descriptor):
            let digest = try borrowing(descriptor) { (file) throws(LociError) in
                let digest = try Self.digest(of: file, knowing: content.hash)
                try storing { () throws(BlobError) in try blobs.place(file, at: key) }
                return digest
            }
            return .success(digest)
        case .copy(let path):
            return try copy(path, to: key, syncing: syncing)
        case .blob(let old, let size):
            try storing { () throws(BlobError) in try blobs.link(old, to: key) }
            if let hash = content.hash { return .success((size, hash, nil)) }
            let digest = try storing { () throws(BlobError) in try blobs.hash(key) }
            return .success((digest.size, try ContentHash(bytes: digest.sha256), nil))
        }
    }

    private func write(
        _ bytes: [UInt8],
        at key: BlobKey,
        syncing: Bool
    ) throws(LociError) -> Written {
        try storing { () throws(BlobError) in
            try blobs.write(bytes, at: key, syncing: syncing)
        }
        return (Int64(bytes.count), try ContentHash(bytes: ContentHasher.hash(bytes)), bytes)
    }

    /// Files above this are copied within the kernel, not through memory.
    private static let readWhole: Int64 = 16 << 20

    private func copy(
        _ path: [UInt8],
        to key: BlobKey,
        syncing: Bool
    ) throws(LociError) -> Result<Written, LociError> {
        let source: CopySource
        do throws(Errno) {
            source = try readSource(path)
        } catch {
            let subject = String(decoding: path, as: UTF8.self)
            return .failure(LociError(errno: error, subject: subject))
        }
        switch consume source {
        case .bytes(let bytes):
            var written = try write(bytes, at: key, syncing: syncing)
            if bytes.count > Self.keptBytes { written.bytes = nil }
            return .success(written)
        case .staged(let file):
            let digest = try Self.digest(of: file)
            try storing { () throws(BlobError) in try blobs.place(file, at: key) }
            return .success(digest)
        }
    }

    private enum CopySource: ~Copyable {
        case bytes([UInt8])
        case staged(File)
    }

    private func readSource(_ path: [UInt8]) throws(Errno) -> CopySource {
        let source = try File.open(path)
        let status = try source.status()
        guard status.kind == .file else { throw .invalidArgument }
        if status.size <= Self.readWhole {
            return .bytes(try source.readAll(limit: Int(Self.readWhole) * 2))
        }
        let staged = try File.open(directory + "/staging", [.readWrite, .temporary], mode: 0o600)
        _ = try source.copyContents(to: staged)
        try staged.sync()
        return .staged(staged)
    }

    private func borrowing<R>(
        _ descriptor: Int32,
        _ body: (borrowing File) throws(LociError) -> R
    ) throws(LociError) -> R {
        let file = File(owning: descriptor)
        do throws(LociError) {
            let result = try body(file)
            _ = file.release()
            return result
        } catch {
            _ = file.release()
            throw error
        }
    }

    private static func digest(
        of file: borrowing File,
        knowing hash: ContentHash?
    ) throws(LociError) -> Written {
        do throws(Errno) {
            if let hash { return (try file.status().size, hash, nil) }
        } catch {
            throw LociError(errno: error, subject: "staged content")
        }
        return try digest(of: file)
    }

    /// Size and SHA-256 from the start of the file, whatever its position.
    private static func digest(of file: borrowing File) throws(LociError) -> Written {
        var hasher = ContentHasher()
        var size: Int64 = 0
        while true {
            let piece: [UInt8]
            do throws(Errno) {
                piece = try file.read(count: 256 << 10, at: size)
            } catch {
                throw LociError(errno: error, subject: "staged content")
            }
            if piece.isEmpty { break }
            hasher.update(piece)
            size += Int64(piece.count)
        }
        return (size, try ContentHash(bytes: hasher.finalize()), nil)
    }
}

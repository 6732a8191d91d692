package import Linux

/// Keeps bytes under keys.
///
/// What is under a key never changes; it can only be removed.
///
/// After a process is killed, each operation that returned holds. After a power cut only this
/// holds: bytes that were synced (`syncContents`, or `syncing: true`) and whose key went through
/// `makeDurable` are there, whole. In between a key may be missing, or, where its bytes were not
/// synced, name a blob that is too short: so sync contents, then place, then make durable, and
/// only then let a row name the key.
///
/// Every operation but `write` may be repeated after a crash: placing what is already placed, and
/// removing what is gone, succeed. All operations may be called by any number of threads and
/// processes.
package protocol BlobStore: Sendable {
    /// Opens a blob for reading at any offset; it stays readable when the key is removed.
    func open(_ key: BlobKey) throws(BlobError) -> File

    /// Opens a blob for reading if that waits for nothing; nil where it would, and where it fails.
    func openWithoutWaiting(_ key: BlobKey) -> File?

    /// In bytes; nil where no blob has the key.
    func size(of key: BlobKey) throws(BlobError) -> Int64?

    /// Reads the whole blob once; what it costs grows with its size.
    func hash(_ key: BlobKey) throws(BlobError) -> BlobDigest

    /// Gives a finished file a key, by a link where that works, else by a synced copy that was
    /// read back.
    ///
    /// The file must not be written any more. Other bytes there: `occupied`.
    func place(_ file: borrowing File, at key: BlobKey) throws(BlobError)

    /// Keeps bytes under a key that is reserved for them.
    ///
    /// Who is killed meanwhile may leave a part of them there: the key is given up then. To write
    /// them under another name first and rename it would cost as much as writing them.
    func write(_ bytes: [UInt8], at key: BlobKey, syncing: Bool) throws(BlobError)

    /// Keeps a blob under a second key as well, like `place`.
    func link(_ old: BlobKey, to new: BlobKey) throws(BlobError)

    /// Makes these files' bytes survive a power cut.
    func syncContents(_ descriptors: [Int32]) throws(BlobError)

    /// Makes these keys survive a power cut, with all directories that lead to them.
    func makeDurable(_ keys: some Collection<BlobKey>) throws(BlobError)

    /// Makes everything that is kept survive a power cut: for so many blobs that asking for each
    /// would cost more.
    func syncAll() throws(BlobError)

    /// Removes a key; a missing one is no error.
    ///
    /// Returns whether a blob had the key.
    @discardableResult
    func remove(_ key: BlobKey) throws(BlobError) -> Bool

    /// Removes the directories that led to these keys, from the innermost on, while they are
    /// empty.
    ///
    /// A `place`, `write` or `link` at the same time makes them again.
    func removeEmptyDirectories(above keys: some Collection<BlobKey>) throws(BlobError)

    /// Removes what crashes left half written in the directory of a key.
    ///
    /// `before`: nanoseconds since 1970; what was written later may still be at work.
    func removePartials(besides key: BlobKey, before: Int64) throws(BlobError)

    /// Shows everything that is kept, in no order.
    ///
    /// What comes or goes meanwhile may be missed.
    func walk(_ visit: (KeptItem) throws(BlobError) -> Void) throws(BlobError)
}

/// The size and the SHA-256 of a blob.
package struct BlobDigest: Hashable, Sendable {
    package let size: Int64
    /// 32 bytes.
    package let sha256: [UInt8]
}

/// What a walk meets.
package enum KeptItem: Hashable, Sendable {
    case blob(BlobKey, size: Int64)
    /// What no store put there: a symbolic link, a socket, a name that is no key.
    case stray(path: [UInt8])
}

extension BlobStore {
    package func openWithoutWaiting(_ key: BlobKey) -> File? { nil }

    /// Whether a blob has the key.
    package func exists(_ key: BlobKey) throws(BlobError) -> Bool {
        try size(of: key) != nil
    }

    /// The whole blob; more than `limit` bytes fail with `EFBIG`.
    package func read(_ key: BlobKey, limit: Int = .max - 1) throws(BlobError) -> [UInt8] {
        let file = try open(key)
        return try naming(key) { () throws(Errno) in try file.readAll(limit: limit) }
    }
}

package import Blobs
package import Linux

/// Another store with a hook before each step that reads a blob or changes what is kept.
package struct InterceptedBlobStore<Base: BlobStore>: BlobStore {
    package enum Step: Hashable, Sendable {
        case read(BlobKey)
        case place(BlobKey)
        case write(BlobKey)
        case link(BlobKey, BlobKey)
        case syncContents
        case makeDurable
        case syncAll
        case remove(BlobKey)
        case removeEmptyDirectories
        case removePartials
    }

    private let base: Base
    private let before: @Sendable (Step) throws(BlobError) -> Void

    package init(_ base: Base, before: @escaping @Sendable (Step) throws(BlobError) -> Void) {
        self.base = base
        self.before = before
    }

    package func open(_ key: BlobKey) throws(BlobError) -> File {
        try before(.read(key))
        return try base.open(key)
    }

    package func size(of key: BlobKey) throws(BlobError) -> Int64? {
        try before(.read(key))
        return try base.size(of: key)
    }

    package func hash(_ key: BlobKey) throws(BlobError) -> BlobDigest {
        try before(.read(key))
        return try base.hash(key)
    }

    package func place(_ file: borrowing File, at key: BlobKey) throws(BlobError) {
        try before(.place(key))
        try base.place(file, at: key)
    }

    package func write(_ bytes: [UInt8], at key: BlobKey, syncing: Bool) throws(BlobError) {
        try before(.write(key))
        try base.write(bytes, at: key, syncing: syncing)
    }

    package func link(_ old: BlobKey, to new: BlobKey) throws(BlobError) {
        try before(.link(old, new))
        try base.link(old, to: new)
    }

    package func syncContents(_ descriptors: [Int32]) throws(BlobError) {
        try before(.syncContents)
        try base.syncContents(descriptors)
    }

    package func makeDurable(_ keys: some Collection<BlobKey>) throws(BlobError) {
        try before(.makeDurable)
        try base.makeDurable(keys)
    }

    package func syncAll() throws(BlobError) {
        try before(.syncAll)
        try base.syncAll()
    }

    @discardableResult
    package func remove(_ key: BlobKey) throws(BlobError) -> Bool {
        try before(.remove(key))
        return try base.remove(key)
    }

    package func removeEmptyDirectories(
        above keys: some Collection<BlobKey>
    ) throws(BlobError) {
        try before(.removeEmptyDirectories)
        try base.removeEmptyDirectories(above: keys)
    }

    package func removePartials(besides key: BlobKey, before time: Int64) throws(BlobError) {
        try before(.removePartials)
        try base.removePartials(besides: key, before: time)
    }

    package func walk(_ visit: (KeptItem) throws(BlobError) -> Void) throws(BlobError) {
        try base.walk(visit)
    }
}

/// What answers the kernel's requests about one mount.
///
/// Each method is called on a request thread, and several run at once. It must consume its request
/// by one of the reply methods, there or later on any thread; a request that is dropped is
/// answered EIO. A method must never wait for what needs another request to this mount (a system
/// call on a path of the mount, a `Notifier` call, a lock held around either).
///
/// `open`, `opendir`, `create`, `flush`, `release` and locks never arrive: the kernel opens
/// without asking, makes files by `mknod`, truncates by `setattr`, and keeps locks itself.
/// Permissions are checked by the kernel (`default_permissions`) before a request is sent.
///
/// A `RawSpan` is valid during the call only. A name has 1 to 255 bytes and no `/` or NUL.
package protocol FileSystem: AnyObject, Sendable {
    /// The first call of a mount, before any request.
    func initialize(_ connection: ConnectionInfo)
    /// The last call, made when the session is released after its `run`.
    func destroy()
    /// A request thread answered, and there is no other request yet; it may do at once what takes
    /// some microseconds. A request that comes meanwhile waits for it.
    func threadHasMoment(_ index: Int)
    /// A request thread had nothing to do for 10 ms or some more, and will now wait without limit.
    func threadIsIdle(_ index: Int)

    func lookup(_ request: consuming Request, parent: NodeID, name: RawSpan)
    /// The kernel dropped `count` references that lookups, creations and `readdirplus` gave it.
    func forget(_ node: NodeID, count: UInt64)
    func getattr(_ request: consuming Request, node: NodeID)
    func setattr(_ request: consuming Request, node: NodeID, changes: SetAttributes)
    func readlink(_ request: consuming Request, node: NodeID)

    func mknod(
        _ request: consuming Request,
        parent: NodeID,
        name: RawSpan,
        mode: UInt32,
        device: UInt64
    )
    func mkdir(_ request: consuming Request, parent: NodeID, name: RawSpan, mode: UInt32)
    func unlink(_ request: consuming Request, parent: NodeID, name: RawSpan)
    func rmdir(_ request: consuming Request, parent: NodeID, name: RawSpan)
    func symlink(_ request: consuming Request, parent: NodeID, name: RawSpan, target: RawSpan)
    /// `flags` are those of `renameat2`: 0, `RENAME_NOREPLACE` or `RENAME_EXCHANGE`.
    func rename(
        _ request: consuming Request,
        parent: NodeID,
        name: RawSpan,
        newParent: NodeID,
        newName: RawSpan,
        flags: UInt32
    )
    func link(_ request: consuming Request, node: NodeID, newParent: NodeID, newName: RawSpan)

    func read(_ request: consuming Request, node: NodeID, size: Int, offset: Int64)
    func write(_ request: consuming Request, node: NodeID, bytes: RawSpan, offset: Int64)
    func fsync(_ request: consuming Request, node: NodeID, dataOnly: Bool)
    func fallocate(
        _ request: consuming Request,
        node: NodeID,
        mode: Int32,
        offset: Int64,
        length: Int64
    )
    func lseek(_ request: consuming Request, node: NodeID, offset: Int64, whence: Int32)
    func copyFileRange(
        _ request: consuming Request,
        from source: NodeID,
        at sourceOffset: Int64,
        to target: NodeID,
        at targetOffset: Int64,
        length: Int,
        flags: Int32
    )

    /// Adds entries after `cookie` (0 = from the start) until one does not fit, then replies with
    /// the listing; an empty one is the end.
    ///
    /// Serves `readdir` and `readdirplus` alike.
    func readdir(
        _ request: consuming Request,
        node: NodeID,
        cookie: UInt64,
        into listing: inout DirectoryBuffer
    )
    func fsyncdir(_ request: consuming Request, node: NodeID, dataOnly: Bool)
    func statfs(_ request: consuming Request, node: NodeID)

    func getxattr(_ request: consuming Request, node: NodeID, name: RawSpan, room: Int)
    func listxattr(_ request: consuming Request, node: NodeID, room: Int)
    /// `flags` are those of `setxattr(2)`.
    func setxattr(
        _ request: consuming Request,
        node: NodeID,
        name: RawSpan,
        value: RawSpan,
        flags: Int32
    )
    func removexattr(_ request: consuming Request, node: NodeID, name: RawSpan)
}

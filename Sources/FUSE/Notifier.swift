internal import CFUSE
internal import Glibc

/// Tells the kernel what changed behind its back.
///
/// From any thread but a request thread, and with no lock held that a request could want: the
/// kernel may wait for a request that is being served. Each call is one `write` to the FUSE
/// device. The result says whether the kernel knew the name or node (ENOENT otherwise, which is
/// harmless); ENODEV is thrown once the session ends.
package struct Notifier: Sendable {
    let device: Int32
    let gate: Gate

    /// Makes the kernel forget a name and what is below it.
    @discardableResult
    package func invalidateEntry(parent: NodeID, name: RawSpan) throws(FUSEError) -> Bool {
        try sendEntry(parent, name, flags: 0)
    }

    /// Makes the kernel look a name up again at the next use.
    ///
    /// The node, its pages and whoever works in it stay. Before Linux 6.2 the kernel takes this as `invalidateEntry`.
    @discardableResult
    package func expireEntry(parent: NodeID, name: RawSpan) throws(FUSEError) -> Bool {
        try sendEntry(parent, name, flags: loci_expire_only)
    }

    /// Drops attributes, and pages or listing in a range of bytes; by default all of them.
    ///
    /// A negative offset drops the attributes only; a length of 0 means to the end.
    @discardableResult
    package func invalidateNode(
        _ node: NodeID,
        offset: Int64 = 0,
        length: Int64 = 0
    ) throws(FUSEError) -> Bool {
        var body = fuse_notify_inval_inode_out()
        body.ino = node.rawValue
        body.off = offset
        body.len = length
        return try send(FUSE_NOTIFY_INVAL_INODE, body)
    }

    @discardableResult
    package func invalidateAttributes(_ node: NodeID) throws(FUSEError) -> Bool {
        try invalidateNode(node, offset: -1)
    }

    /// Removes a name as an `unlink` through the mount would, if it still leads to `child`;
    /// who watches the node with inotify sees it deleted.
    @discardableResult
    package func deleteEntry(
        parent: NodeID,
        child: NodeID,
        name: RawSpan
    ) throws(FUSEError) -> Bool {
        var body = fuse_notify_delete_out()
        body.parent = parent.rawValue
        body.child = child.rawValue
        body.namelen = UInt32(name.byteCount)
        return try send(FUSE_NOTIFY_DELETE, body, name)
    }

    /// Makes the kernel forget every name, node and page of the mount at once (Linux 6.17; EINVAL
    /// before).
    package func incrementEpoch() throws(FUSEError) {
        _ = try send(fuse_notify_code(UInt32(loci_notify_inc_epoch)), ())
    }

    /// Asks for all requests that were received and not answered (Linux 6.9).
    func askAgain() {
        // A kernel that cannot do it has none for us: nobody takes over there.
        _ = try? send(fuse_notify_code(UInt32(loci_notify_resend)), ())
    }

    /// Whether notifications still reach the kernel: false once the session ends.
    package var isOpen: Bool { gate.isOpen }

    private func sendEntry(
        _ parent: NodeID,
        _ name: RawSpan,
        flags: UInt32
    ) throws(FUSEError) -> Bool {
        let body = loci_notify_inval_entry(
            parent: parent.rawValue,
            namelen: UInt32(name.byteCount),
            flags: flags
        )
        return try send(FUSE_NOTIFY_INVAL_ENTRY, body, name)
    }

    /// Writes one notification: header, body, and where one follows, a name with its NUL.
    private func send<Body: BitwiseCopyable>(
        _ code: fuse_notify_code,
        _ body: Body,
        _ name: RawSpan = RawSpan()
    ) throws(FUSEError) -> Bool {
        let bodySize = Body.self == Void.self ? 0 : MemoryLayout<Body>.size
        let nulSize = name.isEmpty ? 0 : 1
        let length = MemoryLayout<fuse_out_header>.size + bodySize + name.byteCount + nulSize
        var header = fuse_out_header(
            len: UInt32(length),
            error: Int32(bitPattern: code.rawValue),
            unique: 0
        )
        var body = body
        var nul: UInt8 = 0
        guard gate.enter() else { throw FUSEError("notify the kernel", code: ENODEV) }
        defer { gate.leave() }
        let code: Int32 = unsafe withUnsafeMutableBytes(of: &header) { header in
            unsafe withUnsafeMutableBytes(of: &body) { body in
                unsafe withUnsafeMutableBytes(of: &nul) { nul in
                    unsafe name.withUnsafeBytes { name in
                        let parts = unsafe [
                            iovec(iov_base: header.baseAddress, iov_len: header.count),
                            iovec(iov_base: body.baseAddress, iov_len: bodySize),
                            iovec(
                                iov_base: UnsafeMutableRawPointer(mutating: name.baseAddress),
                                iov_len: name.count
                            ),
                            iovec(iov_base: nul.baseAddress, iov_len: nulSize),
                        ]
                        return unsafe writev(device, parts, Int32(parts.count)) < 0 ? errno : 0
                    }
                }
            }
        }
        if code == 0 { return true }
        if code == ENOENT { return false }
        throw FUSEError("notify the kernel", code: code)
    }
}

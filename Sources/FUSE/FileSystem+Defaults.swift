internal import Glibc

// What a file system does not implement. ENOSYS where the kernel then stops asking or has a way
// of its own, EPERM where `link(2)` and its like document it for "not supported here".
extension FileSystem {
    package func initialize(_ connection: ConnectionInfo) {}
    package func destroy() {}
    package func threadHasMoment(_ index: Int) {}
    package func threadIsIdle(_ index: Int) {}
    package func forget(_ node: NodeID, count: UInt64) {}

    package func setattr(_ request: consuming Request, node: NodeID, changes: SetAttributes) {
        request.fail(EPERM)
    }

    package func readlink(_ request: consuming Request, node: NodeID) {
        request.fail(EINVAL)
    }

    package func mknod(
        _ request: consuming Request,
        parent: NodeID,
        name: RawSpan,
        mode: UInt32,
        device: UInt64
    ) {
        request.fail(EPERM)
    }

    package func mkdir(
        _ request: consuming Request,
        parent: NodeID,
        name: RawSpan,
        mode: UInt32
    ) {
        request.fail(EPERM)
    }

    package func unlink(_ request: consuming Request, parent: NodeID, name: RawSpan) {
        request.fail(EPERM)
    }

    package func rmdir(_ request: consuming Request, parent: NodeID, name: RawSpan) {
        request.fail(EPERM)
    }

    package func symlink(
        _ request: consuming Request,
        parent: NodeID,
        name: RawSpan,
        target: RawSpan
    ) {
        request.fail(EPERM)
    }

    package func rename(
        _ request: consuming Request,
        parent: NodeID,
        name: RawSpan,
        newParent: NodeID,
        newName: RawSpan,
        flags: UInt32
    ) {
        request.fail(EPERM)
    }

    package func link(
        _ request: consuming Request,
        node: NodeID,
        newParent: NodeID,
        newName: RawSpan
    ) {
        request.fail(EPERM)
    }

    package func write(
        _ request: consuming Request,
        node: NodeID,
        bytes: RawSpan,
        offset: Int64
    ) {
        request.fail(EPERM)
    }
}

extension FileSystem {
    package func fsync(_ request: consuming Request, node: NodeID, dataOnly: Bool) {
        request.fail(ENOSYS)
    }

    package func fallocate(
        _ request: consuming Request,
        node: NodeID,
        mode: Int32,
        offset: Int64,
        length: Int64
    ) {
        request.fail(ENOSYS)
    }

    package func lseek(
        _ request: consuming Request,
        node: NodeID,
        offset: Int64,
        whence: Int32
    ) {
        request.fail(ENOSYS)
    }

    package func copyFileRange(
        _ request: consuming Request,
        from source: NodeID,
        at sourceOffset: Int64,
        to target: NodeID,
        at targetOffset: Int64,
        length: Int,
        flags: Int32
    ) {
        request.fail(ENOSYS)
    }

    package func fsyncdir(_ request: consuming Request, node: NodeID, dataOnly: Bool) {
        request.fail(ENOSYS)
    }

    package func statfs(_ request: consuming Request, node: NodeID) {
        request.fail(ENOSYS)
    }

    package func getxattr(
        _ request: consuming Request,
        node: NodeID,
        name: RawSpan,
        room: Int
    ) {
        request.fail(ENOSYS)
    }

    package func listxattr(_ request: consuming Request, node: NodeID, room: Int) {
        request.fail(ENOSYS)
    }

    package func setxattr(
        _ request: consuming Request,
        node: NodeID,
        name: RawSpan,
        value: RawSpan,
        flags: Int32
    ) {
        request.fail(ENOSYS)
    }

    package func removexattr(_ request: consuming Request, node: NodeID, name: RawSpan) {
        request.fail(ENOSYS)
    }
}

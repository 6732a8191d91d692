internal import CFUSE
internal import Glibc

/// What `stat` shows of a node.
package struct Attributes: Hashable, Sendable {
    /// The node, which is also the inode number.
    package var node: NodeID
    /// File type and permission bits, as in `st_mode`.
    package var mode: UInt32
    package var linkCount: UInt32
    package var uid: UInt32
    package var gid: UInt32
    /// In bytes.
    package var size: Int64
    /// In units of 512 bytes, as in `st_blocks`.
    package var blocks: Int64
    /// Times in nanoseconds since 1970.
    package var accessed: Int64
    package var modified: Int64
    package var changed: Int64
    /// The preferred size of one read or write, in bytes.
    package var blockSize: UInt32

    /// Makes attributes whose block count follows from the size and whose times are one time.
    package init(
        node: NodeID,
        mode: UInt32,
        linkCount: UInt32 = 1,
        uid: UInt32,
        gid: UInt32,
        size: Int64,
        modified: Int64,
        blockSize: UInt32 = 4096
    ) {
        self.node = node
        self.mode = mode
        self.linkCount = linkCount
        self.uid = uid
        self.gid = gid
        self.size = size
        self.blocks = (size + 511) / 512
        self.accessed = modified
        self.modified = modified
        self.changed = modified
        self.blockSize = blockSize
    }
}

extension Attributes {
    /// The kernel's form (`struct fuse_attr`).
    var encoded: fuse_attr {
        var attr = fuse_attr()
        attr.ino = node.rawValue
        attr.size = UInt64(bitPattern: size)
        attr.blocks = UInt64(bitPattern: blocks)
        (attr.atime, attr.atimensec) = Self.split(accessed)
        (attr.mtime, attr.mtimensec) = Self.split(modified)
        (attr.ctime, attr.ctimensec) = Self.split(changed)
        attr.mode = mode
        attr.nlink = linkCount
        attr.uid = uid
        attr.gid = gid
        attr.blksize = blockSize
        return attr
    }

    /// Seconds, rounded down, and the nanoseconds that remain: right before 1970 too.
    private static func split(_ time: Int64) -> (UInt64, UInt32) {
        var (seconds, rest) = time.quotientAndRemainder(dividingBy: 1_000_000_000)
        if rest < 0 {
            seconds -= 1
            rest += 1_000_000_000
        }
        return (UInt64(bitPattern: seconds), UInt32(rest))
    }
}

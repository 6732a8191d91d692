internal import CFUSE
internal import Synchronization

/// How many requests of the kernel a mount has received, by operation.
///
/// Any thread adds and reads, without a lock. The counts of a running mount are those of no single
/// moment: each is exact, and none goes back.
package final class RequestCounts: Sendable {
    /// One operation and how often it was asked for.
    package struct Count: Hashable, Sendable {
        /// As in the kernel's `FUSE_LOOKUP`, in lower case.
        package let operation: String
        package let count: UInt64
    }

    /// The kernel's operations have numbers up to 52; what is beyond counts as `other`.
    private static let slots = 64
    private let counts = InlineArray<64, Atomic<UInt64>> { _ in Atomic(0) }

    package init() {}

    /// Counts one request with that number of an operation.
    func note(_ opcode: UInt32) {
        counts[opcode < Self.slots ? Int(opcode) : 0].add(1, ordering: .relaxed)
    }

    /// Of all operations together.
    package var total: UInt64 {
        (0..<Self.slots).reduce(0) { $0 + counts[$1].load(ordering: .relaxed) }
    }

    /// How often `operation` was asked for, by the name that `Count` has.
    package subscript(operation: String) -> UInt64 {
        all.first { $0.operation == operation }?.count ?? 0
    }

    /// Those that were asked for at least once, by the kernel's numbers.
    package var all: [Count] {
        var all: [Count] = []
        var others: UInt64 = 0
        for slot in 0..<Self.slots {
            let count = counts[slot].load(ordering: .relaxed)
            guard count > 0 else { continue }
            if let name = Self.names[UInt32(slot)] {
                all.append(Count(operation: name, count: count))
            } else {
                others += count
            }
        }
        if others > 0 { all.append(Count(operation: "other", count: others)) }
        return all
    }

    private static let names: [UInt32: String] = [
        FUSE_LOOKUP.rawValue: "lookup", FUSE_FORGET.rawValue: "forget",
        FUSE_GETATTR.rawValue: "getattr", FUSE_SETATTR.rawValue: "setattr",
        FUSE_READLINK.rawValue: "readlink", FUSE_SYMLINK.rawValue: "symlink",
        FUSE_MKNOD.rawValue: "mknod", FUSE_MKDIR.rawValue: "mkdir",
        FUSE_UNLINK.rawValue: "unlink", FUSE_RMDIR.rawValue: "rmdir",
        FUSE_RENAME.rawValue: "rename", FUSE_LINK.rawValue: "link",
        FUSE_OPEN.rawValue: "open", FUSE_READ.rawValue: "read",
        FUSE_WRITE.rawValue: "write", FUSE_STATFS.rawValue: "statfs",
        FUSE_RELEASE.rawValue: "release", FUSE_FSYNC.rawValue: "fsync",
        FUSE_SETXATTR.rawValue: "setxattr", FUSE_GETXATTR.rawValue: "getxattr",
        FUSE_LISTXATTR.rawValue: "listxattr", FUSE_REMOVEXATTR.rawValue: "removexattr",
        FUSE_FLUSH.rawValue: "flush", FUSE_INIT.rawValue: "init",
        FUSE_OPENDIR.rawValue: "opendir", FUSE_READDIR.rawValue: "readdir",
        FUSE_RELEASEDIR.rawValue: "releasedir", FUSE_FSYNCDIR.rawValue: "fsyncdir",
        FUSE_GETLK.rawValue: "getlk", FUSE_SETLK.rawValue: "setlk",
        FUSE_SETLKW.rawValue: "setlkw", FUSE_ACCESS.rawValue: "access",
        FUSE_CREATE.rawValue: "create", FUSE_INTERRUPT.rawValue: "interrupt",
        FUSE_BMAP.rawValue: "bmap", FUSE_DESTROY.rawValue: "destroy",
        FUSE_IOCTL.rawValue: "ioctl", FUSE_POLL.rawValue: "poll",
        FUSE_NOTIFY_REPLY.rawValue: "notify_reply",
        FUSE_BATCH_FORGET.rawValue: "batch_forget", FUSE_FALLOCATE.rawValue: "fallocate",
        FUSE_READDIRPLUS.rawValue: "readdirplus", FUSE_RENAME2.rawValue: "rename2",
        FUSE_LSEEK.rawValue: "lseek", FUSE_COPY_FILE_RANGE.rawValue: "copy_file_range",
        FUSE_SETUPMAPPING.rawValue: "setupmapping",
        FUSE_REMOVEMAPPING.rawValue: "removemapping", FUSE_SYNCFS.rawValue: "syncfs",
    ]
}

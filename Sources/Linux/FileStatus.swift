import CLinux
import Glibc

/// What the kernel knows about a file.
///
/// Times are nanoseconds since 1970, UTC.
package struct FileStatus: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case file
        case directory
        case symbolicLink
        case other
    }

    /// Which file, whatever its names: equal for two links of one file.
    package struct Identity: Hashable, Sendable {
        package let device: UInt64
        package let inode: UInt64
    }

    package let kind: Kind
    /// The permission bits, `0o7777` at most.
    package let permissions: UInt32
    package let linkCount: UInt32
    package let user: UInt32
    package let group: UInt32
    package let identity: Identity
    /// In bytes.
    package let size: Int64
    /// In blocks of 512 bytes.
    package let blocks: Int64
    package let accessTime: Int64
    package let modificationTime: Int64
    package let changeTime: Int64
    /// Nil where the file system records none.
    package let birthTime: Int64?

    init(_ raw: clinux_status) {
        kind =
            switch raw.mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            case S_IFLNK: .symbolicLink
            default: .other
            }
        permissions = raw.mode & 0o7777
        linkCount = raw.link_count
        user = raw.uid
        group = raw.gid
        identity = Identity(device: raw.device, inode: raw.inode)
        size = raw.size
        blocks = raw.blocks
        accessTime = raw.access_time
        modificationTime = raw.modification_time
        changeTime = raw.change_time
        birthTime = raw.birth_time == 0 ? nil : raw.birth_time
    }
}

extension File {
    /// How a status is taken.
    package struct StatusFlags: OptionSet, Sendable {
        package let rawValue: Int32

        package init(rawValue: Int32) {
            self.rawValue = rawValue
        }

        package static let noFollow = StatusFlags(rawValue: clinux_at_symlink_nofollow)
        /// What the kernel has cached; asks no FUSE daemon or server.
        package static let dontSync = StatusFlags(rawValue: clinux_at_statx_dont_sync)
    }

    /// The status of the open file (`statx`).
    package func status(_ flags: StatusFlags = []) throws(Errno) -> FileStatus {
        try status(of: "", rawFlags: flags.rawValue | clinux_at_empty_path)
    }

    /// The status of a name in this directory (`statx`).
    package func status(
        of path: some CPath,
        _ flags: StatusFlags = .noFollow
    ) throws(Errno) -> FileStatus {
        try status(of: path, rawFlags: flags.rawValue)
    }

    /// The status of a path.
    package static func status(
        of path: some CPath,
        _ flags: StatusFlags = []
    ) throws(Errno) -> FileStatus {
        try workingDirectory.status(of: path, flags)
    }

    private func status(of path: some CPath, rawFlags: Int32) throws(Errno) -> FileStatus {
        var raw = clinux_status()
        try unsafe path.withCPath { (path) throws(Errno) in
            _ = try retrying { unsafe clinux_statx(descriptor, path, rawFlags, &raw) }
        }
        return FileStatus(raw)
    }

    /// Sets times in nanoseconds since 1970; nil leaves one as it is (`futimens`).
    package func setTimes(access: Int64? = nil, modification: Int64? = nil) throws(Errno) {
        _ = try retrying {
            clinux_set_times(
                descriptor,
                nil,
                access ?? .min,
                modification ?? .min,
                0
            )
        }
    }

    /// Sets the times of a name in this directory, not following a symbolic link.
    package func setTimes(
        of path: some CPath,
        access: Int64? = nil,
        modification: Int64? = nil
    ) throws(Errno) {
        try unsafe path.withCPath { (path) throws(Errno) in
            _ = try retrying {
                unsafe clinux_set_times(
                    descriptor,
                    path,
                    access ?? .min,
                    modification ?? .min,
                    clinux_at_symlink_nofollow
                )
            }
        }
    }

    /// Sets the permission bits (`fchmod`).
    package func setPermissions(_ permissions: UInt32) throws(Errno) {
        try retrying { fchmod(descriptor, permissions) }
    }

    /// Sets owner and group; nil leaves one as it is (`fchown`).
    package func setOwner(user: UInt32? = nil, group: UInt32? = nil) throws(Errno) {
        try retrying { fchown(descriptor, user ?? .max, group ?? .max) }
    }

    /// Sets the permission bits of a name in this directory (`fchmodat`).
    package func setPermissions(of path: some CPath, _ permissions: UInt32) throws(Errno) {
        try unsafe path.withCPath { (path) throws(Errno) in
            _ = try retrying { unsafe fchmodat(descriptor, path, permissions, 0) }
        }
    }

    /// Sets owner and group of a name in this directory, not following a symbolic link; nil leaves
    /// one as it is (`fchownat`).
    package func setOwner(
        of path: some CPath,
        user: UInt32? = nil,
        group: UInt32? = nil
    ) throws(Errno) {
        try unsafe path.withCPath { (path) throws(Errno) in
            _ = try retrying {
                unsafe fchownat(
                    descriptor,
                    path,
                    user ?? .max,
                    group ?? .max,
                    clinux_at_symlink_nofollow
                )
            }
        }
    }

    /// The space of the file system that the file is on (`fstatvfs`).
    package func space() throws(Errno) -> FileSystemSpace {
        var raw = clinux_space()
        _ = try retrying { unsafe clinux_space(descriptor, &raw) }
        return FileSystemSpace(raw)
    }
}

/// How much room a file system has.
///
/// Sizes are in bytes.
package struct FileSystemSpace: Hashable, Sendable {
    package let blockSize: UInt64
    package let total: UInt64
    package let free: UInt64
    /// What a process without privileges may still fill.
    package let available: UInt64
    package let totalFiles: UInt64
    package let freeFiles: UInt64

    init(_ raw: clinux_space) {
        blockSize = raw.block_size
        total = raw.total_blocks * raw.block_size
        free = raw.free_blocks * raw.block_size
        available = raw.available_blocks * raw.block_size
        totalFiles = raw.total_files
        freeFiles = raw.free_files
    }
}

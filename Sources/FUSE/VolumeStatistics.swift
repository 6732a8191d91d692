internal import CFUSE
internal import Glibc

/// What `statfs` shows of a mount.
///
/// Counts of blocks are in units of `blockSize`.
package struct VolumeStatistics: Hashable, Sendable {
    package var blockSize: UInt32
    package var blocks: UInt64
    package var freeBlocks: UInt64
    package var availableBlocks: UInt64
    package var files: UInt64
    package var freeFiles: UInt64

    package init(
        blockSize: UInt32 = 4096,
        blocks: UInt64,
        freeBlocks: UInt64,
        availableBlocks: UInt64,
        files: UInt64,
        freeFiles: UInt64
    ) {
        self.blockSize = blockSize
        self.blocks = blocks
        self.freeBlocks = freeBlocks
        self.availableBlocks = availableBlocks
        self.files = files
        self.freeFiles = freeFiles
    }

    /// The statistics of the volume that holds `path` (`statvfs`).
    package init(ofVolumeAt path: String) throws(FUSEError) {
        var found = statvfs()
        guard unsafe statvfs(path, &found) == 0 else {
            throw FUSEError("read the free space of", path, code: errno)
        }
        self.init(
            blockSize: UInt32(clamping: found.f_frsize),
            blocks: UInt64(found.f_blocks),
            freeBlocks: UInt64(found.f_bfree),
            availableBlocks: UInt64(found.f_bavail),
            files: UInt64(found.f_files),
            freeFiles: UInt64(found.f_ffree)
        )
    }

    /// The kernel's form; names have at most 255 bytes.
    var encoded: fuse_kstatfs {
        var out = fuse_kstatfs()
        out.blocks = blocks
        out.bfree = freeBlocks
        out.bavail = availableBlocks
        out.files = files
        out.ffree = freeFiles
        out.bsize = blockSize
        out.frsize = blockSize
        out.namelen = UInt32(NAME_MAX)
        return out
    }
}

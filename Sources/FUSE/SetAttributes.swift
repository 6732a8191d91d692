internal import CFUSE
internal import Glibc

/// What a `setattr` request asks to change; what is nil stays.
package struct SetAttributes: Hashable, Sendable {
    /// A time to set: a given one, or the time of the change.
    package enum Time: Hashable, Sendable {
        /// Nanoseconds since 1970.
        case at(Int64)
        case now
    }

    package var mode: UInt32?
    package var uid: UInt32?
    package var gid: UInt32?
    /// The new length in bytes.
    ///
    /// An `open` with `O_TRUNC` arrives as a size of 0, too.
    package var size: Int64?
    package var accessed: Time?
    package var modified: Time?
    package var changed: Time?
    /// Whether it comes from who has the file open (`ftruncate`), not from a path.
    package var isByOpenFile = false

    package init() {}
}

extension SetAttributes {
    init(_ attributes: stat, valid: Int32, isByOpenFile: Bool) {
        self.isByOpenFile = isByOpenFile
        func has(_ bit: Int32) -> Bool { valid & bit != 0 }
        func time(_ set: Int32, _ now: Int32, _ value: timespec) -> Time? {
            if has(now) { return .now }
            guard has(set) else { return nil }
            return .at(Int64(value.tv_sec) &* 1_000_000_000 &+ Int64(value.tv_nsec))
        }
        if has(FUSE_SET_ATTR_MODE) { mode = attributes.st_mode }
        if has(FUSE_SET_ATTR_UID) { uid = attributes.st_uid }
        if has(FUSE_SET_ATTR_GID) { gid = attributes.st_gid }
        if has(FUSE_SET_ATTR_SIZE) { size = Int64(attributes.st_size) }
        accessed = time(FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW, attributes.st_atim)
        modified = time(FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW, attributes.st_mtim)
        changed = time(FUSE_SET_ATTR_CTIME, 0, attributes.st_ctim)
    }
}

internal import CFUSE
internal import Glibc

/// The answer to one `readdir` or `readdirplus`, built entry by entry in a request thread's buffer.
///
/// ```
/// readdir      | fuse_dirent 24 | name | pad to 8 |
/// readdirplus  | fuse_entry_out 128 | fuse_dirent 24 | name | pad to 8 |
/// ```
///
/// Valid during the call it was given to.
@safe
package struct DirectoryBuffer: ~Copyable {
    /// Whether the kernel takes attributes and nodes from this listing (`readdirplus`): each entry
    /// added by `add(name:entry:cookie:)` then counts as one lookup.
    package let withEntries: Bool
    /// Whether what is added with its attributes brings them: false where they would be of no use.
    package var bringsEntries = true
    private let room: UnsafeMutableRawBufferPointer
    private var count = 0
    /// Of the entry that was added last; 0 without one.
    package private(set) var lastCookie: UInt64 = 0

    init(_ room: UnsafeMutableRawBufferPointer, withEntries: Bool) {
        unsafe self.room = room
        self.withEntries = withEntries
    }

    var filled: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(rebasing: room[..<count])
    }

    package var isEmpty: Bool { count == 0 }

    /// How far a listing has come.
    package struct Mark {
        fileprivate let count: Int
        fileprivate let cookie: UInt64

        package var isStart: Bool { count == 0 }
    }

    package var mark: Mark { Mark(count: count, cookie: lastCookie) }

    /// Takes back what was added since.
    package mutating func goBack(to mark: Mark) { (count, lastCookie) = (mark.count, mark.cookie) }

    /// Takes back all that was added.
    package mutating func clear() { (count, lastCookie) = (0, 0) }

    /// Adds a name with what a lookup of it would answer, or does nothing if it does not fit.
    ///
    /// The cookie, never 0, is where a later call goes on after this entry. Returns whether the
    /// entry was added.
    package mutating func add(name: RawSpan, entry: Entry, cookie: UInt64) -> Bool {
        guard withEntries, bringsEntries else {
            return add(
                name: name,
                node: entry.node,
                mode: entry.attributes.mode,
                cookie: cookie
            )
        }
        return append(entry.encoded, name, entry.node, entry.attributes.mode, cookie)
    }

    /// Adds a name only: for `.` and `..`, and where the attributes are not at hand.
    ///
    /// Of the mode only the file type is looked at. Returns whether the name was added.
    package mutating func add(
        name: RawSpan,
        node: NodeID,
        mode: UInt32,
        cookie: UInt64
    ) -> Bool {
        // In a `readdirplus` reply node 0 means: no entry here, look it up when it is needed.
        append(withEntries ? fuse_entry_out() : nil, name, node, mode, cookie)
    }

    private mutating func append(
        _ entry: fuse_entry_out?,
        _ name: RawSpan,
        _ node: NodeID,
        _ mode: UInt32,
        _ cookie: UInt64
    ) -> Bool {
        let head = entry == nil ? 0 : MemoryLayout<fuse_entry_out>.size
        let nameStart = head + MemoryLayout<fuse_dirent>.size
        let length = (nameStart + name.byteCount + 7) & ~7
        guard unsafe length <= room.count - count else { return false }
        var record = fuse_dirent()
        record.ino = node.rawValue
        record.off = cookie
        record.namelen = UInt32(name.byteCount)
        record.type = (mode & S_IFMT) >> 12
        let target = unsafe UnsafeMutableRawBufferPointer(rebasing: room[count..<count + length])
        if let entry { unsafe target.storeBytes(of: entry, as: fuse_entry_out.self) }
        unsafe target.storeBytes(of: record, toByteOffset: head, as: fuse_dirent.self)
        let tail = unsafe UnsafeMutableRawBufferPointer(rebasing: target[nameStart...])
        unsafe name.withUnsafeBytes { unsafe tail.copyMemory(from: $0) }
        for index in nameStart + name.byteCount..<length { unsafe target[index] = 0 }
        count += length
        lastCookie = cookie
        return true
    }
}

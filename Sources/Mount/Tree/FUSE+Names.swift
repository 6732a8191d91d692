import FUSE
import Model

// Names and bytes as arrays, where FUSE takes spans of memory.

extension Request {
    /// Answers with bytes: the data of a `read`, the target of a `readlink`.
    consuming func reply(bytes: [UInt8]) {
        unsafe reply(bytes.span.bytes)
    }

    /// Answers a `read` with the first bytes of an array.
    consuming func reply(firstOf bytes: [UInt8], _ count: Int) {
        unsafe reply(bytes.span.bytes.extracting(..<count))
    }

    /// Answers `getxattr` and `listxattr`.
    consuming func reply(attribute bytes: [UInt8], room: Int) {
        unsafe reply(attribute: bytes.span.bytes, room: room)
    }
}

extension DirectoryBuffer {
    mutating func add(_ name: [UInt8], _ entry: KernelEntry, cookie: UInt64) -> Bool {
        unsafe add(name: name.span.bytes, entry: entry, cookie: cookie)
    }

    /// Adds a name only; the kernel looks it up when it is needed.
    mutating func add(_ name: [UInt8], _ node: NodeID, mode: UInt32, cookie: UInt64) -> Bool {
        unsafe add(name: name.span.bytes, node: node, mode: mode, cookie: cookie)
    }
}

extension Notifier {
    /// An error means that the mount is ending; a name that the kernel does not know is no error.
    func expire(_ name: Name, in parent: NodeID) {
        _ = unsafe try? expireEntry(parent: parent, name: name.bytes.span.bytes)
    }

    func invalidate(_ name: Name, in parent: NodeID) {
        _ = unsafe try? invalidateEntry(parent: parent, name: name.bytes.span.bytes)
    }
}

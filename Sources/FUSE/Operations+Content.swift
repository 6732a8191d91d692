internal import CFUSE
internal import Glibc

// The second half of the table: what files, directories and extended attributes hold.
extension Dispatcher {
    static func addContent(to table: inout fuse_lowlevel_ops) {
        unsafe table.read = { request, node, size, offset, _ in
            unsafe Dispatcher.of(request).fileSystem.read(
                owned(request),
                node: NodeID(node),
                size: size,
                offset: Int64(offset)
            )
        }
        unsafe table.write = { request, node, bytes, size, offset, _ in
            let bytes = unsafe UnsafeRawBufferPointer(start: bytes, count: size)
            unsafe Dispatcher.of(request).fileSystem.write(
                owned(request),
                node: NodeID(node),
                bytes: bytes.bytes,
                offset: Int64(offset)
            )
        }
        unsafe table.fsync = { request, node, dataOnly, _ in
            unsafe Dispatcher.of(request).fileSystem.fsync(
                owned(request),
                node: NodeID(node),
                dataOnly: dataOnly != 0
            )
        }
        unsafe table.fallocate = { request, node, mode, offset, length, _ in
            unsafe Dispatcher.of(request).fileSystem.fallocate(
                owned(request),
                node: NodeID(node),
                mode: mode,
                offset: Int64(offset),
                length: Int64(length)
            )
        }
        unsafe table.lseek = { request, node, offset, whence, _ in
            unsafe Dispatcher.of(request).fileSystem.lseek(
                owned(request),
                node: NodeID(node),
                offset: Int64(offset),
                whence: whence
            )
        }
        unsafe table.copy_file_range = {
            request,
            source,
            sourceOffset,
            _,
            target,
            targetOffset,
            _,
            length,
            flags in
            unsafe Dispatcher.of(request).fileSystem.copyFileRange(
                owned(request),
                from: NodeID(source),
                at: Int64(sourceOffset),
                to: NodeID(target),
                at: Int64(targetOffset),
                length: length,
                flags: flags
            )
        }
    }

    static func addDirectories(to table: inout fuse_lowlevel_ops) {
        unsafe table.readdir = { request, node, size, cookie, _ in
            unsafe Dispatcher.list(request, node, size, cookie, withEntries: false)
        }
        unsafe table.readdirplus = { request, node, size, cookie, _ in
            unsafe Dispatcher.list(request, node, size, cookie, withEntries: true)
        }
        unsafe table.fsyncdir = { request, node, dataOnly, _ in
            unsafe Dispatcher.of(request).fileSystem.fsyncdir(
                owned(request),
                node: NodeID(node),
                dataOnly: dataOnly != 0
            )
        }
    }

    static func list(
        _ request: fuse_req_t?,
        _ node: fuse_ino_t,
        _ size: Int,
        _ cookie: off_t,
        withEntries: Bool
    ) {
        guard let thread = RequestThread.current else { return unsafe owned(request).fail(EIO) }
        let room = min(size, RequestThread.replyCapacity)
        var listing = unsafe DirectoryBuffer(
            UnsafeMutableRawBufferPointer(start: thread.replyBuffer, count: room),
            withEntries: withEntries
        )
        unsafe Dispatcher.of(request).fileSystem.readdir(
            owned(request),
            node: NodeID(node),
            cookie: UInt64(bitPattern: Int64(cookie)),
            into: &listing
        )
    }

    static func addExtendedAttributes(to table: inout fuse_lowlevel_ops) {
        unsafe table.getxattr = { request, node, name, room in
            let dispatcher = unsafe Dispatcher.of(request)
            guard dispatcher.extendedAttributes else { return unsafe owned(request).fail(ENOSYS) }
            unsafe withBytes(of: name) { name in
                unsafe dispatcher.fileSystem.getxattr(
                    owned(request),
                    node: NodeID(node),
                    name: name,
                    room: room
                )
            }
        }
        unsafe table.listxattr = { request, node, room in
            let dispatcher = unsafe Dispatcher.of(request)
            guard dispatcher.extendedAttributes else { return unsafe owned(request).fail(ENOSYS) }
            unsafe dispatcher.fileSystem.listxattr(
                owned(request),
                node: NodeID(node),
                room: room
            )
        }
        unsafe table.setxattr = { request, node, name, value, size, flags in
            let dispatcher = unsafe Dispatcher.of(request)
            guard dispatcher.extendedAttributes else { return unsafe owned(request).fail(ENOSYS) }
            let value = unsafe UnsafeRawBufferPointer(start: value, count: size)
            unsafe withBytes(of: name) { name in
                unsafe dispatcher.fileSystem.setxattr(
                    owned(request),
                    node: NodeID(node),
                    name: name,
                    value: value.bytes,
                    flags: flags
                )
            }
        }
        unsafe table.removexattr = { request, node, name in
            let dispatcher = unsafe Dispatcher.of(request)
            guard dispatcher.extendedAttributes else { return unsafe owned(request).fail(ENOSYS) }
            unsafe withBytes(of: name) { name in
                unsafe dispatcher.fileSystem.removexattr(
                    owned(request),
                    node: NodeID(node),
                    name: name
                )
            }
        }
    }
}

internal import CFUSE
internal import Glibc

// The table libfuse calls, filled group by group. Each callback captures nothing: it finds its
// file system through the request.
//
// Left out on purpose: `create` (the kernel then uses `mknod`), `flush`, `release`, `releasedir`
// (never sent once opens are not), `access` (`default_permissions`), and locks (the kernel's own).
extension Dispatcher {
    static func operations() -> fuse_lowlevel_ops {
        var table = fuse_lowlevel_ops()
        addConnection(to: &table)
        addNodes(to: &table)
        addNames(to: &table)
        addMoves(to: &table)
        addContent(to: &table)
        addDirectories(to: &table)
        addExtendedAttributes(to: &table)
        return table
    }

    private static func addConnection(to table: inout fuse_lowlevel_ops) {
        unsafe table.`init` = { userData, connection in
            guard let connection = unsafe connection else { return }
            unsafe Dispatcher.from(userData).negotiate(&connection.pointee)
        }
        unsafe table.destroy = { unsafe Dispatcher.from($0).fileSystem.destroy() }
        // The kernel remembers ENOSYS and opens without asking from then on.
        unsafe table.open = { request, _, _ in unsafe owned(request).fail(ENOSYS) }
        unsafe table.opendir = { request, _, _ in unsafe owned(request).fail(ENOSYS) }
        unsafe table.statfs = { request, node in
            unsafe Dispatcher.of(request).fileSystem.statfs(owned(request), node: NodeID(node))
        }
    }

    private static func addNodes(to table: inout fuse_lowlevel_ops) {
        unsafe table.forget = { request, node, count in
            unsafe Dispatcher.of(request).fileSystem.forget(NodeID(node), count: count)
            unsafe fuse_reply_none(request)
        }
        unsafe table.forget_multi = { request, count, list in
            let fileSystem = unsafe Dispatcher.of(request).fileSystem
            let items = unsafe UnsafeBufferPointer(start: list, count: count)
            for index in 0..<count {
                let item = unsafe items[index]
                fileSystem.forget(NodeID(item.ino), count: item.nlookup)
            }
            unsafe fuse_reply_none(request)
        }
        unsafe table.getattr = { request, node, _ in
            unsafe Dispatcher.of(request).fileSystem.getattr(owned(request), node: NodeID(node))
        }
        unsafe table.setattr = { request, node, attributes, valid, file in
            guard let attributes = unsafe attributes else {
                return unsafe owned(request).fail(EINVAL)
            }
            unsafe Dispatcher.of(request).fileSystem.setattr(
                owned(request),
                node: NodeID(node),
                changes: SetAttributes(
                    attributes.pointee,
                    valid: valid,
                    isByOpenFile: file != nil
                )
            )
        }
        unsafe table.readlink = { request, node in
            unsafe Dispatcher.of(request).fileSystem.readlink(owned(request), node: NodeID(node))
        }
    }

    private static func addNames(to table: inout fuse_lowlevel_ops) {
        unsafe table.lookup = { request, parent, name in
            unsafe withBytes(of: name) { name in
                unsafe Dispatcher.of(request).fileSystem.lookup(
                    owned(request),
                    parent: NodeID(parent),
                    name: name
                )
            }
        }
        unsafe table.mknod = { request, parent, name, mode, device in
            unsafe withBytes(of: name) { name in
                unsafe Dispatcher.of(request).fileSystem.mknod(
                    owned(request),
                    parent: NodeID(parent),
                    name: name,
                    mode: mode,
                    device: UInt64(device)
                )
            }
        }
        unsafe table.mkdir = { request, parent, name, mode in
            unsafe withBytes(of: name) { name in
                unsafe Dispatcher.of(request).fileSystem.mkdir(
                    owned(request),
                    parent: NodeID(parent),
                    name: name,
                    mode: mode
                )
            }
        }
        unsafe table.unlink = { request, parent, name in
            unsafe withBytes(of: name) { name in
                unsafe Dispatcher.of(request).fileSystem.unlink(
                    owned(request),
                    parent: NodeID(parent),
                    name: name
                )
            }
        }
        unsafe table.rmdir = { request, parent, name in
            unsafe withBytes(of: name) { name in
                unsafe Dispatcher.of(request).fileSystem.rmdir(
                    owned(request),
                    parent: NodeID(parent),
                    name: name
                )
            }
        }
    }

    private static func addMoves(to table: inout fuse_lowlevel_ops) {
        unsafe table.symlink = { request, target, parent, name in
            unsafe withBytes(of: name) { name in
                unsafe withBytes(of: target) { target in
                    unsafe Dispatcher.of(request).fileSystem.symlink(
                        owned(request),
                        parent: NodeID(parent),
                        name: name,
                        target: target
                    )
                }
            }
        }
        unsafe table.rename = { request, parent, name, newParent, newName, flags in
            unsafe withBytes(of: name) { name in
                unsafe withBytes(of: newName) { newName in
                    unsafe Dispatcher.of(request).fileSystem.rename(
                        owned(request),
                        parent: NodeID(parent),
                        name: name,
                        newParent: NodeID(newParent),
                        newName: newName,
                        flags: flags
                    )
                }
            }
        }
        unsafe table.link = { request, node, newParent, newName in
            unsafe withBytes(of: newName) { newName in
                unsafe Dispatcher.of(request).fileSystem.link(
                    owned(request),
                    node: NodeID(node),
                    newParent: NodeID(newParent),
                    newName: newName
                )
            }
        }
    }
}

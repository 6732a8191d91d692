import Catalog
import FUSE
import Glibc
import Linux
import Model

// What `stat` shows of a node.
extension LociFileSystem {
    /// The attributes of a catalog node, with what is staged for it.
    func appearance(of node: Node, id: NodeID) throws -> Attributes {
        switch node.kind {
        case .directory: return directoryAppearance(node, id)
        case .memory: return memoryAppearance(node, id, staging.attributes(of: node.number))
        case .foreign:
            if node.mode & S_IFMT == S_IFDIR {
                var shown = directoryAppearance(node, id)
                shown.mode = node.mode
                shown.uid = node.uid
                shown.gid = node.gid
                return shown
            }
            return try foreignAppearance(node, id)
        }
    }

    /// Runs `body` again where something was committed while it ran: it may have read a row from
    /// before the commit, and found its staged file gone.
    func steady<R>(_ body: () throws -> R) rethrows -> R {
        while true {
            let generation = staging.commitGeneration
            let result = try body()
            if staging.commitGeneration == generation { return result }
        }
    }

    private func directoryAppearance(_ node: Node, _ id: NodeID) -> Attributes {
        var shown = Attributes(
            node: id,
            mode: S_IFDIR | directoryPermissions,
            uid: settings.uid,
            gid: settings.gid,
            size: 4096,
            modified: node.mtime
        )
        shown.changed = node.ctime
        if let time = staging.changeTime(of: node.number) {
            shown.modified = max(node.mtime, time)
            shown.accessed = shown.modified
            shown.changed = max(node.ctime, time)
        }
        return shown
    }

    /// Partition directories are as open as the mount.
    var directoryPermissions: UInt32 { 0o777 & ~(options.umask ?? 0o022) }

    private func memoryAppearance(
        _ node: Node,
        _ id: NodeID,
        _ staged: StagedAttributes?
    ) -> Attributes {
        var shown = Attributes(
            node: id,
            mode: S_IFREG | permissions(staged?.permissions ?? node.mode),
            uid: options.uid ?? staged?.uid ?? node.uid,
            gid: options.gid ?? staged?.gid ?? node.gid,
            size: staged?.size ?? node.size,
            modified: staged?.mtime ?? node.mtime
        )
        // The row has what its name and permissions went through, the staged file its bytes.
        shown.changed = max(staged?.ctime ?? node.ctime, node.ctime)
        return shown
    }

    func permissions(_ mode: UInt32) -> UInt32 {
        mode & 0o7777 & ~(options.umask ?? 0)
    }

    /// The answer for a file that is not yet a memory.
    ///
    /// Below `.loci/layouts` its name is asked for again each time: what `expireElsewhere` offers may
    /// be missed, and comes after the answer to whoever changed the name.
    func entry(of unborn: Unborn, in place: Place) -> KernelEntry {
        let isView = if case .view = place { true } else { false }
        return KernelEntry(
            appearance(of: unborn.node, unborn.attributes),
            nameTimeout: isView ? .none : Self.long,
            attributeTimeout: Self.long
        )
    }

    /// A file that is not yet a memory.
    func appearance(of node: NodeNumber, _ staged: StagedAttributes) -> Attributes {
        var shown = Attributes(
            node: Place.node(node).id,
            mode: S_IFREG | permissions(staged.permissions ?? 0o644),
            uid: options.uid ?? staged.uid ?? settings.uid,
            gid: options.gid ?? staged.gid ?? settings.gid,
            size: staged.size,
            modified: staged.mtime
        )
        shown.changed = staged.ctime
        return shown
    }

    /// Foreign files and symbolic links show what the file that holds their bytes shows.
    private func foreignAppearance(_ node: Node, _ id: NodeID) throws -> Attributes {
        let status = try foreignFiles.status(of: node.number)
        let type = node.mode & S_IFMT
        var shown = Attributes(
            node: id,
            mode: type == S_IFLNK ? S_IFLNK | 0o777 : S_IFREG | status.permissions,
            uid: options.uid ?? status.user,
            gid: options.gid ?? status.group,
            size: status.size,
            modified: status.modificationTime
        )
        shown.accessed = status.accessTime
        shown.changed = status.changeTime
        shown.blocks = status.blocks
        return shown
    }
}

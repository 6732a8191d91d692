import Catalog
import FUSE
import Glibc
import Linux
import Loci
import Model

// `.loci/snapshots` and `.loci/history`: trees of what was. Directories are numbered by what they
// show, so a daemon that takes over knows them; a revision is one file wherever it shows, and its
// pages stay in the kernel's cache.
//
// Directories that can change are asked for at each use: their names and attributes have no time,
// and a listing that the kernel kept is dropped when their time of change differs.
extension LociFileSystem {
    /// The name of what can change or go by a command.
    private static let fresh = Timeout.none

    // MARK: Looking up

    func findPast(
        _ name: Name,
        in view: PastView,
        _ number: UInt64,
        _ thread: ThreadReader
    ) throws -> KernelEntry? {
        let reader = try thread.current()
        switch view {
        case .snapshot(let index):
            guard let (snapshot, tree) = try snapshot(index, reader),
                let entry = try reader.entry(in: NodeNumber(number), named: name, of: tree)
            else { return nil }
            return try self.entry(of: entry, snapshot, tree, reader)
        case .history: return try findHistory(name, in: NodeNumber(number), reader)
        case .trash: return try findTrash(name, in: number, reader)
        case .revision: return nil
        }
    }

    /// A directory of `.loci/snapshots`.
    func findSnapshot(_ name: Name, _ reader: CatalogReader) throws -> KernelEntry? {
        guard let text = name.utf8String, let snapshot = try reader.snapshot(text) else {
            return nil
        }
        return try entry(of: snapshot, reader)
    }

    private func entry(of snapshot: SnapshotRow, _ reader: CatalogReader) throws -> KernelEntry {
        let tree = try reader.pastTree(at: snapshot.number)
        return KernelEntry(
            appearance(of: tree.root, in: snapshot),
            nameTimeout: Self.fresh,
            attributeTimeout: Self.fresh
        )
    }

    private func snapshot(
        _ view: Int,
        _ reader: CatalogReader
    ) throws -> (SnapshotRow, PastTree)? {
        guard let row = try reader.snapshot(view: view) else { return nil }
        return (row, try reader.pastTree(at: row.number))
    }

    /// What a name in a snapshot is; nil for a memory that was purged since.
    private func entry(
        of entry: PastEntry,
        _ snapshot: SnapshotRow,
        _ tree: PastTree,
        _ reader: CatalogReader
    ) throws -> KernelEntry? {
        guard let memory = entry.memory else {
            return KernelEntry(
                appearance(of: entry.node, in: snapshot),
                nameTimeout: Self.counted,
                attributeTimeout: Self.long
            )
        }
        return try reader.revisionFile(of: memory, at: tree.number).map { self.entry(of: $0) }
    }

    /// Its permissions are the memory's of now, so they are asked for again after a while.
    private func entry(of file: RevisionFile) -> KernelEntry {
        KernelEntry(
            appearance(of: file),
            nameTimeout: Self.counted,
            attributeTimeout: Self.counted
        )
    }

    func findHistory(
        _ name: Name,
        in directory: NodeNumber,
        _ reader: CatalogReader
    ) throws -> KernelEntry? {
        if let row = try reader.node(directory)?.memory {
            guard let text = name.utf8String, let number = Int(text), "\(number)" == text,
                let file = try reader.revisionFile(of: row, number: RevisionNumber(number))
            else { return nil }
            return entry(of: file)
        }
        guard let parent = try metaDirectory(directory, reader),
            let found = try reader.entry(
                in: directory,
                named: name,
                layouts: parent.resolvable.subtracting(.foreign)
            ),
            let node = try reader.node(found.node)
        else { return nil }
        return KernelEntry(
            try historyAppearance(of: node, reader),
            nameTimeout: Self.fresh,
            attributeTimeout: Self.fresh
        )
    }

    // MARK: Attributes

    func pastAppearance(
        _ view: PastView,
        _ number: UInt64,
        _ reader: CatalogReader
    ) throws -> Attributes {
        switch view {
        case .snapshot(let index):
            guard let (row, _) = try snapshot(index, reader) else { throw Self.goneNode }
            return appearance(of: NodeNumber(number), in: row)
        case .history:
            guard let node = try reader.node(NodeNumber(number)) else { throw Self.goneNode }
            return try historyAppearance(of: node, reader)
        case .trash: return try trashAppearance(number, reader)
        case .revision: return appearance(of: try revision(number, reader))
        }
    }

    /// Nobody knows any more when the names in it changed before the snapshot: its time is the
    /// snapshot's.
    private func appearance(of directory: NodeNumber, in snapshot: SnapshotRow) -> Attributes {
        Attributes(
            node: Place.past(.snapshot(snapshot.view), directory.rawValue).id,
            mode: S_IFDIR | directoryPermissions & ~0o222,
            uid: settings.uid,
            gid: settings.gid,
            size: 4096,
            modified: snapshot.created.nanoseconds
        )
    }

    private func appearance(of file: RevisionFile) -> Attributes {
        var shown = Attributes(
            node: Place.past(.revision, UInt64(file.since.rawValue)).id,
            mode: S_IFREG | permissions(file.mode) & ~0o222,
            uid: options.uid ?? file.uid,
            gid: options.gid ?? file.gid,
            size: file.size,
            modified: file.mtime
        )
        shown.changed = file.created.nanoseconds
        return shown
    }

    /// A partition, or a memory as the directory of its revisions: who may read the one may list
    /// the other.
    private func historyAppearance(of node: Node, _ reader: CatalogReader) throws -> Attributes {
        let id = Place.past(.history, node.number.rawValue).id
        guard let row = node.memory else {
            var shown = try appearance(of: node, id: id)
            shown.mode &= ~0o222
            return shown
        }
        let readable = permissions(node.mode) & 0o444
        return Attributes(
            node: id,
            mode: S_IFDIR | readable | readable >> 2,
            uid: options.uid ?? node.uid,
            gid: options.gid ?? node.gid,
            size: 4096,
            modified: try reader.revisionsChanged(of: row)?.nanoseconds ?? node.mtime
        )
    }

    func revision(_ number: UInt64, _ reader: CatalogReader) throws -> RevisionFile {
        guard let file = try reader.revisionFile(madeBy: ChangeNumber(Int64(number))) else {
            throw Self.goneNode
        }
        return file
    }

    // MARK: Listing

    func listPast(
        _ view: PastView,
        _ number: UInt64,
        _ cursor: ListingCursor,
        into listing: inout DirectoryBuffer,
        _ reader: CatalogReader
    ) throws {
        switch view {
        case .snapshot(let index):
            guard let (snapshot, tree) = try snapshot(index, reader) else { throw Self.goneNode }
            try reader.list(NodeNumber(number), of: tree, after: cursor.position) { found in
                guard let entry = try self.entry(of: found, snapshot, tree, reader) else {
                    return true
                }
                let cookie = ListingCursor.after(slot: 0, found.position).cookie
                return listing.add(found.name.bytes, entry, cookie: cookie)
            }
        case .history:
            guard let row = try reader.node(NodeNumber(number))?.memory else {
                return try listMeta(
                    NodeNumber(number),
                    cursor,
                    as: S_IFDIR,
                    into: &listing,
                    reader
                )
            }
            try listRevisions(of: row, after: cursor.position, into: &listing, reader)
        case .trash:
            try listTrash(number, after: cursor.position, into: &listing, reader)
        case .revision: throw Self.goneNode
        }
    }

    private func listRevisions(
        of memory: Int64,
        after: ListingPosition,
        into listing: inout DirectoryBuffer,
        _ reader: CatalogReader
    ) throws {
        var last = RevisionNumber(Int(after.rawValue))
        while true {
            let page = try reader.revisionFiles(of: memory, after: last, limit: 512)
            guard let final = page.last else { return }
            for file in page {
                let position = ListingPosition(rawValue: UInt64(file.number.rawValue))
                let added = listing.add(
                    Array(file.number.description.utf8),
                    entry(of: file),
                    cookie: ListingCursor.after(slot: 0, position).cookie
                )
                guard added else { return }
            }
            last = final.number
        }
    }

    func listSnapshots(
        after: ListingPosition,
        into listing: inout DirectoryBuffer,
        _ reader: CatalogReader
    ) throws {
        // By view: a snapshot that is taken or deleted during a listing moves no other.
        let rows = try reader.snapshots().sorted { $0.view < $1.view }
        for snapshot in rows where snapshot.view > after.rawValue {
            let position = ListingPosition(rawValue: UInt64(snapshot.view))
            let added = listing.add(
                Array(snapshot.name.utf8),
                try entry(of: snapshot, reader),
                cookie: ListingCursor.after(slot: 0, position).cookie
            )
            guard added else { return }
        }
    }

    // MARK: Reading

    /// The open blob of a revision; the thread keeps it.
    func openRevision(_ number: UInt64, _ thread: ThreadReader) throws -> Int32 {
        let reader = try thread.current()
        let generation = thread.seenGeneration
        let key = NodeNumber(Place.past(.revision, number).id.rawValue)
        if let known = thread.blobs.descriptor(key, generation: generation) { return known }
        let file = try revision(number, reader)
        if let known = thread.blobs.descriptor(
            key,
            revision: file.number,
            generation: generation
        ) {
            return known
        }
        return thread.blobs.keep(
            try tenant.openBlob(of: file.memory, revision: file.number, reader: reader),
            of: key,
            revision: file.number,
            generation: generation
        )
    }

    // MARK: Snapshots by mkdir and rmdir

    /// Takes a snapshot of all that was written up to now, also through other mounts.
    func takeSnapshot(_ name: Name, _ caller: Caller, _ thread: ThreadReader) throws -> KernelEntry
    {
        guard let text = name.utf8String else {
            throw LociError(
                .notUTF8,
                subject: name.description,
                message: "The name of a snapshot is text, and \"\(name)\" is not UTF-8"
            )
        }
        Request.passTurn()
        if let failure = staging.commitNow(.snapshot).failures.first { throw failure.error }
        _ = try tenant.askMounts(.snapshot)
        try change(by: caller, known: []) { transaction in
            _ = try transaction.takeSnapshot(text)
        }
        try catalog.sync()
        guard let entry = try findSnapshot(name, thread.current()) else { throw Self.goneNode }
        return entry
    }

    func deleteSnapshot(_ name: Name, _ caller: Caller) throws {
        let text = name.description
        try change(by: caller, known: []) { transaction in
            try transaction.deleteSnapshot(text)
        }
    }

    static let readOnlyPast = LociError(
        .readOnly,
        subject: ".loci",
        message: "What was cannot be changed",
        remedy: "Copy it to where it shall be"
    )
}

import Catalog
import FUSE
import Glibc
import Linux
import Loci
import Model

// The directories of `.loci`. Their files are made when they are looked up; what they list is
// finite and has its true size, so that `grep -r`, `du` and `rsync` come to an end.
extension LociFileSystem {
    private static let directories: [(name: String, special: Place.Special)] = [
        ("by-id", .byID), ("foreign", .foreign), ("history", .history), ("layouts", .layouts),
        ("meta", .meta), ("migration", .migration), ("search", .search), ("snapshots", .snapshots),
        ("trash", .trash),
    ]

    private enum Report: String, CaseIterable {
        case events
        case readme = "README.md"
        case lastError = "last-error"
        case metrics
        case stats
        case status = "status.json"
    }

    func specialAppearance(
        _ special: Place.Special,
        _ reader: CatalogReader
    ) throws -> Attributes {
        var shown = Attributes(
            node: Place.special(special).id,
            mode: S_IFDIR | directoryPermissions & ~0o222,
            uid: settings.uid,
            gid: settings.gid,
            size: 4096,
            modified: started.nanoseconds
        )
        switch special {
        case .trash: return try trashAppearance(TrashTree.root, reader)
        case .history:
            guard let root = try reader.node(mainRoot(reader.layouts())) else { break }
            shown.modified = root.mtime
        case .snapshots:
            // Deleting one cannot be undone: the owner's alone.
            shown.mode = S_IFDIR | directoryPermissions & 0o755
            shown.modified = try reader.snapshotsChanged()?.nanoseconds ?? shown.modified
        default: break
        }
        return shown
    }

    func find(
        _ name: Name,
        in special: Place.Special,
        _ who: Asker,
        _ thread: ThreadReader
    ) throws -> KernelEntry? {
        let text = name.description
        let reader = try thread.current()
        switch special {
        case .loci:
            if let directory = Self.directories.first(where: { $0.name == text }) {
                guard isShown(directory.special) else { return nil }
                specialViewsUsed.set()
                return KernelEntry(
                    try specialAppearance(directory.special, reader),
                    nameTimeout: Self.long,
                    attributeTimeout: Self.lasting(.special(directory.special))
                )
            }
            guard let report = Report(rawValue: text), isShown(report) else { return nil }
            // They tell of every memory, whoever may read it.
            let mode: UInt32 = report == .events ? 0o400 : 0o444
            return make(try self.text(of: report, who, reader), mode: S_IFREG | mode)
        case .layouts:
            return try findLayout(text, reader)
        case .byID: return try findByID(text, reader)
        case .meta: return try findMeta(name, in: mainRoot(reader.layouts()), thread)
        case .migration: return try findMigration(text)
        case .history: return try findHistory(name, in: mainRoot(reader.layouts()), reader)
        case .snapshots: return try findSnapshot(name, reader)
        case .trash: return try findTrash(name, in: TrashTree.root, reader)
        case .search: return try findSearch(name, who, thread)
        case .foreign: return nil
        }
    }

    /// A mount of a subdirectory shows nothing from beside it.
    private func isShown(_ special: Place.Special) -> Bool {
        switch special {
        case .loci, .byID, .meta, .history, .search, .trash: true
        case .layouts, .foreign, .snapshots: settings.subdirectory == nil
        case .migration: settings.subdirectory == nil && panel != nil
        }
    }

    private func isShown(_ report: Report) -> Bool {
        report != .events || settings.subdirectory == nil
    }

    /// The answer for a file that Loci writes now.
    ///
    /// `uid`: whose it is, though the mount shows all as another's.
    func make(
        _ bytes: [UInt8],
        mode: UInt32 = S_IFREG | 0o444,
        owner: Node? = nil,
        uid: UInt32? = nil,
        edits: GeneratedNodes.Edit = .nothing
    ) -> KernelEntry {
        let content = GeneratedNodes.Content(
            bytes: bytes,
            mode: mode,
            uid: uid ?? options.uid ?? owner?.uid ?? settings.uid,
            gid: options.gid ?? owner?.gid ?? settings.gid,
            // Who never opens what is empty looks twice, and would take two times for a change.
            mtime: bytes.isEmpty ? started.nanoseconds : tenant.clock().nanoseconds,
            edits: edits
        )
        return KernelEntry(
            generated.appearance(of: generated.add(content), content),
            nameTimeout: .none,
            attributeTimeout: Self.long
        )
    }

    private func text(
        of report: Report,
        _ who: Asker,
        _ reader: CatalogReader
    ) throws -> [UInt8] {
        switch report {
        case .events: try events.text(tenant)
        case .readme: try Array(readme(reader).utf8)
        case .lastError: lastError(of: who.uid)
        case .metrics: Array(try metrics(reader).utf8)
        case .stats: Array(try stats(reader).utf8)
        case .status: try status(reader).bytes(.pretty) + [UInt8(ascii: "\n")]
        }
    }

    private func findLayout(_ text: String, _ reader: CatalogReader) throws -> KernelEntry? {
        guard let number = Int(text), String(number) == text,
            let layout = try reader.layouts()[LayoutNumber(number)], layout.isLive,
            let root = try reader.node(layout.root)
        else { return nil }
        layoutViewsUsed.set()
        let id = Place.view(layout.number, layout.root).id
        return KernelEntry(
            try appearance(of: root, id: id),
            nameTimeout: .seconds(1),
            attributeTimeout: Self.long
        )
    }

    private func findByID(_ text: String, _ reader: CatalogReader) throws -> KernelEntry? {
        guard let id = try? MemoryID(text), id.description == text,
            let memory = try reader.memory(id), memory.trashed == nil,
            let path = try reader.path(of: memory, in: mainLayout(reader.layouts())),
            path.starts(with: settings.subdirectoryPath)
        else { return nil }
        let shown = NamePath(Array(path.dropFirst(settings.subdirectoryPath.count)))
        let target = Array("../../".utf8) + shown.bytes
        return make(target, mode: S_IFLNK | 0o777)
    }

    // MARK: Listing

    func list(
        _ special: Place.Special,
        _ cursor: ListingCursor,
        into listing: inout DirectoryBuffer,
        _ reader: CatalogReader
    ) throws {
        let after = cursor.position
        switch special {
        case .loci:
            let names =
                Self.directories.filter { isShown($0.special) }
                .map { ($0.name, S_IFDIR, $0.special.rawValue) }
                + Report.allCases.filter { isShown($0) }.map { ($0.rawValue, S_IFREG, UInt64(8)) }
            list(names, after: after, into: &listing)
        case .layouts:
            let names = try reader.layouts().liveLayouts.map { layout in
                ("\(layout.number)", S_IFDIR, Place.view(layout.number, layout.root).id.rawValue)
            }
            list(names, after: after, into: &listing)
        case .byID: try listIDs(after: after, into: &listing, reader)
        case .meta:
            try listMeta(mainRoot(reader.layouts()), cursor, into: &listing, reader)
        case .migration:
            list(Self.migrationNames.map { ($0, S_IFREG, UInt64(8)) }, after: after, into: &listing)
        case .history:
            let root = mainRoot(try reader.layouts())
            try listPast(.history, root.rawValue, cursor, into: &listing, reader)
        case .snapshots: try listSnapshots(after: after, into: &listing, reader)
        case .trash:
            try listTrash(TrashTree.root, after: after, into: &listing, reader)
        // Queries are asked by name: the directory lists none.
        case .foreign, .search: break
        }
    }

    private func list(
        _ names: [(name: String, type: UInt32, id: UInt64)],
        after: ListingPosition,
        into listing: inout DirectoryBuffer
    ) {
        for (index, entry) in names.enumerated().dropFirst(Int(after.rawValue)) {
            let position = ListingPosition(rawValue: UInt64(index + 1))
            let name = Array(entry.name.utf8)
            guard
                listing.add(
                    name,
                    NodeID(entry.id),
                    mode: entry.type,
                    cookie: ListingCursor.after(slot: 0, position).cookie
                )
            else { return }
        }
    }

    private func listIDs(
        after: ListingPosition,
        into listing: inout DirectoryBuffer,
        _ reader: CatalogReader
    ) throws {
        var row = Int64(after.rawValue)
        while true {
            // More do not fit into what the C library asks for at once.
            let page = try reader.memories(after: row, limit: 192)
            guard let last = page.last else { return }
            for memory in page {
                let position = ListingPosition(rawValue: UInt64(memory.row))
                guard
                    listing.add(
                        memory.id.text,
                        NodeID(memory.node.rawValue),
                        mode: S_IFLNK,
                        cookie: ListingCursor.after(slot: 0, position).cookie
                    )
                else { return }
            }
            row = last.row
        }
    }
}

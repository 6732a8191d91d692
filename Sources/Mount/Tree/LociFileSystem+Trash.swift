import Catalog
import FUSE
import Glibc
import Linux
import Loci
import Model

// `.loci/trash`: deleted memories, each at the path that restoring would give it. Its files are the
// memories' own nodes: moved out, one is what it was, for the kernel too.
extension LociFileSystem {
    func findTrash(
        _ name: Name,
        in directory: UInt64,
        _ reader: CatalogReader
    ) throws -> KernelEntry? {
        let layout = mainLayout(try reader.layouts())
        guard let item = try trash.find(name, in: directory, layout, reader) else { return nil }
        return try entry(of: item, reader)
    }

    private func entry(
        of item: TrashTree.Item,
        _ reader: CatalogReader
    ) throws -> KernelEntry? {
        let shown: Attributes
        switch item {
        case .directory(let number): shown = try trashAppearance(number, reader)
        case .memory(_, let number):
            guard let node = try reader.node(number) else { return nil }
            // It has a name again.
            unlinked.remove(number)
            shown = try appearance(of: node, id: Place.node(number).id)
        }
        return KernelEntry(shown, nameTimeout: .none, attributeTimeout: .none)
    }

    /// Writable for whom the root is: moving a memory out takes its name from here.
    func trashAppearance(_ number: UInt64, _ reader: CatalogReader) throws -> Attributes {
        let layout = mainLayout(try reader.layouts())
        guard let modified = try trash.modified(number, layout, reader) else {
            throw Self.goneNode
        }
        let place =
            number == TrashTree.root
            ? Place.special(.trash) : Place.past(.trash, number)
        return Attributes(
            node: place.id,
            mode: S_IFDIR | directoryPermissions,
            uid: settings.uid,
            gid: settings.gid,
            size: 4096,
            modified: modified.nanoseconds
        )
    }

    func listTrash(
        _ directory: UInt64,
        after: ListingPosition,
        into listing: inout DirectoryBuffer,
        _ reader: CatalogReader
    ) throws {
        let layout = mainLayout(try reader.layouts())
        var last = after.rawValue
        while true {
            guard
                let page = try trash.list(directory, after: last, limit: 512, layout, reader)
            else { throw Self.goneNode }
            guard let final = page.last else { return }
            for (name, item) in page {
                let cookie = ListingCursor.after(
                    slot: 0,
                    ListingPosition(rawValue: item.number)
                ).cookie
                guard let entry = try entry(of: item, reader) else { continue }
                guard listing.add(name.bytes, entry, cookie: cookie) else { return }
            }
            last = final.item.number
        }
    }

    // MARK: Moving out

    /// The directory of the trash that a node id stands for.
    static func trashDirectory(_ place: Place) -> UInt64? {
        switch place {
        case .special(.trash): TrashTree.root
        case .past(.trash, let number): number
        default: nil
        }
    }

    /// A rename of what is in a directory of the trash.
    func moveOut(
        _ directory: UInt64,
        _ name: RawSpan,
        _ newParent: NodeID,
        _ newName: RawSpan,
        _ flags: UInt32,
        _ caller: Caller,
        _ thread: ThreadReader
    ) throws {
        // An exchange would put something in.
        guard flags & 2 == 0 else { throw Self.onlyOut }
        try restore(
            try Name(name),
            in: directory,
            to: Place(newParent),
            as: try Name(newName),
            caller,
            thread
        )
    }

    /// Restores a memory to the path that it is moved to.
    ///
    /// Throws `nameTaken` where that is another's: nothing is replaced by what was deleted.
    private func restore(
        _ name: Name,
        in directory: UInt64,
        to place: Place,
        as newName: Name,
        _ caller: Caller,
        _ thread: ThreadReader
    ) throws {
        guard Self.trashDirectory(place) == nil else { throw Self.onlyOut }
        let reader = try thread.current()
        let item = try trash.find(name, in: directory, mainLayout(reader.layouts()), reader)
        guard case .memory(let row, let node)? = item else {
            guard item == nil else { throw Self.oneByOne }
            throw LociError(
                .notFound,
                subject: name.description,
                message: "\"\(name)\" is not in the trash"
            )
        }
        let target = try writableDirectory(place, reader)
        let set = try livingLayouts(of: target, reader)
        try checkDeletes(target, nil, reader)
        guard try found(newName, in: target, thread) == nil else {
            throw LociError.nameTaken(newName)
        }
        guard !isForeign(newName, in: set) else {
            throw LociError(
                .invalidName,
                subject: newName.description,
                message: "A memory cannot be called \"\(newName)\": such names are tools' files",
                remedy: "Restore it under another name"
            )
        }
        let layout = try Naming(target, having: set, reader, now: tenant.clock())
            .layout(forFile: newName)
        let known = [KnownName(directory: target.number, name: newName)]
        try change(by: caller, known: known) { transaction in
            try Self.untrash(row, as: newName, in: target.number, layout, transaction)
        }
        unlinked.remove(node)
    }

    private static func untrash(
        _ row: Int64,
        as name: Name,
        in directory: NodeNumber,
        _ layout: Layout,
        _ transaction: CatalogTransaction
    ) throws {
        let reader = transaction.reader
        guard var memory = try reader.memory(row: row), memory.trashed != nil,
            let directories = try reader.path(ofDirectory: directory)?.names
        else { throw goneNode }
        let fields = try reader.fields(of: memory)
        let changes = try layout.scheme.changes(
            from: try layout.scheme.render(fields),
            to: directories,
            existing: fields
        )
        if !changes.isEmpty || name != memory.name {
            memory = try transaction.change(
                memory,
                attributes: changes,
                name: name,
                primary: layout.number,
                operation: .restore
            )
        }
        _ = try transaction.untrash(memory, primary: layout.number)
    }

    private static let oneByOne = LociError(
        .notPermitted,
        subject: ".loci/trash",
        message: "A directory of the trash cannot be moved",
        remedy: "Move its memories one by one, or use: loci restore --under PATH --since 1d"
    )

    static let onlyOut = LociError(
        .notPermitted,
        subject: ".loci/trash",
        message: "Memories of the trash can be read and moved out, nothing else",
        remedy: "Delete a memory where it is, with rm"
    )
}

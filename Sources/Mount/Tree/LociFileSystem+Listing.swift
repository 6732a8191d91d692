import Catalog
package import FUSE
import Glibc
import Model

extension LociFileSystem {
    package func readdir(
        _ request: consuming Request,
        node: NodeID,
        cookie: UInt64,
        into listing: inout DirectoryBuffer
    ) {
        let attempt = Attempt(request, node)
        let thread = thread(attempt.thread)
        defer { finish(thread) }
        let lister = lister(of: request, node, cookie, listing.withEntries)
        do {
            var generation = staging.commitGeneration
            try list(Place(node), ListingCursor(cookie), lister, into: &listing, thread)
            // As in `steady`: a row from before a commit has a size and a time that are not true
            // any more, and the kernel would keep them.
            while staging.commitGeneration != generation {
                listing.clear()
                generation = staging.commitGeneration
                try list(Place(node), ListingCursor(cookie), lister, into: &listing, thread)
            }
            let isEnd = listing.isEmpty
            request.reply(listing)
            if isEnd { namesListings.end(node) }
        } catch {
            request.fail(errno(of: error, attempt))
        }
    }

    /// Who lists a directory, and what for.
    private struct Lister {
        let pid: Int32
        let manner: ListingHabits.Manner
    }

    private func lister(
        of request: borrowing Request,
        _ node: NodeID,
        _ cookie: UInt64,
        _ withEntries: Bool
    ) -> Lister {
        let pid = request.pid
        guard withEntries else { return Lister(pid: pid, manner: .names) }
        switch Place(node) {
        case .root, .node, .view: break
        default: return Lister(pid: pid, manner: .full)
        }
        guard cookie == 0 else {
            // As it began.
            return Lister(pid: pid, manner: namesListings.contains(node) ? .names : .full)
        }
        return Lister(pid: pid, manner: namesListings.begin(node, habits.begin(pid)))
    }

    private func list(
        _ place: Place,
        _ cursor: ListingCursor,
        _ lister: Lister,
        into listing: inout DirectoryBuffer,
        _ thread: ThreadReader
    ) throws {
        guard try addDots(place, cursor, &listing, thread) else { return }
        switch place {
        case .special(.foreign):
            guard try directory(place, thread.current()) != nil else { return }
            try listCatalog(place, cursor, lister, into: &listing, thread)
        case .special(let special):
            try list(special, cursor, into: &listing, thread.current())
        case .meta(let number): try listMeta(number, cursor, into: &listing, thread.current())
        case .past(let view, let number):
            try listPast(view, number, cursor, into: &listing, thread.current())
        case .generated(let number):
            let after = if case .after(_, let node) = cursor { node.rawValue } else { UInt64(0) }
            try listChildren(of: number, after: after, into: &listing)
        case .root, .node, .view: try listCatalog(place, cursor, lister, into: &listing, thread)
        }
    }

    private func addDots(
        _ place: Place,
        _ cursor: ListingCursor,
        _ listing: inout DirectoryBuffer,
        _ thread: ThreadReader
    ) throws -> Bool {
        let id = place.id
        if cursor == .start {
            let dot: [UInt8] = [ASCII.dot]
            guard
                listing.add(
                    dot,
                    id,
                    mode: S_IFDIR,
                    cookie: 1
                )
            else {
                return false
            }
        }
        if cursor == .start || cursor == .afterDot {
            let dots: [UInt8] = [ASCII.dot, ASCII.dot]
            return listing.add(
                dots,
                try parent(of: place, thread.current()),
                mode: S_IFDIR,
                cookie: 2
            )
        }
        return true
    }

    /// The directory above; the root is its own.
    private func parent(of place: Place, _ reader: CatalogReader) throws -> NodeID {
        switch place {
        case .node(let number), .view(_, let number):
            guard let directory = try directory(place, reader) else { return place.id }
            if directory.table.liveLayouts.contains(where: { $0.root == number }) {
                return place == .root ? place.id : Place.special(.layouts).id
            }
            let above = try reader.entries(of: number, layouts: directory.resolvable).first
            return above.map { directory.id(of: $0.directory) } ?? place.id
        case .special(.loci), .root: return Place.root.id
        case .generated: return Place.special(.search).id
        case .special: return Place.special(.loci).id
        case .meta, .past: return place.id
        }
    }

    /// By which layout a directory is listed: the one that the listing began with.
    private func listingLayout(
        of directory: Directory,
        _ cursor: ListingCursor,
        _ reader: CatalogReader
    ) throws -> (slot: Int, set: LayoutSet)? {
        if case .after(let slot, _) = cursor {
            if slot == ListingCursor.foreignSlot { return (slot, .foreign) }
            let layout = directory.table.liveLayouts.first { $0.slot == slot }
            return layout.map { (slot, $0.bit.union(.foreign)) }
        }
        let set = try layouts(of: directory, reader)
        if let layout = directory.table.layout(
            forDirectoryIn: set,
            preferring: directory.preferred
        ) {
            return (layout.slot, layout.bit.union(.foreign))
        }
        return set.contains(.foreign) ? (ListingCursor.foreignSlot, .foreign) : nil
    }

    private func listCatalog(
        _ place: Place,
        _ cursor: ListingCursor,
        _ lister: Lister,
        into listing: inout DirectoryBuffer,
        _ thread: ThreadReader
    ) throws {
        let after =
            if case .after(_, let node) = cursor { node } else { NodeNumber(0) }
        // Staged names first: a birth commits its row before it leaves the overlay.
        var unborn =
            try number(place, thread.current()).map { staging.list($0, after: after) } ?? []
        let reader = try thread.current()
        guard let directory = try directory(place, reader),
            let (slot, set) = try listingLayout(of: directory, cursor, reader)
        else { return }
        unborn.reverse()
        var isFull = false
        if lister.manner == .names {
            try reader.listNames(directory.number, layouts: set, after: after) { name, row in
                isFull =
                    try !add(&unborn, before: row.node, slot, &listing)
                    || !add(name, row, directory, reader, slot, &listing)
                return !isFull
            }
        } else {
            var withholds = lister.manner == .allButOne
            try reader.list(directory.number, layouts: set, after: after) { entry, node in
                guard add(&unborn, before: node.number, slot, &listing) else {
                    isFull = true
                    return false
                }
                let cookie = ListingCursor.after(slot: slot, node.number).cookie
                if withholds, node.mode & S_IFMT != S_IFDIR {
                    withholds = false
                    let id = NodeID(node.number.rawValue)
                    isFull = !listing.add(entry.name.bytes, id, mode: node.mode, cookie: cookie)
                    if !isFull { habits.noteWithheld(from: lister.pid) }
                } else {
                    let shown = try self.entry(of: node, layouts: entry.layouts, in: directory)
                    isFull = !listing.add(entry.name.bytes, shown, cookie: cookie)
                }
                return !isFull
            }
        }
        while !isFull, let next = unborn.popLast() {
            isFull = !add(next, slot, &listing)
        }
    }

    /// Adds a row of names; a directory with its attributes, as whoever reads it goes down into it.
    private func add(
        _ name: RawSpan,
        _ row: CatalogReader.ListedName,
        _ directory: Directory,
        _ reader: CatalogReader,
        _ slot: Int,
        _ listing: inout DirectoryBuffer
    ) throws -> Bool {
        let cookie = ListingCursor.after(slot: slot, row.node).cookie
        let isDirectory = row.mode & S_IFMT == S_IFDIR
        if isDirectory, listing.withEntries, let node = try reader.node(row.node) {
            let entry = try entry(of: node, layouts: row.layouts, in: directory)
            return listing.add(name: name, entry: entry, cookie: cookie)
        }
        return listing.add(
            name: name,
            node: NodeID(row.node.rawValue),
            mode: row.mode,
            cookie: cookie
        )
    }

    /// Adds the unborn files that stand before a node; false where they do not fit.
    private func add(
        _ unborn: inout [Unborn],
        before node: NodeNumber,
        _ slot: Int,
        _ listing: inout DirectoryBuffer
    ) -> Bool {
        while let next = unborn.last, next.node <= node {
            unborn.removeLast()
            if next.node == node { break }
            guard add(next, slot, &listing) else { return false }
        }
        return true
    }

    private func add(_ unborn: Unborn, _ slot: Int, _ listing: inout DirectoryBuffer) -> Bool {
        listing.add(
            unborn.name.bytes,
            KernelEntry(
                appearance(of: unborn),
                nameTimeout: Self.long,
                attributeTimeout: Self.long
            ),
            cookie: ListingCursor.after(slot: slot, unborn.node).cookie
        )
    }
}

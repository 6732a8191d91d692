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
        if isEnd(node, cookie) {
            return request.reply(listing)
        }
        let lister = lister(of: request, node, cookie, listing.withEntries)
        do {
            var generation = staging.commitGeneration
            var isComplete = try list(
                Place(node),
                ListingCursor(cookie),
                lister,
                into: &listing,
                thread
            )
            // As in `steady`: a row from before a commit has a size and a time that are not true
            // any more, and the kernel would keep them.
            while staging.commitGeneration != generation {
                listing.clear()
                generation = staging.commitGeneration
                isComplete = try list(
                    Place(node),
                    ListingCursor(cookie),
                    lister,
                    into: &listing,
                    thread
                )
            }
            let isEnd = listing.isEmpty
            if isComplete, !isEnd {
                let seen = thread.seenGeneration
                listingEnds.note(node, after: listing.lastCookie, generation: seen)
            }
            request.reply(listing)
            // Where nothing changed since the last entry, `isEnd` has answered.
            if isEnd { namesListings.endUnsteady(node) }
        } catch {
            request.fail(errno(of: error, attempt))
        }
    }

    /// Whether a listing that was read to here is known to be at its end.
    private func isEnd(_ node: NodeID, _ cookie: UInt64) -> Bool {
        cookie != 0 && !staging.hasUnborn
            && listingEnds.contains(node, after: cookie, generation: catalog.generation)
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
        // Each is worked out by itself, and some are kept for no time.
        default: return Lister(pid: pid, manner: cookie == 0 || habits.looks(pid) ? .full : .names)
        }
        guard cookie == 0 else {
            let byNames = namesListings.contains(node)
            return Lister(pid: pid, manner: habits.goOn(pid, byNames: byNames))
        }
        return Lister(pid: pid, manner: namesListings.begin(node, habits.begin(pid)))
    }

    /// Returns whether all that the catalog has is in the listing now.
    private func list(
        _ place: Place,
        _ cursor: ListingCursor,
        _ lister: Lister,
        into listing: inout DirectoryBuffer,
        _ thread: ThreadReader
    ) throws -> Bool {
        switch place {
        case .root, .node, .view, .special(.foreign):
            return try listCatalog(place, cursor, lister, into: &listing, thread)
        default: break
        }
        listing.bringsEntries = lister.manner != .names
        guard addDots(place, above: parent(of: place), cursor, &listing) else { return false }
        switch place {
        case .special(let special):
            try list(special, cursor, into: &listing, thread.current())
        case .meta(let number): try listMeta(number, cursor, into: &listing, thread.current())
        case .past(let view, let number):
            try listPast(view, number, cursor, into: &listing, thread.current())
        case .generated(let number):
            try listChildren(of: number, after: cursor.position, into: &listing)
        case .root, .node, .view: break
        }
        return false
    }

    private func addDots(
        _ place: Place,
        above: NodeID,
        _ cursor: ListingCursor,
        _ listing: inout DirectoryBuffer
    ) -> Bool {
        let (dot, dots): ([UInt8], [UInt8]) = ([ASCII.dot], [ASCII.dot, ASCII.dot])
        if cursor == .start {
            guard listing.add(dot, place.id, mode: S_IFDIR, cookie: 1) else { return false }
        }
        if cursor == .start || cursor == .afterDot {
            return listing.add(dots, above, mode: S_IFDIR, cookie: 2)
        }
        return true
    }

    /// The directory above one that Loci makes.
    private func parent(of place: Place) -> NodeID {
        switch place {
        case .special(.loci), .root: Place.root.id
        case .generated: Place.special(.search).id
        case .special: Place.special(.loci).id
        case .meta, .past, .node, .view: place.id
        }
    }

    /// The directory above one of the catalog's; the root is its own.
    private func parent(of place: Place, _ directory: Directory, _ home: Home) -> NodeID {
        switch place {
        case .node, .view:
            if let above = home.above { return directory.id(of: above) }
            let isRoot = directory.table.liveLayouts.contains { $0.root == directory.number }
            return isRoot ? Place.special(.layouts).id : place.id
        default: return parent(of: place)
        }
    }

    /// By which layout a directory is listed: the one that the listing began with.
    private func listingLayout(
        of directory: Directory,
        _ cursor: ListingCursor,
        _ home: Home
    ) -> (slot: Int, set: LayoutSet)? {
        if case .after(let slot, _, _) = cursor {
            if slot == ListingCursor.foreignSlot { return (slot, .foreign) }
            let layout = directory.table.liveLayouts.first { $0.slot == slot }
            return layout.map { (slot, $0.bit.union(.foreign)) }
        }
        if let layout = directory.table.layout(
            forDirectoryIn: home.layouts,
            preferring: directory.preferred
        ) {
            return (layout.slot, layout.bit.union(.foreign))
        }
        return home.layouts.contains(.foreign) ? (ListingCursor.foreignSlot, .foreign) : nil
    }

    /// Returns whether all that the catalog has is in the listing now.
    private func listCatalog(
        _ place: Place,
        _ cursor: ListingCursor,
        _ lister: Lister,
        into listing: inout DirectoryBuffer,
        _ thread: ThreadReader
    ) throws -> Bool {
        // Staged names first: a birth commits its row before it leaves the overlay.
        let staged = try number(place, thread.current()).map { number in
            staging.list(number, after: cursor.position)
        }
        let reader = try thread.current()
        guard let directory = try directory(place, reader) else { return false }
        let home = if case .after = cursor { Home() } else { try home(of: directory, reader) }
        let above = parent(of: place, directory, home)
        guard addDots(place, above: above, cursor, &listing),
            let (slot, set) = listingLayout(of: directory, cursor, home)
        else { return false }
        let (unborn, replaced) = staged ?? ([], [])
        let (number, bound) = try bound(cursor, directory.number, unborn, reader)
        var piece = ListingPiece(
            slot: slot,
            listing: number,
            bound: bound,
            unborn: unborn,
            replaced: replaced
        )
        let contents = Contents(place: place, directory: directory, layouts: set, cursor: cursor)
        if lister.manner == .names {
            try addNames(contents, reader, &piece, &listing)
        } else {
            try addNodes(contents, lister, reader, &piece, &listing)
        }
        while !piece.isFull, let next = piece.unborn.popLast() {
            _ = add(next, place, &piece, &listing)
        }
        return !piece.isFull
    }

    /// The number and the bound of a listing; one that begins gets them.
    ///
    /// It has those of the directory's listing before where that bound hides nothing: the kernel
    /// completes a listing that somebody broke off only by cookies that go on where that one ended.
    ///
    /// `unborn`: those of the directory, where a listing begins.
    private func bound(
        _ cursor: ListingCursor,
        _ directory: NodeNumber,
        _ unborn: [Unborn],
        _ reader: CatalogReader
    ) throws -> (listing: Int, ListingBound) {
        if case .after(_, let listing, _) = cursor { return (listing, listingBounds[listing]) }
        if let latest = listingBounds.latest(of: directory) {
            let bound = listingBounds[latest]
            if unborn.allSatisfy({ bound.admits($0.position) }),
                try !reader.hasEntries(directory, at: bound.end..<UInt64(Int64.max)),
                try !reader.hasEntries(directory, at: bound.free)
            {
                return (latest, bound)
            }
        }
        let free = staging.freeNumbers
        // Numbers may have been reserved after the reader's transaction began.
        let end = max(try reader.nextNode(), free.upperBound)
        let bound = ListingBound(end: end, free: free)
        return (listingBounds.begin(directory, bound), bound)
    }

    /// What a piece of a listing is made of.
    private struct Contents {
        let place: Place
        let directory: Directory
        let layouts: LayoutSet
        let cursor: ListingCursor
    }

    private func addNames(
        _ contents: Contents,
        _ reader: CatalogReader,
        _ piece: inout ListingPiece,
        _ listing: inout DirectoryBuffer
    ) throws {
        let directory = contents.directory
        try reader.listNames(
            directory.number,
            layouts: contents.layouts,
            after: contents.cursor.position
        ) { name, row in
            guard row.position.rawValue < piece.bound.end else { return false }
            guard try piece.shows(name, row) else { return true }
            guard addUnborn(before: row, contents.place, &piece, &listing) else { return false }
            return try piece.add(at: row.position, to: &listing) { listing, cookie in
                try add(name, row, directory, reader, cookie, &listing)
            }
        }
    }

    private func addNodes(
        _ contents: Contents,
        _ lister: Lister,
        _ reader: CatalogReader,
        _ piece: inout ListingPiece,
        _ listing: inout DirectoryBuffer
    ) throws {
        let directory = contents.directory
        var withholds = lister.manner == .allButOne
        var files: [ReadAhead.Listed] = []
        defer { ahead.noteListed(files, isFirst: contents.cursor == .start) }
        try reader.listNodes(
            directory.number,
            layouts: contents.layouts,
            after: contents.cursor.position
        ) { name, row, node in
            guard row.position.rawValue < piece.bound.end else { return false }
            guard try piece.shows(name, row) else { return true }
            guard addUnborn(before: row, contents.place, &piece, &listing) else { return false }
            if !row.isDirectory {
                files.append(ReadAhead.Listed(node: row.node, position: row.position))
            }
            return try piece.add(at: row.position, to: &listing) { listing, cookie in
                guard withholds, !row.isDirectory else {
                    let shown = try self.entry(of: node, layouts: row.layouts, in: directory)
                    return listing.add(name: name, entry: shown, cookie: cookie)
                }
                withholds = false
                let id = NodeID(row.node.rawValue)
                let isAdded = listing.add(name: name, node: id, mode: row.type, cookie: cookie)
                if isAdded { habits.noteWithheld(from: lister.pid) }
                return isAdded
            }
        }
    }

    /// Adds a row of names; a directory with its attributes, as whoever reads it goes down into it.
    private func add(
        _ name: RawSpan,
        _ row: CatalogReader.ListedName,
        _ directory: Directory,
        _ reader: CatalogReader,
        _ cookie: UInt64,
        _ listing: inout DirectoryBuffer
    ) throws -> Bool {
        if row.isDirectory, listing.withEntries, let node = try reader.node(row.node) {
            let entry = try entry(of: node, layouts: row.layouts, in: directory)
            return listing.add(name: name, entry: entry, cookie: cookie)
        }
        return listing.add(
            name: name,
            node: NodeID(row.node.rawValue),
            mode: row.type,
            cookie: cookie
        )
    }

    /// Adds the unborn files that stand before a row; false where they do not fit.
    private func addUnborn(
        before row: CatalogReader.ListedName,
        _ place: Place,
        _ piece: inout ListingPiece,
        _ listing: inout DirectoryBuffer
    ) -> Bool {
        while let next = piece.popUnborn(before: row) {
            guard add(next, place, &piece, &listing) else { return false }
        }
        return true
    }

    private func add(
        _ unborn: Unborn,
        _ place: Place,
        _ piece: inout ListingPiece,
        _ listing: inout DirectoryBuffer
    ) -> Bool {
        piece.add(at: unborn.position, to: &listing) { listing, cookie in
            listing.add(unborn.name.bytes, entry(of: unborn, in: place), cookie: cookie)
        }
    }
}

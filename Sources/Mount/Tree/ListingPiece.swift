import Catalog
import FUSE
import Model

/// One piece of a listing of names that the catalog has, and of those that no row has yet.
struct ListingPiece {
    /// Of the layout by which is listed.
    let slot: Int
    let listing: Int
    let bound: ListingBound
    /// Files without a row, the one to come next last.
    var unborn: [Unborn]
    /// Names whose row leads to what a file without a row replaces.
    let replaced: Set<Name>
    /// Whether something did not fit.
    private(set) var isFull = false
    /// Where the entries of the position that was added last begin.
    private var group: (position: ListingPosition, start: DirectoryBuffer.Mark)?

    /// `unborn`: by rising position.
    init(
        slot: Int,
        listing: Int,
        bound: ListingBound,
        unborn: [Unborn],
        replaced: Set<Name>
    ) {
        self.slot = slot
        self.listing = listing
        self.bound = bound
        self.unborn = unborn.reversed().filter { bound.admits($0.position) }
        self.replaced = replaced
    }

    /// Whether a row is to be shown.
    func shows(_ name: RawSpan, _ row: CatalogReader.ListedName) throws -> Bool {
        guard bound.admits(row.position) else { return false }
        return try replaced.isEmpty || !replaced.contains(Name(name))
    }

    /// The next file without a row that stands before one, or at its position.
    mutating func popUnborn(before row: CatalogReader.ListedName) -> Unborn? {
        while let next = unborn.last, next.position <= row.position {
            unborn.removeLast()
            // Else it was born since it was looked at.
            if next.node != row.node { return next }
        }
        return nil
    }

    /// Lets `body` add an entry, to which it gives the cookie; returns whether it fit.
    ///
    /// Entries of one position come in one piece, since no cookie is between them. A file has the
    /// position of another one for a moment where it was made at a name that was renamed just now.
    mutating func add(
        at position: ListingPosition,
        to buffer: inout DirectoryBuffer,
        _ body: (inout DirectoryBuffer, _ cookie: UInt64) throws -> Bool
    ) rethrows -> Bool {
        if group?.position != position { group = (position, buffer.mark) }
        let cookie = ListingCursor.after(slot: slot, listing: listing, position).cookie
        if try body(&buffer, cookie) { return true }
        isFull = true
        // A piece must bring something.
        if let group, !group.start.isStart { buffer.goBack(to: group.start) }
        return false
    }
}

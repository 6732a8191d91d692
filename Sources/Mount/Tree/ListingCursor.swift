import Catalog
import Model

/// Where a listing goes on: the cookie of a directory entry.
///
/// ```
///  0            the start             1, 2         after "." and ".."
///  slot + 1: 6 bits | listing: 9 | position: 48
///                                     after that position, in the listing of that number by the
///                                     layout in that slot
/// ```
///
/// It names the layout, so that a listing that began before a cut-over ends in the layout that it
/// began with; the listing, so that it shows no name that came after it began; and the position,
/// which is the same before and after a rename, a birth or a save.
enum ListingCursor: Hashable {
    case start
    case afterDot
    case afterDotDot
    /// `listing`: see `ListingBounds`; 0 where what comes meanwhile may be shown.
    case after(slot: Int, listing: Int = 0, ListingPosition)

    /// The slot of directories that only tools have.
    static let foreignSlot = 62
    private static let positionBits: UInt64 = 48
    static let listingBits: UInt64 = 9

    init(_ cookie: UInt64) {
        switch cookie {
        case 0: self = .start
        case 1: self = .afterDot
        case 2: self = .afterDotDot
        default:
            self = .after(
                slot: Int(cookie >> (Self.positionBits + Self.listingBits)) - 1,
                listing: Int(cookie >> Self.positionBits & (1 << Self.listingBits - 1)),
                ListingPosition(rawValue: cookie & (1 << Self.positionBits - 1))
            )
        }
    }

    /// Where the listing goes on.
    var position: ListingPosition {
        if case .after(_, _, let position) = self { position } else { .start }
    }

    var cookie: UInt64 {
        switch self {
        case .start: 0
        case .afterDot: 1
        case .afterDotDot: 2
        case .after(let slot, let listing, let position):
            (UInt64(slot + 1) << Self.listingBits | UInt64(listing)) << Self.positionBits
                | position.rawValue
        }
    }
}

import Catalog
import Model

/// Where a listing goes on: the cookie of a directory entry.
///
/// ```
///  0            the start             1, 2         after "." and ".."
///  (slot + 1) << 48 | node            after that node, listed by the layout in that slot
/// ```
///
/// It names the layout, so that a listing that began before a cut-over ends in the layout that it
/// began with; and the node, which is the same before and after a rename or a birth.
enum ListingCursor: Hashable {
    case start
    case afterDot
    case afterDotDot
    case after(slot: Int, NodeNumber)

    /// The slot of directories that only tools have.
    static let foreignSlot = 62
    private static let shift: UInt64 = 48

    init(_ cookie: UInt64) {
        switch cookie {
        case 0: self = .start
        case 1: self = .afterDot
        case 2: self = .afterDotDot
        default:
            self = .after(
                slot: Int(cookie >> Self.shift) - 1,
                NodeNumber(cookie & (1 << Self.shift - 1))
            )
        }
    }

    var cookie: UInt64 {
        switch self {
        case .start: 0
        case .afterDot: 1
        case .afterDotDot: 2
        case .after(let slot, let node): UInt64(slot + 1) << Self.shift | node.rawValue
        }
    }
}

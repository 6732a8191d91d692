import Catalog
import Synchronization

/// Which names a listing may show: not those that came after it began.
///
/// Else a program that makes a file for each one that it is shown would be shown its own files, and
/// never come to an end; btrfs and tmpfs learned to stop there, too.
struct ListingBound: Equatable {
    /// Positions from here on were free when the listing began.
    var end: UInt64 = .max
    /// Positions that were free, too: numbers that this mount had reserved for its files.
    var free: Range<UInt64> = 0..<0

    func admits(_ position: ListingPosition) -> Bool {
        position.rawValue < end && !free.contains(position.rawValue)
    }
}

/// The bounds of the listings that began last.
///
/// There is no telling when a listing ends, so each new one takes the place of the oldest. Whoever
/// still reads that one may be shown what came since, and misses nothing: a later bound admits more.
///
/// A lock of its own, held for some nanoseconds.
final class ListingBounds: Sendable {
    /// Numbers of listings: 1 to this; the number 0 has no bound.
    static let most = 1 << ListingCursor.listingBits - 1

    private struct State {
        /// Those of an earlier daemon of this mount have none.
        var bounds = [ListingBound](repeating: ListingBound(), count: most + 1)
        var last = 0
    }

    private let state = Mutex(State())

    /// Returns the number of a listing that begins.
    func begin(_ bound: ListingBound) -> Int {
        state.withLock { state in
            state.last = state.last % Self.most + 1
            state.bounds[state.last] = bound
            return state.last
        }
    }

    subscript(listing: Int) -> ListingBound { state.withLock { $0.bounds[listing] } }
}

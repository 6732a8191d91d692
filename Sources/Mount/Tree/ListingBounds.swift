import Catalog
import Model
import Synchronization

/// Which names a listing may show: not those that came after it began.
///
/// Else a program that makes a file for each one that it is shown would be shown its own files, and
/// never come to an end; btrfs and tmpfs learned to stop there, too. What others make meanwhile, of
/// numbers that they had reserved before, may be shown.
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
    private static let slots = 1024

    private struct Latest {
        var directory = NodeNumber(0)
        var listing = 0
    }

    private struct State {
        /// Those of an earlier daemon of this mount have none.
        var bounds = [ListingBound](repeating: ListingBound(), count: most + 1)
        var last = 0
        /// Of directories that share a slot, the last.
        var latest = [Latest](repeating: Latest(), count: slots)
    }

    private let state = Mutex(State())

    /// Returns the number of a listing of `directory` that begins.
    ///
    /// Listings of one bound share a number.
    func begin(_ directory: NodeNumber, _ bound: ListingBound) -> Int {
        state.withLock { state in
            if state.last == 0 || state.bounds[state.last] != bound {
                state.last = state.last % Self.most + 1
                state.bounds[state.last] = bound
            }
            let latest = Latest(directory: directory, listing: state.last)
            state.latest[Self.slot(of: directory)] = latest
            return state.last
        }
    }

    /// The number of the directory's listing that began last; nil where that is not known.
    ///
    /// It may be a later listing's by now.
    func latest(of directory: NodeNumber) -> Int? {
        state.withLock { state in
            let latest = state.latest[Self.slot(of: directory)]
            return latest.directory == directory ? latest.listing : nil
        }
    }

    subscript(listing: Int) -> ListingBound { state.withLock { $0.bounds[listing] } }

    private static func slot(of directory: NodeNumber) -> Int {
        Int(directory.rawValue % UInt64(slots))
    }
}

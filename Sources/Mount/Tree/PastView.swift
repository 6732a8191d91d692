/// Which tree below `.loci` a node belongs to that shows the past.
package enum PastView: Hashable, Sendable {
    /// A directory of `.loci/snapshots/<name>`, by its number in the catalog.
    ///
    /// The view is the snapshot's: no two have the same.
    case snapshot(Int)
    /// A directory of `.loci/history`, by the catalog's number: a partition, or a memory, whose
    /// revisions it holds.
    case history
    /// A directory of `.loci/trash`, by a number made of its path.
    case trash
    /// One revision as a file, in all these trees, by the change that made it.
    ///
    /// Its bytes never change: what the kernel has of them stays right.
    case revision

    private static let first: UInt64 = 16_001

    init?(rawValue: UInt64) {
        switch rawValue {
        case 0: return nil
        case Self.first: self = .history
        case Self.first + 1: self = .trash
        case Self.first + 2: self = .revision
        case ..<Self.first: self = .snapshot(Int(rawValue))
        default: return nil
        }
    }

    var rawValue: UInt64 {
        switch self {
        case .snapshot(let view): UInt64(view)
        case .history: Self.first
        case .trash: Self.first + 1
        case .revision: Self.first + 2
        }
    }
}

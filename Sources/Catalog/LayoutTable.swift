package import Model

/// The set of layouts that have an entry, one bit a slot.
///
/// A slot is lent to a layout for its life and used again only when no entry has its bit. Bit 62
/// marks foreign entries, which belong to no layout and show wherever their directory does.
package struct LayoutSet: OptionSet, Hashable, Sendable {
    package let rawValue: Int64

    package init(rawValue: Int64) { self.rawValue = rawValue }

    package init(slot: Int) {
        precondition((0...61).contains(slot), "a layout's slot is 0 to 61")
        rawValue = 1 << Int64(slot)
    }

    package static let foreign = LayoutSet(rawValue: 1 << 62)

    /// The number of layouts that can be live at once.
    package static let capacity = 62
}

/// A scheme that a tenant serves, or served.
package struct Layout: Hashable, Sendable {
    package enum State: Int64, Hashable, Sendable {
        case building = 1
        case live = 2
        /// Ended for readers; rows with its bit may remain.
        case retired = 3
        /// Retired, and no row has its bit: the slot is free.
        case cleared = 4
        /// Ended before it was ever listed, and cleared.
        case clearedAborted = 5
    }

    package let number: LayoutNumber
    package let slot: Int
    package let scheme: Scheme
    package let state: State
    package let isListed: Bool
    package let isTarget: Bool
    /// The directory that its paths begin in.
    ///
    /// Layouts share the tenant's root, but for one that was made apart: it has a root of its own,
    /// and is in the mount's root only while it is listed.
    package let root: NodeNumber
    /// After cut-over: names that only this layout has refuse unlink, rename and create.
    package let refusesDeletes: Bool
    package let liveSince: ChangeNumber?
    package let listedSince: ChangeNumber?

    package var bit: LayoutSet { LayoutSet(slot: slot) }
    package var isLive: Bool { state == .live }
}

/// All layouts of a tenant as one transaction saw them.
///
/// It never changes: cheap to keep for a while, and to hand on, as every request does several times.
///
/// Invariant: exactly one layout is listed and one is the target, both live; at most one builds.
package final class LayoutTable: Sendable {
    /// Every layout there ever was, by rising number.
    package let all: [Layout]
    package let listed: Layout
    package let target: Layout
    /// Rises with each change of any layout; a reader compares it to know that its table is old.
    package let version: Int64
    /// Bits that a path resolves by: of live layouts, and foreign.
    package let resolvable: LayoutSet
    /// Bits that matter to somebody: the resolvable ones, and of a layout that is building.
    package let occupied: LayoutSet
    package let liveLayouts: [Layout]
    /// The layouts that every change of a memory serves: live ones and one that is building.
    package let served: [Layout]

    /// What other served layouts of the same root claim against a layout.
    private let claims: [LayoutNumber: [Claim]]

    package init(all: [Layout], version: Int64) throws {
        guard let listed = all.first(where: \.isListed), let target = all.first(where: \.isTarget)
        else {
            throw LociError(
                .corrupt,
                subject: "layout",
                message: "The catalog has no listed or no target layout",
                remedy: "Run: loci fsck"
            )
        }
        self.all = all
        self.listed = listed
        self.target = target
        self.version = version
        var resolvable: LayoutSet = [.foreign]
        var building: LayoutSet = []
        for layout in all {
            if layout.isLive { resolvable.insert(layout.bit) }
            if layout.state == .building { building.insert(layout.bit) }
        }
        self.resolvable = resolvable
        liveLayouts = all.filter(\.isLive)
        served = all.filter { $0.isLive || $0.state == .building }
        claims = Self.claims(among: served)
        occupied = resolvable.union(building)
    }

    private static func claims(among served: [Layout]) -> [LayoutNumber: [Claim]] {
        var claims: [LayoutNumber: [Claim]] = [:]
        for layout in served {
            claims[layout.number] = served.compactMap { other in
                other.number == layout.number || other.root != layout.root
                    ? nil : other.scheme.claim(over: layout.scheme)
            }
        }
        return claims
    }

    /// Refuses a path of `layout` that takes a name which another layout claims: two live layouts
    /// never dispute a path.
    package func checkClaims(
        on directories: [Name],
        name: Name,
        of layout: Layout
    ) throws(LociError) {
        for claim in claims[layout.number] ?? []
        where claim.isBroken(by: directories, name: name) {
            let taken = claim.depth < directories.count ? directories[claim.depth] : name
            throw LociError(
                .pathDoesNotFit,
                subject: taken.description,
                message: "The name \"\(taken)\" belongs to another layout of this tenant",
                remedy: "Choose a value or a name that does not begin so"
            )
        }
    }

    package var building: Layout? { all.first { $0.state == .building } }

    package subscript(number: LayoutNumber) -> Layout? { all.first { $0.number == number } }

    package func layouts(in set: LayoutSet) -> [Layout] {
        served.filter { set.contains($0.bit) }
    }

    /// The layout by which a directory that is in `set` is listed and its new names are parsed:
    /// `preferred` where it has the directory, else the newest live layout that does.
    ///
    /// One layout, never several: else a walk of a directory that two unlisted layouts share would
    /// meet memories twice.
    package func layout(forDirectoryIn set: LayoutSet, preferring preferred: Layout) -> Layout? {
        if set.contains(preferred.bit) && preferred.isLive { return preferred }
        return all.last { $0.isLive && set.contains($0.bit) }
    }
}

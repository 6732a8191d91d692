import Synchronization

/// What processes do with the files that they list: they look at each, or at none.
///
/// `ls -l` and `grep -r` ask for every file whose name they read, `find` and `ls -R` for none. The
/// first are served best by a listing that brings all attributes; to the others those are most of
/// what it costs, here and in the kernel, which keeps an inode for each.
///
/// A process that is not known gets the attributes of all files but one. If it looks that one up,
/// it looks at files; if it reads on in a large directory, or lists another one, names are what it
/// wants. A wrong guess costs a lookup for each file of a directory, until the process looks at one:
/// of whoever reads a large directory to its end first, as `grep -r` does, for each file of that
/// one. Where another process looks (`find | xargs grep`), `NamesListings` notices.
///
/// Who looked once is taken for looking at all files: whether it does, nobody sees who brings them.
///
/// Without a lock; of processes whose numbers share a slot, the last one is known.
final class ListingHabits: Sendable {
    enum Manner: Hashable, Sendable {
        /// Names, and what a lookup of each would answer.
        case full
        case allButOne
        /// Names, and what a lookup of a directory would answer.
        case names
    }

    private enum Habit: UInt64 {
        /// One file was kept from it.
        case tested = 1
        case names = 2
        case looks = 3
    }

    /// The number of a process, shifted by two, and its habit.
    private let slots = InlineArray<256, Atomic<UInt64>> { _ in Atomic(0) }

    /// How a directory that a process begins to list is served.
    func begin(_ pid: Int32) -> Manner {
        guard pid > 0 else { return .full }
        switch habit(of: pid) {
        case .looks: return .full
        case nil: return .allButOne
        case .names: return .names
        case .tested:
            note(.names, of: pid)
            return .names
        }
    }

    /// How a later piece of a listing is served; `byNames`: the directory was last begun so.
    func goOn(_ pid: Int32, byNames: Bool) -> Manner {
        guard pid > 0 else { return .names }
        return switch habit(of: pid) {
        case .looks: .full
        case nil: byNames ? .names : .allButOne
        // It has not looked up what the first piece kept from it.
        case .tested: .names
        // Began in full, where all listings do for a while.
        case .names: byNames ? .names : .full
        }
    }

    /// Whether a process is known to look at files.
    func looks(_ pid: Int32) -> Bool { habit(of: pid) == .looks }

    /// Notes that a file was kept from a process.
    func noteWithheld(from pid: Int32) { note(.tested, of: pid) }

    /// Notes that a process looked a file up.
    func noteLookup(by pid: Int32) {
        switch habit(of: pid) {
        case nil, .looks: return
        case .tested, .names: note(.looks, of: pid)
        }
    }

    private func habit(of pid: Int32) -> Habit? {
        let value = slots[slot(of: pid)].load(ordering: .relaxed)
        return value >> 2 == UInt64(UInt32(bitPattern: pid)) ? Habit(rawValue: value & 3) : nil
    }

    private func note(_ habit: Habit, of pid: Int32) {
        let value = UInt64(UInt32(bitPattern: pid)) << 2 | habit.rawValue
        slots[slot(of: pid)].store(value, ordering: .relaxed)
    }

    private func slot(of pid: Int32) -> Int { Int(UInt32(bitPattern: pid)) % slots.count }
}

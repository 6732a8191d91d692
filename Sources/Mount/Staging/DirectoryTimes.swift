import Catalog
import Loci
package import Model
import SQL
import Synchronization

/// When names of files without rows last came into a directory or went from it.
///
/// A directory's row knows nothing of them: what is newer, this or the row's time of change, is
/// what the directory shows. A file that is born leaves its time in the row.
final class DirectoryTimes: Sendable {
    /// Beyond it the older half is forgotten: most of it is in rows by then.
    private static let capacity = 4096

    private let count = Atomic<Int>(0)
    private let times = Mutex<[NodeNumber: Int64]>([:])

    /// `time` is in nanoseconds since 1970.
    func note(_ directory: NodeNumber, at time: Int64) {
        times.withLock { times in
            times[directory] = max(times[directory] ?? .min, time)
            if times.count > Self.capacity {
                let middle = times.values.sorted()[times.count / 2]
                times = times.filter { $0.value >= middle }
            }
            count.store(times.count, ordering: .releasing)
        }
    }

    /// At once where there are none at all.
    func time(of directory: NodeNumber) -> Int64? {
        guard count.load(ordering: .acquiring) > 0 else { return nil }
        return times.withLock { $0[directory] }
    }

    /// Gives all away.
    func take() -> [NodeNumber: Int64] {
        times.withLock { times in
            defer { times = [:] }
            count.store(0, ordering: .releasing)
            return times
        }
    }
}

extension Staging {
    /// When the names in a directory last changed, as far as rows do not tell.
    package func namesChanged(in directory: NodeNumber) -> Int64? {
        directoryTimes.time(of: directory)
    }

    /// Notes that the name of an unborn file came, or goes now.
    func noteNames(of staged: StagedNode) {
        let place = staged.state.withLock { $0.place }
        guard let directory = place?.directory else { return }
        directoryTimes.note(directory, at: tenant.clock().nanoseconds)
    }

    /// Writes what only this session knows into the directories' rows.
    func keepDirectoryTimes() {
        let times = directoryTimes.take()
        guard !times.isEmpty else { return }
        // Times of directories are not worth a failure.
        try? tenant.catalog.write(.normal, origin: Self.origin) { transaction in
            for (directory, time) in times { transaction.touch(directory, at: time) }
        }
    }
}

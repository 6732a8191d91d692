import Catalog
import Loci
package import Model
import SQL
import Synchronization

// When the names of a directory changed for whoever looks through this mount: an unborn file's name
// is in no row, and its birth, which writes one, changes nothing that anybody sees.

extension Staging {
    /// When an unborn file got or lost a name in a directory, where no row has that time yet, in
    /// nanoseconds since 1970.
    package func changeTime(of directory: NodeNumber) -> Int64? {
        guard directoryTimesCount.load(ordering: .acquiring) > 0 else { return nil }
        return names.withLock { $0.directoryTimes[directory] }
    }

    /// Somebody set a directory's time: what its unborn files say is over.
    package func forgetChangeTime(of directory: NodeNumber) {
        guard directoryTimesCount.load(ordering: .acquiring) > 0 else { return }
        names.withLock { names in
            names.directoryTimes[directory] = nil
            directoryTimesCount.store(names.directoryTimes.count, ordering: .releasing)
        }
    }

    /// Called with the lock of `names`.
    func noteChange(of directories: [NodeNumber], _ names: inout Names) {
        let now = tenant.clock().nanoseconds
        for directory in directories { names.directoryTimes[directory] = now }
        directoryTimesCount.store(names.directoryTimes.count, ordering: .releasing)
    }

    /// Has a transaction write the times that are known here.
    ///
    /// Returns what `forget` takes once the transaction is done.
    func setDirectoryTimes(in transaction: CatalogTransaction) -> [NodeNumber: Int64] {
        let times = names.withLock { $0.directoryTimes }
        for (directory, time) in times { transaction.touch(directory, at: time) }
        return times
    }

    /// The rows have these times.
    func forget(_ written: [NodeNumber: Int64]) {
        guard !written.isEmpty else { return }
        names.withLock { names in
            for (directory, time) in written where names.directoryTimes[directory] == time {
                names.directoryTimes[directory] = nil
            }
            directoryTimesCount.store(names.directoryTimes.count, ordering: .releasing)
        }
    }

    /// Writes the times of directories that no commit wrote.
    func writeDirectoryTimes() throws(LociError) {
        guard directoryTimesCount.load(ordering: .acquiring) > 0 else { return }
        let written = try tenant.catalog.write(.normal, origin: Self.origin) { transaction in
            setDirectoryTimes(in: transaction)
        }
        forget(written)
    }
}

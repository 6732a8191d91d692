import Linux
package import Model
import SQL

/// The tenant's writer lock and the file that tells others of a commit.
///
/// `STORE/<tenant>/lock/writer` and `STORE/<tenant>/wake`.
// Safe to share: both descriptors are immutable; the lock is taken under the catalog's gate.
final class WriterLock: @unchecked Sendable {
    private let lockFile: FileLock
    private let wakeFile: File

    init(directory: String) throws(LociError) {
        do throws(Errno) {
            lockFile = try FileLock(path: directory + "/lock/writer")
            wakeFile = try File.open(directory + "/wake", [.readWrite, .create], mode: 0o644)
        } catch {
            throw LociError(catalogError: error, subject: directory)
        }
    }

    func lock() throws(Errno) { try lockFile.lock() }

    func unlock() {
        // Unlocking a descriptor that is open cannot fail.
        try? lockFile.unlock()
    }

    /// Touches `wake`, after a commit: who watches it looks at the change log.
    func wake() {
        // Who misses it looks once a second all the same.
        try? wakeFile.setTimes(access: nil, modification: SystemClock.realtime())
    }

    /// Bytes in the WAL; 0 where there is none.
    func walSize(of path: String) -> Int64 {
        (try? File.status(of: path + "-wal"))?.size ?? 0
    }

    /// Makes the WAL durable.
    ///
    /// Its lock file is another, so closing this descriptor drops no lock.
    func syncLog(of path: String) throws(Errno) {
        let log: File
        do throws(Errno) {
            log = try File.open(path + "-wal", [.readOnly])
        } catch .noSuchFile {
            return
        }
        try log.syncContent()
    }
}

extension LociError {
    /// What the engine or the system said, in Loci's words.
    package init(catalogError error: any Error, subject: String) {
        switch error {
        case let error as LociError: self = error
        case let error as SQLError: self.init(sql: error, subject: subject)
        case let error as Errno: self.init(errno: error, subject: subject)
        default:
            self.init(
                .inputOutput,
                subject: subject,
                message: "The catalog failed: \(error)",
                cause: error
            )
        }
    }
}

package import Linux
import Synchronization

/// The staged files of one session, held by a lock that is gone with its process.
///
/// May be used from any number of threads.
package final class StagingSession: Sendable {
    package let name: String
    /// The machine's boot id when the session began; nil where a crash came before it was noted.
    package let boot: String?

    let directory: File
    private let area: StagingArea
    private let lock: FileLock
    private let next: Atomic<UInt64>

    /// Takes the session's lock; `EAGAIN` when its process lives.
    convenience init(area: StagingArea, name: String, boot: String?) throws(Errno) {
        let opened = try File.open("\(area.path)/\(name)", [.readOnly, .directory, .noFollow])
        let lock = try opened.openBeneath("lock", [.readWrite, .create])
        try self.init(area: area, name: name, boot: boot, lock: lock)
    }

    /// The same with the open file of the lock, which may have it already.
    init(
        area: StagingArea,
        name: String,
        boot: String?,
        lock file: consuming File
    ) throws(Errno) {
        let opened = try File.open("\(area.path)/\(name)", [.readOnly, .directory, .noFollow])
        let held = FileLock(file)
        if try !held.tryLock() { throw .again }
        try held.announce()
        let highest = try Self.numbers(in: opened).max() ?? 0
        if let boot { self.boot = boot } else { self.boot = try Self.readBoot(opened) }
        self.area = area
        self.name = name
        lock = held
        next = Atomic(highest + 1)
        directory = opened
    }

    /// The open file of the lock, for whoever is to keep the session beyond this process.
    package var lockDescriptor: Int32 { lock.descriptor }

    /// Opens a file of the session that is no staged one, and makes it where it is missing.
    package func openNote(_ name: String) throws(Errno) -> File {
        try directory.openBeneath(name, [.readWrite, .create], mode: 0o600)
    }

    /// Whether staged bytes that were never synced can be trusted: the machine did not restart.
    package func machineIsTheSame() throws(Errno) -> Bool {
        try boot == Machine.bootID()
    }

    /// A new, empty staged file, open for reading and writing.
    package func create() throws(Errno) -> StagedFile {
        let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
        let file = try directory.openBeneath(
            "\(number)",
            [.readWrite, .create, .exclusive],
            mode: 0o600
        )
        return StagedFile(number: number, file: file)
    }

    /// Opens a staged file again.
    package func open(_ number: UInt64) throws(Errno) -> StagedFile {
        StagedFile(number: number, file: try directory.openBeneath("\(number)", .readWrite))
    }

    /// Removes a staged file's name; a missing one is no error.
    package func remove(_ number: UInt64) throws(Errno) {
        do throws(Errno) {
            try directory.unlink("\(number)")
        } catch .noSuchFile {
            return
        }
    }

    /// The numbers of the staged files, in the order in which they were made.
    package func numbers() throws(Errno) -> [UInt64] {
        try Self.numbers(in: directory).sorted()
    }

    /// Makes the names of the staged files survive a power cut.
    package func syncNames() throws(Errno) {
        try directory.sync()
    }

    /// Removes the folder with all that is in it.
    ///
    /// The session must not be used any more.
    package func end() throws(Errno) {
        try area.exclusively { () throws(Errno) in
            for entry in try directory.entries() { try directory.unlink(entry.name) }
            try File.workingDirectory.removeDirectory("\(area.path)/\(name)")
        }
    }

    private static func numbers(in directory: borrowing File) throws(Errno) -> [UInt64] {
        try directory.entries().compactMap { UInt64(String(decoding: $0.name, as: UTF8.self)) }
    }

    private static func readBoot(_ directory: borrowing File) throws(Errno) -> String? {
        do throws(Errno) {
            let bytes = try directory.openBeneath("boot").readAll(limit: 256)
            return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
        } catch .noSuchFile {
            return nil
        }
    }
}

/// A staged file: its number within the session, and the open file.
package struct StagedFile: ~Copyable, Sendable {
    package let number: UInt64
    package let file: File

    /// Keeps only the open file.
    package consuming func takeFile() -> File { file }
}

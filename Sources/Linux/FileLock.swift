import CLinux
import Glibc

/// A lock that the kernel gives back when its process ends, however it ends.
///
/// It is an open-file-description lock of a whole file (`F_OFD_SETLK`): it excludes every other
/// `FileLock` of that file, in this process and in others. Threads that share one `FileLock`
/// share its lock; they need a mutex besides.
///
/// The file is never removed: whoever opened it before would hold a lock that nobody sees.
package final class FileLock: Sendable {
    package enum Mode: Sendable {
        case exclusive
        case shared
    }

    private let file: File

    /// Takes over a file that is open for reading and writing.
    package init(_ file: consuming File) {
        self.file = file
    }

    /// The open file that has the lock: a process that it is passed to shares the lock.
    package var descriptor: Int32 { file.descriptor }

    /// Opens the file at a path, and makes it where it is missing.
    ///
    /// Nothing is locked yet.
    package convenience init(path: some CPath, mode: UInt32 = 0o666) throws(Errno) {
        self.init(try File.open(path, [.readWrite, .create], mode: mode))
    }

    /// Takes the lock if nobody holds one that conflicts; false otherwise.
    package func tryLock(_ mode: Mode = .exclusive) throws(Errno) -> Bool {
        do throws(Errno) {
            try retrying { clinux_lock(file.descriptor, mode == .exclusive ? 1 : 0, 0) }
            return true
        } catch .again {
            return false
        } catch .accessDenied {
            return false
        }
    }

    /// Takes the lock, waiting without end (`F_OFD_SETLKW`).
    package func lock(_ mode: Mode = .exclusive) throws(Errno) {
        try retrying { clinux_lock(file.descriptor, mode == .exclusive ? 1 : 0, 1) }
    }

    /// Takes the lock, trying again for a while; false when the time was not enough.
    ///
    /// The kernel has no lock with a time limit. The pauses grow from 50 µs to 2 ms.
    package func lock(
        _ mode: Mode = .exclusive,
        timeout: Duration
    ) throws(Errno) -> Bool {
        let deadline = SystemClock.monotonic() + timeout.wholeNanoseconds
        var pause: Int64 = 50_000
        while true {
            if try tryLock(mode) { return true }
            let rest = deadline - SystemClock.monotonic()
            if rest <= 0 { return false }
            clinux_sleep(min(pause, rest))
            pause = min(pause * 2, 2_000_000)
        }
    }

    /// Gives the lock back.
    ///
    /// Unlocking what is not locked does nothing.
    package func unlock() throws(Errno) {
        try retrying { clinux_unlock(file.descriptor) }
    }

    /// Whether another `FileLock` holds one that conflicts with `mode`; true tells nothing of later.
    package func isHeldElsewhere(against mode: Mode = .exclusive) throws(Errno) -> Bool {
        try retrying {
            clinux_lock_conflicts(file.descriptor, mode == .exclusive ? 1 : 0)
        } == 1
    }
}

extension FileLock {
    /// Who holds a lock, as the holder wrote it down: for messages, never for decisions.
    package struct Holder: Hashable, Sendable {
        package let process: Int32
        package let command: String

        package init(process: Int32, command: String) {
            self.process = process
            self.command = command
        }

        /// This process, by the name that the kernel has for it.
        package static let current = Holder(
            process: getpid(),
            command: RunningProcess(id: getpid()).name ?? "unknown"
        )

        fileprivate var line: [UInt8] { Array("\(process) \(command)\n".utf8) }
    }

    /// Writes into the lock's file who holds it; writes nothing where it says so already.
    ///
    /// Call it while holding the exclusive lock: the kernel does not know the process behind an
    /// open file description.
    package func announce(_ holder: Holder = .current) throws(Errno) {
        let line = holder.line
        if try file.read(count: line.count + 1, at: 0) == line { return }
        try file.truncate(to: 0)
        try file.write(line, at: 0)
    }

    /// Who holds the lock now; nil when nobody else does, or when the holder wrote nothing.
    package func holder() throws(Errno) -> Holder? {
        guard try isHeldElsewhere() else { return nil }
        let text = String(decoding: try file.read(count: 512, at: 0), as: UTF8.self)
        let parts = text.split(separator: "\n")[...].first?.split(
            separator: " ",
            maxSplits: 1
        )
        guard let parts, parts.count == 2, let process = Int32(parts[0]) else { return nil }
        return Holder(process: process, command: String(parts[1]))
    }
}

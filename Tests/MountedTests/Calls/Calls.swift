import CCalls
import Glibc
import Linux

/// System calls that a test makes below one directory; what each of them gave is a line of
/// `transcript`.
///
/// A thread of its own makes them, whose working directory it is: names are relative. A descriptor
/// that was not given is -1, and what is done with it fails with EBADF.
final class Calls {
    private(set) var transcript: [String] = []
    /// Makes a row of all that is staged, where there is a mount.
    private let commit: @Sendable () -> Void
    let directory: String

    init(_ directory: String, commit: @escaping @Sendable () -> Void) {
        self.directory = directory
        self.commit = commit
    }

    // MARK: What is compared

    /// Adds a line.
    func note(_ label: String, _ value: some CustomStringConvertible) {
        transcript.append("\(label) → \(value)")
    }

    /// Adds a line with the errno of a call, or its result.
    func result(_ label: String, _ result: some BinaryInteger) {
        note(label, result < 0 ? Errno(rawValue: errno).name : "\(result)")
    }

    /// What is staged is a row then: a file has a second life, and is to look the same in it.
    func committed() { commit() }

    /// Does the same twice: with what was written a moment ago, and with what was committed.
    func inBothStates(_ body: (_ state: String) throws -> Void) rethrows {
        try body("staged")
        committed()
        try body("committed")
    }

    /// Calls of another process of the same user, or of another user: a thread with descriptors,
    /// and thus record locks, of its own.
    func elsewhere(as user: UInt32? = nil, _ body: @escaping @Sendable (Calls) -> Void) throws {
        let name = user.map { "user \($0): " } ?? "elsewhere: "
        let other = try CallSides.run(in: directory, as: user, commit: commit) { calls in
            _ = calls_own_descriptors()
            body(calls)
        }
        transcript += other.map { name + $0 }
    }

    // MARK: Files

    @discardableResult
    func open(_ name: String, _ flags: Int32, mode: mode_t = 0o666) -> Int32 {
        let file = unsafe Glibc.open(name, flags | O_CLOEXEC, mode)
        result("open \(name) \(String(flags, radix: 8)) \(String(mode, radix: 8))", min(file, 0))
        return file
    }

    func close(_ file: Int32) { if file >= 0 { Glibc.close(file) } }

    func write(_ file: Int32, _ text: String, at offset: Int64? = nil) {
        let bytes = Array(text.utf8)
        let label = "write \(text.prefix(16)) at \(offset.map { "\($0)" } ?? "position")"
        if let offset {
            result(label, unsafe pwrite(file, bytes, bytes.count, off_t(offset)))
        } else {
            result(label, unsafe Glibc.write(file, bytes, bytes.count))
        }
    }

    func read(_ file: Int32, _ count: Int, at offset: Int64) {
        var bytes = [UInt8](repeating: 0, count: count)
        let done = unsafe pread(file, &bytes, count, off_t(offset))
        if done < 0 {
            result("read \(count) at \(offset)", done)
        } else {
            note("read \(count) at \(offset)", Self.shown(Array(bytes.prefix(done))))
        }
    }

    func truncate(_ file: Int32, to size: Int64) {
        result("ftruncate \(size)", ftruncate(file, off_t(size)))
    }

    func truncate(_ name: String, to size: Int64) {
        result("truncate \(name) \(size)", unsafe Glibc.truncate(name, off_t(size)))
    }

    func seek(_ file: Int32, _ offset: Int64, _ whence: Int32) {
        result("lseek \(offset) \(whence)", lseek(file, off_t(offset), whence))
    }

    func sync(_ file: Int32) {
        result("fsync", Glibc.fsync(file))
        result("fdatasync", Glibc.fdatasync(file))
    }

    /// A whole new file, or new content of an old one.
    func put(_ name: String, _ text: String, mode: mode_t = 0o644) {
        let file = unsafe Glibc.open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard file >= 0 else { return result("put \(name)", file) }
        write(file, text)
        close(file)
    }

    /// What a file holds.
    func cat(_ name: String) {
        let file = unsafe Glibc.open(name, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return result("cat \(name)", file) }
        defer { close(file) }
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe Glibc.read(file, &piece, piece.count)
            guard count >= 0 else { return result("cat \(name)", count) }
            if count == 0 { break }
            text += piece[..<count]
        }
        note("cat \(name)", Self.shown(text))
    }

    static func shown(_ bytes: [UInt8]) -> String {
        if bytes.count <= 64 { return String(decoding: bytes, as: UTF8.self).debugDescription }
        // FNV-1a: enough to tell two results apart.
        let hash = bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01b3
        }
        return "\(bytes.count) bytes, \(String(hash, radix: 16))"
    }

    // MARK: Names

    func rename(_ from: String, _ to: String, _ flags: UInt32 = 0) {
        result("rename \(from) \(to) \(flags)", unsafe calls_rename(from, to, flags))
    }

    func unlink(_ name: String) { result("unlink \(name)", unsafe Glibc.unlink(name)) }

    func mkdir(_ name: String, mode: mode_t = 0o755) {
        result("mkdir \(name)", unsafe Glibc.mkdir(name, mode))
    }

    func rmdir(_ name: String) { result("rmdir \(name)", unsafe Glibc.rmdir(name)) }

    func symlink(_ target: String, _ name: String) {
        result("symlink \(target) \(name)", unsafe Glibc.symlink(target, name))
    }

    func list(_ name: String = ".") {
        guard let entries = Self.entries(of: name) else { return result("list \(name)", -1) }
        note(
            "list \(name)",
            entries.map(\.name).filter { $0 != [46] && $0 != [46, 46] }
                .sorted { $0.lexicographicallyPrecedes($1) }
                .map { String(decoding: $0, as: UTF8.self) }
        )
    }

    /// What a directory lists, "." and ".." too; nil with an errno where it cannot be read.
    static func entries(of name: String) -> [(name: [UInt8], inode: UInt64, type: UInt8)]? {
        guard let stream = unsafe opendir(name) else { return nil }
        defer { unsafe closedir(stream) }
        var found: [([UInt8], UInt64, UInt8)] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
                unsafe Array($0.prefix { $0 != 0 })
            }
            unsafe found.append((name, UInt64(entry.pointee.d_ino), entry.pointee.d_type))
        }
        return found
    }

    // MARK: Attributes

    func chmod(_ name: String, _ mode: mode_t) {
        result("chmod \(name) \(String(mode, radix: 8))", unsafe Glibc.chmod(name, mode))
    }

    func chown(_ name: String, _ user: UInt32?, _ group: UInt32?) {
        result(
            "chown \(name)",
            unsafe Glibc.chown(name, user ?? .max, group ?? .max)
        )
    }

    /// Sets times in seconds and nanoseconds; `UTIME_NOW` and `UTIME_OMIT` are nanoseconds, too.
    func setTimes(_ name: String, access: (Int, Int), modification: (Int, Int)) {
        let times = [
            timespec(tv_sec: access.0, tv_nsec: access.1),
            timespec(tv_sec: modification.0, tv_nsec: modification.1),
        ]
        result("utimensat \(name)", unsafe utimensat(AT_FDCWD, name, times, 0))
    }

    /// Type, mode, owner and, of files, size and links.
    func stat(_ name: String) { show(name, Self.status(of: name)) }

    func stat(_ file: Int32) { show("descriptor", Self.status(of: file)) }

    private func show(_ label: String, _ status: Glibc.stat?) {
        guard let status else { return result("stat \(label)", -1) }
        var text = "\(String(status.st_mode, radix: 8)) \(status.st_uid):\(status.st_gid)"
        if status.st_mode & S_IFMT != S_IFDIR {
            text += " \(status.st_size) bytes, \(status.st_nlink) links"
        }
        note("stat \(label)", text)
    }

    /// The modification time in nanoseconds.
    func modified(_ name: String) {
        guard let status = Self.status(of: name) else { return result("mtime \(name)", -1) }
        note("mtime \(name)", "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)")
    }

    static func status(of name: String) -> Glibc.stat? {
        var found = Glibc.stat()
        return unsafe lstat(name, &found) == 0 ? found : nil
    }

    static func status(of file: Int32) -> Glibc.stat? {
        var found = Glibc.stat()
        return unsafe fstat(file, &found) == 0 ? found : nil
    }

    /// Which of a file's times moved by what `body` does, and that none went back.
    func moves(_ label: String, _ name: String, _ body: () -> Void) {
        moves(label, { Self.status(of: name) }, body)
    }

    func moves(_ label: String, _ file: Int32, _ body: () -> Void) {
        moves(label, { Self.status(of: file) }, body)
    }

    private func moves(_ label: String, _ status: () -> Glibc.stat?, _ body: () -> Void) {
        let before = status()
        // The clock of a disk's file system ticks every few milliseconds.
        SystemClock.sleep(.milliseconds(12))
        body()
        guard let before, let after = status() else { return note(label, "no times") }
        func compare(_ old: timespec, _ new: timespec) -> String {
            if old.tv_sec == new.tv_sec, old.tv_nsec == new.tv_nsec { return "stays" }
            return (old.tv_sec, old.tv_nsec) < (new.tv_sec, new.tv_nsec) ? "moves" : "goes back"
        }
        note(
            "times: \(label)",
            "mtime \(compare(before.st_mtim, after.st_mtim)), "
                + "ctime \(compare(before.st_ctim, after.st_ctim))"
        )
    }
}

import CLinux
import Glibc

/// Another process, looked at through `/proc`.
package struct RunningProcess: Hashable, Sendable {
    package let id: Int32

    package init(id: Int32) {
        self.id = id
    }

    /// This process.
    package static var current: RunningProcess { RunningProcess(id: getpid()) }

    /// Lets this process end without a core file, whatever ends it.
    ///
    /// The kernel writes one only when all threads wait, and a thread that waits for the FUSE device
    /// may do so until somebody else serves it.
    package static func forbidCore() { _ = clinux_forbid_core() }

    /// Its name, 15 bytes at most (`comm`); nil when it is gone.
    package var name: String? {
        guard var bytes = read("comm") else { return nil }
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Its arguments (`cmdline`); empty for a kernel thread, nil when it is gone.
    package var arguments: [String]? {
        read("cmdline").map { bytes in
            var parts = bytes.split(separator: 0, omittingEmptySubsequences: false)
            if parts.last?.isEmpty == true { parts.removeLast() }
            return parts.map { String(decoding: $0, as: UTF8.self) }
        }
    }

    /// Where its program stands; nil when it is gone or somebody else's.
    package var executable: String? {
        let link = try? File.workingDirectory.readSymbolicLink("/proc/\(id)/exe")
        return link.map { String(decoding: $0, as: UTF8.self) }
    }

    /// The memory that it has in use (`VmRSS`); nil when it is gone.
    package var residentBytes: Int64? {
        guard let bytes = read("statm") else { return nil }
        let fields = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        guard fields.count > 1, let pages = Int64(fields[1]) else { return nil }
        return pages * Int64(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Whether it exists, also when it belongs to somebody else.
    package var exists: Bool {
        kill(id, 0) == 0 || errno == EPERM
    }

    /// Whether it is on its way out: killed, but not yet without its locks; false when it is gone.
    ///
    /// A process of many threads or much memory takes some ten milliseconds for that.
    package var isEnding: Bool {
        // `id (comm) state …`; comm may have anything in it.
        guard let bytes = read("stat"), let end = bytes.lastIndex(of: UInt8(ascii: ")")) else {
            return false
        }
        let fields = String(decoding: bytes[(end + 1)...], as: UTF8.self).split(separator: " ")
        guard fields.count > 28, let flags = UInt64(fields[6]), let pending = UInt64(fields[28])
        else { return false }
        let isExiting = flags & 0x4 != 0  // PF_EXITING
        let isKilled = pending & 1 << UInt64(SIGKILL - 1) != 0
        return isExiting || isKilled || fields[0] == "Z" || fields[0] == "X"
    }

    /// Whether it is stopped (`SIGSTOP`, or by a debugger); false when it is gone.
    package var isStopped: Bool {
        guard let bytes = read("stat"), let end = bytes.lastIndex(of: UInt8(ascii: ")")),
            let state = bytes[end...].dropFirst(2).first
        else { return false }
        return state == UInt8(ascii: "T") || state == UInt8(ascii: "t")
    }

    /// Sends a signal (`kill`).
    package func signal(_ signal: Int32) throws(Errno) {
        try retrying { kill(id, signal) }
    }

    func read(_ name: String) -> [UInt8]? {
        try? File.open("/proc/\(id)/\(name)").readAll(limit: 1 << 20)
    }
}

/// The user whose rights this process has.
package enum EffectiveUser {
    package static var id: UInt32 { geteuid() }
    package static var group: UInt32 { getegid() }
}

extension EffectiveUser {
    /// Runs `body` with the calling thread's rights for files being those of another user, so that
    /// what it makes is that user's (`setfsuid`).
    ///
    /// For root only: anybody else keeps the rights they have.
    package static func actingOnFiles<R, E: Error>(
        as user: UInt32,
        group: UInt32,
        _ body: () throws(E) -> R
    ) throws(E) -> R {
        guard id == 0, user != 0 else { return try body() }
        // The group first: once the user changed, the right to change the group is gone.
        let formerGroup = clinux_set_file_group(group)
        let formerUser = clinux_set_file_user(user)
        defer {
            _ = clinux_set_file_user(UInt32(bitPattern: formerUser))
            _ = clinux_set_file_group(UInt32(bitPattern: formerGroup))
        }
        return try body()
    }
}

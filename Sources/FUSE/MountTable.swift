internal import CFUSE
internal import Glibc

/// What this process sees mounted (`/proc/self/mountinfo`).
package enum MountTable {
    package struct Entry: Hashable, Sendable {
        /// The mount point, unescaped.
        package let path: [UInt8]
        /// Such as `fuse.loci`.
        package let type: String
        /// What was given as the source, unescaped.
        package let source: String
        /// The options of this mount and those of its file system.
        package let options: [String]
        /// The file system's device number, as in `0:52`.
        package let device: String

        package var mountPoint: String { String(decoding: path, as: UTF8.self) }
    }

    /// All mounts, in the order they were made; a later one hides an earlier one on its path.
    package static func entries() throws(FUSEError) -> [Entry] {
        parse(try contents(of: "/proc/self/mountinfo"))
    }

    /// Reads the lines of a `mountinfo` file; lines that are not of its form are left out.
    ///
    /// ```
    /// 36 35 98:0   /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
    ///       device       path  options    …        - type source    options
    /// ```
    static func parse(_ text: [UInt8]) -> [Entry] {
        text.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let fields = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            guard fields.count > 6,
                let dash = fields[6...].firstIndex(where: { $0.elementsEqual("-".utf8) }),
                fields.count > dash + 3
            else { return nil }
            return Entry(
                path: unescape(fields[4]),
                type: String(decoding: unescape(fields[dash + 1]), as: UTF8.self),
                source: String(decoding: unescape(fields[dash + 2]), as: UTF8.self),
                options: [fields[5], fields[dash + 3]].flatMap { list in
                    String(decoding: unescape(list), as: UTF8.self)
                        .split(separator: ",").map(String.init)
                },
                device: String(decoding: fields[2], as: UTF8.self)
            )
        }
    }

    /// Turns `\040` and its like (three octal digits) into the byte they stand for.
    private static func unescape(_ field: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(field.count)
        var rest = field
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                result.append(value)
                rest = rest.dropFirst(3)
            } else {
                result.append(byte)
            }
        }
        return result
    }

    private static func contents(of path: String) throws(FUSEError) -> [UInt8] {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw FUSEError("read", path, code: errno) }
        defer { close(file) }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe read(file, &chunk, chunk.count)
            if count == 0 { return text }
            if count > 0 {
                text += chunk[..<count]
            } else if errno != EINTR {
                throw FUSEError("read", path, code: errno)
            }
        }
    }
}

extension MountTable {
    /// Whether a FUSE file system is mounted on `path` whose process is gone (ENOTCONN).
    package static func isDeadMount(_ path: String) -> Bool {
        // Attributes may still be cached; how much space is left is always asked for.
        var space = statvfs()
        // The other one is told to who was waiting for an answer when the process ended.
        return unsafe statvfs(path, &space) != 0 && (errno == ENOTCONN || errno == ECONNABORTED)
    }

    /// Unmounts what is on `path`: by itself, or with `fusermount3` when that takes root.
    ///
    /// A lazy unmount detaches at once and ends when the last user is gone, instead of EBUSY.
    package static func unmount(_ path: String, lazy: Bool) throws(FUSEError) {
        let flags = Int32(UMOUNT_NOFOLLOW) | (lazy ? Int32(MNT_DETACH) : 0)
        if unsafe umount2(path, flags) == 0 { return }
        let code = errno
        guard code == EPERM else { throw FUSEError("unmount", path, code: code) }
        let status = try run(["fusermount3", "-u"] + (lazy ? ["-z"] : []) + ["--", path])
        // fusermount3 has said why on standard error; it gives no code, and EBUSY is the usual one.
        if status != 0 { throw FUSEError("unmount", path, code: EBUSY) }
    }

    /// Runs a program found in PATH and returns its wait status.
    private static func run(_ arguments: [String]) throws(FUSEError) -> Int32 {
        var list = unsafe arguments.map { unsafe strdup($0) }
        unsafe list.append(nil)
        defer {
            for index in arguments.indices { unsafe free(list[index]) }
        }
        var child = pid_t()
        let code = unsafe posix_spawnp(&child, arguments[0], nil, nil, list, environ)
        guard code == 0 else { throw FUSEError("run", arguments[0], code: code) }
        var status: Int32 = 0
        while unsafe waitpid(child, &status, 0) < 0 {
            if errno != EINTR { throw FUSEError("wait for", arguments[0], code: errno) }
        }
        return status
    }
}

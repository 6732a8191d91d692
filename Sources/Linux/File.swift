import CLinux
import Glibc

/// An open descriptor, closed when its owner lets go of it.
///
/// It stands for files, directories, pipes and whatever else has a descriptor. Descriptors are
/// always opened close-on-exec. Calls on one file from several threads are as safe as the system
/// calls they stand for.
package struct File: ~Copyable, Sendable {
    /// The number, owned by this value; it must not outlive it.
    package let descriptor: Int32

    /// Takes over a descriptor that is open and that nobody else will close.
    package init(owning descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        // Nobody could act on a failure here: whoever needs one calls `sync` before.
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
    }

    /// Stands for the working directory in calls that take a directory.
    ///
    /// An absolute path given together with it is just that path.
    package static let workingDirectory = File(owning: clinux_at_fdcwd)

    /// Gives the descriptor away; the caller must close it.
    package consuming func release() -> Int32 {
        let number = descriptor
        discard self
        return number
    }

    /// A second descriptor of the same open file description (`F_DUPFD_CLOEXEC`).
    package func duplicate(atLeast minimum: Int32 = 0) throws(Errno) -> File {
        File(owning: try retrying { clinux_duplicate(descriptor, minimum) })
    }
}

/// How to open a file; `O_CLOEXEC` is always added.
package struct OpenFlags: OptionSet, Sendable {
    package let rawValue: Int32

    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    package static let readOnly = OpenFlags([])
    package static let writeOnly = OpenFlags(rawValue: O_WRONLY)
    package static let readWrite = OpenFlags(rawValue: O_RDWR)
    package static let create = OpenFlags(rawValue: O_CREAT)
    package static let exclusive = OpenFlags(rawValue: O_EXCL)
    package static let truncate = OpenFlags(rawValue: O_TRUNC)
    package static let append = OpenFlags(rawValue: O_APPEND)
    package static let nonBlocking = OpenFlags(rawValue: O_NONBLOCK)
    package static let directory = OpenFlags(rawValue: clinux_o_directory)
    package static let noFollow = OpenFlags(rawValue: clinux_o_nofollow)
    package static let noAccessTime = OpenFlags(rawValue: clinux_o_noatime)
    /// Only a place in the tree: neither read nor written, nor synced.
    package static let path = OpenFlags(rawValue: clinux_o_path)
    /// A file without a name in the directory given; needs `writeOnly` or `readWrite`.
    package static let temporary = OpenFlags(rawValue: clinux_o_tmpfile)
}

extension File {
    /// Opens a path, following symbolic links as usual.
    package static func open(
        _ path: some CPath,
        _ flags: OpenFlags = .readOnly,
        mode: UInt32 = 0o666
    ) throws(Errno) -> File {
        try workingDirectory.open(path, flags, mode: mode)
    }

    /// Opens a path relative to this directory, following symbolic links as usual (`openat`).
    package func open(
        _ path: some CPath,
        _ flags: OpenFlags = .readOnly,
        mode: UInt32 = 0o666
    ) throws(Errno) -> File {
        let number = flags.rawValue | clinux_o_cloexec
        let opened = try unsafe path.withCPath { (path) throws(Errno) in
            try retrying { unsafe clinux_openat(descriptor, path, number, mode) }
        }
        return File(owning: opened)
    }

    /// Opens a path that cannot lead out of this directory (`openat2`).
    ///
    /// Neither `..` nor an absolute path leads out (`EXDEV`), and a symbolic link anywhere on the
    /// way or at its end is refused (`ELOOP`). Needs Linux 5.6.
    ///
    /// `onlyIfCached`: where the names are not in memory the kernel gives up (`EAGAIN`) instead of
    /// asking a disk. Needs Linux 5.12; before, it is `EINVAL`.
    package func openBeneath(
        _ path: some CPath,
        _ flags: OpenFlags = .readOnly,
        mode: UInt32 = 0o666,
        onlyIfCached: Bool = false
    ) throws(Errno) -> File {
        let number = flags.rawValue | clinux_o_cloexec
        let opened = try unsafe path.withCPath { (path) throws(Errno) in
            // EAGAIN: a rename elsewhere raced with `..`, and the kernel could not be sure.
            var repeats = onlyIfCached ? 0 : 15
            while true {
                do throws(Errno) {
                    return try retrying {
                        unsafe clinux_open_beneath(descriptor, path, number, mode, onlyIfCached)
                    }
                } catch .again where repeats > 0 {
                    repeats -= 1
                }
            }
        }
        return File(owning: opened)
    }
}

import CLinux
import Glibc

/// Names in a directory.
///
/// The receiver is the directory; `File.workingDirectory` serves for absolute paths.
extension File {
    /// Gives the file that `name` names here another name (`linkat`); a symbolic link itself.
    package func link(
        _ name: some CPath,
        to directory: borrowing File,
        _ newName: some CPath
    ) throws(Errno) {
        let target = directory.descriptor
        try unsafe name.withCPath { (name) throws(Errno) in
            try unsafe newName.withCPath { (newName) throws(Errno) in
                _ = try retrying { unsafe linkat(descriptor, name, target, newName, 0) }
            }
        }
    }

    /// Gives an open file, also one made with `OpenFlags.temporary`, a name here (`linkat`).
    package func link(_ file: borrowing File, as name: some CPath) throws(Errno) {
        let source = file.descriptor
        try unsafe name.withCPath { (name) throws(Errno) in
            do throws(Errno) {
                _ = try retrying {
                    unsafe linkat(source, "", descriptor, name, clinux_at_empty_path)
                }
            } catch .noSuchFile {
                // AT_EMPTY_PATH needs a capability, or Linux 6.10; this way needs /proc only.
                _ = try retrying {
                    unsafe linkat(
                        clinux_at_fdcwd,
                        "/proc/self/fd/\(source)",
                        descriptor,
                        name,
                        clinux_at_symlink_follow
                    )
                }
            }
        }
    }

    /// Removes a name that is not a directory (`unlinkat`).
    package func unlink(_ name: some CPath) throws(Errno) {
        try unsafe name.withCPath { (name) throws(Errno) in
            _ = try retrying { unsafe unlinkat(descriptor, name, 0) }
        }
    }

    /// Removes an empty directory (`unlinkat` with `AT_REMOVEDIR`).
    package func removeDirectory(_ name: some CPath) throws(Errno) {
        try unsafe name.withCPath { (name) throws(Errno) in
            _ = try retrying { unsafe unlinkat(descriptor, name, clinux_at_removedir) }
        }
    }

    /// Makes a directory (`mkdirat`).
    package func makeDirectory(_ name: some CPath, mode: UInt32 = 0o777) throws(Errno) {
        try unsafe name.withCPath { (name) throws(Errno) in
            _ = try retrying { unsafe mkdirat(descriptor, name, mode) }
        }
    }

    /// Moves a name of this directory to another one (`renameat2`).
    package func rename(
        _ name: some CPath,
        to directory: borrowing File,
        _ newName: some CPath,
        _ manner: RenameManner = .replacing
    ) throws(Errno) {
        let target = directory.descriptor
        try unsafe name.withCPath { (name) throws(Errno) in
            try unsafe newName.withCPath { (newName) throws(Errno) in
                _ = try retrying {
                    unsafe clinux_renameat2(descriptor, name, target, newName, manner.flags)
                }
            }
        }
    }

    /// What a rename does with a name that exists.
    package enum RenameManner: Sendable {
        case replacing
        /// Fails with `EEXIST` where the new name exists.
        case noReplace
        /// Both names must exist, and change places.
        case exchange

        fileprivate var flags: UInt32 {
            switch self {
            case .replacing: 0
            case .noReplace: clinux_rename_noreplace
            case .exchange: clinux_rename_exchange
            }
        }
    }

    /// Makes a symbolic link (`symlinkat`).
    package func makeSymbolicLink(_ name: some CPath, to target: some CPath) throws(Errno) {
        try unsafe target.withCPath { (target) throws(Errno) in
            try unsafe name.withCPath { (name) throws(Errno) in
                _ = try retrying { unsafe symlinkat(target, descriptor, name) }
            }
        }
    }

    /// What a symbolic link holds (`readlinkat`).
    package func readSymbolicLink(_ name: some CPath) throws(Errno) -> [UInt8] {
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = try unsafe name.withCPath { (name) throws(Errno) in
            try retrying { unsafe readlinkat(descriptor, name, &target, target.count) }
        }
        return target[..<count].map { UInt8(bitPattern: $0) }
    }
}

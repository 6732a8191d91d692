import CLinux
import Glibc

/// Tells when one file was touched or written (`inotify`).
///
/// It watches the file, not the name: a file that is replaced is not seen again. For one thread
/// at a time; the descriptor may be polled together with others.
package struct FileWatch: ~Copyable, Sendable {
    private let inotify: File

    /// Watches a file that exists; what happened before is not told.
    package init(_ path: some CPath) throws(Errno) {
        let opened = File(owning: try retrying { clinux_inotify() })
        let number = opened.descriptor
        let mask = clinux_in_attrib | clinux_in_modify | clinux_in_close_write
        try unsafe path.withCPath { (path) throws(Errno) in
            _ = try retrying { unsafe clinux_inotify_watch(number, path, mask) }
        }
        inotify = opened
    }

    /// Readable when something happened that `take` did not see.
    package var descriptor: Int32 { inotify.descriptor }

    /// Forgets what happened so far; false when nothing did.
    @discardableResult
    package func take() throws(Errno) -> Bool {
        try unsafe withUnsafeTemporaryAllocation(
            byteCount: 4096,
            alignment: 8
        ) { buffer -> Result<Bool, Errno> in
            var any = false
            while true {
                do throws(Errno) {
                    if try unsafe inotify.read(into: buffer) == 0 { return .success(any) }
                    any = true
                } catch .again {
                    return .success(any)
                } catch {
                    return .failure(error)
                }
            }
        }.get()
    }

    /// Waits until something happens, and takes it; false when the time was up.
    package func wait(timeout: Duration? = nil) throws(Errno) -> Bool {
        guard try Poll.isReadable(inotify.descriptor, timeout: timeout) else { return false }
        return try take()
    }
}

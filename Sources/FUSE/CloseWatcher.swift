internal import CFUSE
internal import Glibc
internal import Synchronization

/// Hears when somebody closes a file of a mount that was open for writing (fanotify).
///
/// A hint and never the truth: the kernel merges events of one file, and says nothing of how many
/// still have it open. Needs CAP_SYS_ADMIN. Unread events hold their files open, which makes
/// `umount` fail with EBUSY, so a thread of its own must read all the time, and `stop` must be
/// called before unmounting.
@safe
package final class CloseWatcher: @unchecked Sendable {
    // Sendable: the descriptors are set once; the buffer is used under `reading` alone.

    package struct Event: Hashable, Sendable {
        /// The inode number, which is the node.
        package let node: NodeID
        /// The process that closed the file.
        package let pid: Int32
    }

    private let group: Int32
    private let wakeup: Int32
    private let reading = Mutex(())
    private let buffer: UnsafeMutableRawBufferPointer

    /// Watches the file system mounted on `mountPoint`; nil where the system does not allow it.
    package init?(mountPoint: String) {
        let flags = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE
        group = fanotify_init(UInt32(flags), UInt32(O_RDONLY | O_CLOEXEC))
        wakeup = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        unsafe buffer = .allocate(byteCount: 1 << 14, alignment: 8)
        let mark = UInt32(FAN_MARK_ADD | FAN_MARK_FILESYSTEM)
        guard group >= 0, wakeup >= 0,
            unsafe fanotify_mark(group, mark, UInt64(FAN_CLOSE_WRITE), AT_FDCWD, mountPoint) == 0
        else { return nil }
    }

    deinit {
        if group >= 0 { close(group) }
        if wakeup >= 0 { close(wakeup) }
        unsafe buffer.deallocate()
    }

    /// Waits for closes; empty when `timeoutMilliseconds` passed (-1: no limit), nil once stopped.
    ///
    /// Not to be called on a request thread.
    package func next(timeoutMilliseconds: Int32) -> [Event]? {
        var descriptors = (
            pollfd(fd: wakeup, events: Int16(POLLIN), revents: 0),
            pollfd(fd: group, events: Int16(POLLIN), revents: 0)
        )
        let ready = unsafe withUnsafeMutableBytes(of: &descriptors) { bytes in
            unsafe poll(
                bytes.assumingMemoryBound(to: pollfd.self).baseAddress,
                2,
                timeoutMilliseconds
            )
        }
        if descriptors.0.revents != 0 { return nil }
        return ready > 0 ? readEvents() : []
    }

    /// Ends `next` for good and lets go of all files that events hold open.
    ///
    /// After it returns and
    /// the thread in `next` has left, the mount is no longer busy because of this watcher.
    package func stop() {
        var one: UInt64 = 1
        _ = unsafe write(wakeup, &one, MemoryLayout<UInt64>.size)
        unsafe fanotify_mark(group, UInt32(FAN_MARK_FLUSH | FAN_MARK_FILESYSTEM), 0, AT_FDCWD, "/")
        while !readEvents().isEmpty {}
    }

    private func readEvents() -> [Event] {
        reading.withLock { _ in readLocked() }
    }

    private func readLocked() -> [Event] {
        let length = unsafe read(group, buffer.baseAddress, buffer.count)
        var events: [Event] = []
        var position = 0
        let header = MemoryLayout<fanotify_event_metadata>.size
        while length - position >= header {
            let event = unsafe buffer.load(
                fromByteOffset: position,
                as: fanotify_event_metadata.self
            )
            if event.event_len < header { break }
            position += Int(event.event_len)
            guard event.fd >= 0 else { continue }
            defer { close(event.fd) }
            if let node = Self.node(of: event.fd) {
                events.append(Event(node: node, pid: event.pid))
            }
        }
        return events
    }

    /// The inode number, from what the kernel has: a request would be answered by ourselves.
    private static func node(of file: Int32) -> NodeID? {
        var inode: UInt64 = 0
        return unsafe loci_cached_inode(file, &inode) == 0 ? NodeID(inode) : nil
    }
}

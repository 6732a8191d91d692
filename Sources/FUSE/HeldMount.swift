internal import CFUSE
internal import Glibc
internal import Linux

/// A mount that this process makes and holds, and that other processes serve.
///
/// It answers the kernel's first request itself, so that whoever serves begins by taking over
/// (`Session.init(takingOver:)`), the first one too. As long as this process has the device open,
/// requests wait while nobody serves.
///
/// One thread at a time.
@safe
package final class HeldMount: @unchecked Sendable {
    // Sendable: the stored properties are set once; `handle` is used as libfuse allows, by one
    // thread at a time.

    package let mountPoint: String
    /// The FUSE device, to be passed to who serves.
    package let device: Int32
    /// The kernel's first request, as who serves has to know it.
    package let beginning: [UInt8]
    private let handle: OpaquePointer
    private var isUnmounted = false

    /// Mounts on an existing directory, and agrees with the kernel on how to go on.
    package init(mountPoint: String, options: MountOptions) throws(FUSEError) {
        self.mountPoint = mountPoint
        unsafe handle = try Self.makeSession(options, mountPoint)
        errno = 0
        guard unsafe fuse_session_mount(handle, mountPoint) == 0 else {
            let code = errno
            unsafe fuse_session_destroy(handle)
            throw FUSEError("mount on", mountPoint, code: code == 0 ? EIO : code)
        }
        device = unsafe fuse_session_fd(handle)
        guard unsafe DeviceIO.install(on: handle, device: device),
            let first = unsafe Self.answerFirst(handle, device),
            fcntl(device, F_SETFL, fcntl(device, F_GETFL) | O_NONBLOCK) == 0
        else {
            let code = errno
            unsafe fuse_session_unmount(handle)
            unsafe fuse_session_destroy(handle)
            throw FUSEError("begin the FUSE session of", mountPoint, code: code)
        }
        beginning = first
    }

    deinit {
        unmount()
        unsafe fuse_session_destroy(handle)
    }

    private static func makeSession(
        _ options: MountOptions,
        _ mountPoint: String
    ) throws(FUSEError) -> OpaquePointer {
        var operations = Dispatcher.operations()
        unsafe operations.`init` = { _, connection in
            guard let connection = unsafe connection else { return }
            unsafe Dispatcher.configure(&connection.pointee)
        }
        unsafe operations.destroy = nil
        return unsafe try Session.makeSession(&operations, nil, options, mountPoint)
    }

    /// Receives the kernel's first request and answers it; nil with errno where that failed.
    private static func answerFirst(_ handle: OpaquePointer, _ device: Int32) -> [UInt8]? {
        let thread = RequestThread(index: 0)
        while true {
            let count = unsafe read(device, thread.receiveBuffer, RequestThread.receiveCapacity)
            if count < 0 {
                if errno == EINTR { continue }
                return nil
            }
            guard thread.header.opcode == FUSE_INIT.rawValue else {
                errno = EPROTO
                return nil
            }
            let bytes = unsafe Array(
                UnsafeRawBufferPointer(start: thread.receiveBuffer, count: count)
            )
            thread.adopted {
                var buffer = unsafe fuse_buf()
                unsafe buffer.size = count
                unsafe buffer.mem = thread.receiveBuffer
                unsafe fuse_session_process_buf(handle, &buffer)
            }
            return bytes
        }
    }

    /// Whether another process can go on where one ended (Linux 6.9): else what that one had
    /// received would never be answered.
    package var canBeTakenOver: Bool { DeviceIO.canResend(beginning) }

    /// Whether the mount is still there, or somebody still works in it.
    package var isConnected: Bool { !isUnmounted && Self.isConnected(device) }

    static func isConnected(_ device: Int32) -> Bool {
        var state = pollfd(fd: device, events: 0, revents: 0)
        return unsafe poll(&state, 1, 0) >= 0 && state.revents & Int16(POLLERR) == 0
    }

    /// Takes the mount away, also while somebody works in it, and closes the device.
    package func unmount() {
        guard !isUnmounted else { return }
        isUnmounted = true
        unsafe fuse_session_unmount(handle)
    }

    /// Fails all requests that wait, and all that will come, with ECONNABORTED or ENOTCONN.
    package func abort() {
        guard isConnected else { return }
        let entry = try? MountTable.entries().last { $0.mountPoint == mountPoint }
        if let number = entry?.device.split(separator: ":").last,
            let file = try? File.open("/sys/fs/fuse/connections/\(number)/abort", .writeOnly)
        {
            try? file.write([UInt8(ascii: "1")])
        }
        // Where that file system is missing; only root may.
        if isConnected { unsafe umount2(mountPoint, Int32(MNT_FORCE)) }
    }
}

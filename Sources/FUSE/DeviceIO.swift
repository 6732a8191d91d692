internal import CFUSE
internal import Glibc

/// How libfuse writes its replies: as it would, but for what it forgets in the reply to INIT.
///
/// libfuse before 3.16.2 takes `FUSE_CAP_PARALLEL_DIROPS` and does not pass it to the kernel, so
/// that lookups in one directory wait for each other. And no libfuse of a current distribution knows
/// the time limit of requests.
enum DeviceIO {
    /// Seconds after which the kernel gives up on a session that answers nothing.
    ///
    /// A daemon that is killed while it sends a notification cannot die: its thread waits in the
    /// kernel for a directory that a request holds, which waits for the daemon. The limit ends both,
    /// and callers get ENOTCONN. Far above what a slow disk makes a request take.
    static let requestTimeout: UInt16 = 120

    /// `FUSE_INIT_EXT`: `flags2` counts.
    private static let initExtended: UInt32 = 1 << 30
    /// `FUSE_HAS_RESEND`, bit 39, in `flags2`: what nobody answered can be asked for again.
    private static let resendFlag: UInt32 = 1 << 7
    /// `FUSE_REQUEST_TIMEOUT`, bit 42, in `flags2`.
    private static let timeoutFlag: UInt32 = 1 << 10
    /// Where `flags2` is in `struct fuse_init_in`; the library's header may be older than the field.
    private static let offeredFlags2 = 16
    /// Where `flags2` and `request_timeout` are in `struct fuse_init_out`.
    private static let repliedFlags2 = 32
    private static let repliedTimeout = 40

    static func install(on session: OpaquePointer, device: Int32) -> Bool {
        var functions = fuse_custom_io()
        unsafe functions.read = { device, buffer, size, _ in
            unsafe Glibc.read(device, buffer, size)
        }
        unsafe functions.writev = { device, parts, count, _ in
            if let thread = RequestThread.current, thread.header.opcode == FUSE_INIT.rawValue {
                unsafe DeviceIO.completeInit(parts, count, thread.receiveBuffer)
                if thread.isRehearsing { return unsafe DeviceIO.size(parts, count) }
            }
            return unsafe Glibc.writev(device, parts, count)
        }
        return unsafe fuse_session_custom_io(session, &functions, device) == 0
    }

    /// Tells libfuse the request with which the kernel began a mount, as if it came now.
    static func rehearse(_ beginning: [UInt8], _ session: OpaquePointer) {
        let thread = RequestThread(index: 0)
        thread.isRehearsing = true
        unsafe thread.receiveBuffer.copyMemory(
            from: beginning,
            byteCount: min(beginning.count, RequestThread.receiveCapacity)
        )
        thread.adopted {
            var buffer = unsafe fuse_buf()
            unsafe buffer.size = beginning.count
            unsafe buffer.mem = thread.receiveBuffer
            unsafe fuse_session_process_buf(session, &buffer)
        }
    }

    /// Whether the kernel that sent this first request can be asked for requests again (Linux 6.9).
    static func canResend(_ beginning: [UInt8]) -> Bool {
        let start = MemoryLayout<fuse_in_header>.size
        guard beginning.count >= start + offeredFlags2 + 4 else { return false }
        return unsafe beginning.withUnsafeBytes { bytes in
            let offer = unsafe bytes.loadUnaligned(fromByteOffset: start, as: fuse_init_in.self)
            guard offer.flags & initExtended != 0 else { return false }
            let flags2 = unsafe bytes.loadUnaligned(
                fromByteOffset: start + offeredFlags2,
                as: UInt32.self
            )
            return flags2 & resendFlag != 0
        }
    }

    private static func size(_ parts: UnsafeMutablePointer<iovec>?, _ count: Int32) -> Int {
        let parts = unsafe UnsafeBufferPointer(start: parts, count: Int(count))
        return unsafe parts.reduce(0) { unsafe $0 + $1.iov_len }
    }

    /// Adds the flags that libfuse leaves out, as far as the kernel offered them.
    private static func completeInit(
        _ parts: UnsafeMutablePointer<iovec>?,
        _ count: Int32,
        _ request: UnsafeMutableRawPointer
    ) {
        guard count == 2, let parts = unsafe parts, let body = unsafe parts[1].iov_base,
            unsafe parts[1].iov_len == MemoryLayout<fuse_init_out>.size
        else { return }
        let offer = unsafe request.load(
            fromByteOffset: MemoryLayout<fuse_in_header>.size,
            as: fuse_init_in.self
        )
        let reply = unsafe body.assumingMemoryBound(to: fuse_init_out.self)
        unsafe reply.pointee.flags |= offer.flags & UInt32(FUSE_PARALLEL_DIROPS)
        guard offer.flags & initExtended != 0 else { return }
        let offered = unsafe request.load(
            fromByteOffset: MemoryLayout<fuse_in_header>.size + offeredFlags2,
            as: UInt32.self
        )
        let wanted = offered & (timeoutFlag | resendFlag)
        guard wanted != 0 else { return }
        unsafe reply.pointee.flags |= initExtended
        let flags2 = unsafe body.load(fromByteOffset: repliedFlags2, as: UInt32.self)
        unsafe body.storeBytes(
            of: flags2 | wanted,
            toByteOffset: repliedFlags2,
            as: UInt32.self
        )
        guard wanted & timeoutFlag != 0 else { return }
        unsafe body.storeBytes(of: requestTimeout, toByteOffset: repliedTimeout, as: UInt16.self)
    }
}

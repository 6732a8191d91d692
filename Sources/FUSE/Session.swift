internal import CFUSE
internal import Glibc
package import Linux
internal import Synchronization

/// One mount: from `init`, which mounts, to the end of `run`, which leaves nothing mounted.
///
/// ```
/// init(mountPoint) ──▶ mounted ────run──▶ serving ──umount(8), stop()──▶ ended
/// init(takingOver) ──▶ taken over ──run──┘    │
///                                             └──letGo()──▶ another process takes over
/// ```
///
/// As root it mounts by itself; for others libfuse calls `fusermount3`.
@safe
package final class Session: @unchecked Sendable {
    // Sendable: the stored properties are set once; `handle` is used as libfuse allows, by any
    // thread while requests are served and by one before and after.

    package let mountPoint: String
    package let notifier: Notifier
    /// What the kernel has asked for so far.
    package let counts: RequestCounts
    let dispatcher: Dispatcher
    let handle: OpaquePointer
    let device: Int32
    let gate: Gate
    private let wakeup: Int32
    private let stopping = Atomic<Bool>(false)
    private let ended = Atomic<Bool>(false)
    private let lettingGo = Atomic<Bool>(false)
    /// Whether another process mounted.
    private let isTakenOver: Bool

    /// Mounts `fileSystem` on `mountPoint`, an existing directory.
    ///
    /// Requests wait until `run`.
    package init(
        _ fileSystem: any FileSystem,
        mountPoint: String,
        options: MountOptions,
        counts: RequestCounts = RequestCounts()
    ) throws(FUSEError) {
        self.mountPoint = mountPoint
        isTakenOver = false
        self.counts = counts
        dispatcher = Dispatcher(
            fileSystem,
            extendedAttributes: options.extendedAttributes
        )
        unsafe handle = try Self.makeSession(dispatcher, options, mountPoint)
        errno = 0
        guard unsafe fuse_session_mount(handle, mountPoint) == 0 else {
            let code = errno
            unsafe fuse_session_destroy(handle)
            throw FUSEError("mount on", mountPoint, code: code == 0 ? EIO : code)
        }
        device = unsafe fuse_session_fd(handle)
        wakeup = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard wakeup >= 0, fcntl(device, F_SETFL, fcntl(device, F_GETFL) | O_NONBLOCK) == 0,
            unsafe DeviceIO.install(on: handle, device: device)
        else {
            let code = errno
            unsafe fuse_session_unmount(handle)
            unsafe fuse_session_destroy(handle)
            throw FUSEError("prepare the FUSE device of", mountPoint, code: code)
        }
        gate = Gate()
        notifier = Notifier(device: device, gate: gate)
    }

    /// Serves a mount that another process made and holds (`HeldMount`), or that another session let
    /// go.
    ///
    /// What the kernel and libfuse agreed on is not asked of the kernel again: libfuse is told the
    /// kernel's first request, and its answer goes nowhere. `run` begins with asking the kernel for
    /// all requests that nobody answered. Those come again with the mark that `Request.isResent`
    /// tells of.
    ///
    /// `device`: is closed with the session. `options`: those that it was mounted with.
    package init(
        _ fileSystem: any FileSystem,
        takingOver device: consuming File,
        beginning: [UInt8],
        mountPoint: String,
        options: MountOptions,
        counts: RequestCounts = RequestCounts()
    ) throws(FUSEError) {
        self.mountPoint = mountPoint
        self.counts = counts
        isTakenOver = true
        dispatcher = Dispatcher(
            fileSystem,
            extendedAttributes: options.extendedAttributes
        )
        unsafe handle = try Self.makeSession(dispatcher, options, mountPoint)
        self.device = device.release()
        wakeup = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard wakeup >= 0, unsafe DeviceIO.install(on: handle, device: self.device) else {
            let code = errno
            close(self.device)
            unsafe fuse_session_destroy(handle)
            throw FUSEError("prepare the FUSE device of", mountPoint, code: code)
        }
        gate = Gate()
        notifier = Notifier(device: self.device, gate: gate)
        unsafe DeviceIO.rehearse(beginning, handle)
    }

    deinit {
        end(unmounts: !isTakenOver)
        unsafe fuse_session_destroy(handle)
        close(wakeup)
    }

    private static func makeSession(
        _ dispatcher: Dispatcher,
        _ options: MountOptions,
        _ mountPoint: String
    ) throws(FUSEError) -> OpaquePointer {
        var operations = Dispatcher.operations()
        let userData = unsafe Unmanaged.passUnretained(dispatcher).toOpaque()
        return unsafe try makeSession(&operations, userData, options, mountPoint)
    }

    static func makeSession(
        _ operations: inout fuse_lowlevel_ops,
        _ userData: UnsafeMutableRawPointer?,
        _ options: MountOptions,
        _ mountPoint: String
    ) throws(FUSEError) -> OpaquePointer {
        var arguments = unsafe fuse_args()
        defer { unsafe fuse_opt_free_args(&arguments) }
        unsafe fuse_opt_add_arg(&arguments, "loci")
        for option in options.arguments {
            unsafe fuse_opt_add_arg(&arguments, "-o")
            unsafe fuse_opt_add_arg(&arguments, option)
        }
        let session = unsafe fuse_session_new(
            &arguments,
            &operations,
            MemoryLayout<fuse_lowlevel_ops>.size,
            userData
        )
        guard let session = unsafe session else {
            throw FUSEError("set up a FUSE session for", mountPoint, code: EINVAL)
        }
        return unsafe session
    }

    /// Serves requests on `threads` threads (the calling one among them) until the file system is
    /// unmounted or `stop` is called; then unmounts if need be.
    ///
    /// `count`: how many threads, at least 1.
    /// `spin`: how long a thread looks for the next request before it sleeps.
    /// `lowLatency`: whether processors without work poll while requests come fast (`WakeLatency`).
    package func run(threads count: Int, spin: Duration, lowLatency: Bool = false) {
        precondition(count > 0, "a session needs a thread")
        let contexts = (0..<count).map { RequestThread(index: $0) }
        let turn = ReaderTurn()
        let latency = WakeLatency(isWanted: lowLatency)
        let workers = contexts.map { context in
            RequestLoop(
                thread: context,
                turn: turn,
                session: self,
                device: device,
                wakeup: wakeup,
                spin: spin,
                latency: latency,
                alone: count == 1
            )
        }
        if isTakenOver { notifier.askAgain() }
        let others = workers.dropFirst().map { worker in Thread { worker.run() } }
        workers[0].run()
        for thread in others { thread.join() }
        end(unmounts: !lettingGo.load(ordering: .acquiring))
    }

    /// Ends `run` soon.
    ///
    /// Waits for notifications that are under way, while requests are still
    /// served; later ones fail with ENODEV. Not to be called on a request thread.
    package func stop() {
        gate.close()
        wake()
    }

    /// Ends `run` soon, and leaves the mount to whoever takes it over: what was received is answered,
    /// what comes meanwhile waits.
    ///
    /// Otherwise like `stop`.
    package func letGo() {
        lettingGo.store(true, ordering: .releasing)
        stop()
    }

    var isStopping: Bool { stopping.load(ordering: .acquiring) }

    /// Makes all request threads leave their loops.
    func wake() {
        stopping.store(true, ordering: .releasing)
        var one: UInt64 = 1
        _ = unsafe write(wakeup, &one, MemoryLayout<UInt64>.size)
    }

    private func end(unmounts: Bool) {
        guard !ended.exchange(true, ordering: .acquiringAndReleasing) else { return }
        gate.close()
        if !isTakenOver {
            unsafe fuse_session_unmount(handle)
        } else if unmounts, HeldMount.isConnected(device) {
            // Who cannot unmount leaves that to who mounted.
            try? MountTable.unmount(mountPoint, lazy: true)
        }
    }
}

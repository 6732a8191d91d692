internal import CFUSE
internal import Glibc

/// What one request thread does: wait for its turn, read a request, serve it, and again.
///
/// A quick request is served with the turn held, as it takes less time than waking another thread.
/// Before one that may wait for a disk or a lock the turn is passed on; also when the next request
/// was there already, for then several callers are waiting. Who gets the turn from a thread that
/// serves does not spin: it would take the processor from that one.
struct RequestLoop: Sendable {
    let thread: RequestThread
    let turn: ReaderTurn
    let session: Session
    let device: Int32
    let wakeup: Int32
    let spin: Duration
    /// For whoever has the turn.
    let latency: WakeLatency
    let alone: Bool

    /// After this long without work a thread counts as idle.
    static let idleAfter: UInt64 = 10_000_000

    private enum Received {
        case request(size: Int, waited: Bool)
        case end
    }

    func run() {
        thread.adopted {
            while takeTurn() {
                guard serveOwnTurn() else {
                    turn.pass()
                    return
                }
            }
            turn.pass()
        }
    }

    /// Waits until this thread may read.
    ///
    /// False when the session ends.
    private func takeTurn() -> Bool {
        if !turn.take(within: Self.idleAfter) {
            session.dispatcher.fileSystem.threadIsIdle(thread.index)
            _ = turn.take()
        }
        return !session.isStopping
    }

    /// Reads and serves until the turn was passed on (true) or the session ends (false).
    private func serveOwnTurn() -> Bool {
        var spin = alone ? self.spin : .zero
        var hasServed = false
        while true {
            guard case .request(let size, let waited) = receive(spin, after: hasServed) else {
                return false
            }
            (spin, hasServed) = (self.spin, true)
            thread.heldTurn = turn
            if !alone && (!waited || Self.mayWait(thread.header)) { thread.passTurn() }
            serve(size)
            if thread.heldTurn == nil { return true }
        }
    }

    private func serve(_ size: Int) {
        session.counts.note(thread.header.opcode)
        var buffer = unsafe fuse_buf()
        unsafe buffer.size = size
        unsafe buffer.mem = thread.receiveBuffer
        unsafe fuse_session_process_buf(session.handle, &buffer)
    }

    /// Whether a request may take longer than waking another thread does.
    private static func mayWait(_ header: fuse_in_header) -> Bool {
        switch header.opcode {
        case FUSE_WRITE.rawValue: header.len > Request.quickCopy
        case FUSE_MKNOD.rawValue, FUSE_LOOKUP.rawValue, FUSE_GETATTR.rawValue, FUSE_FORGET.rawValue,
            FUSE_BATCH_FORGET.rawValue, FUSE_READDIR.rawValue, FUSE_READDIRPLUS.rawValue,
            FUSE_STATFS.rawValue, FUSE_OPEN.rawValue, FUSE_OPENDIR.rawValue,
            FUSE_GETXATTR.rawValue, FUSE_READLINK.rawValue, FUSE_READ.rawValue,
            FUSE_RENAME.rawValue, FUSE_RENAME2.rawValue:
            false
        default: true
        }
    }

    /// `hasServed`: this thread has had the turn since its last answer.
    private func receive(_ spin: Duration, after hasServed: Bool) -> Received {
        let (seconds, attoseconds) = spin.components
        let spinTime = UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
        var spinEnd: UInt64?
        while !session.isStopping {
            let count = unsafe read(
                device,
                thread.receiveBuffer,
                RequestThread.receiveCapacity
            )
            if count > 0 {
                latency.note()
                return .request(size: count, waited: spinEnd != nil)
            }
            switch errno {
            case EINTR, ENOENT: continue  // ENOENT: the caller was interrupted before we read
            case EAGAIN:
                if spinEnd == nil, hasServed {
                    session.dispatcher.fileSystem.threadHasMoment(thread.index)
                }
                let now = monotonicNow()
                let end = spinEnd ?? now + spinTime
                spinEnd = end
                if now < end { sched_yield() } else { sleepUntilReady() }
            default:
                // ENODEV: unmounted. ECONNABORTED: aborted. Nothing else can be served either.
                session.wake()
                return .end
            }
        }
        return .end
    }

    /// Sleeps until the device can be read or the session ends.
    private func sleepUntilReady() {
        var descriptors = (
            pollfd(fd: device, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wakeup, events: Int16(POLLIN), revents: 0)
        )
        unsafe withUnsafeMutableBytes(of: &descriptors) { bytes in
            let list = unsafe bytes.assumingMemoryBound(to: pollfd.self)
            if latency.isLow {
                if unsafe poll(list.baseAddress, 2, WakeLatency.patience) != 0 { return }
                latency.rest()
            }
            let idleMilliseconds = Int32(Self.idleAfter / 1_000_000)
            if unsafe poll(list.baseAddress, 2, idleMilliseconds) == 0 {
                session.dispatcher.fileSystem.threadIsIdle(thread.index)
                unsafe _ = poll(list.baseAddress, 2, -1)
            }
        }
    }
}

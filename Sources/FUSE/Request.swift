internal import CFUSE
internal import Glibc

/// One request of the kernel, which is answered exactly once.
///
/// The compiler refuses a second reply, as each reply consumes the request; a request that goes
/// out of scope unanswered is answered EIO, so that no caller waits for ever. A reply may be made
/// on any thread.
@safe
package struct Request: ~Copyable, @unchecked Sendable {
    // Sendable: libfuse lets a request be answered on any thread, and there is one owner only.
    private let raw: fuse_req_t

    init(_ raw: fuse_req_t) {
        unsafe self.raw = raw
    }

    deinit {
        unsafe fuse_reply_err(raw, EIO)
    }

    /// Gives up the duty to reply, for whoever is about to do so.
    consuming func take() -> fuse_req_t {
        let raw = unsafe self.raw
        discard self
        return unsafe raw
    }

    private var context: fuse_ctx { unsafe fuse_req_ctx(raw).pointee }

    /// The effective user of the caller.
    package var uid: UInt32 { context.uid }
    /// The effective group of the caller.
    package var gid: UInt32 { context.gid }
    /// The thread of the caller; 0 when it is in a namespace that is not ours.
    package var pid: Int32 { context.pid }
    package var umask: UInt32 { context.umask }

    /// The kernel's number of this request.
    ///
    /// Only on the request thread, during the call.
    package var unique: UInt64 { RequestThread.current?.header.unique ?? 0 }

    /// The mark of a request that the kernel sends again (`FUSE_UNIQUE_RESEND`).
    private static let resent: UInt64 = 1 << 63

    /// The kernel's number of this request, the same when it is sent again; unique in a mount's life.
    ///
    /// Only on the request thread, during the call.
    package var number: UInt64 { unique & ~Self.resent }

    /// Whether a process received this request before and ended without an answer.
    ///
    /// It may have done what was asked. Only on the request thread, during the call.
    package var isResent: Bool { unique & Self.resent != 0 }

    /// Bytes; copying more takes longer than waking another thread does.
    package static let quickCopy = 64 << 10

    /// Says that the answer may take long, as for a disk or a lock, so that another thread goes on.
    ///
    /// Only on the request thread, during the call. Needed for lookups, attributes, listings, new
    /// files, reads and small writes alone: they are served one after the other, being quicker than
    /// waking a thread.
    package func mayWait() { Self.passTurn() }

    /// Does what `mayWait` does, for code that has no request: it is told of the calling thread's.
    ///
    /// Nothing on threads that serve no requests.
    package static func passTurn() { RequestThread.current?.passTurn() }

    /// Which request thread this call runs on, from 0.
    ///
    /// Only on the request thread.
    package var threadIndex: Int { RequestThread.current?.index ?? 0 }
}

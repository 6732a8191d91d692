internal import CFUSE
internal import Glibc

/// What one request thread has for itself: its number and its buffers.
///
/// Used by its own thread alone.
@safe
final class RequestThread: @unchecked Sendable {
    // Sendable: handed once to the thread that uses it.

    /// The most bytes of one `read` or `write`: 256 pages, the kernel's limit.
    static let replyCapacity = 1 << 20
    /// A `write` of that size with its headers, in whole pages.
    static let receiveCapacity = replyCapacity + 4096

    let index: Int
    /// Page-aligned, `receiveCapacity` bytes; begins with the header of the request being served.
    let receiveBuffer: UnsafeMutableRawPointer
    /// Page-aligned, `replyCapacity` bytes.
    let replyBuffer: UnsafeMutableRawPointer
    /// The turn that this thread holds while it serves a quick request; nil once it was passed on.
    var heldTurn: ReaderTurn?
    /// Whether the request came from nobody who waits for its answer.
    var isRehearsing = false

    init(index: Int) {
        self.index = index
        unsafe receiveBuffer = .allocate(byteCount: Self.receiveCapacity, alignment: 4096)
        unsafe replyBuffer = .allocate(byteCount: Self.replyCapacity, alignment: 4096)
        // Every page is there before the kernel writes to it: a process that is killed gets no more
        // pages, and a request that lacks one is answered EIO instead of waiting for the next
        // process.
        unsafe receiveBuffer.initializeMemory(
            as: UInt8.self,
            repeating: 0,
            count: Self.receiveCapacity
        )
    }

    deinit {
        unsafe receiveBuffer.deallocate()
        unsafe replyBuffer.deallocate()
    }

    var header: fuse_in_header { unsafe receiveBuffer.load(as: fuse_in_header.self) }

    /// Lets another thread read the device, if this one still has the turn.
    func passTurn() {
        heldTurn?.pass()
        heldTurn = nil
    }

    // A pthread key and not a C thread-local: the importer would give each object file its own.
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let result = unsafe pthread_key_create(&key, nil)
        precondition(result == 0, "the process has used up its thread-specific keys")
        return key
    }()

    /// The context of the calling thread; nil on threads that serve no requests.
    static var current: RequestThread? {
        guard let pointer = unsafe pthread_getspecific(key) else { return nil }
        return unsafe Unmanaged<RequestThread>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// Makes this the calling thread's context while `body` runs.
    func adopted(_ body: () -> Void) {
        unsafe pthread_setspecific(Self.key, Unmanaged.passUnretained(self).toOpaque())
        body()
        pthread_setspecific(Self.key, nil)
    }
}

internal import CFUSE
internal import Glibc

/// Whose turn it is to read the FUSE device.
///
/// One thread at a time spins and polls; the others sleep here. Were all of them to poll, the
/// kernel would wake every one for each request, and spinning threads would take the processors
/// from the callers they serve.
@safe
final class ReaderTurn: @unchecked Sendable {
    // Sendable: a semaphore is made for use by many threads.
    private let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        unsafe semaphore = .allocate(capacity: 1)
        unsafe sem_init(semaphore, 0, 1)
    }

    deinit {
        unsafe sem_destroy(semaphore)
        unsafe semaphore.deallocate()
    }

    /// Waits for the turn, and says whether it came.
    ///
    /// At most `limit` nanoseconds, if there is one.
    func take(within limit: UInt64? = nil) -> Bool {
        guard let limit else {
            while unsafe sem_wait(semaphore) != 0 {}
            return true
        }
        let end = monotonicNow() + limit
        var deadline = timespec()
        deadline.tv_sec = Int(end / 1_000_000_000)
        deadline.tv_nsec = Int(end % 1_000_000_000)
        while unsafe sem_clockwait(semaphore, CLOCK_MONOTONIC, &deadline) != 0 {
            if errno == ETIMEDOUT { return false }
        }
        return true
    }

    func pass() {
        unsafe sem_post(semaphore)
    }
}

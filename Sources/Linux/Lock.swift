private import Glibc

/// A mutual exclusion lock between threads of this process, not recursive.
///
/// `Synchronization.Mutex` guards a value and wants what leaves it to be `Sendable`. This one guards
/// a region: the writer's connection, and whatever a transaction computes in it.
// Safe to share: a POSIX mutex is made for it. The pointer is freed when nobody has the lock.
@safe package final class Lock: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    package init() {
        unsafe mutex = .allocate(capacity: 1)
        let code = unsafe pthread_mutex_init(mutex, nil)
        precondition(code == 0, "a default mutex can be made")
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    /// Runs `body` with the lock; `beforeWaiting` runs first where somebody else has it.
    package func withLock<R: ~Copyable, E: Error>(
        beforeWaiting: () -> Void = {},
        _ body: () throws(E) -> R
    ) throws(E) -> R {
        if unsafe pthread_mutex_trylock(mutex) != 0 {
            beforeWaiting()
            unsafe pthread_mutex_lock(mutex)
        }
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body()
    }
}

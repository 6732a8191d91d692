private import Glibc

/// Hands values from one thread to another, one at a time: who puts waits until the one before was
/// taken, so that neither runs far ahead.
// Safe to share: everything is guarded by the mutex, which is freed when nobody has it.
@safe package final class HandOver<Value: Sendable>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    private var value: Value?
    private var isOver = false

    package init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe changed = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(changed, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(changed)
        unsafe pthread_mutex_destroy(mutex)
        unsafe changed.deallocate()
        unsafe mutex.deallocate()
    }

    /// Waits until there is room, and puts a value there; false when it is over.
    @discardableResult
    package func put(_ new: Value) -> Bool {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while value != nil && !isOver { unsafe pthread_cond_wait(changed, mutex) }
        if isOver { return false }
        value = new
        unsafe pthread_cond_broadcast(changed)
        return true
    }

    /// Waits for a value and takes it; nil when it is over and none is left.
    package func take() -> Value? {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while value == nil && !isOver { unsafe pthread_cond_wait(changed, mutex) }
        defer { value = nil }
        unsafe pthread_cond_broadcast(changed)
        return value
    }

    /// Ends it: what was put can still be taken, nothing more can be put.
    package func end() {
        unsafe pthread_mutex_lock(mutex)
        isOver = true
        unsafe pthread_cond_broadcast(changed)
        unsafe pthread_mutex_unlock(mutex)
    }
}

internal import Glibc
internal import Linux
internal import Synchronization

/// Sends notifications in the order they were posted, on a thread of its own.
///
/// That thread may wait in the kernel, for a directory that a request holds or a page that a request
/// fills. Were its process killed then, it would still wait, and with it everything that threads
/// share: the locks of files above all. Nobody could take over, and so nobody would answer that
/// request. So the thread shares no descriptors; the device it has for itself.
///
/// Any thread may post; never a request thread, since a full queue makes who posts wait. Those may
/// offer.
@safe
package final class NotificationQueue: @unchecked Sendable {
    // Sendable: everything that changes is guarded by the mutex, which is freed when nobody has it.

    package typealias Work = @Sendable (Notifier) -> Void

    /// Notifications that wait: some tens of kilobytes.
    private static let limit = 1024

    private let notifier: Notifier
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    private var waiting: [Work] = []
    private var isBusy = false
    private var isOver = false
    private let thread = Mutex<Thread?>(nil)

    package init(_ notifier: Notifier) {
        self.notifier = notifier
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

    /// Starts the thread; what was posted before waits for it.
    package func start() {
        thread.withLock { $0 = Thread { self.run() } }
    }

    /// Adds a notification, behind all that were added before.
    package func post(_ work: @escaping Work) {
        locked {
            while waiting.count >= Self.limit && !isOver { wait() }
            guard !isOver else { return }
            waiting.append(work)
            tell()
        }
    }

    /// Adds a notification that may be missed: where the queue is full, it is.
    package func offer(_ work: @escaping Work) {
        locked {
            guard waiting.count < Self.limit, !isOver else { return }
            waiting.append(work)
            tell()
        }
    }

    /// Waits until all that was posted before was sent, or the queue ends.
    package func flush() {
        locked {
            while (!waiting.isEmpty || isBusy) && !isOver { wait() }
        }
    }

    /// Ends the thread; what waits is sent first.
    ///
    /// After the session, or while its requests are served.
    package func end() {
        locked {
            isOver = true
            tell()
        }
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.join()
    }

    private func run() {
        // Where that fails, all is as it is for any other thread.
        try? Linux.Thread.keepOnly(notifier.device)
        while let batch = next() {
            for work in batch { work(notifier) }
        }
    }

    private func next() -> [Work]? {
        locked {
            isBusy = false
            tell()
            while waiting.isEmpty && !isOver { wait() }
            guard !waiting.isEmpty else { return nil }
            isBusy = true
            defer { waiting = [] }
            return waiting
        }
    }

    private func locked<R>(_ body: () -> R) -> R {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return body()
    }

    private func wait() { unsafe pthread_cond_wait(changed, mutex) }

    private func tell() { unsafe pthread_cond_broadcast(changed) }
}

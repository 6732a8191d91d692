import CLinux
import Glibc
import Synchronization

/// A thread of the system, for work that blocks and must not occupy the shared pool.
///
/// Who forgets the handle lets the thread run on.
package final class Thread: Sendable {
    private let identity: Mutex<UInt?>

    /// Starts a thread.
    ///
    /// It inherits the blocked signals. `ps` and `top` show the first 15 bytes of its name. `body`
    /// runs once, there.
    package static func spawn(
        name: String,
        _ body: @escaping @Sendable () -> Void
    ) throws(Errno) -> Thread {
        let context = unsafe Unmanaged.passRetained(Body(run: body))
        var identity: UInt = 0
        do throws(Errno) {
            try unsafe Array(name.utf8.prefix(15)).withCPath { (name) throws(Errno) in
                _ = try retrying {
                    unsafe clinux_thread_start(
                        &identity,
                        name,
                        { context in
                            guard let context = unsafe context else { return nil }
                            let body = unsafe Unmanaged<Body>.fromOpaque(context)
                            unsafe body.takeRetainedValue().run()
                            return nil
                        },
                        context.toOpaque()
                    )
                }
            }
        } catch {
            unsafe context.release()
            throw error
        }
        return Thread(identity: identity)
    }

    /// Waits until the thread ends.
    ///
    /// Once it was joined, this returns at once; of two threads that join at the same time only the
    /// first waits.
    package func join() {
        let taken = identity.withLock { identity -> UInt? in
            defer { identity = nil }
            return identity
        }
        if let taken { _ = clinux_thread_join(taken) }
    }

    /// Does two things at once, `other` on a thread of its own and `own` on the calling one; returns
    /// when both are done.
    ///
    /// Throws where no thread could be started: nothing was done then.
    package static func inParallel<A: Sendable, B, E: Error>(
        name: String,
        _ other: @escaping @Sendable () throws(E) -> A,
        _ own: () throws(E) -> B
    ) throws(Errno) -> (Result<A, E>, Result<B, E>) {
        let outcome = Outcome<Result<A, E>>()
        let thread = try spawn(name: name) {
            let result = Result { () throws(E) in try other() }
            outcome.value.withLock { $0 = result }
        }
        let result = Result { () throws(E) in try own() }
        thread.join()
        guard let other = outcome.value.withLock(\.self) else {
            preconditionFailure("a thread that was joined has left its result")
        }
        return (other, result)
    }

    private final class Outcome<Value: Sendable>: Sendable {
        let value = Mutex<Value?>(nil)
    }

    /// Gives the calling thread descriptors of its own: 0 to 2, and the one that is named.
    ///
    /// A thread that waits in the kernel while its process is killed keeps what it shares: locks of
    /// files would stay, and whoever waits for their end would wait for that thread.
    package static func keepOnly(_ descriptor: Int32) throws(Errno) {
        try retrying { clinux_keep_only(descriptor) }
    }

    /// The kernel's number of the calling thread (`gettid`).
    package static var currentID: Int32 { clinux_thread_id() }

    private init(identity: UInt) {
        self.identity = Mutex(identity)
    }

    deinit {
        if let identity = identity.withLock({ $0 }) { _ = clinux_thread_detach(identity) }
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(run: @escaping @Sendable () -> Void) {
            self.run = run
        }
    }
}

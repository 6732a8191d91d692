import Linux
package import Model
import Synchronization

/// Threads for work that blocks: SQL, files, syncs.
///
/// Async functions run it here, so that they never occupy the threads that Swift shares among all
/// tasks.
///
/// Threads start when work comes and end when none came for a while: at most `width` at a time.
package final class BlockingPool: Sendable {
    /// Enough to keep a disk busy while one thread holds the writer lock.
    package static let shared = BlockingPool(width: 4)

    private typealias Job = @Sendable () -> Void

    private struct State {
        var jobs: [Job] = []
        var running = 0
    }

    private let width: Int
    private let state = Mutex(State())

    package init(width: Int) { self.width = width }

    /// Runs `body` on a thread of the pool.
    package func run<R: Sendable>(
        _ body: @escaping @Sendable () throws(LociError) -> R
    ) async throws(LociError) -> R {
        let result: Result<R, LociError> = await withCheckedContinuation { continuation in
            enqueue {
                let result: Result<R, LociError>
                do throws(LociError) {
                    result = .success(try body())
                } catch {
                    result = .failure(error)
                }
                continuation.resume(returning: result)
            }
        }
        return try result.get()
    }

    private func enqueue(_ job: @escaping Job) {
        let startsThread = state.withLock { state in
            state.jobs.append(job)
            guard state.running < width else { return false }
            state.running += 1
            return true
        }
        guard startsThread else { return }
        do {
            _ = try Thread.spawn(name: "loci-work") { self.work() }
        } catch {
            // No thread can be had: the work is done all the same, on the caller's.
            work()
        }
    }

    private func work() {
        while let job = take() { job() }
    }

    private func take() -> Job? {
        state.withLock { state in
            guard state.jobs.isEmpty else { return state.jobs.removeFirst() }
            state.running -= 1
            return nil
        }
    }
}

import Linux
import Model
import Synchronization

/// Wakes tasks after each commit on a catalog, of any process.
///
/// One thread watches the tenant's `wake` file while somebody waits, and ends when nobody did for a
/// while; so any number of feeds cost one thread.
final class WakeWatcher: Sendable {
    /// A commit that no watch told of is found after this.
    private static let longest: Duration = .seconds(1)

    private struct State {
        /// Rises with each commit that was seen.
        var generation = 0
        var isRunning = false
        /// Rounds in which nobody waited.
        var idleRounds = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter = 0
    }

    private let path: String
    private let state = Mutex(State())

    init(path: String) { self.path = path }

    /// From now on commits are counted.
    ///
    /// Call it before looking at the log; then what comes after the look ends `wait(beyond:)`.
    func arm() throws(LociError) -> Int {
        let (generation, starts) = state.withLock { state in
            defer { state.isRunning = true }
            state.idleRounds = 0
            return (state.generation, !state.isRunning)
        }
        guard starts else { return generation }
        do throws(Errno) {
            let watch = try FileWatch(path)
            let box = WatchBox(watch)
            _ = try Thread.spawn(name: "loci-wake") { self.run(box) }
        } catch {
            state.withLock { $0.isRunning = false }
            throw LociError(store: error, at: path)
        }
        return generation
    }

    /// Waits until a commit after `generation` was seen, or a moment passed, or the task is
    /// cancelled.
    func wait(beyond generation: Int) async {
        let number = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDue = state.withLock { state in
                    if state.generation != generation || Task.isCancelled { return true }
                    state.waiters[number] = continuation
                    return false
                }
                if isDue { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
        }
    }

    private func run(_ box: WatchBox) {
        while true {
            // Where watching fails, looking once in a while must do.
            if (try? box.watch.wait(timeout: Self.longest)) == nil {
                SystemClock.sleep(.milliseconds(100))
            }
            let (waiters, isOver) = state.withLock { state in
                let waiters = state.waiters
                state.waiters = [:]
                state.generation += 1
                state.idleRounds = waiters.isEmpty ? state.idleRounds + 1 : 0
                let isOver = state.idleRounds > 3
                if isOver { state.isRunning = false }
                return (waiters, isOver)
            }
            for waiter in waiters.values { waiter.resume() }
            if isOver { return }
        }
    }

    /// Takes the watch, which cannot be copied, into the thread's closure.
    private final class WatchBox: Sendable {
        let watch: FileWatch

        init(_ watch: consuming FileWatch) { self.watch = watch }
    }
}

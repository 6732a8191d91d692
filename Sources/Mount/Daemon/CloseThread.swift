import FUSE
import Linux
import Synchronization

/// Hears of closes and tells the staging, where the system allows it; and says once that the mount
/// answers.
final class CloseThread: Sendable {
    private let watcher = Mutex<CloseWatcher?>(nil)
    private let stopping = Atomic<Bool>(false)
    private let thread = Mutex<Thread?>(nil)

    /// `asks`: whether the mount has to answer before it is said to be ready; never where a keeper
    /// waits for the end of this process, which would wait for the answer if it was killed.
    init(
        _ mountPoint: String,
        _ staging: Staging,
        asks: Bool,
        _ ready: @escaping @Sendable () -> Void
    ) throws(Errno) {
        let started = try Thread.spawn(name: "loci-closes") {
            // Asks the mount, so the answer means that it is served.
            if asks { _ = try? File.status(of: mountPoint) }
            ready()
            self.run(mountPoint, staging)
        }
        thread.withLock { $0 = started }
    }

    private func run(_ mountPoint: String, _ staging: Staging) {
        guard !stopping.load(ordering: .acquiring),
            let watching = CloseWatcher(mountPoint: mountPoint)
        else { return }
        watcher.withLock { $0 = watching }
        while !stopping.load(ordering: .acquiring),
            let events = watching.next(timeoutMilliseconds: 1000)
        {
            for event in events {
                if case .node(let number) = Place(event.node) { staging.closed(number) }
            }
        }
    }

    func stop() {
        stopping.store(true, ordering: .releasing)
        watcher.withLock { $0 }?.stop()
        thread.withLock { $0 }?.join()
    }
}

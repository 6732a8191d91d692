import Synchronization

/// Asks all request threads to end their read transactions, so that a checkpoint can begin the WAL
/// anew.
final class CheckpointGate: Sendable {
    private let waiting = Atomic<Bool>(false)

    var isWaiting: Bool {
        get { waiting.load(ordering: .relaxed) }
        set { waiting.store(newValue, ordering: .relaxed) }
    }
}

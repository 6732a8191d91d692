package import Model
import Synchronization

/// What the kernel knows already of the changes that this mount made itself.
///
/// A request that changes a name tells the kernel so by its answer; dropping that name again would
/// cost a lookup, and would show a process its own working directory as deleted.
package final class OwnChanges: Sendable {
    private struct Batch {
        let changes: ClosedRange<ChangeNumber>
        let known: Set<KnownName>
    }

    private let batches = Mutex<[Batch]>([])
    private let wake: @Sendable () -> Void

    /// `wake`: called after each registration.
    package init(wake: @escaping @Sendable () -> Void) {
        self.wake = wake
    }

    /// After the commit of rows above `before` up to `last`, none or more.
    func register(after before: ChangeNumber, through last: ChangeNumber, known: [KnownName]) {
        guard before < last else { return }
        register(ChangeNumber(before.rawValue + 1)...last, known: known)
    }

    package func register(_ changes: ClosedRange<ChangeNumber>, known: [KnownName]) {
        batches.withLock { $0.append(Batch(changes: changes, known: Set(known))) }
        wake()
    }

    /// The names that the kernel knows of a change; nil where nobody registered it (yet).
    func known(of change: ChangeNumber) -> Set<KnownName>? {
        batches.withLock { $0.first { $0.changes.contains(change) }?.known }
    }

    /// Forgets batches whose changes were all followed.
    func forget(through change: ChangeNumber) {
        batches.withLock { $0.removeAll { $0.changes.upperBound <= change } }
    }
}

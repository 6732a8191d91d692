import Linux
import Synchronization

/// A layout is about to be live, and must appear at once: from one request on by every name.
///
/// While it is expected, no request is answered from a catalog state that an earlier request saw
/// changed, and the kernel keeps no "not there". Bounded in time: whoever asked for it may die.
final class Expectation: Sendable {
    /// Much longer than the last step before a layout is live takes.
    static let life: Int64 = 30_000_000_000

    /// Monotonic nanoseconds; 0 while nothing is expected.
    private let deadline = Atomic<Int64>(0)

    var isOn: Bool {
        let deadline = deadline.load(ordering: .acquiring)
        return deadline != 0 && SystemClock.monotonic() < deadline
    }

    func begin() {
        deadline.store(SystemClock.monotonic() + Self.life, ordering: .releasing)
    }

    func end() { deadline.store(0, ordering: .releasing) }
}

internal import Synchronization

/// Keeps the FUSE device open while somebody outside the request threads writes to it.
///
/// After `close` returns nobody is inside and nobody gets in, so the descriptor may be closed and
/// its number given to another file.
final class Gate: Sendable {
    private struct State {
        var inside = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    func enter() -> Bool {
        state.withLock { state in
            guard !state.isClosed else { return false }
            state.inside += 1
            return true
        }
    }

    var isOpen: Bool { state.withLock { !$0.isClosed } }

    func leave() {
        state.withLock { $0.inside -= 1 }
    }

    /// Lets nobody in any more and waits for those inside, who are in one system call each.
    func close() {
        while true {
            let inside = state.withLock { state in
                state.isClosed = true
                return state.inside
            }
            if inside == 0 { return }
            pause(microseconds: 100)
        }
    }
}

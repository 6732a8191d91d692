package import Catalog
import Linux
import Model
import Synchronization

/// Counts who still uses names that only unlisted layouts have.
///
/// In memory, as a use must cost no transaction; `take` gives what came together since, for a row
/// each in `old_path_use`.
package final class OldPathUses: Sendable {
    private typealias Key = OldPathUseRow.Key

    private struct State {
        var uses: [Key: OldPathUseRow] = [:]
        var prefixes: [NodeNumber: String] = [:]
    }

    /// Users, prefixes and commands that are told apart between two flushes.
    static let capacity = 4096

    private let state = Mutex(State())

    /// The prefix of what is below a directory, where it was asked for since the last flush.
    func prefix(of directory: NodeNumber) -> String? {
        state.withLock { $0.prefixes[directory] }
    }

    func remember(_ prefix: String, of directory: NodeNumber) {
        state.withLock { state in
            if state.prefixes.count < Self.capacity { state.prefixes[directory] = prefix }
        }
    }

    func note(_ key: OldPathUseRow.Key, pid: Int32, at time: Timestamp) {
        state.withLock { state in
            let key = OldPathUseRow.key(for: key, limit: Self.capacity) { key in
                state.uses[key] != nil
            } count: {
                state.uses.count
            }
            var use =
                state.uses[key] ?? OldPathUseRow(key, pid: pid, count: 0, first: time, last: time)
            use.pid = pid
            use.count += 1
            use.last = time
            state.uses[key] = use
        }
    }

    /// What was counted since the last call.
    package func take() -> [OldPathUseRow] {
        state.withLock { state in
            defer { state = State() }
            return Array(state.uses.values)
        }
    }
}

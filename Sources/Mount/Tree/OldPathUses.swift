package import Catalog
import Linux
import Model
import Synchronization

/// Counts who still uses names that only unlisted layouts have.
///
/// In memory, as a use must cost no transaction; `take` gives what came together since, for a row
/// each in `old_path_use`.
package final class OldPathUses: Sendable {
    private struct Key: Hashable {
        let layout: LayoutNumber
        let prefix: String
        let uid: UInt32
        let pid: Int32
    }

    private struct State {
        var counts: [Key: (count: Int64, first: Timestamp, last: Timestamp)] = [:]
        var prefixes: [NodeNumber: String] = [:]
    }

    /// Users, prefixes and processes that are told apart between two flushes.
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

    func note(layout: LayoutNumber, prefix: String, uid: UInt32, pid: Int32, at time: Timestamp) {
        let key = Key(layout: layout, prefix: prefix, uid: uid, pid: pid)
        state.withLock { state in
            if let before = state.counts[key] {
                state.counts[key] = (before.count + 1, before.first, time)
            } else if state.counts.count < Self.capacity {
                state.counts[key] = (1, time, time)
            }
        }
    }

    /// What was counted since the last call.
    ///
    /// Looks up the commands' names: not for request threads.
    package func take() -> [OldPathUseRow] {
        let counts = state.withLock { state in
            defer { state = State() }
            return state.counts
        }
        return counts.map { key, value in
            OldPathUseRow(
                layout: key.layout,
                prefix: key.prefix,
                uid: key.uid,
                process: RunningProcess(id: key.pid).name ?? "?",
                pid: key.pid,
                count: value.count,
                first: value.first,
                last: value.last
            )
        }
    }
}

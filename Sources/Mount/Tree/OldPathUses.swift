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

        mutating func add(_ row: OldPathUseRow) {
            let key = OldPathUseRow.key(
                for: row.key,
                count: uses.count,
                limit: OldPathUses.capacity
            ) { uses[$0] != nil }
            guard var use = uses[key] else {
                var row = row
                row.key = key
                uses[key] = row
                return
            }
            use.count += row.count
            use.first = min(use.first, row.first)
            if row.last >= use.last { (use.pid, use.last) = (row.pid, row.last) }
            uses[key] = use
        }
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
        let use = OldPathUseRow(key, pid: pid, count: 1, first: time, last: time)
        state.withLock { $0.add(use) }
    }

    /// Takes back what could not be written, beside what was noted since.
    package func merge(_ rows: [OldPathUseRow]) {
        state.withLock { state in
            for row in rows { state.add(row) }
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

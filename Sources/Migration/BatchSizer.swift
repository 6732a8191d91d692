/// Finds how many rows a transaction may have so that it holds the writer lock for about a given
/// time.
///
/// A pure value: the caller tells how long each transaction held the lock.
package struct BatchSizer: Hashable, Sendable {
    /// How long a transaction may hold the lock, in nanoseconds.
    package var aim: Int64
    /// The most rows of one transaction.
    package let limit: Int
    /// Nanoseconds a row, as the last transactions had it.
    private var cost: Double?

    /// Begins with a guess that is safe on a slow disk.
    package init(aim: Int64, limit: Int) {
        self.aim = aim
        self.limit = max(1, limit)
    }

    /// How many rows the next transaction may have.
    package var size: Int {
        guard let cost, cost > 0 else { return min(limit, Self.first) }
        return max(1, min(limit, Int(Double(aim) / cost)))
    }

    /// Learns from a transaction.
    ///
    /// One that was far slower counts in full at once, a faster one a half: to hold the lock too
    /// long is worse than to take it more often.
    package mutating func learn(rows: Int, nanoseconds: Int64) {
        guard rows > 0 else { return }
        let seen = Double(max(1, nanoseconds)) / Double(rows)
        guard let known = cost else {
            cost = seen
            return
        }
        cost = seen > known ? seen : (seen + known) / 2
    }

    private static let first = 64
}

import Linux
import Synchronization

/// How long lookups and reads took to answer, as a histogram that all request threads add to.
///
/// Without a lock: adding is one atomic increment. Times above an hour count as one.
package final class RequestTimes: Sendable {
    /// What came together between two looks.
    package struct Summary: Hashable, Sendable {
        package let count: Int
        /// As long or longer took one of a hundred; at most an eighth too much, and nil of none.
        package let p99: Duration?

        package init(count: Int, p99: Duration?) {
            self.count = count
            self.p99 = p99
        }
    }

    /// Eight to each power of two, below which each nanosecond has its own: up to 2⁴² ns.
    private static let bucketCount = 8 * 40
    private let buckets = InlineArray<320, Atomic<UInt32>> { _ in Atomic(0) }

    package init() {}

    /// Adds what began at a time of the monotonic clock, and ends now.
    func note(since began: Int64) { note(SystemClock.monotonic() - began) }

    /// Adds a time in nanoseconds.
    package func note(_ nanoseconds: Int64) {
        buckets[Self.bucket(of: UInt64(max(0, nanoseconds)))].add(1, ordering: .relaxed)
    }

    /// What was added since the last call.
    package func take() -> Summary {
        var counts: [Int] = []
        for index in 0..<Self.bucketCount {
            counts.append(Int(buckets[index].exchange(0, ordering: .relaxed)))
        }
        let total = counts.reduce(0, +)
        var above = 0
        for index in counts.indices.reversed() {
            above += counts[index]
            if above > 0, above * 100 >= total {
                return Summary(count: total, p99: .nanoseconds(Self.end(of: index)))
            }
        }
        return Summary(count: 0, p99: nil)
    }

    private static func bucket(of value: UInt64) -> Int {
        guard value >= 8 else { return Int(value) }
        let shift = 60 - value.leadingZeroBitCount
        return min(bucketCount - 1, shift * 8 + Int(value >> UInt64(shift)))
    }

    /// The longest time of a bucket.
    private static func end(of bucket: Int) -> Int64 {
        guard bucket >= 16 else { return Int64(bucket) }
        let shift = bucket / 8 - 1
        return Int64(bucket % 8 + 9) << Int64(shift) - 1
    }
}

package import Model
import Synchronization

/// What failed last for each user, for `.loci/last-error`.
package final class LastErrors: Sendable {
    /// One failed call.
    package struct Failure: Hashable, Sendable {
        package var time: Timestamp
        package var path: String
        package var errno: Int32
        package var message: String
        package var remedy: String?
    }

    /// How many users are remembered; the one whose failure is oldest is forgotten first.
    static let capacity = 64

    private let failures = Mutex<[UInt32: Failure]>([:])

    func record(_ failure: Failure, uid: UInt32) {
        failures.withLock { failures in
            if failures.count >= Self.capacity, failures[uid] == nil,
                let oldest = failures.min(by: { $0.value.time < $1.value.time })
            {
                failures[oldest.key] = nil
            }
            failures[uid] = failure
        }
    }

    package func last(of uid: UInt32) -> Failure? { failures.withLock { $0[uid] } }
}

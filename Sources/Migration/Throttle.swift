public import Model

/// Limits how fast the mover may move blobs, as a token bucket.
///
/// A pure value: it never sleeps and never reads a clock. The caller passes the time in and is told
/// how long to wait, so a test drives it with a manual clock and sees every decision.
///
/// Invariant: `available <= burst`. Below zero it is in debt: what was moved came before its time.
package struct Throttle: Hashable, Sendable {
    /// What the caller must do before it moves what it asked for.
    package enum Decision: Hashable, Sendable {
        case proceed
        case wait(Duration)
    }

    /// Moves a second.
    package let rate: Double
    /// The most moves that may come at once after a rest.
    package let burst: Double
    private var available: Double
    /// Nanoseconds of the caller's clock.
    private var updated: Int64

    /// Begins full: a tenth of a second's worth, and at least one move.
    package init(rate: Double, now: Int64) {
        self.rate = rate
        burst = max(1, rate / 10)
        available = burst
        updated = now
    }

    /// How many moves one batch may have, so that batches come about ten times a second.
    package var batch: Int { max(1, Int(burst)) }

    /// Asks for `moves`; they are taken only where the answer is to proceed.
    ///
    /// More than `burst` are admitted when the bucket is full, and are owed afterwards.
    package mutating func admit(_ moves: Int, now: Int64) -> Decision {
        refill(now)
        let needed = min(Double(moves), burst)
        guard available < needed else {
            available -= Double(moves)
            return .proceed
        }
        let seconds = (needed - available) / rate
        return .wait(.nanoseconds(Int64((seconds * 1e9).rounded(.up))))
    }

    private mutating func refill(_ now: Int64) {
        // A clock that went back tells nothing: begin again from it.
        let elapsed = max(0, now - updated)
        available = min(burst, available + Double(elapsed) / 1e9 * rate)
        updated = now
    }
}

/// How fast the mover may move, as people set it.
public enum MoveRate: Hashable, Sendable {
    /// Rest at least as long as the lock was held: other writers get in.
    case polite
    /// Never rest.
    case none
    /// At most so many memories a second, and polite.
    case perSecond(Int)

    /// Reads `polite`, `none` or a number of moves a second; throws `invalidArgument`.
    public init(_ text: String) throws(LociError) {
        switch text {
        case "polite": self = .polite
        case "none": self = .none
        default:
            guard let rate = Int(text), rate > 0 else {
                throw .unreadable(
                    text,
                    as: "a rate",
                    remedy: "Write a number of moves a second, polite, or none."
                )
            }
            self = .perSecond(rate)
        }
    }
}

extension MoveRate: CustomStringConvertible {
    /// The rate as `init(_:)` reads it.
    public var description: String {
        switch self {
        case .polite: "polite"
        case .none: "none"
        case .perSecond(let rate): String(rate)
        }
    }
}

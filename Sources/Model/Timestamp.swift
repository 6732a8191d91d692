/// A moment: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// It reaches from 1677-09-21 to 2262-04-11.
public struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Nanoseconds since 1970, negative before.
    public let nanoseconds: Int64

    /// Makes a moment from nanoseconds since 1970.
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Makes a moment from what the system's clocks and files tell, or nil where it is out of
    /// reach.
    public init?(seconds: Int64, nanoseconds: Int64 = 0) {
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowToo) = scaled.addingReportingOverflow(nanoseconds)
        guard !overflow, !overflowToo else { return nil }
        self.nanoseconds = sum
    }

    /// Whole seconds since 1970, rounded down.
    public var seconds: Int64 { Self.floorDivide(nanoseconds, 1_000_000_000).quotient }

    /// The nanoseconds that `seconds` leaves over, 0 to 999,999,999.
    public var subsecondNanoseconds: Int64 {
        Self.floorDivide(nanoseconds, 1_000_000_000).remainder
    }

    /// Orders by time.
    public static func < (a: Timestamp, b: Timestamp) -> Bool { a.nanoseconds < b.nanoseconds }

    /// The moment that is `duration` later, or the last or first there is.
    public static func + (moment: Timestamp, duration: Duration) -> Timestamp {
        let (seconds, attoseconds) = duration.components
        let nanoseconds = attoseconds / 1_000_000_000
        let limit: Int64 = seconds < 0 ? .min : .max
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (delta, overflowToo) = scaled.addingReportingOverflow(nanoseconds)
        guard !overflow, !overflowToo else { return Timestamp(nanoseconds: limit) }
        let (sum, overflowAtLast) = moment.nanoseconds.addingReportingOverflow(delta)
        return Timestamp(nanoseconds: overflowAtLast ? limit : sum)
    }

    /// The moment that is `duration` earlier, or the last or first there is.
    public static func - (moment: Timestamp, duration: Duration) -> Timestamp {
        moment + (.zero - duration)
    }

    /// The time from `earlier` to `later`.
    public static func - (later: Timestamp, earlier: Timestamp) -> Duration {
        .seconds(later.seconds - earlier.seconds)
            + .nanoseconds(later.subsecondNanoseconds - earlier.subsecondNanoseconds)
    }

    package static func floorDivide(_ a: Int64, _ b: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = a.quotientAndRemainder(dividingBy: b)
        return remainder < 0 ? (quotient - 1, remainder + b) : (quotient, remainder)
    }
}

import Linux

/// A point of the monotonic clock, for deadlines.
///
/// It means nothing outside this boot.
package struct Moment: Hashable, Comparable, Sendable {
    /// Nanoseconds.
    package let rawValue: Int64

    package init(_ rawValue: Int64) { self.rawValue = rawValue }

    /// Later than every other one.
    package static let never = Moment(.max)

    package static func + (moment: Moment, duration: Duration) -> Moment {
        let (sum, overflow) = moment.rawValue.addingReportingOverflow(duration.wholeNanoseconds)
        return overflow ? .never : Moment(sum)
    }

    package static func - (later: Moment, earlier: Moment) -> Duration {
        .nanoseconds(later.rawValue - earlier.rawValue)
    }

    package static func < (a: Moment, b: Moment) -> Bool { a.rawValue < b.rawValue }
}

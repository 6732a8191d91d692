/// A date of the Gregorian calendar, UTC.
package struct CivilDate: Hashable, Sendable {
    package var year: Int
    package var month: Int
    package var day: Int

    package init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// Whether the calendar has this date; years below 1 it has not.
    package var exists: Bool {
        year >= 1 && (1...12).contains(month)
            && day >= 1 && day <= Self.days(inMonth: month, of: year)
    }

    package static func isLeap(_ year: Int) -> Bool {
        year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
    }

    package static func days(inMonth month: Int, of year: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days since 1970-01-01.
    ///
    /// Counts in eras of 400 years that begin in March, so that the leap day comes last.
    package var dayNumber: Int64 {
        let shifted = Int64(month <= 2 ? year - 1 : year)
        let (era, yearOfEra) = Timestamp.floorDivide(shifted, 400)
        let monthFromMarch = Int64(month + (month > 2 ? -3 : 9))
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + Int64(day) - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// The date that is `dayNumber` days after 1970-01-01.
    package init(dayNumber: Int64) {
        let (era, dayOfEra) = Timestamp.floorDivide(dayNumber + 719_468, 146_097)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = Int(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
        month = Int(monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9)
        year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
    }
}

extension Timestamp {
    package static let secondsPerDay: Int64 = 86_400

    /// The date of this moment, UTC.
    package var date: CivilDate {
        CivilDate(dayNumber: Self.floorDivide(seconds, Self.secondsPerDay).quotient)
    }

    /// Midnight UTC at the beginning of `date`, or nil where that is out of reach.
    package init?(startOf date: CivilDate) {
        self.init(seconds: date.dayNumber * Self.secondsPerDay)
    }

    /// All moments of a year, of a month or of a day, cut to what `Timestamp` reaches; nil where
    /// nothing is left or the calendar has no such month or day.
    package static func range(
        year: Int,
        month: Int? = nil,
        day: Int? = nil
    ) -> Range<Timestamp>? {
        let first = CivilDate(year: year, month: month ?? 1, day: day ?? 1)
        guard first.exists else { return nil }
        var next = first
        if day != nil {
            next = CivilDate(dayNumber: first.dayNumber + 1)
        } else if let month {
            next = CivilDate(year: month == 12 ? year + 1 : year, month: month % 12 + 1, day: 1)
        } else {
            next.year += 1
        }
        let lower = Timestamp(startOf: first)
        let upper = Timestamp(startOf: next)
        guard lower != nil || upper != nil else { return nil }
        return (lower ?? .distantPast)..<(upper ?? .distantFuture)
    }

    /// The earliest moment there is.
    package static let distantPast = Timestamp(nanoseconds: .min)
    /// The latest moment there is.
    package static let distantFuture = Timestamp(nanoseconds: .max)
}

extension Timestamp {
    /// The moment as RFC 3339 in UTC, `2024-02-29T12:34:56Z`, with nine decimals where they are not
    /// all zero.
    public var description: String { String(decoding: text, as: UTF8.self) }

    /// The bytes of `description`.
    package var text: [UInt8] {
        let date = date
        let ofDay = Self.floorDivide(seconds, Self.secondsPerDay).remainder
        var text: [UInt8] = []
        text.reserveCapacity(30)
        Digits.append(date.year, width: 4, to: &text)
        text.append(ASCII.hyphen)
        Digits.append(date.month, width: 2, to: &text)
        text.append(ASCII.hyphen)
        Digits.append(date.day, width: 2, to: &text)
        text.append(UInt8(ascii: "T"))
        Digits.append(Int(ofDay / 3600), width: 2, to: &text)
        text.append(ASCII.colon)
        Digits.append(Int(ofDay / 60 % 60), width: 2, to: &text)
        text.append(ASCII.colon)
        Digits.append(Int(ofDay % 60), width: 2, to: &text)
        if subsecondNanoseconds != 0 {
            text.append(ASCII.dot)
            Digits.append(Int(subsecondNanoseconds), width: 9, to: &text)
        }
        text.append(UInt8(ascii: "Z"))
        return text
    }

    /// Reads RFC 3339 (`2024-02-29T12:34:56.5+02:00`) or a date alone, which is its midnight UTC.
    ///
    /// Decimals beyond the ninth are dropped. Throws `invalidArgument` for other forms, dates that
    /// the calendar has not, leap seconds, and moments out of reach.
    public init(_ text: String) throws(LociError) {
        var reader = TimestampReader(text)
        guard let moment = reader.moment() else {
            throw .unreadable(
                text,
                as: "a time",
                remedy: "Write RFC 3339 or a date, such as 2024-02-29T12:34:56Z or 2024-02-29."
            )
        }
        self = moment
    }

    /// Reads what `init(_:)` reads, and also `now`, `yesterday` (24 hours ago) and `-2h` (that long
    /// ago).
    public init(_ text: String, now: Timestamp) throws(LociError) {
        if text == "now" {
            self = now
        } else if text == "yesterday" {
            self = now - .seconds(Self.secondsPerDay)
        } else if text.utf8.first == ASCII.hyphen {
            self = now - (try LociDuration.parse(String(text.dropFirst())))
        } else {
            try self.init(text)
        }
    }
}

/// Reads RFC 3339 from left to right; every method answers nil where the text ends or differs.
private struct TimestampReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    mutating func moment() -> Timestamp? {
        guard let year = number(4), take("-"), let month = number(2), take("-"),
            let day = number(2)
        else { return nil }
        let date = CivilDate(year: year, month: month, day: day)
        guard date.exists else { return nil }
        if position == bytes.count { return Timestamp(startOf: date) }
        guard take("T") || take("t") || take(" "), let hour = number(2), hour < 24, take(":"),
            let minute = number(2), minute < 60, take(":"), let second = number(2), second < 60,
            let nanoseconds = fraction(), let offset = offset(), position == bytes.count
        else { return nil }
        let ofDay = Int64(hour * 3600 + minute * 60 + second - offset)
        let seconds = date.dayNumber * Timestamp.secondsPerDay + ofDay
        return Self.moment(seconds: seconds, nanoseconds: nanoseconds)
    }

    /// Adds from the side that cannot overflow while the sum still fits.
    private static func moment(seconds: Int64, nanoseconds: Int64) -> Timestamp? {
        guard seconds < 0, nanoseconds > 0 else {
            return Timestamp(seconds: seconds, nanoseconds: nanoseconds)
        }
        return Timestamp(seconds: seconds + 1, nanoseconds: nanoseconds - 1_000_000_000)
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else {
            return false
        }
        position += 1
        return true
    }

    private mutating func number(_ width: Int) -> Int? {
        guard position + width <= bytes.count else { return nil }
        let digits = bytes[position..<position + width]
        position += width
        return Digits.value(digits)
    }

    private mutating func fraction() -> Int64? {
        guard take(".") else { return 0 }
        let digits = bytes[position...].prefix(while: ASCII.isDigit)
        guard !digits.isEmpty else { return nil }
        position += digits.count
        let kept = digits.prefix(9)
        var value = Int64(Digits.value(kept) ?? 0)
        for _ in kept.count..<9 { value *= 10 }
        return value
    }

    /// Seconds east of Greenwich.
    private mutating func offset() -> Int? {
        if take("Z") || take("z") { return 0 }
        let sign: Int
        if take("+") {
            sign = 1
        } else if take("-") {
            sign = -1
        } else {
            return nil
        }
        guard let hours = number(2), hours < 24, take(":"), let minutes = number(2), minutes < 60
        else { return nil }
        return sign * (hours * 3600 + minutes * 60)
    }
}

/// Digits digits without a sign.
package enum Digits {
    /// Appends a number of at least 0, filled up with zeros to `width`.
    package static func append(_ value: Int, width: Int, to text: inout [UInt8]) {
        let start = text.count
        var rest = value
        repeat {
            text.append(0x30 + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        while text.count - start < width { text.append(0x30) }
        text[start...].reverse()
    }

    /// The value of 1 to 18 digits, or nil for anything else.
    package static func value(_ digits: ArraySlice<UInt8>) -> Int? {
        guard (1...18).contains(digits.count), digits.allSatisfy(ASCII.isDigit) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }
}

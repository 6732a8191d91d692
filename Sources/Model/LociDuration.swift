/// Durations as people write them: `250ms`, `90s`, `15m`, `7d`, and several in a row, `1h30m`.
package enum LociDuration {
    /// Reads a duration; throws `invalidArgument`.
    package static func parse(_ text: String) throws(LociError) -> Duration {
        let bytes = Array(text.utf8)
        var rest = bytes[...]
        var total: Int64 = 0
        repeat {
            let digits = rest.prefix(while: ASCII.isDigit)
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix(while: ASCII.isLetter)
            rest = rest.dropFirst(unit.count)
            guard let number = Digits.value(digits),
                let factor = milliseconds[String(decoding: unit, as: UTF8.self)]
            else { throw unreadable(text) }
            let (product, overflow) = Int64(number).multipliedReportingOverflow(by: factor)
            let (sum, overflowToo) = total.addingReportingOverflow(product)
            guard !overflow, !overflowToo else { throw unreadable(text) }
            total = sum
        } while !rest.isEmpty
        return .milliseconds(total)
    }

    /// The duration in whole milliseconds, in the units that `parse` reads: `1h30m`, `250ms`.
    package static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        var rest = seconds.magnitude
        var text = seconds < 0 || attoseconds < 0 ? "-" : ""
        for (unit, length) in [("d", UInt64(86_400)), ("h", 3600), ("m", 60), ("s", 1)] {
            if rest / length > 0 { text += "\(rest / length)\(unit)" }
            rest %= length
        }
        let milliseconds = attoseconds.magnitude / 1_000_000_000_000_000
        if milliseconds > 0 || text.isEmpty || text == "-" { text += "\(milliseconds)ms" }
        return text == "-0ms" ? "0ms" : text
    }

    private static let milliseconds: [String: Int64] = [
        "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000,
    ]

    private static func unreadable(_ text: String) -> LociError {
        .unreadable(
            text,
            as: "a duration",
            remedy: "Write a number and a unit, such as 90s, 15m or 7d."
        )
    }
}

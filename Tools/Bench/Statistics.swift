/// What several measurements of one thing come to.
struct Statistics {
    let median: Double
    let lowest: Double
    let highest: Double

    /// Nil where nothing was measured.
    init?(_ values: [Double]) {
        let sorted = values.sorted()
        guard let first = sorted.first, let last = sorted.last else { return nil }
        (lowest, highest) = (first, last)
        let middle = sorted.count / 2
        median =
            sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// Half of what lies between the extremes, in percent of the median.
    var spread: Int {
        median > 0 ? Int(((highest - lowest) / 2 / median * 100).rounded()) : 0
    }
}

/// Figures for people.
enum Figure {
    /// A time in the unit that keeps it short: `5.20 us`, `12.3 ms`, `1.05 s`.
    static func time(_ seconds: Double) -> String {
        if seconds >= 1 { return significant(seconds) + " s" }
        if seconds >= 1e-3 { return significant(seconds * 1e3) + " ms" }
        return significant(seconds * 1e6) + " us"
    }

    /// In mebibytes: `87.2 MiB`.
    static func memory(_ bytes: Double) -> String { significant(bytes / 1_048_576) + " MiB" }

    /// Three digits that count, and no exponent.
    static func significant(_ value: Double) -> String {
        if value >= 99.95 { return String(Int(value.rounded())) }
        return decimals(value, value >= 9.995 ? 1 : 2)
    }

    static func decimals(_ value: Double, _ count: Int) -> String {
        let scale = count == 1 ? 10 : 100
        let scaled = Int((value * Double(scale)).rounded())
        let fraction = String(scaled % scale)
        let zeros = String(repeating: "0", count: count - fraction.count)
        return "\(scaled / scale).\(zeros)\(fraction)"
    }

    /// With commas: `100,000`.
    static func grouped(_ number: Int) -> String {
        var digits = Array(String(number))
        var index = digits.count - 3
        while index > 0 {
            digits.insert(",", at: index)
            index -= 3
        }
        return String(digits)
    }
}

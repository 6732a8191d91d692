/// A size in bytes.
public struct ByteCount: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number of bytes.
    public let rawValue: Int64

    /// Makes a size from a number of bytes.
    public init(_ rawValue: Int64) { self.rawValue = rawValue }

    /// Reads `512`, `512B`, `10KiB`, `10MiB`, `2GiB`, `1TiB` (powers of 1024) or `kB`, `MB`, `GB`,
    /// `TB` (powers of 1000); throws `invalidArgument` for anything else, negative numbers and
    /// overflow included.
    public init(parsing text: String) throws(LociError) {
        let digits = text.utf8.prefix { (0x30...0x39).contains($0) }
        let unit = String(text.dropFirst(digits.count))
        guard let number = Int64(String(digits) ?? ""), let factor = Self.units[unit] else {
            throw Self.unreadable(text)
        }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        guard !overflow else { throw Self.unreadable(text) }
        rawValue = product
    }

    /// The size in the largest binary unit that leaves at least 1, with one decimal unless it is
    /// whole: `1.5MiB`.
    public var description: String {
        let names = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        var unit: Int64 = 1
        var name = "B"
        for next in names where rawValue.magnitude / 1024 >= unit.magnitude {
            unit *= 1024
            name = next
        }
        let whole = rawValue / unit
        let tenth = (rawValue % unit).magnitude / max(1, unit.magnitude / 10)
        return tenth == 0 || unit == 1 ? "\(whole)\(name)" : "\(whole).\(min(tenth, 9))\(name)"
    }

    /// Orders by size.
    public static func < (a: ByteCount, b: ByteCount) -> Bool { a.rawValue < b.rawValue }

    private static let units: [String: Int64] = [
        "": 1, "B": 1,
        "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
        "kB": 1000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000,
    ]

    private static func unreadable(_ text: String) -> LociError {
        .unreadable(text, as: "a size", remedy: "Write a number and a unit, such as 10MiB.")
    }
}

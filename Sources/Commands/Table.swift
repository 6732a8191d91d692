/// Rows in columns: aligned for a terminal, separated by tabs for a pipe.
struct Table {
    private let header: [String]
    private var rows: [[String]] = []

    init(_ header: String...) { self.header = header }

    init(_ first: String, _ others: [String]) { header = [first] + others }

    init(_ header: [String]) { self.header = header }

    var isEmpty: Bool { rows.isEmpty }

    mutating func append(_ row: String...) { rows.append(row) }

    mutating func append(_ row: [String]) { rows.append(row) }

    /// The lines: with a header and aligned columns for a terminal, else bare rows with tabs.
    func lines(aligned: Bool, color: Bool) -> [String] {
        guard aligned else { return rows.map { $0.joined(separator: "\t") } }
        let all = [header] + rows
        let widths = header.indices.map { column in
            all.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        var lines = all.map { row in
            let cells = row.enumerated().map { column, cell in
                column == row.count - 1
                    ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }
            return cells.joined(separator: "  ")
        }
        if color { lines[0] = "\u{1B}[1m" + lines[0] + "\u{1B}[0m" }
        return lines
    }
}

/// Numbers for people: `128,402`.
enum Grouped {
    static func text(_ number: some BinaryInteger) -> String {
        var digits = Array(String(number.magnitude))
        var index = digits.count - 3
        while index > 0 {
            digits.insert(",", at: index)
            index -= 3
        }
        return (number < 0 ? "-" : "") + String(digits)
    }

    /// `1 finding`, `2,000 findings`.
    static func counted(
        _ number: some BinaryInteger,
        _ noun: String,
        plural: String? = nil
    ) -> String {
        "\(text(number)) \(number == 1 ? noun : plural ?? noun + "s")"
    }

    /// The same for a noun whose plural is a word of its own.
    static func counted(_ number: some BinaryInteger, _ one: String, _ many: String) -> String {
        "\(text(number)) \(number == 1 ? one : many)"
    }

    /// A share in percent with one decimal: `49.9%`.
    static func percent(_ part: Int64, of whole: Int64) -> String {
        guard whole > 0 else { return "100.0%" }
        let thousandths = min(1000, part * 1000 / whole)
        return "\(thousandths / 10).\(thousandths % 10)%"
    }
}

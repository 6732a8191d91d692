/// Horizontal bars in groups, written as SVG: no scripts, no fonts of its own, and no background,
/// so that it stands on a light page and on a dark one.
struct BarChart {
    struct Bar {
        let name: String
        let value: Double
        /// What stands behind the bar.
        let label: String
        let isOurs: Bool
    }

    struct Group {
        let title: String
        let bars: [Bar]
    }

    let title: String
    let subtitle: String
    /// The value at which a line is drawn through all groups.
    let mark: Double
    let groups: [Group]

    // In pixels.
    private static let width = 760.0
    private static let names = 150.0
    private static let labels = 90.0
    private static let pitch = 16.0
    private static let thickness = 11.0
    private static let heading = 26.0
    private static let top = 58.0

    /// Longer bars are cut: one slow subject would make all others look alike.
    private static let longest = 10.0

    private var room: Double { Self.width - Self.names - Self.labels }

    /// The value of a bar of full length.
    private var full: Double {
        let most = groups.flatMap(\.bars).map(\.value).max() ?? mark
        return min(max(most, mark), Self.longest * mark)
    }

    /// What the sign of a bar that is cut means, where there is one.
    private var remark: String {
        let isCut = groups.contains { group in group.bars.contains { $0.value > full } }
        return isCut ? "; » longer than there is room for" : ""
    }

    private var height: Double {
        groups.reduce(Self.top) { $0 + Self.heading + Double($1.bars.count) * Self.pitch } + 10
    }

    var svg: String {
        var lines = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(Self.pixels(Self.width))\""
                + " height=\"\(Self.pixels(height))\""
                + " viewBox=\"0 0 \(Self.pixels(Self.width)) \(Self.pixels(height))\" role=\"img\">",
            "<title>\(Self.escaped(title))</title>", Self.style,
            text(0, 18, "title", title), text(0, 38, "note", subtitle + remark),
        ]
        var y = Self.top
        for group in groups {
            lines.append(text(0, y + 15, "group", group.title))
            y += Self.heading
            for bar in group.bars {
                lines.append(drawn(bar, y))
                y += Self.pitch
            }
            lines.append(markLine(y - Double(group.bars.count) * Self.pitch - 3, y))
        }
        return (lines + ["</svg>"]).joined(separator: "\n") + "\n"
    }

    // Colours with enough contrast on white and on black; where a page says which, better ones.
    private static let style = """
        <style>
        text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #6e7781; }
        .title { font-size: 16px; font-weight: 600; }
        .group { font-weight: 600; }
        .name { text-anchor: end; }
        .ours { font-weight: 700; }
        rect { fill: #8c959f; }
        rect.ours { fill: #1f83d6; }
        line { stroke: #6e7781; stroke-width: 1; stroke-dasharray: 2 2; }
        @media (prefers-color-scheme: light) { text { fill: #424a53; } rect { fill: #9aa4af; } }
        @media (prefers-color-scheme: dark) { text { fill: #b1bac4; } rect { fill: #768390; } }
        @media (prefers-color-scheme: light) { rect.ours { fill: #0969da; } }
        @media (prefers-color-scheme: dark) { rect.ours { fill: #58a6ff; } }
        </style>
        """

    private func drawn(_ bar: Bar, _ y: Double) -> String {
        let isCut = bar.value > full
        let length = max(1, room * min(bar.value, full) / full)
        let ours = bar.isOurs ? " ours" : ""
        let label = isCut ? "» \(bar.label)" : bar.label
        return [
            text(Self.names - 8, y + 10, "name" + ours, bar.name),
            "<rect\(bar.isOurs ? " class=\"ours\"" : "") x=\"\(Self.pixels(Self.names))\""
                + " y=\"\(Self.pixels(y))\" width=\"\(Self.pixels(length))\""
                + " height=\"\(Self.pixels(Self.thickness))\" rx=\"2\"/>",
            // Beyond the line: it would be drawn through the figure.
            text(Self.names + max(length, room * mark / full) + 6, y + 10, "value" + ours, label),
        ].joined(separator: "\n")
    }

    private func markLine(_ from: Double, _ to: Double) -> String {
        let x = Self.pixels(Self.names + room * mark / full)
        return
            "<line x1=\"\(x)\" y1=\"\(Self.pixels(from))\" x2=\"\(x)\" y2=\"\(Self.pixels(to))\"/>"
    }

    private func text(_ x: Double, _ y: Double, _ classes: String, _ text: String) -> String {
        "<text class=\"\(classes)\" x=\"\(Self.pixels(x))\" y=\"\(Self.pixels(y))\">"
            + Self.escaped(text) + "</text>"
    }

    private static func pixels(_ value: Double) -> String { Figure.decimals(value, 1) }

    /// As text and as a value of an attribute may have it.
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            // XML has no way to write most of them.
            case "\u{0}"..<"\u{20}": escaped += " "
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}

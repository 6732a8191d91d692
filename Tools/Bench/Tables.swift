/// What was measured, as tables in Markdown that read well in a terminal too.
enum Tables {
    static func text(_ results: Results) -> String {
        var parts = [goals(results)]
        if let mount = results.mount {
            for pass in mount.passes { parts.append(rows(mount, pass)) }
            parts.append(subjects(mount))
            parts.append(about("Of this run", mount))
        }
        if let scale = results.scale {
            for pass in scale.passes { parts.append(sizes(scale, pass)) }
            parts.append(about("Of the run with several sizes", scale))
        }
        return parts.joined(separator: "\n\n") + "\n"
    }

    // MARK: The parts

    private static func goals(_ results: Results) -> String {
        var passes: [String] = []
        for section in [results.mount, results.scale] {
            for pass in section?.passes ?? [] where !passes.contains(pass) { passes.append(pass) }
        }
        var table = MarkdownTable(["goal", "at most"] + passes)
        for goal in Goal.all {
            table.append(
                [goal.text, goal.figure(goal.limit)]
                    + passes.map { pass in
                        let verdict = goal.verdict(results, pass)
                        return verdict.value == nil
                            ? verdict.word : "\(verdict.figure) \(verdict.word)"
                    }
            )
        }
        return """
            \(table.text)

            Goals are of a tree of 100,000 files (open+read+close: of 10,000), a file of 1 GiB, and
            10,000 against 1,000,000 memories; what this run had instead stands below.
            """
    }

    private static func rows(_ section: Section, _ pass: String) -> String {
        let names = section.subjects.map(\.name)
        let disk = names.first ?? ""
        var table = MarkdownTable(
            ["\(pass): median"] + names + ["Loci / \(disk)", "Loci / best peer"]
        )
        for series in section.series where series.pass == pass {
            let own = series.statistics(Subject.loci)?.median
            let base = series.statistics(disk)?.median
            let best = section.bestPeer(series)
            table.append(
                [series.row.label] + names.map { cell(series.statistics($0), Figure.time) } + [
                    ratio(own, base),
                    ratio(own, best?.median) + (best.map { " \($0.name)" } ?? ""),
                ]
            )
        }
        return table.text
    }

    private static func sizes(_ section: Section, _ pass: String) -> String {
        let sizes = section.sizes
        let titles = sizes.map { "\(Figure.grouped(Int($0) ?? 0)) memories" }
        var table = MarkdownTable(["\(pass): median"] + titles + ["most / fewest"])
        for series in section.series where series.pass == pass {
            let figure = series.row.work.hasPrefix("resident") ? Figure.memory : Figure.time
            table.append(
                [series.row.label] + sizes.map { cell(series.statistics($0), figure) } + [
                    ratio(
                        sizes.last.flatMap { series.statistics($0)?.median },
                        sizes.first.flatMap { series.statistics($0)?.median }
                    )
                ]
            )
        }
        return table.text
    }

    private static func subjects(_ section: Section) -> String {
        let lines = section.subjects.map { "- \($0.name): \($0.about)" }
        return "Compared:\n\n" + lines.joined(separator: "\n")
    }

    private static func about(_ title: String, _ section: Section) -> String {
        var lines = section.facts.map { "- \($0.key): \($0.value)" }
        lines += section.notes.map { "- \($0)" }
        return "\(title):\n\n" + lines.joined(separator: "\n")
    }

    // MARK: Cells

    private static func cell(
        _ statistics: Statistics?,
        _ figure: (Double) -> String
    ) -> String {
        guard let statistics else { return "–" }
        return "\(figure(statistics.median)) ±\(statistics.spread)%"
    }

    private static func ratio(_ own: Double?, _ other: Double?) -> String {
        guard let own, let other, other > 0 else { return "–" }
        return Figure.decimals(own / other, 2)
    }
}

/// A table in Markdown, its columns aligned.
struct MarkdownTable {
    private var rows: [[String]]

    init(_ header: [String]) { rows = [header] }

    mutating func append(_ row: [String]) {
        precondition(row.count == rows[0].count, "every row has all columns")
        // A bar would begin a column.
        rows.append(row.map { $0.split(separator: "|").joined(separator: "\\|") })
    }

    var text: String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            let cells = row.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + space : space + cell
            }
            return "| " + cells.joined(separator: " | ") + " |"
        }
        let rule = widths.enumerated().map { column, width in
            column == 0
                ? String(repeating: "-", count: width)
                : String(repeating: "-", count: max(1, width - 1)) + ":"
        }
        return ([lines[0], "| " + rule.joined(separator: " | ") + " |"] + lines.dropFirst())
            .joined(separator: "\n")
    }
}

import Linux

/// What was measured, as bars.
enum Charts {
    /// Writes the charts, one file each, and gives their names.
    static func write(_ results: Results, to directory: String) throws -> [String] {
        _ = try File.workingDirectory.open(".", .directory)
        let working = try File.open(directory.hasPrefix("/") ? "/" : ".", .directory)
        let relative = String(directory.drop { $0 == "/" })
        let out = try working.makeDirectoriesBeneath(relative).takeLast()
        var names: [String] = []
        for (name, chart) in charts(results) where !chart.groups.isEmpty {
            let file = try out.open(name, [.writeOnly, .create, .truncate])
            try file.write(Array(chart.svg.utf8))
            names.append(name)
        }
        return names
    }

    private static func charts(_ results: Results) -> [(String, BarChart)] {
        var charts: [(String, BarChart)] = []
        if let mount = results.mount {
            for pass in mount.passes {
                for state in ["warm", "fresh mount", "cold", "write"] {
                    let name = state.split(separator: " ").joined(separator: "-")
                    charts.append(("\(name)-\(pass).svg", compare(mount, state, pass)))
                }
            }
        }
        if let scale = results.scale {
            for pass in scale.passes {
                charts.append(("scale-\(pass).svg", grow(scale, pass, memory: false)))
                charts.append(("memory-\(pass).svg", grow(scale, pass, memory: true)))
            }
        }
        return charts
    }

    /// All subjects at each work of one state, on the largest tree that it was measured on.
    private static func compare(_ section: Section, _ state: String, _ pass: String) -> BarChart {
        let disk = section.subjects.first?.name ?? ""
        let rows = section.series.filter { $0.pass == pass && $0.row.state == state }
        let most = Dictionary(grouping: rows, by: \.row.work).mapValues { rows in
            rows.map(\.row.files).max() ?? 0
        }
        let groups = rows.filter { $0.row.files == most[$0.row.work] }.compactMap { series in
            series.statistics(disk).map { base in
                BarChart.Group(
                    title: title(series.row),
                    bars: section.subjects.compactMap { subject in
                        series.statistics(subject.name).map { own in
                            BarChart.Bar(
                                name: subject.name,
                                value: own.median / base.median,
                                label: Figure.time(own.median),
                                isOurs: subject.name == Subject.loci
                            )
                        }
                    }
                )
            }
        }
        let titles = [
            "warm": "Warm", "fresh mount": "On a fresh mount, the disk warm",
            "cold": "Cold, on a fresh mount", "write": "Writing files of 2 KiB",
        ]
        return BarChart(
            title: "\(titles[state] ?? state), \(pass)",
            subtitle: "Time, as a multiple of \(disk)'s; shorter is better",
            mark: 1,
            groups: groups
        )
    }

    private static func title(_ row: Row) -> String {
        row.files == 0 ? row.work : "\(row.work), \(Figure.grouped(row.files)) files"
    }

    /// Each work at each size, as a multiple of what it costs at the smallest.
    private static func grow(_ section: Section, _ pass: String, memory: Bool) -> BarChart {
        let figure = memory ? Figure.memory : Figure.time
        let walks = ["ls -lR of all"]
        let groups = section.series.filter {
            $0.pass == pass && $0.row.work.hasPrefix("resident") == memory
                && !walks.contains($0.row.work)
        }.compactMap { series in
            section.sizes.first.flatMap { series.statistics($0) }.map { base in
                BarChart.Group(
                    title: series.row.work,
                    bars: section.sizes.compactMap { size in
                        series.statistics(size).map { own in
                            BarChart.Bar(
                                name: "\(Figure.grouped(Int(size) ?? 0)) memories",
                                value: own.median / base.median,
                                label: figure(own.median),
                                isOurs: size == section.sizes.last
                            )
                        }
                    }
                )
            }
        }
        return BarChart(
            title: (memory ? "Memory of the daemon, " : "Cost as memories grow, ") + pass,
            subtitle: "As a multiple of what it is with the fewest memories",
            mark: 1,
            groups: groups
        )
    }
}

import Linux
import Model

/// All that was measured: what `table` and `charts` are made of.
struct Results {
    var mount: Section?
    var scale: Section?
}

/// What one run measured.
struct Section {
    /// The machine and the settings, in words.
    var facts: [(key: String, value: String)] = []
    /// What was compared, the disk first, with how it was mounted.
    var subjects: [(name: String, about: String)] = []
    var series: [Series] = []
    /// What could not be measured, and why.
    var notes: [String] = []

    mutating func add(_ value: Double, of subject: String, to row: Row, pass: String) {
        if let index = series.firstIndex(where: { $0.pass == pass && $0.row == row }) {
            series[index].values[subject, default: []].append(value)
        } else {
            series.append(Series(pass: pass, row: row, values: [subject: [value]]))
        }
    }

    /// The passes, in the order in which they were made.
    var passes: [String] {
        var passes: [String] = []
        for series in series where !passes.contains(series.pass) { passes.append(series.pass) }
        return passes
    }

    /// The median of what was measured; nil where nothing was.
    func median(_ subject: String, _ row: Row, _ pass: String) -> Double? {
        series.first { $0.pass == pass && $0.row == row }?.statistics(subject)?.median
    }

    func fact(_ key: String) -> String? { facts.first { $0.key == key }?.value }
}

/// One row of a table: the same work on all subjects.
struct Row: Hashable {
    /// In which state the caches are.
    let state: String
    let work: String
    /// Of how many files the tree is; 0 where that does not matter.
    let files: Int

    init(_ state: String, _ work: String, files: Int = 0) {
        self.state = state
        self.work = work
        self.files = files
    }

    var label: String {
        let start = state.isEmpty ? work : "\(state): \(work)"
        return files == 0 ? start : "\(start), \(Figure.grouped(files)) files"
    }
}

/// All values of one row in one pass; seconds for a command or for one operation, or bytes.
struct Series {
    let pass: String
    let row: Row
    var values: [String: [Double]]

    func statistics(_ subject: String) -> Statistics? { Statistics(values[subject] ?? []) }
}

extension Results {
    init(reading path: String) throws {
        let bytes: [UInt8]
        do throws(Errno) {
            bytes = try File.open(path).readAll(limit: 64 << 20)
        } catch {
            throw Trouble(
                "\(path) cannot be read: \(error). Tools/bench mount --json FILE makes it."
            )
        }
        let json = try JSON(parsing: bytes)
        guard json["format"]?.integerValue == 1 else {
            throw Trouble("\(path) is not what Tools/bench writes: its format is not 1.")
        }
        mount = json["mount"].map(Section.init(json:))
        scale = json["scale"].map(Section.init(json:))
    }

    /// Replaces the file, or makes it.
    func write(to path: String) throws {
        let members: [JSON.Member] =
            [.init("format", .integer(1))]
            + (mount.map { [.init("mount", $0.json)] } ?? [])
            + (scale.map { [.init("scale", $0.json)] } ?? [])
        let file = try File.open(path, [.writeOnly, .create, .truncate])
        try file.write(JSON.object(members).bytes(.pretty) + [UInt8(ascii: "\n")])
    }
}

extension Section {
    init(json: JSON) {
        facts = (json["facts"]?.objectValue ?? []).map { ($0.key, $0.value.stringValue ?? "") }
        subjects = (json["subjects"]?.objectValue ?? []).map {
            ($0.key, $0.value.stringValue ?? "")
        }
        series = (json["series"]?.arrayValue ?? []).map(Series.init(json:))
        notes = (json["notes"]?.arrayValue ?? []).compactMap(\.stringValue)
    }

    var json: JSON {
        .object([
            .init("facts", .object(facts.map { .init($0.key, .string($0.value)) })),
            .init("subjects", .object(subjects.map { .init($0.name, .string($0.about)) })),
            .init("series", .array(series.map(\.json))),
            .init("notes", .array(notes.map { .string($0) })),
        ])
    }
}

extension Series {
    init(json: JSON) {
        pass = json["pass"]?.stringValue ?? ""
        row = Row(
            json["state"]?.stringValue ?? "",
            json["work"]?.stringValue ?? "",
            files: Int(json["files"]?.integerValue ?? 0)
        )
        values = [:]
        for member in json["values"]?.objectValue ?? [] {
            values[member.key] = (member.value.arrayValue ?? []).compactMap(\.doubleValue)
        }
    }

    var json: JSON {
        .object([
            .init("pass", .string(pass)),
            .init("state", .string(row.state)),
            .init("work", .string(row.work)),
            .init("files", .integer(Int64(row.files))),
            .init(
                "values",
                .object(
                    values.sorted { $0.key < $1.key }.map { name, values in
                        .init(name, .array(values.map { .number($0) }))
                    }
                )
            ),
        ])
    }
}

extension JSON {
    fileprivate var doubleValue: Double? {
        switch self {
        case .number(let value): value
        case .integer(let value): Double(value)
        default: nil
        }
    }
}

import Linux

/// The files that an exercise works on: regular files below a directory, and what their paths
/// become in the two layouts of the demonstration.
///
/// The rules of an import are written a second time here, on purpose: this program must be able to
/// disagree with Loci about where a file belongs.
struct Corpus {
    struct File {
        /// Directories and name below the corpus, as bytes joined by `/`.
        let source: [UInt8]
        /// Its path by `section={section}/package={package}/{folder...}`.
        let old: [UInt8]
        /// Its path by `package={package}/year={created:year}/section={section}/{folder...}`.
        let new: [UInt8]
    }

    let directory: String
    let files: [File]

    /// Reads the corpus below `directory`, in a stable order.
    init(_ directory: String) throws {
        self.directory = directory
        var files: [File] = []
        try Self.walk(directory, []) { directories, name, status in
            files.append(Self.place(directories, name, status))
        }
        self.files = files.sorted { $0.source.lexicographicallyPrecedes($1.source) }
    }

    /// Calls `body` for each regular file below `directory`.
    static func walk(
        _ directory: String,
        _ above: [[UInt8]],
        _ body: ([[UInt8]], [UInt8], FileStatus) throws -> Void
    ) throws {
        let path = Array(directory.utf8) + above.flatMap { [slash] + $0 }
        for entry in try Linux.File.open(path, [.readOnly, .directory]).entries() {
            let status = try Linux.File.status(of: path + [slash] + entry.name, .noFollow)
            switch status.kind {
            case .directory: try walk(directory, above + [entry.name], body)
            case .file: try body(above, entry.name, status)
            default: break
            }
        }
    }

    private static func place(
        _ directories: [[UInt8]],
        _ name: [UInt8],
        _ status: FileStatus
    ) -> File {
        let missing = Array("_".utf8)
        let section = Array("section=".utf8) + (directories.first ?? missing)
        let package = Array("package=".utf8) + (directories.dropFirst().first ?? missing)
        let folder = Array(directories.dropFirst(2))
        let created = min(status.birthTime ?? .max, status.modificationTime)
        let year = Array("year=\(year(of: created))".utf8)
        return File(
            source: join(directories + [name]),
            old: join([section, package] + folder + [name]),
            new: join([package, year, section] + folder + [name])
        )
    }

    /// The UTC year of a time in nanoseconds, by counting years.
    private static func year(of nanoseconds: Int64) -> Int {
        var days = nanoseconds / 1_000_000_000 / 86_400
        var year = 1970
        while true {
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let length: Int64 = isLeap ? 366 : 365
            guard days >= length else { return year }
            days -= length
            year += 1
        }
    }

    static let slash = UInt8(ascii: "/")

    static func join(_ parts: [[UInt8]]) -> [UInt8] {
        Array(parts.joined(separator: [slash]))
    }
}

/// Copies every Markdown and plain-text file of at most 1 MiB below a directory.
enum Collector {
    static let limit: Int64 = 1 << 20

    /// Endings of text formats; a file without an ending counts where its bytes are text.
    private static let endings: Set<String> = [
        "md", "markdown", "txt", "text", "rst", "adoc", "asc", "log", "readme",
    ]

    /// Returns files and bytes copied.
    static func collect(from source: String, to target: String) throws -> (Int, Int64) {
        var files = 0
        var bytes: Int64 = 0
        try Corpus.walk(source, []) { directories, name, status in
            guard status.size <= limit, isCandidate(directories, name) else { return }
            let path = Array(source.utf8) + [Corpus.slash] + Corpus.join(directories + [name])
            let content = try Linux.File.open(path).readAll(limit: Int(limit))
            guard !content.contains(0), String(validating: content, as: UTF8.self) != nil else {
                return
            }
            try write(content, to: target, directories, name, status)
            files += 1
            bytes += Int64(content.count)
        }
        return (files, bytes)
    }

    private static func isCandidate(_ directories: [[UInt8]], _ name: [UInt8]) -> Bool {
        let all = directories + [name]
        // Dot files come in as foreign, and a name that has to be escaped is not where a reader
        // that knows no escaping looks for it: both are tested elsewhere.
        guard all.allSatisfy({ $0.first != UInt8(ascii: ".") && !$0.contains(UInt8(ascii: "%")) })
        else { return false }
        guard !directories.contains(where: { $0 == [UInt8(ascii: "_")] }),
            name.last != UInt8(ascii: "~"), name.first != UInt8(ascii: "#")
        else { return false }
        guard all.allSatisfy({ String(validating: $0, as: UTF8.self) != nil }) else { return false }
        guard let dot = name.lastIndex(of: UInt8(ascii: ".")) else { return true }
        let ending = String(decoding: name[(dot + 1)...], as: UTF8.self)
        return endings.contains(ending.lowercased())
    }

    private static func write(
        _ content: [UInt8],
        to target: String,
        _ directories: [[UInt8]],
        _ name: [UInt8],
        _ status: FileStatus
    ) throws {
        let root = try Linux.File.open(target, [.readOnly, .directory])
        let directory =
            directories.isEmpty
            ? root
            : try root.makeDirectoriesBeneath(Corpus.join(directories)).takeLast()
        let copy = try directory.open(name, [.writeOnly, .create, .truncate], mode: 0o644)
        try copy.write(content)
        try copy.setTimes(modification: status.modificationTime)
    }
}

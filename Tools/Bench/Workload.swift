import Linux

/// A tree of files as each subject shows it.
struct Tree {
    let name: String
    let corpus: Corpus

    /// Below a directory of its own, for a mount that has several.
    init(_ name: String, files: Int) { self.init(path: "tree=" + name, files: files) }

    /// The whole mount.
    init(root files: Int) { self.init(path: ".", files: files) }

    private init(path: String, files: Int) {
        name = path
        corpus = Corpus(
            count: files,
            perDirectory: 100,
            sizes: Operations.size...Operations.size
        )
    }
}

/// What is measured on a tree.
enum ReadingWork: String, CaseIterable {
    case stat
    case read = "open+read+close"
    case list = "ls -lR"
    case find
    case grep = "grep -r"
    case ripgrep = "rg"
    case tar

    /// Runs it once, checks that it saw every file, and gives seconds: of one operation for the
    /// first two, else of the whole command.
    func measure(
        _ tree: Tree,
        on subject: Subject,
        _ runner: Runner,
        sample: Int = 0
    ) throws -> Double {
        let directory = "\(subject.root)/\(tree.name)"
        let (files, needles) = (tree.corpus.count, tree.corpus.needles)
        let run = { (command: [String]) in try runner.run(command, onDelay: subject.abandon) }
        switch self {
        case .stat, .read:
            return try Operation.measure(
                self == .stat ? "stat" : "read",
                directory,
                [files, tree.corpus.perDirectory, sample],
                subject,
                runner
            )
        case .list:
            let outcome = try run(["ls", "-lR", directory])
            return try checked(outcome, outcome.lines(beginning: "-"), files)
        case .find:
            let outcome = try run(["find", directory, "-type", "f"])
            return try checked(outcome, outcome.lines(), files)
        case .grep:
            let outcome = try run(["grep", "-r", Corpus.needle, directory])
            return try checked(outcome, outcome.lines(), needles)
        case .ripgrep:
            let outcome = try run(["rg", "--no-config", Corpus.needle, directory])
            return try checked(outcome, outcome.lines(), needles)
        case .tar:
            // Into a pipe: into /dev/null, tar would read nothing.
            let outcome = try run(["sh", "-c", "tar cf - -C \"$1\" . | wc -c", "sh", directory])
            let bytes = Int(outcome.text.prefix { $0 != "\n" }) ?? 0
            return try checked(outcome, bytes < files * Operations.size ? 0 : files, files)
        }
    }

    private func checked(
        _ outcome: Runner.Outcome,
        _ found: Int,
        _ expected: Int
    ) throws -> Double {
        guard found == expected else {
            throw Trouble("\(rawValue) found \(found) where there are \(expected)")
        }
        return outcome.seconds
    }
}

/// What is measured in a subject's own directory, in this order: each leaves what the next needs.
enum WritingWork: String, CaseIterable {
    case create = "create+write+close"
    case sync = "write+fsync"
    case save = "atomic save"
    case rename
    case delete

    /// Seconds for one operation.
    func measure(
        in directory: String,
        count: Int,
        round: Int,
        on subject: Subject,
        _ runner: Runner
    ) throws -> Double {
        let (kind, number) =
            switch self {
            case .create: ("create", count)
            // Each waits for the disk.
            case .sync: ("sync", max(1, count / 5))
            case .save: ("save", max(1, count / 5))
            case .rename: ("rename", count)
            case .delete: ("delete", count)
            }
        let path = "\(subject.root)/\(directory)"
        return try Operation.measure(kind, path, [number, round], subject, runner)
    }
}

/// A loop of `Operations` in a process of its own.
enum Operation {
    /// Seconds for one operation.
    static func measure(
        _ kind: String,
        _ directory: String,
        _ numbers: [Int],
        _ subject: Subject,
        _ runner: Runner
    ) throws -> Double {
        let program = RunningProcess.current.executable ?? "/proc/self/exe"
        let outcome = try runner.run(
            [program, "operate", kind, directory] + numbers.map(String.init),
            onDelay: subject.abandon
        )
        let words = outcome.text.split { $0 == " " || $0 == "\n" }
        guard words.count == 2, let nanoseconds = Double(words[0]), let count = Double(words[1])
        else { throw Trouble("\(kind) printed no figures") }
        return nanoseconds / count / 1e9
    }
}

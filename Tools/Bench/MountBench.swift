import Linux

/// Loci, the disk, and other programs that show a directory elsewhere, on the same trees in turn.
struct MountBench {
    let options: BenchOptions
    let runner: Runner
    let (small, big): (Tree, Tree)
    let source: String
    /// The disk first, then Loci, then the peers.
    let subjects: [Subject]
    let mayDropCaches: Bool
    var section = Section()
    /// Who does not answer any more in this pass.
    private var out: Set<String> = []
    /// Who failed at what in this pass.
    private var failed: Set<[String]> = []

    private static let large = "tree=large-file/user=u0/topic=t0"

    init(_ options: BenchOptions) throws {
        self.options = options
        runner = options.runner
        small = Tree("small", files: max(10, options.files / 10))
        big = Tree("big", files: options.files)
        source = options.work + "/source"
        mayDropCaches =
            options.cold && (try? File.open("/proc/sys/vm/drop_caches", .writeOnly)) != nil
        let work = try File.open(options.work, .directory)
        _ = try work.makeDirectoriesBeneath("Loci/mnt")
        _ = try work.makeDirectoriesBeneath("source/tree=scratch/user=disk/topic=writes")
        let loci = ["\(options.work)/Loci/store", "\(options.work)/Loci/mnt"]
        let shared = source
        let peers = try options.peers.map { name in
            try Peer.subject(name, shared: shared, work: options.work)
        }
        subjects =
            [
                Subject(
                    name: options.fileSystem,
                    about: "the source itself",
                    root: source,
                    mountCommand: nil,
                    scratch: "tree=scratch/user=disk/topic=writes",
                    source: source
                ),
                Subject(
                    name: Subject.loci,
                    about: "loci mount",
                    root: loci[1],
                    mountCommand: [options.loci, "mount"] + loci,
                    scratch: "tree=scratch/user=Loci/topic=writes"
                ),
            ] + peers
        section.subjects = subjects.map { [runner] subject in
            let version = subject.version(runner).map { $0 + ": " } ?? ""
            return (subject.name, version + subject.about)
        }
        section.facts = options.facts([
            ("files", "\(Figure.grouped(small.corpus.count)) and \(Figure.grouped(options.files))"),
            ("bytes a file", "\(Operations.size)"), ("large file", "\(options.large)"),
        ])
    }

    mutating func run() throws -> Section {
        defer { unmountAll() }
        try makeTrees()
        if !mayDropCaches {
            section.notes.append(
                options.cold
                    ? "Nothing was measured cold: only root may drop the caches."
                    : "Nothing was measured cold: --cold no."
            )
        }
        let pass = Pass(runner)
        for name in options.passes {
            try pass.enter(name)
            (out, failed) = ([], [])
            for subject in subjects { start(subject, pass) }
            try measureWarm(name)
            try measureFresh(name)
            if mayDropCaches { try measureCold(name) }
            if options.large > 0 { try measureLarge(name) }
            unmountAll()
        }
        try pass.enter("unpinned")
        return section
    }

    // MARK: Trees

    private func makeTrees() throws {
        for source in Set(subjects.compactMap(\.source)).sorted() {
            for tree in [small, big] {
                Program.say("Making \(Figure.grouped(tree.corpus.count)) files")
                _ = try File.open(source, .directory).makeDirectoriesBeneath(tree.name)
                try tree.corpus.write(to: "\(source)/\(tree.name)")
            }
            if options.large > 0 { try makeLargeFile(source) }
        }
        Program.say("Importing")
        let scheme = "tree={tree}/user={user}/topic={topic}"
        let store = "\(options.work)/Loci/store"
        let patient = Runner(patience: .seconds(3600), work: options.work)
        _ = try patient.run([options.loci, "init", store, "--scheme", scheme])
        _ = try patient.run([
            options.loci, "import", source, "--store", store, "--scheme-of-source", scheme,
        ])
        // The first rounds would be of a mount that indexes what came in so fast.
        _ = try patient.run([options.loci, "reindex", "--store", store])
        try File.open(options.work, .directory).syncFileSystem()
    }

    private func makeLargeFile(_ source: String) throws {
        let folder = try File.open(source, .directory).makeDirectoriesBeneath(Self.large)
            .takeLast()
        let file = try folder.open("large.bin", [.writeOnly, .create])
        var random = SplitMix(state: 1)
        var piece: [UInt8] = []
        for _ in 0..<(1 << 17) {
            let word = random.next()
            for shift in stride(from: 0 as UInt64, to: 64, by: 8) {
                piece.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        var rest = options.large
        while rest > 0 {
            try file.write(Array(piece.prefix(rest)))
            rest -= min(rest, piece.count)
        }
    }

    // MARK: Subjects

    private mutating func start(_ subject: Subject, _ pass: Pass) {
        guard subject.mountCommand != nil else { return }
        let (runner, small) = (runner, small)
        attempt(subject, "mounting") {
            _ = try subject.mount(runner, answering: small.name)
            try pass.check(subject)
            _ = try File.open(subject.root, .directory).makeDirectoriesBeneath(subject.scratch)
        }
    }

    private func unmountAll() {
        for subject in subjects where subject.isMounted {
            do {
                try subject.unmount(runner, loci: options.loci)
            } catch {
                Program.say("\(subject.name): \(error)")
            }
        }
    }

    /// Does something to a subject that takes part.
    ///
    /// If it fails it is not tried again in this pass; and a subject that does not answer any more
    /// is left out of the rest of it.
    private mutating func attempt(
        _ subject: Subject,
        _ what: String,
        _ body: () throws -> Void
    ) {
        let name = subject.name
        guard !out.contains(name), !failed.contains([name, what]) else { return }
        do {
            try body()
        } catch {
            failed.insert([name, what])
            var note = "\(name), \(what): \(error)."
            if !subject.answers(runner) {
                out.insert(name)
                subject.abandon()
                note += " It was left out of the rest of the pass."
            }
            section.notes.append(note)
            Program.say(note)
        }
    }

    /// One row on each subject in turn, each round beginning with another one.
    private mutating func measure(
        _ row: Row,
        _ pass: String,
        round: Int,
        _ body: (Subject) throws -> Double
    ) {
        var line = "\(pass), round \(round), \(row.label):"
        for index in subjects.indices {
            let subject = subjects[(index + round) % subjects.count]
            var value: Double?
            attempt(subject, row.label) { value = try body(subject) }
            guard let value else { continue }
            line += "  \(subject.name) \(Figure.time(value))"
            section.add(value, of: subject.name, to: row, pass: pass)
        }
        Program.say(line)
    }

    // MARK: States

    /// Each work is done twice and measured the second time: where a round takes minutes, some
    /// machines take from the page cache what nobody touched for two of them.
    private mutating func measureWarm(_ pass: String) throws {
        let (runner, count) = (runner, options.operations)
        let disk = try File.open(options.work, .directory)
        for round in 1...options.rounds {
            for tree in [small, big] {
                for work in ReadingWork.allCases {
                    let row = Row("warm", work.rawValue, files: tree.corpus.count)
                    measure(row, pass, round: round) { subject in
                        _ = try work.measure(tree, on: subject, runner)
                        return try work.measure(tree, on: subject, runner)
                    }
                }
            }
            for work in WritingWork.allCases {
                measure(Row("write", work.rawValue), pass, round: round) { subject in
                    let value = try work.measure(
                        in: subject.scratch,
                        count: count,
                        round: round,
                        on: subject,
                        runner
                    )
                    try subject.settle(disk, runner, limit: .seconds(30))
                    return value
                }
            }
        }
    }

    /// Each row on a mount that was just made; the disk, and all that daemons keep there, is warm,
    /// because the mount before it did the same.
    private mutating func measureFresh(_ pass: String) throws {
        let (runner, loci, big, small) = (runner, options.loci, big, small)
        for round in 1...options.rounds {
            var times: [String: Double] = [:]
            for work in [ReadingWork.grep, .list, .find, .read, .stat] {
                let row = Row("fresh mount", work.rawValue, files: big.corpus.count)
                measure(row, pass, round: round) { subject in
                    _ = try work.measure(big, on: subject, runner)
                    try subject.unmount(runner, loci: loci)
                    times[subject.name] = try subject.mount(runner, answering: small.name)
                    return try work.measure(big, on: subject, runner)
                }
            }
            times[subjects[0].name] = nil
            for (name, time) in times {
                section.add(time, of: name, to: Row("", "mounting"), pass: pass)
            }
        }
    }

    /// Each row on a mount that was just made, with nothing of the disk in memory.
    private mutating func measureCold(_ pass: String) throws {
        let (runner, loci, small) = (runner, options.loci, small)
        for round in 1...options.rounds {
            for work in ReadingWork.allCases {
                let row = Row("cold", work.rawValue, files: small.corpus.count)
                measure(row, pass, round: round) { subject in
                    try subject.unmount(runner, loci: loci)
                    _ = try subject.mount(runner, answering: "tree=scratch")
                    try Self.dropCaches()
                    return try work.measure(small, on: subject, runner)
                }
            }
        }
    }

    private mutating func measureLarge(_ pass: String) throws {
        let (runner, bytes) = (runner, options.large)
        let read = { (subject: Subject, leaving: Bool) in
            try Operation.measure(
                "sequential",
                "\(subject.root)/\(Self.large)/large.bin",
                leaving ? [bytes, 1] : [bytes],
                subject,
                runner
            )
        }
        for round in 1...options.rounds {
            measure(Row("warm", "sequential read"), pass, round: round) { subject in
                _ = try read(subject, false)
                return try read(subject, true)
            }
            // The second time costs more, most likely as the kernel then counts each page as used
            // often, where pages are of 4 KiB; from then on it only copies.
            measure(Row("warm", "sequential read, third"), pass, round: round) { subject in
                for _ in 1...2 { _ = try read(subject, false) }
                return try read(subject, true)
            }
            guard mayDropCaches else { continue }
            measure(Row("cold", "sequential read"), pass, round: round) { subject in
                try Self.dropCaches()
                return try read(subject, true)
            }
        }
    }

    static func dropCaches() throws {
        try File.open(".", .directory).syncFileSystem()
        try File.open("/proc/sys/vm/drop_caches", .writeOnly).write(Array("3\n".utf8))
    }
}

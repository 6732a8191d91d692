import Linux
import Loci
import Migration

/// What operations on a mount cost as the number of memories grows.
struct ScaleBench {
    let options: BenchOptions
    let runner: Runner
    var section = Section()

    private static let scratch = "user=bench/topic=writes"
    static let resident = "resident after mounting"
    static let residentAfterWalk = "resident after a full walk"

    init(_ options: BenchOptions) throws {
        self.options = options
        runner = options.runner
        section.facts = options.facts([
            ("memories", options.sizes.map(Figure.grouped).joined(separator: ", ")),
            ("bytes a memory", "\(Operations.size)"), ("search index", "none"),
        ])
        section.subjects = options.sizes.map { ("\($0)", "\(Figure.grouped($0)) memories") }
    }

    private struct Place {
        let tree: Tree
        let subject: Subject
        let name: String
    }

    mutating func run() async throws -> Section {
        let places = try options.sizes.map(place)
        defer { for place in places { try? place.subject.unmount(runner, loci: options.loci) } }
        for place in places { try await fill(place) }
        try File.open(options.work, .directory).syncFileSystem()
        let pass = Pass(runner)
        for name in options.passes {
            try pass.enter(name)
            for round in 1...options.rounds {
                for place in places {
                    do {
                        try measure(place, name, round, pass)
                    } catch {
                        let note = "\(place.tree.corpus.count) memories, \(name): \(error)"
                        section.notes.append(note)
                        Program.say(note)
                        place.subject.abandon()
                    }
                }
            }
        }
        try pass.enter("unpinned")
        return section
    }

    private func place(_ size: Int) throws -> Place {
        let directory = "\(options.work)/scale-\(size)"
        _ = try File.open(options.work, .directory)
            .makeDirectoriesBeneath("scale-\(size)/mnt")
        let mount = "\(directory)/mnt"
        let subject = Subject(
            name: Subject.loci,
            about: "loci mount",
            root: mount,
            mountCommand: [options.loci, "mount", directory + "/store", mount],
            scratch: Self.scratch
        )
        return Place(tree: Tree(root: size), subject: subject, name: "\(size)")
    }

    private func fill(_ place: Place) async throws {
        let count = place.tree.corpus.count
        Program.say("Adding \(Figure.grouped(count)) memories")
        let tenant = try Store.create(
            at: "\(options.work)/scale-\(place.name)/store",
            scheme: try Scheme("user={user}/topic={topic}"),
            origin: .thisProcess
        ).tenant(.main)
        // A mount would index for minutes what came in so fast.
        try tenant.endSearch(origin: .thisProcess)
        try await place.tree.corpus.add(to: tenant)
    }

    private mutating func measure(
        _ place: Place,
        _ pass: String,
        _ round: Int,
        _ processors: Pass
    ) throws {
        let (subject, runner) = (place.subject, runner)
        let sample = min(10 * options.operations, place.tree.corpus.count)
        try remount(place, pass, processors)
        add(try runner.run(["ls", subject.root]).seconds, place, "first ls", pass)
        let works: [(String, ReadingWork)] = [
            ("lookup", .stat), ("first open+read+close", .read), ("warm open+read+close", .read),
            // Reading makes the kernel ask for the access time once more.
            ("first stat after reading", .stat), ("warm stat", .stat),
        ]
        for (name, work) in works {
            let time = try work.measure(place.tree, on: subject, runner, sample: sample)
            add(time, place, name, pass)
        }
        try measureWriting(place, pass, round)
        try remount(place, pass, processors)
        add(resident(subject), place, Self.resident, pass)
        add(try walk(place), place, "ls -lR of all", pass)
        add(resident(subject), place, Self.residentAfterWalk, pass)
        try subject.unmount(runner, loci: options.loci)
    }

    private mutating func measureWriting(_ place: Place, _ pass: String, _ round: Int) throws {
        let disk = try File.open(options.work, .directory)
        _ = try File.open(place.subject.root, .directory).makeDirectoriesBeneath(Self.scratch)
        for work in WritingWork.allCases {
            let time = try work.measure(
                in: Self.scratch,
                count: options.operations,
                round: round,
                on: place.subject,
                runner
            )
            add(time, place, work.rawValue, pass)
            try place.subject.settle(disk, runner, limit: .seconds(30))
        }
    }

    private mutating func remount(_ place: Place, _ pass: String, _ processors: Pass) throws {
        try place.subject.unmount(runner, loci: options.loci)
        let time = try place.subject.mount(runner, answering: "user=u0")
        add(time, place, "mounting", pass)
        try processors.check(place.subject)
    }

    private func walk(_ place: Place) throws -> Double {
        let outcome = try runner.run(
            ["ls", "-lR", place.subject.root],
            onDelay: place.subject.abandon
        )
        let found = outcome.lines(beginning: "-")
        guard found >= place.tree.corpus.count else {
            throw Trouble("ls -lR found \(found) of \(place.tree.corpus.count) memories")
        }
        return outcome.seconds
    }

    /// In bytes, of all processes that serve the mount.
    private func resident(_ subject: Subject) -> Double {
        Double(subject.processes(runner).reduce(0) { $0 + ($1.residentBytes ?? 0) })
    }

    private mutating func add(_ value: Double, _ place: Place, _ work: String, _ pass: String) {
        section.add(value, of: place.name, to: Row("", work), pass: pass)
        let text = work.hasPrefix("resident") ? Figure.memory(value) : Figure.time(value)
        Program.say(
            "\(pass), \(Figure.grouped(place.tree.corpus.count)) memories, \(work): \(text)"
        )
    }
}

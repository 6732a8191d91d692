import Linux
import Loci
import Migration

/// Processes that check bytes by both paths of a memory while layouts are listed in turn and while
/// blobs move; and what they notice of it.
struct ReadersBench {
    let tenant: Tenant
    let mount: String
    let corpus: Corpus
    let work: String
    let readers: Int
    let flips: Int

    init(store: String, mount: String, corpus: Corpus, readers: Int, flips: Int) throws {
        tenant = try Store.open(at: store).tenant(.main)
        self.mount = mount
        self.corpus = corpus
        work = store + "-readers"
        try File.workingDirectory.makeDirectory(work)
        self.readers = readers
        self.flips = flips
    }

    private var phasePath: String { work + "/phase" }

    func run() async throws {
        let migrator = Migrator(tenant)
        try await migrator.start(to: try Scheme("topic={topic}/user={user}"))
        try await settled(migrator)
        let phase = try File.open(phasePath, [.readWrite, .create])
        try tell(.warming, phase)
        let children = try (0..<readers).map { try spawn($0) }
        SystemClock.sleep(.seconds(10))
        try tell(.idle, phase)
        SystemClock.sleep(.seconds(10))
        try tell(.flipping, phase)
        for flip in 0..<flips {
            try flip % 2 == 0 ? migrator.cutover() : migrator.revert()
            SystemClock.sleep(.milliseconds(100))
        }
        // A third layout, prepared and moved while paths of the first two are read.
        try tell(.preparing, phase)
        try await migrator.start(to: try Scheme("year={created:year}/user={user}/topic={topic}"))
        try tell(.moving, phase)
        let began = ContinuousClock.now
        try await settled(migrator)
        let took = Double((ContinuousClock.now - began).wholeNanoseconds) / 1e9
        try tell(.stop, phase)
        try report(children, rate: Double(corpus.count) / took)
    }

    private func tell(_ phase: ReadingPhase, _ file: borrowing File) throws {
        try file.write([phase.rawValue], at: 0)
    }

    /// Waits until all blobs are in their place; the mount moves them.
    private func settled(_ migrator: Migrator) async throws {
        while try migrator.status().misplaced > 0 { SystemClock.sleep(.milliseconds(100)) }
    }

    private func spawn(_ number: Int) throws -> Child {
        let out = try File.open("\(work)/\(number)", [.readWrite, .create])
        let null = try File.open("/dev/null")
        return try Child.spawn(
            Child.Command(
                executable: "/proc/self/exe",
                arguments: [
                    "Bench", "reader", mount, "\(corpus.count)", "\(corpus.perDirectory)",
                    phasePath,
                    "\(number)",
                ],
                descriptors: [0: null.descriptor, 1: out.descriptor, 2: 2]
            )
        )
    }

    private func report(_ children: [Child], rate: Double) throws {
        var times: [ReadingPhase: Histogram] = [:]
        var wrong = 0
        for (number, child) in children.enumerated() {
            if try child.wait() != .exited(0) { wrong += 1 }
            let text = try File.open("\(work)/\(number)").readAll(limit: 1 << 24)
            for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
                let words = line.split(separator: " ")
                guard words.count == 3, let raw = UInt8(words[0]), let bad = Int(words[1]),
                    let phase = ReadingPhase(rawValue: raw)
                else { continue }
                wrong += bad
                times[phase, default: Histogram()].add(Histogram(text: words[2]))
            }
        }
        for phase in ReadingPhase.allCases {
            guard let times = times[phase] else { continue }
            print(
                "\(phase.name)  reads \(times.total)  p50 \(rounded(times.percentile(50))) ms",
                " p99 \(rounded(times.percentile(99))) ms"
            )
        }
        let idle = times[.idle]?.percentile(99) ?? 0
        let moving = times[.moving]?.percentile(99) ?? 0
        print(
            "\(readers) readers, \(flips) cut-overs and reverts: errors and wrong bytes \(wrong);",
            "p99 moving / idle \(rounded(moving / idle)); moved at \(Int(rate))/s"
        )
        precondition(wrong == 0, "readers noticed something; see above")
    }
}

/// What is going on while readers read.
enum ReadingPhase: UInt8, CaseIterable {
    case warming = 0x61
    case idle, flipping, preparing, moving, stop

    var name: String {
        switch self {
        case .warming: "warming up"
        case .idle: "idle      "
        case .flipping: "flipping  "
        case .preparing: "preparing "
        case .moving: "moving    "
        case .stop: "stopping  "
        }
    }
}

/// One process of `ReadersBench`: reads a file about every 10 ms and compares every byte.
struct PacedReader {
    let mount: String
    let corpus: Corpus
    let phasePath: String
    let seed: UInt64

    func run() throws {
        let phaseFile = try File.open(phasePath)
        var random = SplitMix(state: seed &* 0x9E37_79B9)
        var times: [ReadingPhase: Histogram] = [:]
        var bad: [ReadingPhase: Int] = [:]
        while true {
            let byte = try phaseFile.read(count: 1, at: 0).first ?? 0
            guard let phase = ReadingPhase(rawValue: byte), phase != .stop else { break }
            let item = corpus[Int(random.next() % UInt64(corpus.count))]
            let directory =
                random.next() & 1 == 0
                ? "user=\(item.user)/topic=\(item.topic)" : "topic=\(item.topic)/user=\(item.user)"
            let path = "\(mount)/\(directory)/\(item.name)"
            let start = SystemClock.monotonic()
            do throws(Errno) {
                let bytes = try File.open(path).readAll(limit: 1 << 16)
                times[phase, default: Histogram()].add(SystemClock.monotonic() - start)
                if bytes != item.bytes { try complain("wrong bytes", path, phase, &bad) }
            } catch {
                try complain("\(error)", path, phase, &bad)
            }
            SystemClock.sleep(.microseconds(5000 + Int64(random.next() % 10_000)))
        }
        for phase in ReadingPhase.allCases {
            guard let times = times[phase] else { continue }
            print("\(phase.rawValue) \(bad[phase] ?? 0) \(times.text)")
        }
    }

    private func complain(
        _ what: String,
        _ path: String,
        _ phase: ReadingPhase,
        _ bad: inout [ReadingPhase: Int]
    ) throws(Errno) {
        bad[phase, default: 0] += 1
        try File.open("/dev/stderr", .writeOnly).write(
            Array("\(phase.name) \(what): \(path)\n".utf8)
        )
    }
}

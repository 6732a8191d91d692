import Linux

/// Reads files of the corpus through a mount, by old and by new path, and compares every byte with
/// the file they were imported from.
struct Reader {
    let mount: String
    let corpus: Corpus
    let phasePath: String
    var generator: SplitMix64
    var tally = Tally()
    private var newSeen = false

    init(mount: String, corpus: Corpus, phasePath: String, seed: UInt64) {
        self.mount = mount
        self.corpus = corpus
        self.phasePath = phasePath
        generator = SplitMix64(seed: seed)
    }

    mutating func run() throws {
        while true {
            let phase = Phase.read(phasePath)
            if phase == .stop { break }
            for _ in 0..<64 {
                let file = corpus.files[Int(generator.next() % UInt64(corpus.files.count))]
                try check(file, phase)
            }
        }
    }

    private mutating func check(_ file: Corpus.File, _ phase: Phase) throws {
        let expected = try File.open(path(corpus.directory, file.source))
            .readAll(limit: 2 << 20)
        if phase.oldMustWork {
            compare(file.old, expected) { $0.oldMustWork }
        }
        // From the first new path that resolves on, every new path must: a layout appears whole.
        if phase.newMustWork || newSeen {
            newSeen = true
            compare(file.new, expected) { _ in true }
        } else if (try? File.open(path(mount, file.new))) != nil {
            newSeen = true
        }
    }

    private mutating func compare(
        _ name: [UInt8],
        _ expected: [UInt8],
        mustWork: (Phase) -> Bool
    ) {
        tally.reads += 1
        do throws(Errno) {
            let bytes = try File.open(path(mount, name)).readAll(limit: 2 << 20)
            if bytes != expected { tally.wrong(String(decoding: name, as: UTF8.self)) }
        } catch {
            let phase = Phase.read(phasePath)
            guard mustWork(phase) else { return }
            tally.fail(
                "\(SystemClock.realtime() / 1_000_000) \(phase.rawValue): "
                    + "\(String(decoding: name, as: UTF8.self)): \(error)"
            )
        }
    }
}

/// Walks the whole mount again and again: each file of the corpus must be met exactly once a walk,
/// whatever the layouts are doing.
struct Walker {
    let mount: String
    let corpus: Corpus
    let phasePath: String
    var tally = Tally()

    mutating func run() throws {
        var inodes: Set<UInt64> = []
        for file in corpus.files {
            inodes.insert(try File.status(of: path(mount, file.old)).identity.inode)
        }
        while Phase.read(phasePath) != .stop {
            var met: [UInt64: Int] = [:]
            Self.walk(Array(mount.utf8)) { inode in
                if inodes.contains(inode) { met[inode, default: 0] += 1 }
            }
            tally.walks += 1
            if met.count != inodes.count {
                tally.fail("a walk met \(met.count) of \(inodes.count) memories")
            }
            let twice = met.values.filter { $0 > 1 }.count
            if twice > 0 { tally.fail("a walk met \(twice) memories more than once") }
        }
    }

    /// Directories may go while one walks, as on any disk: writers move things.
    private static func walk(_ directory: [UInt8], _ body: (UInt64) -> Void) {
        guard let opened = try? File.open(directory, [.readOnly, .directory]),
            let entries = try? opened.entries()
        else { return }
        for entry in entries {
            let path = directory + [Corpus.slash] + entry.name
            guard let status = try? File.status(of: path, .noFollow) else { continue }
            if status.kind == .directory {
                walk(path, body)
            } else {
                body(status.identity.inode)
            }
        }
    }
}

func path(_ root: String, _ name: [UInt8]) -> [UInt8] {
    Array(root.utf8) + [Corpus.slash] + name
}

/// A small seeded generator: the same seed gives the same exercise.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

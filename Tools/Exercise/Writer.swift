import Linux

/// Creates, edits, moves and deletes files of its own through a mount, by old and by new path, and
/// keeps a model of what must be there.
struct Writer {
    /// A file as it must be.
    struct Held {
        var folder: String
        var content: [UInt8]
        /// Monotonic nanoseconds of its last change: its other name shows a new file when it is
        /// born, not before.
        var changed: Int64
    }

    let mount: String
    let phasePath: String
    let number: Int
    let year: Int
    var generator: SplitMix64
    var tally = Tally()
    private var files: [String: Held] = [:]
    private var serial = 0

    /// When the other layout must show what one layout was given.
    private static let birth: Int64 = 3_000_000_000

    init(mount: String, phasePath: String, number: Int, year: Int) {
        self.mount = mount
        self.phasePath = phasePath
        self.number = number
        self.year = year
        generator = SplitMix64(seed: UInt64(number) &* 7_919)
    }

    mutating func run() throws {
        try makeFolders(old: true)
        while true {
            let phase = Phase.read(phasePath)
            switch phase {
            case .stop:
                verifyAll()
                return
            case .settle: SystemClock.sleep(.milliseconds(50))
            default: step(phase)
            }
        }
    }

    // MARK: Paths

    private func directory(_ folder: String, old: Bool) -> String {
        old
            ? "\(mount)/section=demo/package=writer-\(number)/\(folder)"
            : "\(mount)/package=writer-\(number)/year=\(year)/section=demo/\(folder)"
    }

    private func path(_ name: String, _ folder: String, old: Bool) -> String {
        directory(folder, old: old) + "/" + name
    }

    private static let folders = ["a", "b", "c"]

    private mutating func makeFolders(old: Bool) throws {
        for folder in Self.folders {
            let parts = directory(folder, old: old).dropFirst(mount.utf8.count + 1)
            var made = mount
            for part in parts.split(separator: "/") {
                made += "/" + part
                do throws(Errno) {
                    try File.workingDirectory.makeDirectory(made)
                } catch {
                    guard error == .exists else { throw error }
                }
            }
        }
    }

    // MARK: Steps

    private mutating func step(_ phase: Phase) {
        let useOld = phase.oldMustWork && (!phase.newMustWork || generator.next() % 2 == 0)
        do throws(Errno) {
            switch generator.next() % 10 {
            case 0..<3 where files.count < 400: try create(useOld)
            case 0..<6: try edit(useOld)
            case 6..<8: try move(useOld)
            case 8 where files.count > 50: try delete(useOld)
            default: try check(useOld)
            }
        } catch {
            let now = Phase.read(phasePath)
            if useOld && !now.oldMustWork {
                // The old layout went while we worked in it: find out what is there by now.
                reconcile()
                return
            }
            tally.fail("writer \(number), \(useOld ? "old" : "new") path: \(error)")
        }
    }

    /// A file that both layouts show for certain.
    private mutating func settledFile() -> String? {
        let now = SystemClock.monotonic()
        let names = files.filter { now - $0.value.changed > Self.birth }.keys.sorted()
        return names.isEmpty ? nil : names[Int(generator.next() % UInt64(names.count))]
    }

    private mutating func content(_ name: String) -> [UInt8] {
        let lines = 1 + Int(generator.next() % 60)
        let text = (0..<lines).map { "\(name) line \($0) \(generator.next())\n" }.joined()
        return Array(text.utf8)
    }

    private mutating func create(_ old: Bool) throws(Errno) {
        serial += 1
        let name = "note-\(serial).md"
        let folder = Self.folders[Int(generator.next() % 3)]
        let content = content(name)
        try ensureDirectory(folder, old: old)
        let target = path(name, folder, old: old)
        try File.open(target, [.writeOnly, .create, .exclusive], mode: 0o644).write(content)
        files[name] = Held(folder: folder, content: content, changed: SystemClock.monotonic())
        tally.writes += 1
        tally.creates += 1
        try compare(name, old)
    }

    /// In the layout that is not listed a directory lives while it holds something.
    private func ensureDirectory(_ folder: String, old: Bool) throws(Errno) {
        let parts = directory(folder, old: old).dropFirst(mount.utf8.count + 1)
        var made = mount
        for part in parts.split(separator: "/") {
            made += "/" + part
            do throws(Errno) {
                try File.workingDirectory.makeDirectory(made)
            } catch {
                guard error == .exists else { throw error }
            }
        }
    }

    private mutating func edit(_ old: Bool) throws(Errno) {
        guard let name = settledFile(), var held = files[name] else { return }
        held.content = content(name)
        held.changed = SystemClock.monotonic()
        let target = path(name, held.folder, old: old)
        if generator.next() % 2 == 0 {
            try File.open(target, [.writeOnly, .truncate]).write(held.content)
        } else {
            let temporary = path(name + ".tmp", held.folder, old: old)
            let file = try File.open(temporary, [.writeOnly, .create, .truncate], mode: 0o644)
            try file.write(held.content)
            try File.workingDirectory.rename(temporary, to: File.workingDirectory, target)
        }
        files[name] = held
        tally.writes += 1
        tally.edits += 1
        try compare(name, old)
    }

    private mutating func move(_ old: Bool) throws(Errno) {
        guard let name = settledFile(), var held = files[name] else { return }
        let folder = Self.folders[Int(generator.next() % 3)]
        guard folder != held.folder else { return }
        try ensureDirectory(folder, old: old)
        try File.workingDirectory.rename(
            path(name, held.folder, old: old),
            to: File.workingDirectory,
            path(name, folder, old: old)
        )
        held.folder = folder
        held.changed = SystemClock.monotonic()
        files[name] = held
        tally.writes += 1
        tally.moves += 1
        try compare(name, old)
    }

    private mutating func delete(_ old: Bool) throws(Errno) {
        guard let name = settledFile(), let held = files[name] else { return }
        try File.workingDirectory.unlink(path(name, held.folder, old: old))
        files[name] = nil
        tally.writes += 1
        tally.deletes += 1
    }

    private mutating func check(_ old: Bool) throws(Errno) {
        guard let name = settledFile() else { return }
        try compare(name, old)
    }

    private mutating func compare(_ name: String, _ old: Bool) throws(Errno) {
        guard let held = files[name] else { return }
        tally.reads += 1
        let bytes = try File.open(path(name, held.folder, old: old)).readAll(limit: 1 << 20)
        if bytes != held.content { tally.wrong("writer \(number): \(name)") }
    }

    // MARK: The end

    /// A step through the old layout was cut short by its retirement.
    ///
    /// What it did shows by the new.
    private mutating func reconcile() {
        SystemClock.sleep(.seconds(1))
        for (name, held) in files {
            var found: Held?
            for folder in Self.folders {
                guard
                    let bytes = try? File.open(path(name, folder, old: false))
                        .readAll(limit: 1 << 20)
                else { continue }
                found = Held(folder: folder, content: bytes, changed: held.changed)
            }
            files[name] = found
        }
    }

    private mutating func verifyAll() {
        let phase = Phase.read(phasePath)
        for name in files.keys.sorted() {
            do throws(Errno) {
                try compare(name, false)
            } catch {
                tally.fail("at the end (\(phase.rawValue)): \(name): \(error)")
            }
        }
    }
}

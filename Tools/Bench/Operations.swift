import Linux

/// The measured loops, each in a process of its own: raw system calls on paths made beforehand.
///
/// Prints how many nanoseconds how many operations took.
struct Operations: ~Copyable {
    static let size = 2048
    /// How many files the saves go over.
    static let savedFiles = 100

    let kind: String
    let directory: File
    let arguments: [Int]

    init(_ arguments: [String]) throws {
        guard arguments.count >= 2 else { throw Failed.usage }
        let isFile = arguments[0] == "sequential"
        directory = try Self.opened(arguments[1], isFile ? [] : .directory)
        kind = arguments[0]
        self.arguments = arguments.dropFirst(2).map(number)
    }

    private static func opened(_ path: String, _ flags: OpenFlags) throws -> File {
        do throws(Errno) {
            return try File.open(path, flags)
        } catch {
            throw Trouble("\(path) cannot be opened: \(error)")
        }
    }

    func run() throws {
        switch kind {
        case "stat": try paths { try stat($0) }
        case "read": try paths { try read($0) }
        case "sequential": try sequential()
        case "create": try names("w") { try create($0) }
        case "sync": try names("w") { try overwrite($0) }
        case "save": try save()
        case "rename": try rename()
        case "delete": try names("r") { try delete($0) }
        default: throw Failed.usage
        }
    }

    private func report(_ count: Int, _ began: Int64) {
        print(SystemClock.monotonic() - began, count)
    }

    // MARK: Of a corpus: FILES FILES-A-DIRECTORY SAMPLE

    /// All paths in their order; or a sample by chance, whose directories are looked up before.
    private func paths(_ body: ([[UInt8]]) throws -> Void) throws {
        guard arguments.count == 3 else { throw Failed.usage }
        let corpus = Corpus(count: arguments[0], perDirectory: arguments[1])
        guard arguments[2] > 0 else {
            return try body((0..<corpus.count).map { Array(corpus.path(of: $0).utf8) })
        }
        var random = SplitMix(state: UInt64(arguments[2]))
        var seen: Set<Int> = []
        let chosen = (0..<arguments[2]).map { _ in Int(random.next() % UInt64(corpus.count)) }
            .filter { seen.insert($0).inserted }
        for index in chosen { _ = try directory.status(of: corpus.directory(of: index)) }
        try body(chosen.map { Array(corpus.path(of: $0).utf8) })
    }

    private func stat(_ paths: [[UInt8]]) throws {
        let began = SystemClock.monotonic()
        for path in paths { _ = try directory.status(of: path) }
        report(paths.count, began)
    }

    private func read(_ paths: [[UInt8]]) throws {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let began = SystemClock.monotonic()
        for path in paths {
            let file = try directory.open(path)
            guard try file.readPiece(into: &buffer) > 0 else { throw Errno.inputOutput }
        }
        report(paths.count, began)
    }

    // MARK: A large file

    private func sequential() throws {
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        let began = SystemClock.monotonic()
        var total = 0
        while true {
            let count = try directory.readPiece(into: &buffer)
            if count == 0 { break }
            total += count
        }
        report(1, began)
        guard total == arguments.first else {
            throw Trouble("\(total) bytes were read, not \(arguments.first ?? 0)")
        }
        // Several gibibytes of it, one for each subject, would drive all else out of the memory.
        if arguments.count > 1 { try directory.advise(.dontNeed) }
    }

    // MARK: Writing: COUNT ROUND

    private func names(_ prefix: String, _ body: ([[UInt8]]) throws -> Void) throws {
        guard arguments.count == 2 else { throw Failed.usage }
        try body(
            (0..<arguments[0]).map { Array("\(prefix)-\(arguments[1])-\($0).md".utf8) }
        )
    }

    private static var content: [UInt8] {
        [UInt8](repeating: UInt8(ascii: "x"), count: size - 1) + [UInt8(ascii: "\n")]
    }

    private func create(_ names: [[UInt8]]) throws {
        let content = Self.content
        let began = SystemClock.monotonic()
        for name in names {
            try directory.open(name, [.writeOnly, .create, .exclusive]).write(content)
        }
        report(names.count, began)
    }

    private func overwrite(_ names: [[UInt8]]) throws {
        let content = Self.content
        let began = SystemClock.monotonic()
        for name in names {
            let file = try directory.open(name, .writeOnly)
            try file.write(content)
            try file.sync()
        }
        report(names.count, began)
    }

    private func save() throws {
        guard arguments.count == 2 else { throw Failed.usage }
        let content = Self.content
        let targets = (0..<min(arguments[0], Self.savedFiles)).map { Array("s-\($0).md".utf8) }
        let temporaries = targets.map { $0 + Array(".tmp".utf8) }
        let began = SystemClock.monotonic()
        for index in 0..<arguments[0] {
            let (target, temporary) = (
                targets[index % targets.count], temporaries[index % targets.count]
            )
            let file = try directory.open(temporary, [.writeOnly, .create, .truncate])
            try file.write(content)
            try file.sync()
            try directory.rename(temporary, to: directory, target)
        }
        report(arguments[0], began)
    }

    private func rename() throws {
        try names("w") { old in
            let new = old.map { Array("r".utf8) + $0.dropFirst() }
            let began = SystemClock.monotonic()
            for (old, new) in zip(old, new) { try directory.rename(old, to: directory, new) }
            report(old.count, began)
        }
    }

    private func delete(_ names: [[UInt8]]) throws {
        let began = SystemClock.monotonic()
        for name in names { try directory.unlink(name) }
        report(names.count, began)
    }
}

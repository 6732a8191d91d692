import Linux
import Loci
import Migration
import Synchronization

/// A mapper that a test writes in Python, in a directory of its own.
///
/// The script has `memories()`, which gives what is asked and notes it; `say(memory, …)`, which
/// answers; `once(name)`, which is true the first time, also over several processes; and `here`, its
/// directory.
final class MapperScript: Sendable {
    private let scratch: Scratch
    /// What it said on standard error, and what was said about it.
    let words = Words()

    final class Words: Sendable {
        private let lines = Mutex<[String]>([])

        func add(_ line: String) { lines.withLock { $0.append(line) } }

        var all: [String] { lines.withLock { $0 } }
    }

    private static let prelude = """
        #!/usr/bin/env python3
        import json, os, sys, time
        here = os.path.dirname(os.path.abspath(__file__))
        with open(here + "/pids", "a") as f: f.write("%d\\n" % os.getpid())
        def memories():
            for line in sys.stdin:
                memory = json.loads(line)
                with open(here + "/asked", "a") as f: f.write(memory["name"] + "\\n")
                with open(here + "/lines", "a") as f: f.write(line)
                yield memory
        def say(memory, **answer):
            print(json.dumps({"id": memory["id"], **answer}), flush=True)
        def once(name):
            try: os.close(os.open(here + "/" + name, os.O_CREAT | os.O_EXCL)); return True
            except FileExistsError: return False

        """

    init(_ body: String) throws {
        scratch = try Scratch()
        try write(body)
    }

    /// Writes it anew, as somebody does who mends it.
    func write(_ body: String) throws {
        let text = Self.prelude + body + "\n"
        let path = scratch.path + "/mapper.py"
        try File.open(path, [.writeOnly, .create, .truncate], mode: 0o755).write(Array(text.utf8))
    }

    var directory: String { scratch.path }
    var command: String { "python3 \(scratch.path)/mapper.py" }

    /// `isProgram`: started as a program, not by an interpreter that is given it.
    func mapper(
        _ jobs: Int = 1,
        timeout: Duration = .seconds(60),
        isProgram: Bool = false
    ) throws -> ProcessMapper {
        var options = ProcessMapper.Options()
        options.jobs = jobs
        options.timeout = timeout
        let words = words
        let command = isProgram ? "\(scratch.path)/mapper.py" : command
        return try ProcessMapper(command, options: options) { words.add($0) }
    }

    /// The names of the memories that it was asked about, in order.
    var asked: [String] { lines("asked") }

    /// The lines that it was given.
    var given: [JSON] { get throws { try lines("lines").map { try JSON(parsing: $0) } } }

    /// Its processes, those that have ended too.
    var processes: [RunningProcess] {
        lines("pids").compactMap { Int32($0) }.map { RunningProcess(id: $0) }
    }

    private func lines(_ name: String) -> [String] {
        let bytes = (try? File.open(scratch.path + "/" + name).readAll(limit: 1 << 26)) ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

extension Rig {
    static let topics = "topic={topic}/user={user}"

    /// A tenant with memories `user=ann/n1.md` to `n<count>.md`, none of which has a topic.
    static func untopical(_ count: Int) async throws -> Rig {
        let scratch = try Scratch()
        let tenant = try scratch.create("user={user}")
        for number in 1...count {
            try await tenant.add("user=ann/n\(number).md", "t\(number) of \(number)")
        }
        return Rig(scratch, tenant)
    }

    @discardableResult
    func map(
        _ mapper: any Mapper,
        _ options: MigrationOptions = .init()
    ) async throws -> MigrationStatus {
        try await migrator.start(
            to: try Scheme(Self.topics),
            mapper: mapper,
            options: options,
            origin: Scratch.origin
        )
    }

    /// The error that starting with a mapper ends with.
    func failure(_ mapper: any Mapper) async -> LociError? {
        do {
            try await map(mapper)
            return nil
        } catch {
            return error as? LociError
        }
    }

    /// How many of the first memories have their own topic.
    func ownTopics(_ count: Int) throws -> Int {
        try (1...count).count { number in
            let memory = try tenant.memory(at: try NamePath("user=ann/n\(number).md"))
            return memory.attributes["topic"] == "t\(number)"
        }
    }
}

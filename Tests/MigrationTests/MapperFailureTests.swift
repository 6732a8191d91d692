import Linux
import Loci
import Migration
import Testing

/// Each way in which a program can fail as a mapper: never a hang, never a lost memory, never a
/// memory with another's fields.
@Suite("Mappers that fail")
struct MapperFailureTests {
    /// A script that answers well, but for what `fault` does with `n5.md`.
    private static func script(_ fault: String) throws -> MapperScript {
        let lines = fault.split(separator: "\n").map { "        " + $0 }.joined(separator: "\n")
        return try MapperScript(
            """
            for memory in memories():
                if memory["name"] == "n5.md":
            \(lines)
                say(memory, fields={"topic": "t" + memory["name"][1:-3]})
            """
        )
    }

    /// Starts with a script that always fails on one of twenty memories; gives the reason that is
    /// recorded.
    private func reason(_ fault: String) async throws -> String {
        let rig = try await Rig.untopical(20)
        let script = try Self.script(fault)
        let failure = await rig.failure(try script.mapper())
        #expect(failure?.code == .mapperFailed)
        #expect(failure?.message.contains("1 memory could not be mapped") == true)
        #expect(failure?.message.contains("'user=ann/n5.md'") == true)
        #expect(try rig.state == .preparing)
        #expect(try rig.ownTopics(20) == 19)
        let failures = try rig.migrator.errors().failures
        #expect(failures.map(\.name.description) == ["n5.md"])
        #expect(failures.first?.attempts == 3 && failures.first?.step == .map)
        #expect(script.processes.allSatisfy { !$0.exists })
        // Mended, and said so.
        try script.write("for memory in memories(): say(memory, fields={\"topic\": \"t5\"})")
        let before = script.asked.count
        let report = try await rig.migrator.retry(mapper: try script.mapper())
        #expect(report.tried == 1 && report.failed == 0 && report.hindrance == nil)
        #expect(script.asked.count == before + 1)
        #expect(try rig.ownTopics(20) == 20)
        #expect(try rig.state == .moving)
        try await rig.tenant.expectClean()
        return failures.first?.reason ?? ""
    }

    /// Starts with a script that fails once; everything is mapped all the same.
    private func recovers(
        _ fault: String,
        timeout: Duration = .seconds(60)
    ) async throws -> [String] {
        let rig = try await Rig.untopical(20)
        let script = try Self.script("if once('failed'):\n    " + fault)
        let status = try await rig.map(try script.mapper(timeout: timeout))
        #expect(status.state == .moving && status.errors == 0)
        #expect(try rig.ownTopics(20) == 20)
        // Nothing is asked again but what was in flight.
        #expect(script.asked.count <= 36)
        try await rig.tenant.expectClean()
        return script.words.all
    }

    @Test("one that always crashes on a memory is told of with its code and its last words")
    func crashes() async throws {
        let reason = try await reason("print('no such model', file=sys.stderr)\nsys.exit(3)")
        #expect(
            reason == "the mapper ended with exit code 3 instead of answering; "
                + "it last said: 'no such model'"
        )
    }

    @Test("one that crashes once is started again, and nothing is lost")
    func crashesOnce() async throws {
        let words = try await recovers("os.kill(os.getpid(), 9)")
        #expect(words.count == 1)
        #expect(words.first?.contains("it was ended by signal 9 instead of answering") == true)
        #expect(words.first?.hasSuffix("; it is started again") == true)
    }

    @Test("one that hangs is killed when its time is up, and what it had is asked again")
    func hangs() async throws {
        let words = try await recovers("time.sleep(600)", timeout: .seconds(5))
        #expect(words.first?.contains("it did not answer within 5s; it is started again") == true)
    }

    @Test("one that answers for a memory that it was not asked about")
    func wrongID() async throws {
        let reason = try await reason(
            "memory = dict(memory, id='01ARZ3NDEKTSV4RRFFQ69G5FAV')"
        )
        #expect(
            reason == "the mapper answered for 01ARZ3NDEKTSV4RRFFQ69G5FAV, "
                + "which it was not asked about"
        )
    }

    @Test("one that answers twice is told of, and no memory gets another's fields")
    func twice() async throws {
        let words = try await recovers("say(memory, fields={'topic': 't5'})")
        #expect(words.first?.contains(" twice") == true)
    }

    @Test("one that prints what is no JSON")
    func garbage() async throws {
        let reason = try await reason("print('working on it', flush=True)")
        #expect(
            reason == "the mapper printed a line that is no answer: 'working on it': "
                + "it is not JSON (byte 0)"
        )
    }

    @Test("one whose answer decides nothing, or everything")
    func undecided() async throws {
        #expect(
            try await reason("say(memory, topic='t5')")
                .hasSuffix("it needs one of fields, skip, error and want")
        )
        #expect(
            try await reason("say(memory, fields={}, skip='')")
                .hasSuffix("it needs one of fields, skip, error and want")
        )
    }

    @Test("one whose field is a number")
    func numbers() async throws {
        let reason = try await reason("say(memory, fields={'topic': 5})")
        #expect(reason.hasSuffix("its field 'topic' is not a text"))
    }

    @Test("one that asks for the body again and again is asked no more")
    func wantsForEver() async throws {
        let reason = try await reason("say(memory, want='body')\ncontinue")
        #expect(reason.hasPrefix("the mapper asked twice for the body of "))
    }

    @Test("one that prints a line without end")
    func longLine() async throws {
        let reason = try await reason("sys.stdout.write('x' * 3000000)\nsys.stdout.flush()")
        #expect(reason == "the mapper printed a line of more than 1048576 bytes")
    }

    @Test("one that prints much and reads nothing keeps nobody waiting")
    func floods() async throws {
        let words = try await recovers(
            "for n in range(100000): print('{\"n\": %d}' % n)"
        )
        #expect(words.first?.contains("it has no id") == true)
    }

    @Test("one that reads no more but goes on running")
    func closesInput() async throws {
        let words = try await recovers(
            "os.close(0); os.close(1); time.sleep(600)",
            timeout: .seconds(5)
        )
        #expect(words.first?.contains("closed its output instead of answering") == true)
    }

    @Test("one that decides what may not be decided is an error at once, and is not killed")
    func forbidden() async throws {
        let rig = try await Rig.untopical(3)
        let script = try MapperScript(
            """
            fields = {"n1.md": {"user": "bob"}, "n2.md": {"id": "x"}, "n3.md": {"topic": "a\\0b"}}
            for memory in memories(): say(memory, fields=fields[memory["name"]])
            """
        )
        #expect(await rig.failure(try script.mapper())?.code == .mapperFailed)
        let reasons = try rig.migrator.errors().failures.map(\.reason)
        #expect(reasons.count == 3)
        #expect(reasons[0].contains("user=bob, but it is ann already"))
        #expect(reasons[1].contains("'id' is not an attribute"))
        #expect(reasons[2].contains("holds a NUL"))
        #expect(script.processes.count == 1)
    }

    @Test(
        "one of which nothing comes ends the start; what was decided stays, nothing else is asked"
    )
    func broken() async throws {
        let rig = try await Rig.untopical(100)
        let script = try MapperScript(
            """
            for memory in memories():
                number = int(memory["name"][1:-3])
                if number > 30: sys.exit(1)
                say(memory, fields={"topic": "t%d" % number})
            """
        )
        let failure = await rig.failure(try script.mapper())
        #expect(failure?.code == .mapperFailed)
        #expect(failure?.message.contains("failed again and again") == true)
        #expect(failure?.message.contains("exit code 1") == true)
        #expect(failure?.remedy?.contains("loci migrate retry --mapper") == true)
        let decided = try rig.ownTopics(30)
        #expect(decided > 0)
        let failed = try rig.migrator.errors().failures.count
        #expect(failed > 0 && failed <= 16)
        #expect(Set(script.asked).count <= decided + failed)
        try script.write(
            "for memory in memories(): say(memory, fields={\"topic\": \"t\" + memory[\"name\"][1:-3]})"
        )
        let before = script.asked.count
        let report = try await rig.migrator.retry(mapper: try script.mapper())
        #expect(report.tried == failed && report.failed == 0 && report.hindrance == nil)
        #expect(script.asked.count == before + 100 - decided)
        #expect(try rig.ownTopics(100) == 100)
        #expect(try rig.state == .moving)
        try await rig.tenant.expectClean()
    }

    @Test("one that cannot be started is refused before anything is written")
    func unstartable() async throws {
        let rig = try await Rig.untopical(1)
        let path = rig.scratch.path + "/mapper"
        try File.open(path, [.writeOnly, .create], mode: 0o755).write(Array("no program".utf8))
        let mapper = try ProcessMapper(path)
        let failure = await rig.failure(mapper)
        #expect(failure?.code == .mapperFailed)
        #expect(failure?.message == "The mapper '\(path)' cannot be started: Exec format error.")
        #expect(try rig.state == .none)
        #expect(try rig.migrator.history().isEmpty)
    }
}

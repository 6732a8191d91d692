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
        let rig = try await Rig.untopical(6)
        let script = try MapperScript(
            """
            fields = {"n1.md": {"user": "bob"}, "n2.md": {"id": "x"}, "n3.md": {"topic": "a\\0b"},
                      "n4.md": {"topic": 5}, "n5.md": {"topic": None},
                      "n6.md": {"user": "\\x1b[2J" + "b" * 100000}}
            for memory in memories(): say(memory, fields=fields[memory["name"]])
            """
        )
        #expect(await rig.failure(try script.mapper())?.code == .mapperFailed)
        let reasons = try rig.migrator.errors().failures.map(\.reason)
        #expect(reasons.count == 6)
        #expect(reasons[0].contains("user=bob, but it is ann already"))
        #expect(reasons[1].contains("'id' is not an attribute"))
        #expect(reasons[2].contains("holds a NUL"))
        #expect(reasons[3] == "the mapper gave topic=5, which is not a text")
        #expect(reasons[4] == "the mapper gave topic=null, which is not a text")
        #expect(reasons[5].contains("user=%1B[2Jbbb") && reasons[5].utf8.count < 500)
        #expect(script.processes.count == 1)
    }

    @Test(
        "one of which nothing comes ends the start; what was decided stays, nothing else is asked"
    )
    func broken() async throws {
        let rig = try await Rig.untopical(100)
        let script = try MapperScript(
            """
            done = here + "/done"
            for memory in memories():
                if os.path.exists(done) and os.path.getsize(done) == 30:
                    # As who waits in vain: all others have been handed over by then, too.
                    time.sleep(1)
                    sys.exit(1)
                with open(done, "a") as f: f.write("x")
                say(memory, fields={"topic": "t" + memory["name"][1:-3]})
            """
        )
        let failure = await rig.failure(try script.mapper())
        #expect(failure?.code == .mapperFailed)
        #expect(failure?.message.contains("failed again and again") == true)
        #expect(failure?.message.contains("exit code 1") == true)
        #expect(failure?.remedy?.contains("loci migrate retry --mapper") == true)
        let decided = try rig.ownTopics(100)
        #expect(decided == 30)
        // Whose fault it is nobody can tell: it is nobody's.
        #expect(try rig.migrator.errors().failures.isEmpty)
        #expect(script.processes.count <= 8)
        try script.write(
            "for memory in memories(): say(memory, fields={\"topic\": \"t\" + memory[\"name\"][1:-3]})"
        )
        let before = script.asked.count
        let report = try await rig.migrator.retry(mapper: try script.mapper())
        #expect(report.tried == 0 && report.failed == 0 && report.hindrance == nil)
        #expect(script.asked.count == before + 100 - decided)
        #expect(try rig.ownTopics(100) == 100)
        #expect(try rig.state == .moving)
        try await rig.tenant.expectClean()
    }

    @Test(
        "those that it always fails on are errors, and all others are mapped by the first start",
        arguments: ["number <= 12", "number > 300", "number % 26 == 0"]
    )
    func crowds(_ bad: String) async throws {
        let rig = try await Rig.untopical(312)
        let script = try MapperScript(
            """
            for memory in memories():
                number = int(memory["name"][1:-3])
                if \(bad): sys.exit(3)
                say(memory, fields={"topic": "t%d" % number})
            """
        )
        let mapper = try script.mapper()
        let failure = await rig.failure(mapper)
        #expect(failure?.message.contains("12 memories could not be mapped") == true)
        #expect(try rig.ownTopics(312) == 300)
        let failures = try rig.migrator.errors().failures
        #expect(failures.count == 12 && failures.allSatisfy { $0.attempts == 3 })
        #expect(failures.allSatisfy { $0.reason.contains("exit code 3") })
        // Nobody else is left to ask, and all fail alone: as far as anybody can tell, it is broken.
        let again = await rig.failure(mapper)
        #expect(again?.message.contains("failed again and again") == true)
        #expect(try rig.migrator.errors().failures.map(\.attempts) == failures.map(\.attempts))
        let status = try await rig.map(mapper, .with { $0.leaveUnmapped = true })
        #expect(status.state == .moving && status.skipped == 12 && status.errors == 0)
        #expect(status.run?.options.leaveUnmapped == true)
    }

    @Test("one that left its process group is killed all the same")
    func leavesItsGroup() async throws {
        let words = try await recovers(
            "os.setpgid(0, os.getpgid(os.getppid())); time.sleep(600)",
            timeout: .seconds(5)
        )
        #expect(words.first?.contains("it did not answer within 5s") == true)
    }

    @Test("one that flushes nothing is told to, what it decided stays, and nobody is blamed")
    func flushesNothing() async throws {
        let rig = try await Rig.untopical(40)
        let script = try MapperScript(
            """
            # As standard output is where nobody set PYTHONUNBUFFERED.
            out = open(1, "w")
            for memory in memories():
                answer = {"id": memory["id"], "fields": {"topic": "t" + memory["name"][1:-3]}}
                print(json.dumps(answer), file=out)
            """
        )
        let failure = await rig.failure(try script.mapper(timeout: .seconds(5)))
        #expect(failure?.code == .mapperFailed)
        #expect(
            failure?.message.contains(
                "it answers only at the end of its input: it must flush each line "
                    + "(print(…, flush=True), jq --unbuffered)"
            ) == true
        )
        #expect(try rig.ownTopics(40) == 16)
        #expect(try rig.migrator.errors().failures.isEmpty)
        #expect(script.processes.count == 1)
    }

    @Test("one that ends while what it started holds its output is seen to end")
    func leavesSomebodyBehind() async throws {
        let reason = try await reason(
            "import subprocess; subprocess.Popen(['sleep', '300']); sys.exit(7)"
        )
        #expect(reason == "the mapper ended with exit code 7 instead of answering")
    }

    /// A program that makes itself no program once it met `n5.md` and so many of it run, and then
    /// ends.
    private static func spoilt(among processes: Int = 1) throws -> MapperScript {
        try script(
            """
            if once('spoilt'):
                while len(open(here + "/pids").readlines()) < \(processes): time.sleep(0.01)
                os.chmod(__file__, 0o644); sys.exit(1)
            """
        )
    }

    @Test("where one process cannot be started, the others do its work, and that is said once")
    func worksWithFewer() async throws {
        let rig = try await Rig.untopical(60)
        let script = try Self.spoilt(among: 3)
        let status = try await rig.map(try script.mapper(3, isProgram: true))
        #expect(status.state == .moving && status.errors == 0)
        #expect(try rig.ownTopics(60) == 60)
        let told = script.words.all.filter { $0.contains("fewer work") }
        #expect(told == ["one more process cannot be started (Permission denied): fewer work"])
    }

    @Test("where none can be started the start ends, and no memory is blamed for it")
    func cannotRestart() async throws {
        let rig = try await Rig.untopical(60)
        let script = try Self.spoilt()
        let failure = await rig.failure(try script.mapper(isProgram: true))
        #expect(failure?.code == .mapperFailed)
        #expect(failure?.message.hasSuffix("cannot be started: Permission denied.") == true)
        #expect(try rig.ownTopics(60) >= 4)
        #expect(try rig.migrator.errors().failures.isEmpty)
        #expect(script.processes.count == 1)
    }

    @Test("one whose file changes while it runs is not started again")
    func changes() async throws {
        let rig = try await Rig.untopical(20)
        let script = try Self.script("open(__file__, 'a').write('# new'); sys.exit(1)")
        let failure = await rig.failure(try script.mapper())
        #expect(failure?.message == "The mapper's file changed while it ran.")
        #expect(try rig.migrator.errors().failures.isEmpty)
    }

    @Test("one that cannot be started is refused before anything is written")
    func unstartable() async throws {
        let rig = try await Rig.untopical(1)
        let path = rig.scratch.path + "/mapper"
        try File.open(path, [.writeOnly, .create], mode: 0o755).write(Array("no program".utf8))
        let mapper = try ProcessMapper(path)
        let failure = await rig.failure(mapper)
        #expect(failure?.code == .mapperFailed)
        #expect(
            failure?.message == "The mapper '\(path)' cannot be started: "
                + "it is no program, and does not begin with a '#!' line."
        )
        #expect(try rig.state == .none)
        #expect(try rig.migrator.history().isEmpty)
    }
}

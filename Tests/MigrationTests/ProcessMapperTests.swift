import Linux
import Loci
import Migration
import Synchronization
import Testing

@Suite("Mappers that are programs")
struct ProcessMapperTests {
    /// Answers `n7.md` with topic `t7`.
    private static let topical = """
        def topic(memory): return "t" + memory["name"][1:-3]
        for memory in memories(): say(memory, fields={"topic": topic(memory)})
        """

    @Test("each memory is asked about once and gets its own fields, with 16 in flight")
    func maps() async throws {
        let rig = try await Rig.untopical(100)
        let script = try MapperScript(Self.topical)
        let mapper = try script.mapper()
        let status = try await rig.map(mapper)
        #expect(status.state == .moving && status.errors == 0 && status.skipped == 0)
        #expect(script.asked.sorted() == (1...100).map { "n\($0).md" }.sorted())
        #expect(try rig.ownTopics(100) == 100)
        #expect(try rig.tenant.has("topic=t42/user=ann/n42.md"))
        #expect(status.run?.mapper == mapper.identity)
        #expect(script.words.all.isEmpty)
        try await rig.tenant.expectClean()
    }

    @Test(
        "a line tells protocol, tenant, id, path, name, attributes, what is missing, size and times"
    )
    func tells() async throws {
        let rig = try await Rig.untopical(1)
        let script = try MapperScript(Self.topical)
        try await rig.map(try script.mapper())
        let memory = try rig.tenant.memory(at: try NamePath("user=ann/n1.md"))
        let line = try #require(try script.given.first)
        #expect(line["protocol"]?.integerValue == 1)
        #expect(line["tenant"]?.stringValue == rig.tenant.id.rawValue)
        #expect(line["id"]?.stringValue == memory.id.description)
        #expect(line["path"]?.stringValue == "user=ann/n1.md")
        #expect(line["name"]?.stringValue == "n1.md")
        #expect(line["attributes"] == ["user": "ann"])
        #expect(line["missing"] == ["topic"])
        #expect(line["size"]?.integerValue == memory.size)
        #expect(line["created"]?.stringValue == memory.created.description)
        #expect(line["updated"]?.stringValue == memory.updated.description)
        #expect(line["body"] == nil)
    }

    @Test("a body comes when it is asked for, and one that is not UTF-8 comes as base64")
    func givesBodies() async throws {
        let rig = try await Rig.untopical(20)
        let bytes: [UInt8] = [0xFF, 0x00, 0x0A, 0x22]
        _ = try await rig.tenant.append(
            bytes,
            at: try NamePath("user=ann/binary.md"),
            origin: Scratch.origin
        )
        let script = try MapperScript(
            """
            for memory in memories():
                if "body" in memory: say(memory, fields={"topic": memory["body"].split()[0]})
                elif "bodyBase64" in memory: say(memory, skip=memory["bodyBase64"])
                else: say(memory, want="body")
            """
        )
        try await rig.map(try script.mapper())
        #expect(try rig.ownTopics(20) == 20)
        #expect(try rig.migrator.errors(at: [.skip]).failures.map(\.reason) == ["/wAKIg=="])
    }

    @Test("a name that is not UTF-8 comes as its bytes")
    func givesNames() async throws {
        let scratch = try Scratch()
        let tenant = try scratch.create("user={user}")
        let name = try Name(validating: [0xFF, UInt8(ascii: "x")])
        _ = try await tenant.append(
            [1],
            at: try NamePath("user=ann").appending(name),
            origin: Scratch.origin
        )
        let script = try MapperScript(
            """
            for line in sys.stdin:
                memory = json.loads(line)
                say(memory, fields={"topic": memory["name"]["bytes"] + memory["path"]["bytes"][-4:]})
            """
        )
        try await Rig(scratch, tenant).map(try script.mapper())
        let path = try NamePath("topic=ff78ff78/user=ann").appending(name)
        #expect(try tenant.memory(at: path).attributes["topic"] == "ff78ff78")
    }

    @Test("answers may come in any order")
    func anyOrder() async throws {
        let rig = try await Rig.untopical(12)
        let script = try MapperScript(
            """
            held = []
            for memory in memories():
                held.append(memory)
                if len(held) < 4: continue
                for one in reversed(held): say(one, fields={"topic": "t" + one["name"][1:-3]})
                held = []
            """
        )
        try await rig.map(try script.mapper())
        #expect(try rig.ownTopics(12) == 12)
        #expect(script.asked.count == 12)
    }

    @Test("several processes work side by side, and none of them outlives the start")
    func severalJobs() async throws {
        let rig = try await Rig.untopical(64)
        let script = try MapperScript(Self.topical)
        try await rig.map(try script.mapper(3))
        #expect(try rig.ownTopics(64) == 64)
        #expect(script.asked.count == 64)
        #expect(Set(script.processes.map(\.id)).count == 3)
        #expect(script.processes.allSatisfy { !$0.exists })
    }

    @Test("a process that does not end with its input is killed")
    func killsLingerers() async throws {
        let rig = try await Rig.untopical(2)
        let script = try MapperScript(Self.topical + "\ntime.sleep(600)")
        try await rig.map(try script.mapper())
        #expect(try rig.state == .moving)
        #expect(script.processes.allSatisfy { !$0.exists })
        #expect(script.words.all == ["it did not end at the end of its input, and was killed"])
    }

    @Test("what it prints after its last answer is told, and what it decided stays")
    func tellsLateOutput() async throws {
        let rig = try await Rig.untopical(2)
        let script = try MapperScript(Self.topical + "\nprint('2 done')")
        try await rig.map(try script.mapper())
        #expect(try rig.ownTopics(2) == 2)
        #expect(script.words.all == ["it printed more than it was asked for: '2 done'"])
    }

    @Test("what it says on standard error is passed on, however much it is")
    func passesWordsOn() async throws {
        let rig = try await Rig.untopical(3)
        let script = try MapperScript(
            "for n in range(20000): print('line %d' % n, file=sys.stderr)\n" + Self.topical
        )
        try await rig.map(try script.mapper())
        #expect(script.words.all.count == 20_000)
        #expect(script.words.all.last == "line 19999")
    }

    @Test("fields that do not fill what is missing are kept, and the rest is listed as a skip")
    func partial() async throws {
        let rig = try await Rig.untopical(1)
        let script = try MapperScript(
            "for memory in memories(): say(memory, fields={\"mood\": \"\"})"
        )
        let status = try await rig.map(try script.mapper())
        #expect(status.skipped == 1)
        let skip = try rig.migrator.errors().failures.first
        #expect(skip?.step == .skip && skip?.reason == "the mapper gave no 'topic'")
        let memory = try rig.tenant.memory(at: try NamePath("topic=_/user=ann/n1.md"))
        #expect(memory.attributes["mood"]?.isEmpty == true)
    }

    @Test("a memory that is made by an old path meanwhile is mapped before the layout is live")
    func mapsLateOnes() async throws {
        let rig = try await Rig.untopical(3)
        let script = try MapperScript(
            """
            for memory in memories():
                if once("begun"):
                    while not os.path.exists(here + "/go"): time.sleep(0.01)
                say(memory, fields={"topic": "t" + memory["name"][1:-3]})
            """
        )
        async let started = rig.map(try script.mapper())
        while script.asked.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        try await rig.tenant.add("user=ann/n4.md")
        _ = try File.open(script.directory + "/go", [.writeOnly, .create])
        _ = try await started
        #expect(try rig.ownTopics(4) == 4)
        #expect(script.asked.sorted() == ["n1.md", "n2.md", "n3.md", "n4.md"])
        try await rig.tenant.expectClean()
    }

    @Test("a pause keeps back what no process was asked yet")
    func pauses() async throws {
        let rig = try await Rig.untopical(60)
        let script = try MapperScript(
            """
            for memory in memories():
                while not os.path.exists(here + "/go"): time.sleep(0.01)
                say(memory, fields={"topic": "t" + memory["name"][1:-3]})
            """
        )
        let mapper = WatchedMapper(try script.mapper())
        async let started = rig.map(mapper)
        while script.asked.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        try rig.migrator.pause(origin: Scratch.origin)
        while !mapper.isHeld { try await Task.sleep(for: .milliseconds(5)) }
        _ = try File.open(script.directory + "/go", [.writeOnly, .create])
        while script.asked.count < 16 { try await Task.sleep(for: .milliseconds(5)) }
        try await Task.sleep(for: .milliseconds(500))
        #expect(script.asked.count == 16)
        try rig.migrator.resume(origin: Scratch.origin)
        _ = try await started
        #expect(try rig.ownTopics(60) == 60)
    }

    @Test("a mapper that was given up with its layout ends at once")
    func endsWithAbort() async throws {
        let rig = try await Rig.untopical(3)
        let script = try MapperScript("for memory in memories(): time.sleep(600)")
        async let failure = rig.failure(try script.mapper())
        while script.asked.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        try rig.migrator.abort(origin: Scratch.origin)
        let code = try await failure?.code
        #expect(code == .wrongState)
        #expect(script.processes.allSatisfy { !$0.exists })
        try await rig.tenant.expectClean()
    }
}

/// A mapper that tells whether it was told to hold.
private final class WatchedMapper: HoldableMapper {
    private let mapper: ProcessMapper
    private let held = Mutex(false)

    init(_ mapper: ProcessMapper) { self.mapper = mapper }

    var identity: String { mapper.identity }
    var width: Int { mapper.width }
    var isHeld: Bool { held.withLock { $0 } }

    func begin() async throws(LociError) { try await mapper.begin() }
    func end() async { await mapper.end() }
    func fields(for input: MapperInput) async throws -> MapperOutcome {
        try await mapper.fields(for: input)
    }
    func hold(_ isHeld: Bool) {
        mapper.hold(isHeld)
        held.withLock { $0 = isHeld }
    }
}

@Suite("How long mappers take to end", .serialized)
struct TimedMapperTests {
    @Test("processes that do not end with their input are waited for together")
    func endsTogether() async throws {
        let script = try MapperScript("time.sleep(600)")
        let rig = try await Rig.untopical(120)
        let mapper = try script.mapper(6, timeout: .seconds(600))
        let started = Task { try await rig.map(mapper) }
        while script.processes.count < 6 { try await Task.sleep(for: .milliseconds(5)) }
        let began = ContinuousClock.now
        started.cancel()
        _ = try? await started.value
        // One after the other they would have 12 seconds.
        #expect(ContinuousClock.now - began < .seconds(9))
        #expect(script.processes.allSatisfy { !$0.exists })
    }
}

import Linux
import Model
import Testing

@testable import Loci

@Suite("An embedder that")
struct EmbedderFailureTests {
    private let origin = TemporaryStore.origin
    private let made: TemporaryStore
    private let tenant: Tenant

    init() throws {
        made = try TemporaryStore(scheme: try Scheme("user={user}"))
        tenant = try made.tenant()
    }

    private func add(_ count: Int) async throws {
        for number in 0..<count {
            let path = try NamePath("user=a/\(number).md")
            _ = try await tenant.append(bytes("cat \(number)"), at: path, origin: origin)
        }
    }

    struct Fault: Sendable, CustomTestStringConvertible {
        let what: String
        let body: String
        let message: String

        init(_ what: String, _ body: String, _ message: String) {
            (self.what, self.body, self.message) = (what, body, message)
        }

        /// Short where it is waited for.
        var timeout: Duration { message.contains("within 1s") ? .seconds(1) : .seconds(60) }

        var testDescription: String { what }

        /// One that answers a text so.
        static func answering(_ what: String, _ answer: String, _ message: String) -> Fault {
            Fault(what, "hello()\nfor q in questions(): \(answer)", message)
        }
    }

    private static let faults = [
        Fault("ends before it says anything", "sys.exit(3)", "ended with exit code 3"),
        Fault(
            "dies and says why",
            "sys.exit('no model here')",
            "ended with exit code 1; it last said: 'no model here'"
        ),
        Fault("is silent", "time.sleep(60)", "did not answer within 1s"),
        Fault(
            "begins with a line that is not JSON",
            "print('Loading', flush=True); time.sleep(60)",
            "does not tell what it is: 'Loading': it is not JSON"
        ),
        Fault("has no id", "hello(id='')", "it has no id"),
        Fault("has no dimensions", "hello(dimensions=0)", "it has no dimensions"),
        Fault("speaks another protocol", "hello(protocol=2)", "it has protocol 2, not 1"),
        .answering("crashes", "os.abort()", "asked about '0.md' and 4 more, was ended by signal 6"),
        .answering("hangs", "time.sleep(60)", "did not answer within 1s"),
        .answering("closes its output", "os.close(1); time.sleep(60)", "closed its output"),
        .answering(
            "answers with another id",
            "say({'id': 99}, vector=vector(q['text']))",
            "answered for 99, which it was not asked about"
        ),
        .answering(
            "answers twice",
            "say(q, vector=[1, 0, 0, 0]); say(q, vector=[1, 0, 0, 0])",
            "asked about '1.md' and 3 more, answered for 1 twice"
        ),
        .answering(
            "answers with too few numbers",
            "say(q, vector=[1, 2])",
            "its vector has 2 numbers, and 4 were announced"
        ),
        .answering("answers with NaN", "say(q, vector=[float('nan')] * 4)", "it is not JSON"),
        .answering(
            "answers with a number beyond all",
            "print('{\"id\":%d,\"vector\":[1e99,0,0,0]}' % q['id'], flush=True)",
            "which is no number"
        ),
        .answering(
            "answers with words",
            "say(q, vector=['1', '2', '3', '4'])",
            "its vector has a \"1\", which is no number"
        ),
        .answering("answers with neither", "say(q)", "it needs a vector or an error"),
        .answering("prints garbage", "print('\\x00\\xff', flush=True)", "a line that is no answer"),
        .answering(
            "prints without an end",
            "sys.stdout.write('x' * (1 << 21)); sys.stdout.flush(); time.sleep(60)",
            "printed a line of more than 1048576 bytes"
        ),
    ]

    @Test("fails is an error that says so, stores nothing and leaves no process", arguments: faults)
    func faulty(_ fault: Fault) async throws {
        try await add(5)
        let script = try EmbedderScript(fault.body)
        let embedder = try script.embedder(timeout: fault.timeout)
        let error = await #expect(throws: LociError.self) {
            try await tenant.embed(with: embedder, origin: origin)
        }
        #expect(error?.code == .embedderFailed)
        let message = error?.message ?? ""
        #expect(message.contains(fault.message), "\(message)")
        #expect(try tenant.embeddingStatus().embedded == 0)
        #expect(script.processes.allSatisfy { !$0.exists })
        #expect(try await tenant.check(contents: true) == [])
        try script.write(EmbedderScript.honest)
        #expect(try await tenant.embed(with: try script.embedder(), origin: origin) == 5)
    }

    @Test("crashes on the way has lost only what it was asked at once")
    func resumes() async throws {
        try await add(100)
        let script = try EmbedderScript(
            """
            hello()
            for number, q in enumerate(questions()):
                if number == 70: os.abort()
                say(q, vector=vector(q["text"]))
            """
        )
        let embedder = try script.embedder()
        #expect(
            await failure { _ = try await tenant.embed(with: embedder, origin: origin) }
                == .embedderFailed
        )
        let status = try tenant.embeddingStatus()
        #expect(status.embedded == 64)
        #expect(status.waiting == 36)
        try script.write(EmbedderScript.honest)
        #expect(try await tenant.embed(with: try script.embedder(), origin: origin) == 36)
        #expect(try tenant.embeddingStatus().embedded == 100)
    }

    @Test("is not there, or cannot be read as a command, is refused before it runs")
    func noProgram() throws {
        for line in ["", "/nowhere/embed", "python3 /nowhere/embed.py", "cat | cat", "'cat"] {
            let error = #expect(throws: LociError.self) { try ProcessEmbedder(line) }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message.contains("embedder") == true)
        }
    }
}

import Loci
import Migration
import Synchronization
import Testing

@Suite("Mappers")
struct MapperTests {
    static let scheme = "topic={topic}/user={user}"

    /// Three memories without a topic, one with.
    private func filled() async throws -> Rig {
        let scratch = try Scratch()
        let tenant = try scratch.create("user={user}/{folder...}")
        for number in 1...3 {
            try await tenant.add("user=ann/n\(number).md", "about db \(number)")
        }
        let done = try await tenant.add("user=ann/n4.md")
        _ = try await tenant.set(done.id, attributes: ["topic": "own"], origin: Scratch.origin)
        return Rig(scratch, tenant)
    }

    private final class Asked: Sendable {
        let names = Mutex<[String]>([])
        var list: [String] { names.withLock { $0 } }

        func note(_ input: MapperInput) {
            names.withLock { $0.append(input.name.description) }
        }
    }

    @Test("without a mapper a missing field is _ and blocks nothing")
    func missing() async throws {
        let rig = try await filled()
        let plan = try await rig.migrator.plan(to: try Scheme(Self.scheme))
        #expect(plan.missing.map(\.field) == ["topic"])
        #expect(plan.missing.map(\.memories) == [3])
        try await rig.start(Self.scheme)
        #expect(try rig.tenant.has("topic=_/user=ann/n1.md"))
        #expect(try rig.tenant.has("topic=own/user=ann/n4.md"))
        try await rig.tenant.expectClean()
    }

    @Test("a mapper is asked once for each memory that lacks a field, and sees its content")
    func asksOnce() async throws {
        let rig = try await filled()
        let asked = Asked()
        let mapper = ClosureMapper(identity: "words/1") { input in
            asked.note(input)
            #expect(input.missing == ["topic"])
            #expect(input.path?.description == "user=ann/\(input.name)")
            let text = String(decoding: try await input.content(), as: UTF8.self)
            return .fields(["topic": String(text.split(separator: " ")[1])])
        }
        try await rig.migrator.start(to: try Scheme(Self.scheme), mapper: mapper)
        #expect(asked.list == ["n1.md", "n2.md", "n3.md"])
        #expect(try rig.tenant.has("topic=db/user=ann/n2.md"))
        #expect(try rig.migrator.status().run?.mapper == "words/1")
        try await rig.tenant.expectClean()
    }

    @Test("a skip places the memory under _ and says why")
    func skips() async throws {
        let rig = try await filled()
        let mapper = ClosureMapper(identity: "none") { _ in .skip(reason: "no idea") }
        let status = try await rig.migrator.start(to: try Scheme(Self.scheme), mapper: mapper)
        #expect(status.skipped == 3 && status.errors == 0 && status.state == .moving)
        #expect(try rig.tenant.has("topic=_/user=ann/n3.md"))
        let failures = try rig.migrator.errors().failures
        #expect(failures.map(\.reason) == ["no idea", "no idea", "no idea"])
        #expect(failures.allSatisfy { $0.step == .skip })
    }

    @Test("an error keeps the layout from going live; the next attempt asks only about those")
    func errors() async throws {
        let rig = try await filled()
        let asked = Asked()
        let isMended = Mutex(false)
        let state = Holder(isMended)
        let mapper = ClosureMapper(identity: "flaky") { input in
            asked.note(input)
            if input.name.description == "n2.md", !state.isMended {
                return .error(reason: "service away")
            }
            return .fields(["topic": "db"])
        }
        let scheme = try Scheme(Self.scheme)
        #expect(
            await code { try await rig.migrator.start(to: scheme, mapper: mapper) } == .mapperFailed
        )
        #expect(try rig.state == .preparing)
        #expect(try !rig.tenant.has("topic=db/user=ann/n1.md"))
        let failures = try rig.migrator.errors().failures
        #expect(failures.map(\.name.description) == ["n2.md"])
        #expect(failures.first?.reason == "service away" && failures.first?.attempts == 1)
        state.mend()
        try await rig.migrator.start(to: scheme, mapper: mapper)
        #expect(asked.list == ["n1.md", "n2.md", "n3.md", "n2.md"])
        #expect(try rig.state == .moving)
        #expect(try rig.tenant.has("topic=db/user=ann/n2.md"))
        #expect(try rig.migrator.errors().failures.isEmpty)
        try await rig.tenant.expectClean()
    }

    private final class Holder: Sendable {
        private let mended: Mutex<Bool>

        init(_ mended: consuming Mutex<Bool>) { self.mended = mended }

        var isMended: Bool { mended.withLock { $0 } }

        func mend() { mended.withLock { $0 = true } }
    }

    @Test("leaveUnmapped takes errors for skips, also of a run that has met some")
    func leaveUnmapped() async throws {
        let rig = try await filled()
        let mapper = ClosureMapper(identity: "broken") { _ in .error(reason: "broken") }
        let scheme = try Scheme(Self.scheme)
        #expect(
            await code { try await rig.migrator.start(to: scheme, mapper: mapper) } == .mapperFailed
        )
        try await rig.migrator.start(
            to: scheme,
            mapper: mapper,
            options: .with { $0.leaveUnmapped = true }
        )
        #expect(try rig.state == .moving)
        #expect(try rig.tenant.has("topic=_/user=ann/n1.md"))
        try await rig.tenant.expectClean()
    }

    @Test("a mapper may not change an attribute that exists")
    func mayNotChange() async throws {
        let rig = try await filled()
        let mapper = ClosureMapper(identity: "bold") { _ in
            .fields(["topic": "db", "user": "bob"])
        }
        let scheme = try Scheme(Self.scheme)
        #expect(
            await code { try await rig.migrator.start(to: scheme, mapper: mapper) } == .mapperFailed
        )
        let reasons = try rig.migrator.errors().failures.map(\.reason)
        #expect(reasons.count == 3 && reasons.allSatisfy { $0.contains("user=bob") })
    }

    @Test("a run is not resumed with another mapper, other options, or another scheme")
    func otherIdentity() async throws {
        let rig = try await filled()
        let mapper = ClosureMapper(identity: "one") { _ in .error(reason: "later") }
        let scheme = try Scheme(Self.scheme)
        _ = await code { try await rig.migrator.start(to: scheme, mapper: mapper) }
        let other = ClosureMapper(identity: "two") { _ in .skip(reason: "") }
        #expect(
            await code { try await rig.migrator.start(to: scheme, mapper: other) }
                == .schemeMismatch
        )
        #expect(await code { try await rig.migrator.start(to: scheme) } == .schemeMismatch)
        #expect(
            await code {
                try await rig.migrator.start(
                    to: scheme,
                    mapper: mapper,
                    options: .with { $0.onCollision = .suffix }
                )
            } == .schemeMismatch
        )
        let third = try Scheme("by={user}")
        #expect(await code { try await rig.migrator.start(to: third) } == .wrongState)
    }

    /// Two memories that a scheme without users can only tell apart by what they lack.
    private func doubled() async throws -> Rig {
        let scratch = try Scratch()
        let tenant = try scratch.create("user={user}")
        try await tenant.add("user=ann/a.md")
        try await tenant.add("user=bob/a.md")
        return Rig(scratch, tenant)
    }

    @Test("what only a mapper can tell apart is no collision, and the plan counts it apart")
    func tellsApart() async throws {
        let rig = try await doubled()
        let scheme = try Scheme("topic={topic}")
        #expect(await code { try await rig.migrator.start(to: scheme) } == .collision)
        let mapper = ClosureMapper(identity: "user") { input in
            .fields(["topic": input.attributes["user"] ?? ""])
        }
        let plan = try await rig.migrator.plan(to: scheme, mapper: mapper)
        #expect(plan.toMap == 2 && plan.collisions.count == 0 && plan.memories == 2)
        try await rig.migrator.checkStart(to: scheme, mapper: mapper)
        try await rig.migrator.start(to: scheme, mapper: mapper)
        #expect(try rig.tenant.has("topic=ann/a.md") && rig.tenant.has("topic=bob/a.md"))
        try await rig.tenant.expectClean()
    }

    @Test("where a mapper gives two memories one place, one gets nothing but an error")
    func mapsTogether() async throws {
        let rig = try await doubled()
        let scheme = try Scheme("topic={topic}")
        let mapper = ClosureMapper(identity: "db") { _ in .fields(["topic": "db"]) }
        let failed = await code { try await rig.migrator.start(to: scheme, mapper: mapper) }
        #expect(failed == .mapperFailed)
        let failures = try rig.migrator.errors().failures
        #expect(failures.map(\.path?.description) == ["user=bob/a.md"])
        #expect(failures.map(\.reason) == ["its place 'topic=db/a.md' is another memory's"])
        let bob = try rig.tenant.memory(at: try NamePath("user=bob/a.md"))
        #expect(bob.attributes["topic"] == nil)
        let better = ClosureMapper(identity: "db2") { _ in .fields(["topic": "db2"]) }
        let report = try await rig.migrator.retry(mapper: better)
        #expect(report.failed == 0 && report.undecided == 0)
        #expect(try rig.tenant.has("topic=db/a.md") && rig.tenant.has("topic=db2/a.md"))
        try await rig.tenant.expectClean()
    }

    @Test("where collisions may have a suffix, what a mapper puts together gets one")
    func suffixes() async throws {
        let rig = try await doubled()
        let mapper = ClosureMapper(identity: "db") { _ in .fields(["topic": "db"]) }
        try await rig.migrator.start(
            to: try Scheme("topic={topic}"),
            mapper: mapper,
            options: .with { $0.onCollision = .suffix }
        )
        #expect(try rig.tenant.has("topic=db/a.md"))
        #expect(try rig.migrator.errors().failures.isEmpty)
        try await rig.tenant.expectClean()
    }

    @Test("after an abort, what the mapper gave can be taken back, but for what somebody changed")
    func forgets() async throws {
        let rig = try await filled()
        let mapper = ClosureMapper(identity: "db") { _ in .fields(["topic": "db", "mood": "ok"]) }
        #expect(await code { _ = try rig.migrator.forgetMapped() } == .wrongState)
        try await rig.migrator.start(to: try Scheme(Self.scheme), mapper: mapper)
        #expect(await code { _ = try rig.migrator.forgetMapped() } == .wrongState)
        let mine = try rig.tenant.memory(at: try NamePath("user=ann/n2.md"))
        _ = try await rig.tenant.set(
            mine.id,
            attributes: ["topic": "mine"],
            origin: Scratch.origin
        )
        try rig.migrator.abort(origin: Scratch.origin)
        let forgotten = try rig.migrator.forgetMapped(origin: Scratch.origin)
        #expect(forgotten.attributes == 5 && forgotten.kept == 0)
        let topics = try (1...4).map { number in
            let memory = try rig.tenant.memory(at: try NamePath("user=ann/n\(number).md"))
            #expect(memory.attributes["mood"] == nil)
            return memory.attributes["topic"]
        }
        #expect(topics == [nil, "mine", nil, "own"])
        #expect(try rig.migrator.forgetMapped(origin: Scratch.origin).attributes == 0)
        try await rig.tenant.expectClean()
    }

    @Test("memories in the trash are mapped too, and restored where they belong")
    func trash() async throws {
        let rig = try await filled()
        let gone = try rig.tenant.memory(at: try NamePath("user=ann/n1.md"))
        try await rig.tenant.delete(gone.id, origin: Scratch.origin)
        let mapper = ClosureMapper(identity: "db") { _ in .fields(["topic": "db"]) }
        try await rig.migrator.start(to: try Scheme(Self.scheme), mapper: mapper)
        #expect(try !rig.tenant.has("topic=db/user=ann/n1.md"))
        _ = try await rig.tenant.restore(gone.id, origin: Scratch.origin)
        #expect(try rig.tenant.has("topic=db/user=ann/n1.md"))
        try await rig.tenant.expectClean()
    }
}

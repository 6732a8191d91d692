import Loci
import Migration
import Testing

@Suite("Plan")
struct PlanTests {
    private func filled(_ scheme: String, _ paths: [String]) async throws -> Rig {
        let scratch = try Scratch()
        let tenant = try scratch.create(scheme)
        for path in paths { try await tenant.add(path) }
        return Rig(scratch, tenant)
    }

    @Test("counts what moves and what stays, with a sample and the largest directory")
    func counts() async throws {
        let rig = try await filled(
            "user={user}/topic={topic}",
            ["user=a/topic=x/1.md", "user=b/topic=x/2.md", "user=a/topic=y/3.md"]
        )
        let plan = try await rig.migrator.plan(to: try Scheme("topic={topic}/user={user}"))
        #expect(plan.memories == 3 && plan.toMove == 3 && plan.inPlace == 0)
        #expect(plan.from == LayoutNumber(1) && plan.to == LayoutNumber(2))
        #expect(plan.collisions.count == 0 && plan.missing.isEmpty && plan.hidden.isEmpty)
        #expect(plan.sample?.from.description == "user=a/topic=x/1.md")
        #expect(plan.sample?.to.description == "topic=x/user=a/1.md")
        #expect(plan.largestDirectory?.memories == 1)
        #expect(plan.deepest?.names.count == 3)
        #expect(plan.shared.samples == [NamePath()])
        #expect(plan.refusal(.init()) == nil)
    }

    @Test("finds every collision, and names the memories")
    func collisions() async throws {
        let rig = try await filled(
            "user={user}",
            ["user=a/n.md", "user=b/n.md", "user=c/n.md", "user=c/m.md"]
        )
        let plan = try await rig.migrator.plan(to: try Scheme("year={created:year}"))
        #expect(plan.collisions.count == 2)
        #expect(plan.collisions.samples.first?.memories.count == 3)
        #expect(plan.hidden == ["user"])
        #expect(plan.refusal(.init())?.code == .collision)
        #expect(plan.refusal(.with { $0.onCollision = .suffix }) == nil)
    }

    @Test("a start that would collide is refused, and with suffix it is not")
    func collisionChoice() async throws {
        let rig = try await filled("user={user}", ["user=a/n.md", "user=b/n.md"])
        let scheme = "year={created:year}"
        #expect(await code { try await rig.start(scheme) } == .collision)
        #expect(try rig.state == .none)
        try await rig.start(scheme, .with { $0.onCollision = .suffix })
        try await rig.settle()
        try rig.migrator.cutover(origin: Scratch.origin)
        let paths = try rig.tenant.listedPaths()
        #expect(paths.count == 2)
        #expect(paths.filter { $0.contains("/n~") }.count == 1)
        try await rig.tenant.expectClean()
    }

    @Test("finds a memory that has the name of a directory")
    func fileAndDirectory() async throws {
        let rig = try await filled(
            "user={user}/{folder...}",
            ["user=a/sub/one.md", "user=b/sub"]
        )
        let plan = try await rig.migrator.plan(to: try Scheme("all/{folder...}"))
        #expect(plan.collisions.count == 1)
        #expect(plan.collisions.samples.first?.path.description == "all/sub")
    }

    @Test("schemes that dispute a path are refused, naming a form that does not, or --apart")
    func disputes() async throws {
        let rig = try await filled("{user}/{topic}", ["a/x/1.md"])
        let scheme = "{topic}/{user}"
        let error = await #expect(throws: LociError.self) { try await rig.start(scheme) }
        #expect(error?.code == .schemesDispute)
        #expect(error?.remedy?.contains("topic={topic}") == true)
        #expect(error?.remedy?.contains("--apart") == true)
        try await rig.start(scheme, .with { $0.apart = true })
        try await rig.settle()
        #expect(try !rig.tenant.has("x/a/1.md"))
        try rig.migrator.cutover(origin: Scratch.origin)
        #expect(try rig.tenant.listedPaths() == ["x/a/1.md"])
        try rig.migrator.retire(origin: Scratch.origin)
        try await rig.settle()
        try await rig.start("topic={topic}")
        #expect(try rig.tenant.has("topic=x/1.md"))
        try await rig.tenant.expectClean()
    }

    @Test("names that one layout claims and another has are found before anything is written")
    func claims() async throws {
        let rig = try await filled("{folder...}", ["topic=x/1.md", "other/2.md"])
        let plan = try await rig.migrator.plan(to: try Scheme("topic={topic}"))
        #expect(plan.dispute == nil)
        #expect(plan.brokenClaims.count == 1)
        #expect(plan.brokenClaims.samples.first?.description == "topic=x/1.md")
        #expect(await code { try await rig.start("topic={topic}") } == .schemesDispute)
    }

    @Test("tells of paths that differ only by case or by normal form")
    func twins() async throws {
        let rig = try await filled(
            "user={user}",
            ["user=a/Note.md", "user=b/note.md", "user=a/caf\u{E9}.md", "user=b/cafe\u{301}.md"]
        )
        let plan = try await rig.migrator.plan(to: try Scheme("year={created:year}"))
        #expect(plan.collisions.count == 0)
        #expect(plan.twins.count == 2)
    }

    @Test("a path that would be too long is found and refused")
    func tooLong() async throws {
        let scratch = try Scratch()
        let tenant = try scratch.create("{folder...}")
        _ = try await tenant.append(
            [1],
            name: try Name("n.md"),
            attributes: ["topic": String(repeating: "x", count: 300)],
            origin: Scratch.origin
        )
        let rig = Rig(scratch, tenant)
        #expect(await code { try await rig.start("topic={topic}") } == .nameTooLong)
        #expect(try rig.state == .none)
    }

    @Test("a snapshot is taken before, unless it is not wanted")
    func snapshot() async throws {
        let rig = try await filled("user={user}", ["user=a/n.md"])
        try await rig.start("by={user}")
        #expect(try rig.tenant.snapshots().map(\.name) == ["before-layout-2"])
        #expect(try rig.migrator.status().run?.snapshot == "before-layout-2")
        try rig.migrator.cutover()
        try await rig.start("of={user}", .with { $0.takeSnapshotFirst = false })
        #expect(try rig.tenant.snapshots().count == 1)
    }
}

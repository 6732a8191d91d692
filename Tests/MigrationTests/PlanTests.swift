import Linux
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

    @Test("tells how many new directories there would be, and how full they are")
    func fanOut() async throws {
        let rig = try await filled(
            "user={user}/topic={topic}",
            [
                "user=a/topic=x/1.md", "user=b/topic=x/2.md", "user=c/topic=x/3.md",
                "user=a/topic=y/4.md",
            ]
        )
        let plan = try await rig.migrator.plan(to: try Scheme("topic={topic}/user={user}"))
        // topic=x with three users, topic=y with one, and four users with a memory each.
        #expect(plan.fanOut.directories == 6)
        #expect(plan.fanOut.largest == 3)
        #expect(plan.fanOut.widest?.description == "topic=x")
        #expect(plan.fanOut.mean == 8.0 / 6)
        #expect(plan.deepest?.names.count == 3)
    }

    @Test("a measured time comes with a plan that moves something, and leaves nothing behind")
    func estimate() async throws {
        let rig = try await filled("user={user}", ["user=a/n.md"])
        let change = try rig.tenant.lastChange()
        let plan = try await rig.migrator.plan(to: try Scheme("by={user}"))
        let estimate = try #require(plan.estimate)
        #expect(estimate > .zero)
        #expect(try rig.tenant.lastChange() == change)
        try await rig.tenant.expectClean()
        let staging = try File.open(rig.tenant.directory + "/staging", [.readOnly, .directory])
        #expect(try staging.entries().map { String(decoding: $0.name, as: UTF8.self) } == ["lock"])
    }

    @Test("counts relative links that lead somewhere today and would not from the new place")
    func links() async throws {
        let scratch = try Scratch()
        let tenant = try scratch.create("user={user}/topic={topic}")
        try await tenant.add("user=a/topic=x/target.md")
        try await tenant.add("user=a/topic=x/sp ace.md")
        let texts = [
            "same": "[a](target.md) stays, [b](./sp%20ace.md#part) too",
            "broken": "[up](../topic=x/target.md \"title\")\n\n[d]: <../topic=x/sp ace.md>\n",
            "nowhere": "[gone](../topic=x/nothing.md) [web](https://a.b/c) [abs](/user=a) [f](#x)",
            "code": "`[c](../topic=x/target.md)`\n```\n[c](../topic=x/target.md)\n```\n",
            "picture": "\0[c](../topic=x/target.md)",
        ]
        for (name, text) in texts {
            let topic = name == "same" ? "x" : "y"
            try await tenant.add("user=a/topic=\(topic)/\(name).md", text)
        }
        let rig = Rig(scratch, tenant)
        let scheme = try Scheme("topic={topic}/user={user}")
        #expect(try await rig.migrator.plan(to: scheme).brokenLinks == nil)
        let links = try #require(try await rig.migrator.plan(to: scheme, links: true).brokenLinks)
        #expect(links.count == 2)
        #expect(
            links.samples.map(\.source.description)
                == Array(repeating: "user=a/topic=y/broken.md", count: 2)
        )
        #expect(links.samples.map(\.link) == ["../topic=x/target.md", "../topic=x/sp ace.md"])
        // One directory for all: a link up and down again leads nowhere, a name beside does.
        let flat = try await rig.migrator.plan(to: try Scheme("of={user}"), links: true)
        #expect(flat.brokenLinks?.count == 2)
    }

    @Test("a check of a start says what the start would, and writes nothing")
    func check() async throws {
        let rig = try await filled("user={user}", ["user=a/n.md", "user=b/n.md"])
        let scheme = try Scheme("year={created:year}")
        let change = try rig.tenant.lastChange()
        #expect(await code { try await rig.migrator.checkStart(to: scheme) } == .collision)
        let suffix = MigrationOptions.with { $0.onCollision = .suffix }
        try await rig.migrator.checkStart(to: scheme, options: suffix)
        let listed = try Scheme("user={user}")
        #expect(await code { try await rig.migrator.checkStart(to: listed) } == .wrongState)
        let lock = try rig.tenant.preparerLock()
        #expect(try lock.tryLock())
        #expect(
            await code { try await rig.migrator.checkStart(to: scheme, options: suffix) }
                == .lockHeld
        )
        #expect(try rig.tenant.lastChange() == change)
    }
}

import Catalog
import Linux
import Loci
import Migration
import SQL
import Testing

@Suite("Retiring a layout")
struct RetireTests {
    static let old = "user={user}"
    static let new = "by={user}"

    private func listed() async throws -> Rig {
        let scratch = try Scratch()
        let tenant = try scratch.create(Self.old)
        try await tenant.add("user=ann/n.md")
        let rig = Rig(scratch, tenant)
        try await rig.start(Self.new)
        try rig.migrator.cutover(origin: Scratch.origin)
        return rig
    }

    private func use(
        _ rig: Rig,
        count: Int64 = 1,
        prefixes: [String] = ["user=ann"]
    ) throws {
        let now = rig.scratch.clock.time
        try rig.tenant.catalog.write(.normal, origin: Scratch.origin) { transaction in
            try transaction.countUses(
                prefixes.map { prefix in
                    OldPathUseRow(
                        OldPathUseRow.Key(
                            layout: LayoutNumber(1),
                            prefix: prefix,
                            uid: 1000,
                            process: "backup"
                        ),
                        pid: 77,
                        count: count,
                        first: now,
                        last: now
                    )
                }
            )
        }
    }

    @Test("tells how many are in the way, though it names only some")
    func many() async throws {
        let rig = try await listed()
        try use(rig, prefixes: (0..<401).map { "user=\($0)" })
        let error = #expect(throws: LociError.self) { try rig.migrator.retire() }
        #expect(error?.message.contains("; and 385 more") == true, "\(error?.message ?? "")")
        #expect(try rig.migrator.blockers().total == 401)
    }

    @Test("uses that a mount writes down after the layout ended are not kept")
    func late() async throws {
        let rig = try await listed()
        try use(rig)
        try rig.migrator.retire(force: true)
        try await rig.settle()
        try use(rig)
        #expect(try rig.migrator.who().isEmpty)
    }

    @Test("is refused while its paths are in use, naming user, process, place and count")
    func refused() async throws {
        let rig = try await listed()
        try use(rig, count: 2)
        try use(rig, count: 3)
        let error = #expect(throws: LociError.self) { try rig.migrator.retire() }
        #expect(error?.code == .oldPathsInUse)
        for word in ["backup", "77", "1000", "'user=ann'", "5 times", "1d"] {
            #expect(error?.message.contains(word) == true)
        }
        #expect(error?.remedy?.contains("--force") == true)
        #expect(
            await code {
                try rig.migrator.check(.retire(nil, quietPeriod: Migrator.quietPeriod))
            } == .oldPathsInUse
        )
        #expect(try rig.state == .complete)
        #expect(try rig.migrator.who().map(\.count) == [5])
    }

    @Test("is allowed once they were quiet for a day")
    func quiet() async throws {
        let rig = try await listed()
        try use(rig)
        rig.scratch.clock.advance(.seconds(86_399))
        #expect(await code { try rig.migrator.retire() } == .oldPathsInUse)
        rig.scratch.clock.advance(.seconds(2))
        try rig.migrator.retire()
        #expect(try rig.state == .retired)
        #expect(try rig.migrator.history().first?.outcome == .retired)
    }

    @Test("may be forced, which is recorded with who was in the way")
    func forced() async throws {
        let rig = try await listed()
        try use(rig)
        try rig.migrator.retire(force: true)
        #expect(try rig.migrator.history().first?.outcome == .retiredByForce)
        let change = try rig.tenant.changes(after: ChangeNumber(0), limit: 1000)
            .last { $0.operation == .layoutRetired }
        #expect(change?.detail?.contains("\"forced\":true") == true)
        #expect(change?.detail?.contains("backup") == true)
        try await rig.settle()
        #expect(try rig.migrator.who().isEmpty)
        try await rig.tenant.expectClean()
    }

    @Test("nodelete is kept with the old layout, and taken back by a revert")
    func nodelete() async throws {
        let scratch = try Scratch()
        let tenant = try scratch.create(Self.old)
        try await tenant.add("user=ann/n.md")
        let rig = Rig(scratch, tenant)
        try await rig.start(Self.new)
        try rig.migrator.cutover(oldPaths: .nodelete)
        #expect(try rig.migrator.status().oldPaths == .nodelete)
        try rig.migrator.revert()
        #expect(try rig.migrator.status().oldPaths == .rw)
    }

    @Test("foreign files in its directories move to a tree of their own, and lose no byte")
    func foreign() async throws {
        let scratch = try Scratch()
        let tenant = try scratch.create(Self.old)
        try await tenant.add("user=ann/n.md")
        let rig = Rig(scratch, tenant)
        try rig.addForeign(".swp", in: "user=ann")
        try rig.addForeign(".top", in: nil)
        try await rig.start(Self.new)
        try rig.migrator.cutover()
        try rig.migrator.retire()
        try await rig.settle()
        let (kept, top) = try tenant.catalog.read { reader in
            let root = try #require(try reader.foreignRoot())
            let directory = try reader.resolve(
                [try Name("user=ann")],
                from: root,
                layouts: .foreign
            )
            let place = try #require(directory).node
            return (
                try reader.entry(in: place, named: try Name(".swp"), layouts: .foreign),
                try reader.entry(
                    in: Catalog.rootNode,
                    named: try Name(".top"),
                    layouts: .foreign
                )
            )
        }
        #expect(kept != nil)
        #expect(top != nil, "the root lives on, and so does what is in it")
        try await tenant.expectClean()
    }

    @Test("what was deleted by old paths comes back by them, also after they ended")
    func restoredByOldPath() async throws {
        let rig = try await listed()
        let note = try rig.tenant.memory(at: try NamePath("user=ann/n.md"))
        let before = rig.scratch.clock.time
        try await rig.tenant.delete(note.id, origin: Scratch.origin)
        try rig.migrator.retire()
        try await rig.settle()
        for (path, count) in [("user=bob", 0), ("user=ann/n.md", 1), ("user=ann", 1), ("", 1)] {
            let report = try await rig.tenant.restore(
                under: try NamePath(path),
                since: before,
                dryRun: true,
                origin: Scratch.origin
            )
            #expect(report.untrashed == count, "\(path)")
        }
        let report = try await rig.tenant.restore(
            under: try NamePath("user=ann"),
            since: before,
            origin: Scratch.origin
        )
        #expect(report.paths.map(\.description) == ["by=ann/n.md"])
        #expect(try rig.tenant.memory(at: try NamePath("by=ann/n.md")).id == note.id)
    }

    @Test("settles while somebody else holds the mover's lock only by naming them")
    func lockHeld() async throws {
        let rig = try await listed()
        let lock = try rig.tenant.moverLock()
        #expect(try lock.tryLock())
        try lock.announce()
        #expect(await code { try await rig.settle() } == .lockHeld)
        #expect(try rig.migrator.status().worker?.process == RunningProcess.current.id)
    }

    @Test("a pause keeps blobs where they are until it is taken back")
    func pause() async throws {
        let rig = try await listed()
        try rig.migrator.pause(reason: "disk at night")
        let status = try rig.migrator.status()
        #expect(status.isPaused && status.pauseReason == "disk at night")
        let error = await #expect(throws: LociError.self) { try await rig.settle() }
        #expect(error?.code == .wrongState && error?.message.contains("disk at night") == true)
        #expect(try rig.migrator.status().misplaced == 1)
        try rig.migrator.resume()
        #expect(try await rig.settle().misplaced == 0)
    }
}

extension Rig {
    /// What an editor leaves beside memories.
    func addForeign(_ name: String, in directory: String?) throws {
        try tenant.catalog.write(.full, origin: Scratch.origin) { transaction in
            let table = try transaction.reader.layouts()
            let parent =
                try directory.map {
                    try transaction.reader.entry(
                        in: Catalog.rootNode,
                        named: try Name($0),
                        layouts: table.occupied
                    )?.node
                } ?? Catalog.rootNode
            let node = Node(
                number: transaction.newNodeNumber(),
                kind: .foreign,
                mode: 0o100644,
                uid: 0,
                gid: 0,
                mtime: 0,
                ctime: 0
            )
            try transaction.insert(node)
            let since = try transaction.record(.add, directory: parent)
            try transaction.link(
                node.number,
                in: parent ?? Catalog.rootNode,
                as: try Name(name),
                layouts: .foreign,
                since: since
            )
        }
        let number = try tenant.catalog.read { reader in
            try reader.setting(Setting.nextNode) ?? 0
        }
        let file = try File.open(
            tenant.directory + "/foreign/\(number - 1)",
            [.writeOnly, .create]
        )
        try file.write([])
    }
}

import Catalog
import Glibc
import Linux
import Model
import SQL
import Testing

@testable import Loci
@testable import Mount

/// Files that are not yet memories are as good as any other to who looks at their names.
@Suite(.serialized, .timeLimit(.minutes(20)))
struct UnbornNamesTests {
    private func times(_ mounted: MountedTenant, _ name: String) throws -> Int64 {
        let time = try mounted.status(name).st_mtim
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    @Test("making, renaming and removing one shows in the times of its directory")
    func directoryTimes() throws {
        let mounted = try MountedTenant("{folder...}", "quiet=10s")
        try mounted.makeDirectory("d")
        var before = try times(mounted, "d")
        for change in [
            { try mounted.write("d/a.md", "a") }, { try mounted.rename("d/a.md", "d/b.md") },
            { try mounted.remove("d/b.md") },
        ] {
            try change()
            let after = try times(mounted, "d")
            #expect(after > before)
            before = after
        }
        mounted.unmount()
        try mounted.mount()
        #expect(try times(mounted, "d") == before)
    }

    @Test("a birth leaves the times of its directory as they were, also those that were set")
    func birth() throws {
        let mounted = try MountedTenant("{folder...}", "quiet=10s")
        try mounted.makeDirectory("d")
        try mounted.makeDirectory("set")
        try mounted.write("d/a.md", "a")
        try mounted.write("set/a.md", "a")
        try mounted.setTime("set", seconds: 1_500_000_000)
        let before = try times(mounted, "d")
        let report = mounted.daemon.staging.commitNow(.unmount)
        #expect(report.committed == 2)
        mounted.unmount()
        try mounted.mount()
        #expect(try times(mounted, "d") == before)
        #expect(try times(mounted, "set") == 1_500_000_000_000_000_000)
    }

    @Test("a new name's time stays its directory's when only the mode or name of that one changes")
    func birthAfterOtherChanges() throws {
        let mounted = try MountedTenant("{folder...}", "quiet=10s")
        for directory in ["d", "e", "g"] {
            try mounted.makeDirectory(directory)
            try mounted.write("\(directory)/a.md", "a")
        }
        let before = try ["d", "e", "g"].map { try times(mounted, $0) }
        #expect(unsafe chmod(mounted.full("d"), 0o755) == 0)
        try mounted.rename("e", "f")
        try mounted.rename("g", "g~")
        _ = mounted.daemon.staging.commitNow(.unmount)
        mounted.unmount()
        try mounted.mount()
        #expect(try ["d", "f", "g~"].map { try times(mounted, $0) } == before)
    }

    @Test("a directory of an unlisted layout lives while it has one")
    func unlisted() async throws {
        let mounted = try MountedTenant("user={user}", "quiet=10s")
        try await mounted.add("user=bob/a.md", "a")
        let owner = try mounted.addLayout("owner={user}")
        try mounted.list(layout: owner)
        try mounted.write("user=bob/b.md", "b")
        try mounted.remove("user=bob/a.md")
        #expect(try mounted.list("user=bob") == ["b.md"])
        let inode = try mounted.inode("user=bob")
        _ = mounted.daemon.staging.commitNow(.unmount)
        #expect(try mounted.inode("user=bob") == inode)
        #expect(try mounted.read("user=bob/b.md") == "b")
    }

    @Test("saving twice before it is born, by unlink and create, still continues the memory")
    func twiceByUnlink() async throws {
        let mounted = try MountedTenant("{folder...}", "quiet=10s")
        let memory = try await mounted.add("a.md", "1")
        for text in ["2", "3"] {
            try mounted.remove("a.md")
            try mounted.write("a.md", text)
        }
        _ = mounted.daemon.staging.commitNow(.unmount)
        let after = try mounted.outside.memory(at: try NamePath("a.md"))
        #expect(after.id == memory.id)
        #expect(after.revision.rawValue == 2)
        #expect(try mounted.read("a.md") == "3")
    }

    @Test("saving twice before it is born, with a backup, still continues the memory")
    func twiceByBackup() async throws {
        let mounted = try MountedTenant("{folder...}", "quiet=10s")
        let memory = try await mounted.add("a.md", "1")
        for (backup, text) in [("a.md~", "2"), ("a.md~", "3"), (".a.md", "4")] {
            try mounted.rename("a.md", backup)
            try mounted.write("a.md", text)
        }
        _ = mounted.daemon.staging.commitNow(.unmount)
        let after = try mounted.outside.memory(at: try NamePath("a.md"))
        #expect(after.id == memory.id)
        #expect(after.revision.rawValue == 2)
        #expect(try mounted.read("a.md") == "4")
        #expect(try mounted.read("a.md~") == "2")
        #expect(try mounted.read(".a.md") == "3")
    }

    @Test("who saw a name before a commit gave it to another memory changes neither of the two")
    func split() async throws {
        let mounted = try MountedTenant("{folder...}", "quiet=10s")
        let memory = try await mounted.add("a.md", "old")
        let seen = try #require(try mounted.outside.catalog.read { try $0.memory(memory.id) })
        try mounted.rename("a.md", "b.md")
        try mounted.write("a.md", "new")
        try mounted.write("t.md", "over")
        let staging = mounted.daemon.staging
        let over = NodeNumber(try mounted.inode("t.md"))
        try staging.commit(NodeNumber(try mounted.inode("a.md")))
        #expect(try mounted.outside.memory(at: try NamePath("a.md")).id == memory.id)
        let removal = #expect(throws: LociError.self) {
            try mounted.outside.catalog.write(origin: MountedTenant.origin) { transaction in
                _ = try transaction.trash(transaction.memory(seen.row, still: seen.node))
            }
        }
        let replacing = #expect(throws: LociError.self) {
            let caller = Caller(origin: MountedTenant.origin, gid: 0)
            try staging.replace(seen.row, shownBy: seen.node, by: over, caller)
        }
        #expect([removal?.code, replacing?.code] == [.wrongState, .wrongState])
        #expect(try mounted.list() == ["a.md", "b.md", "t.md"])
        #expect(try ["a.md", "b.md", "t.md"].map(mounted.read) == ["new", "old", "over"])
    }

    @Test(
        "a tool's file that another replaces stays with who has it open",
        arguments: [true, false]
    )
    func replacedForeign(byMemory: Bool) async throws {
        let mounted = try MountedTenant("{folder...}", "quiet=10s")
        try mounted.write("a.md~", "old")
        if byMemory {
            try await mounted.add("a.md", "new")
        } else {
            try mounted.write("a.md", "new")
        }
        let held = try File.open(mounted.full("a.md~"), [.readWrite])
        try mounted.rename("a.md", "a.md~")
        #expect(try mounted.read("a.md~") == "new")
        try held.write(Array("er".utf8), at: 3)
        #expect(try held.status().size == 5)
        #expect(try held.read(count: 10, at: 0) == Array("older".utf8))
    }
}

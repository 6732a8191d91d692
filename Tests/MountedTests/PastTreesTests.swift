import Glibc
import Linux
import Testing

@testable import Loci
@testable import Model
@testable import Mount

/// `.loci/history`, `.loci/snapshots` and `.loci/trash`.
@Suite(.serialized, .timeLimit(.minutes(20)))
struct PastTreesTests {
    typealias Failed = MountedTenant.Failed

    private func edit(_ mounted: MountedTenant, _ memory: Memory, _ text: String) async throws {
        _ = try await mounted.outside.edit(
            memory.id,
            content: Array(text.utf8),
            origin: MountedTenant.origin
        )
    }

    /// Each file with its bytes, each directory with a slash: what `tar` would take.
    private func contents(_ mounted: MountedTenant, _ directory: String) throws -> [String] {
        try mounted.walk(directory).map {
            let status = try mounted.status($0)
            let name = $0.dropFirst(directory.utf8.count)
            let time = "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
            return "\(name) \(try mounted.read($0)) \(status.st_size) \(time) \(status.st_mode)"
        }
    }

    private func mode(_ mounted: MountedTenant, _ path: String) throws -> UInt32 {
        try mounted.status(path).st_mode & 0o777
    }

    // MARK: History

    @Test("history has every kept revision of a memory, and shows a new one at once")
    func history() async throws {
        let mounted = try MountedTenant()
        let memory = try await mounted.add("user=bob/topic=auth/a.md", "one")
        let directory = ".loci/history/user=bob/topic=auth/a.md"
        #expect(try mounted.list(directory) == ["1"])
        for (number, text) in [(2, "two"), (3, "three!")] {
            try await edit(mounted, memory, text)
            let numbers = (1...number).map { "\($0)" }
            #expect(try mounted.list(directory) == numbers)
            #expect(try mounted.read("\(directory)/\(number)") == text)
            #expect(try mounted.status("\(directory)/\(number)").st_size == text.utf8.count)
        }
        #expect(try mounted.read("\(directory)/1") == "one")
        for name in ["4", "0", "01", "x"] { #expect(!mounted.exists("\(directory)/\(name)")) }
        let all = ["1", "2", "3"].map { "\(directory)/\($0)" }
        #expect(try mounted.walk(".loci/history") == all)
        #expect(throws: Failed(code: EROFS)) { try mounted.write("\(directory)/1", "x") }
        #expect(throws: Failed(code: EROFS)) { try mounted.remove("\(directory)/1") }
        #expect(throws: Failed(code: EROFS)) { try mounted.makeDirectory("\(directory)/9") }
    }

    @Test("copying a revision over the file goes back, as a new revision")
    func goingBack() async throws {
        let mounted = try MountedTenant()
        let memory = try await mounted.add("user=bob/topic=auth/a.md", "one")
        try await edit(mounted, memory, "two")
        let old = try mounted.read(".loci/history/user=bob/topic=auth/a.md/1")
        try mounted.write("user=bob/topic=auth/a.md", old)
        try mounted.outside.askMountsToCommit(timeout: .seconds(5))
        #expect(try await mounted.outside.content(of: memory.id) == Array("one".utf8))
        #expect(
            try mounted.list(".loci/history/user=bob/topic=auth/a.md") == ["1", "2", "3"]
        )
    }

    @Test("history may be read by whom the memory lets, and by nobody else")
    func permissions() async throws {
        let mounted = try MountedTenant()
        try await mounted.add("user=bob/topic=auth/a.md", "secret")
        unsafe chmod(mounted.full("user=bob/topic=auth/a.md"), 0o600)
        _ = try await mounted.outside.takeSnapshot("s", origin: MountedTenant.origin)
        let directory = ".loci/history/user=bob/topic=auth/a.md"
        #expect(try mode(mounted, directory) == 0o500)
        #expect(try mode(mounted, directory + "/1") == 0o400)
        let frozen = ".loci/snapshots/s/user=bob/topic=auth/a.md"
        #expect(try mode(mounted, frozen) == 0o400)
        unsafe chmod(mounted.full("user=bob/topic=auth/a.md"), 0o644)
        #expect(
            try mounted.eventually(within: .seconds(3)) {
                try mode(mounted, frozen) == 0o444
            } != nil
        )
    }

    // MARK: Snapshots

    @Test("mkdir takes a snapshot of what was just written, and rmdir deletes it")
    func mkdirTakesASnapshot() async throws {
        let mounted = try MountedTenant()
        #expect(try mounted.list(".loci/snapshots") == [])
        #expect(!mounted.exists(".loci/snapshots/first"))
        try mounted.makeDirectory("user=bob")
        try mounted.makeDirectory("user=bob/topic=auth")
        try mounted.write("user=bob/topic=auth/a.md", "just written")
        try mounted.makeDirectory(".loci/snapshots/first")
        #expect(try mounted.list(".loci/snapshots") == ["first"])
        #expect(try mounted.outside.snapshots().map(\.name) == ["first"])
        let file = ".loci/snapshots/first/user=bob/topic=auth/a.md"
        #expect(try mounted.read(file) == "just written")
        try mounted.write("user=bob/topic=auth/a.md", "and written over")
        #expect(try mounted.read(file) == "just written")
        #expect(throws: Failed(code: EEXIST)) { try mounted.makeDirectory(".loci/snapshots/first") }
        #expect(throws: Failed(code: EROFS)) { try mounted.write(file, "x") }
        #expect(throws: Failed(code: EROFS)) { try mounted.remove(file) }
        #expect(throws: Failed(code: EROFS)) {
            try mounted.rename(file, "user=bob/topic=auth/b.md")
        }
        try mounted.removeDirectory(".loci/snapshots/first")
        #expect(try mounted.list(".loci/snapshots") == [])
        #expect(!mounted.exists(file))
        #expect(throws: Failed(code: ENOENT)) {
            try mounted.removeDirectory(".loci/snapshots/first")
        }
    }

    @Test("a snapshot that a command takes or deletes shows at once")
    func fromOutside() async throws {
        let mounted = try MountedTenant()
        try await mounted.add("user=bob/topic=auth/a.md", "1")
        #expect(!mounted.exists(".loci/snapshots/s"))
        #expect(try mounted.list(".loci/snapshots") == [])
        _ = try await mounted.outside.takeSnapshot("s", origin: MountedTenant.origin)
        #expect(try mounted.list(".loci/snapshots") == ["s"])
        #expect(try mounted.read(".loci/snapshots/s/user=bob/topic=auth/a.md") == "1")
        try await mounted.outside.deleteSnapshot("s", origin: MountedTenant.origin)
        #expect(!mounted.exists(".loci/snapshots/s"))
        #expect(try mounted.list(".loci/snapshots") == [])
    }

    @Test("a snapshot is the same to the byte and the time after edits, a migration and a gc")
    func stable() async throws {
        let mounted = try MountedTenant()
        var memories: [Memory] = []
        for index in 0..<40 {
            let path = "user=u\(index % 3)/topic=t\(index % 5)/\(index).md"
            memories.append(try await mounted.add(path, "text \(index)"))
        }
        try mounted.makeDirectory("user=empty")
        try mounted.makeDirectory(".loci/snapshots/s")
        let directory = ".loci/snapshots/s"
        let before = try contents(mounted, directory)
        #expect(before.count == 40)
        let names = try mounted.list(directory)
        #expect(names == ["user=empty", "user=u0", "user=u1", "user=u2"])

        for (index, memory) in memories.enumerated() {
            try await edit(mounted, memory, "other \(index)")
            switch index % 4 {
            case 0: try await mounted.outside.delete(memory.id, origin: MountedTenant.origin)
            case 1:
                _ = try await mounted.outside.set(
                    memory.id,
                    attributes: ["user": "new"],
                    origin: MountedTenant.origin
                )
            case 2:
                let path = try #require(memory.path).description
                try mounted.setTime(path, seconds: 77)
            default: break
            }
        }
        try mounted.removeDirectory("user=empty")
        let second = try mounted.addLayout("topic={topic}/user={user}")
        try mounted.list(layout: second)
        try mounted.retire(layout: LayoutNumber(1))
        // Its slot is used again.
        _ = try mounted.addLayout("by={user}")
        try mounted.outside.setRetention(.zero, origin: MountedTenant.origin)
        _ = try await mounted.outside.applyRetention(origin: MountedTenant.origin)
        _ = try await mounted.outside.collect(delete: true, origin: MountedTenant.origin)
        mounted.unmount()
        try mounted.mount()
        #expect(try contents(mounted, directory) == before)
        #expect(try mounted.list(directory) == names)
        #expect(try await mounted.outside.check(contents: true) == [])
    }

    @Test("the numbers of revisions that are none are not there, and listings follow retention")
    func strangeRevisions() async throws {
        let mounted = try MountedTenant()
        let path = "user=bob/topic=auth/a.md"
        let memory = try await mounted.add(path, "one")
        try await edit(mounted, memory, "two")
        let history = ".loci/history/\(path)"
        for number in ["-9223372036854775808", "9223372036854775807", "0", "-1", "3"] {
            #expect(!mounted.exists("\(history)/\(number)"))
        }
        #expect(try mounted.list(history) == ["1", "2"])
        try mounted.outside.setRetention(.zero, origin: MountedTenant.origin)
        _ = try await mounted.outside.applyRetention(origin: MountedTenant.origin)
        #expect(try mounted.list(history) == ["2"])
    }

    // MARK: The trash

    @Test("the trash is read anew where the log was cut in between")
    func trashAfterACut() async throws {
        let mounted = try MountedTenant()
        try await mounted.add("user=bob/topic=auth/a.md", "one")
        let second = try await mounted.add("user=bob/topic=auth/b.md", "two")
        try mounted.remove("user=bob/topic=auth/b.md")
        #expect(try mounted.walk(".loci/trash") == [".loci/trash/user=bob/topic=auth/b.md"])
        try mounted.remove("user=bob/topic=auth/a.md")
        _ = try await mounted.outside.restore(second.id, origin: MountedTenant.origin)
        try mounted.outside.setRetention(.zero, origin: MountedTenant.origin)
        _ = try await mounted.outside.applyRetention(origin: MountedTenant.origin)
        #expect(try mounted.walk(".loci/trash") == [".loci/trash/user=bob/topic=auth/a.md"])
    }

    @Test("a memory in the trash can be read, and moved out with its id and history")
    func moveOut() async throws {
        let mounted = try MountedTenant()
        let memory = try await mounted.add("user=bob/topic=auth/a.md", "one")
        try await edit(mounted, memory, "two")
        #expect(try mounted.read("user=bob/topic=auth/a.md") == "two")
        #expect(try mounted.walk(".loci/trash") == [])
        try mounted.remove("user=bob/topic=auth/a.md")
        let path = ".loci/trash/user=bob/topic=auth/a.md"
        #expect(try mounted.walk(".loci/trash") == [path])
        #expect(try mounted.read(path) == "two")
        let inode = try mounted.inode(path)
        try mounted.rename(path, "user=bob/topic=auth/back.md")
        #expect(try mounted.walk() == ["user=bob/topic=auth/back.md"])
        #expect(try mounted.walk(".loci/trash") == [])
        #expect(try mounted.read("user=bob/topic=auth/back.md") == "two")
        #expect(try mounted.inode("user=bob/topic=auth/back.md") == inode)
        let back = try mounted.outside.memory(at: NamePath("user=bob/topic=auth/back.md"))
        #expect(back.id == memory.id)
        #expect(try mounted.outside.revisions(of: back.id).count == 2)
        #expect(try await mounted.outside.check(contents: true) == [])
    }

    @Test("moved out to another partition, a memory gets its attributes")
    func moveElsewhere() async throws {
        let mounted = try MountedTenant()
        let memory = try await mounted.add("user=bob/topic=auth/a.md", "one")
        try mounted.remove("user=bob/topic=auth/a.md")
        try mounted.makeDirectory("user=eve")
        try mounted.makeDirectory("user=eve/topic=db")
        try mounted.rename(".loci/trash/user=bob/topic=auth/a.md", "user=eve/topic=db/a.md")
        let back = try mounted.outside.memory(memory.id)
        #expect(back.attributes == ["user": "eve", "topic": "db"])
        #expect(try mounted.read("user=eve/topic=db/a.md") == "one")
    }

    @Test("what was deleted replaces nothing, and nothing else can be done in the trash")
    func refused() async throws {
        let mounted = try MountedTenant()
        try await mounted.add("user=bob/topic=auth/a.md", "old")
        try mounted.remove("user=bob/topic=auth/a.md")
        try await mounted.add("user=bob/topic=auth/a.md", "new")
        let path = ".loci/trash/user=bob/topic=auth/a.md"
        #expect(throws: Failed(code: EEXIST)) {
            try mounted.rename(path, "user=bob/topic=auth/a.md")
        }
        #expect(try mounted.read("user=bob/topic=auth/a.md") == "new")
        #expect(throws: Failed(code: EINVAL)) {
            try mounted.rename(path, "user=bob/topic=auth/.a")
        }
        #expect(throws: Failed(code: EPERM)) { try mounted.remove(path) }
        #expect(throws: Failed(code: EPERM)) { try mounted.write(".loci/trash/x", "1") }
        #expect(throws: Failed(code: EPERM)) { try mounted.makeDirectory(".loci/trash/x") }
        #expect(throws: Failed(code: EPERM)) {
            try mounted.rename("user=bob/topic=auth/a.md", ".loci/trash/a.md")
        }
        #expect(throws: Failed(code: EPERM)) {
            try mounted.rename(".loci/trash/user=bob", "user=eve")
        }
        #expect(try mounted.read(".loci/last-error").contains("loci restore"))
        #expect(try mounted.read(path) == "old")
    }

    @Test("several of one path have the id in their names, but for the last one deleted")
    func severalOfOnePath() async throws {
        let mounted = try MountedTenant()
        var ids: [MemoryID] = []
        for text in ["1", "2", "3"] {
            let memory = try await mounted.add("user=bob/topic=auth/a.md", text)
            ids.append(memory.id)
            try await mounted.outside.delete(memory.id, origin: MountedTenant.origin)
        }
        let directory = ".loci/trash/user=bob/topic=auth"
        let suffixed = ids.map { "a.md~\($0)" }
        let both = [suffixed[0], suffixed[1]].sorted()
        #expect(try mounted.list(directory) == ["a.md"] + both)
        #expect(try mounted.read("\(directory)/a.md") == "3")
        #expect(try mounted.read("\(directory)/\(suffixed[0])") == "1")
        _ = try await mounted.outside.restore(ids[2], origin: MountedTenant.origin)
        #expect(try mounted.list(directory) == ["a.md", suffixed[0]])
        #expect(try mounted.read("\(directory)/a.md") == "2")
    }

    @Test("the trash follows the layout that is listed")
    func trashFollows() async throws {
        let mounted = try MountedTenant()
        try await mounted.add("user=bob/topic=auth/a.md", "1")
        try mounted.remove("user=bob/topic=auth/a.md")
        #expect(try mounted.walk(".loci/trash") == [".loci/trash/user=bob/topic=auth/a.md"])
        let second = try mounted.addLayout("topic={topic}/user={user}")
        try mounted.list(layout: second)
        let follows = mounted.eventually {
            (try? mounted.walk(".loci/trash")) == [".loci/trash/topic=auth/user=bob/a.md"]
        }
        #expect(follows != nil)
    }

    // MARK: Mounts of a part

    @Test("a mount of a subdirectory shows history and trash of that alone, and no snapshots")
    func subdirectory() async throws {
        let mounted = try MountedTenant()
        for path in ["user=bob/topic=auth/a.md", "user=eve/topic=auth/b.md"] {
            try await mounted.add(path, "1")
            let memory = try await mounted.add(path + "x", "2")
            try await mounted.outside.delete(memory.id, origin: MountedTenant.origin)
        }
        let part = try MountedTenant(beside: mounted, "subdir=user=bob")
        #expect(try part.walk(".loci/history") == [".loci/history/topic=auth/a.md/1"])
        #expect(try part.walk(".loci/trash") == [".loci/trash/topic=auth/a.mdx"])
        #expect(!part.exists(".loci/snapshots"))
        try part.rename(".loci/trash/topic=auth/a.mdx", "topic=auth/back.md")
        #expect(try part.read("topic=auth/back.md") == "2")
    }

    @Test("a mount pinned to a layout shows history and trash by that one")
    func pinned() async throws {
        let mounted = try MountedTenant()
        try await mounted.add("user=bob/topic=auth/a.md", "1")
        let memory = try await mounted.add("user=bob/topic=auth/b.md", "2")
        try await mounted.outside.delete(memory.id, origin: MountedTenant.origin)
        let second = try mounted.addLayout("topic={topic}/user={user}")
        try mounted.list(layout: second)
        let pinned = try MountedTenant(beside: mounted, "layout=1")
        #expect(try pinned.walk(".loci/history") == [".loci/history/user=bob/topic=auth/a.md/1"])
        #expect(try pinned.walk(".loci/trash") == [".loci/trash/user=bob/topic=auth/b.md"])
    }
}

import Catalog
import Glibc
import Linux
import Model
import SQL
import Testing

@testable import Loci
@testable import Mount

@Suite(.serialized, .timeLimit(.minutes(20)))
struct ForeignTests {
    typealias Failed = MountedTenant.Failed

    @Test("tools' files are kept, readable and writable, and are no memories")
    func kept() async throws {
        let mounted = try MountedTenant("{folder...}")
        try mounted.makeDirectory(".git")
        try mounted.makeDirectory(".git/objects")
        try mounted.write(".git/objects/x.md", "object")
        try mounted.write("note.md~", "backup")
        try mounted.write(".git/HEAD", "one")
        try mounted.rename(".git/HEAD", ".git/HEAD.old")
        try mounted.write(".git/HEAD", "two")
        try mounted.rename(".git/HEAD", ".git/HEAD.old")
        #expect(try mounted.list() == [".git", "note.md~"])
        #expect(try mounted.list(".git") == ["HEAD.old", "objects"])
        mounted.unmount()
        try mounted.mount()
        #expect(try mounted.read(".git/objects/x.md") == "object")
        #expect(try mounted.read(".git/HEAD.old") == "two")
        #expect(try mounted.read("note.md~") == "backup")
        #expect(try mounted.outside.list().memories.isEmpty)
    }

    @Test("a foreign file keeps its real mode, and can be removed")
    func mode() throws {
        let mounted = try MountedTenant("{folder...}")
        try mounted.write(".tool", "x")
        #expect(unsafe chmod(mounted.full(".tool"), 0o755) == 0)
        #expect(try mounted.status(".tool").st_mode & 0o777 == 0o755)
        try mounted.remove(".tool")
        #expect(try mounted.list() == [])
        #expect(throws: Failed(code: ENOENT)) { try mounted.read(".tool") }
    }

    @Test("an unlinked foreign file can be read by who has it open")
    func unlinked() throws {
        let mounted = try MountedTenant("{folder...}")
        try mounted.write(".tool", "still here")
        let file = unsafe open(mounted.full(".tool"), O_RDWR)
        try #require(file >= 0)
        defer { close(file) }
        try mounted.remove(".tool")
        #expect(unsafe pwrite(file, "S", 1, 0) == 1)
        var bytes = [UInt8](repeating: 0, count: 10)
        #expect(unsafe pread(file, &bytes, 10, 0) == 10)
        #expect(String(decoding: bytes, as: UTF8.self) == "Still here")
    }

    @Test("foreign=deny refuses them, foreign=all keeps what fits no layout too")
    func options() throws {
        let denying = try MountedTenant("user={user}", "foreign=deny")
        #expect(throws: Failed(code: EPERM)) { try denying.write(".x", "1") }
        let keeping = try MountedTenant("user={user}", "foreign=all")
        try keeping.write("readme.txt", "1")
        try keeping.makeDirectory("anything")
        #expect(try keeping.read("readme.txt") == "1")
        #expect(try keeping.list() == ["anything", "readme.txt"])
    }

    @Test(
        "a memory renamed to a foreign name goes to the trash, and comes back when it is made anew"
    )
    func vimBackup() async throws {
        let mounted = try MountedTenant("{folder...}")
        let memory = try await mounted.add("a.md", "old")
        #expect(try mounted.read("a.md") == "old")
        try mounted.rename("a.md", "a.md~")
        #expect(try mounted.read("a.md~") == "old")
        try mounted.write("a.md", "new")
        try mounted.remove("a.md~")
        _ = mounted.daemon.staging.commitNow(.unmount)
        #expect(try mounted.read("a.md") == "new")
        let after = try mounted.outside.memory(at: try NamePath("a.md"))
        #expect(after.id == memory.id)
        #expect(after.revision == memory.revision.next)
        #expect(try mounted.list() == ["a.md"])
    }

    // MARK: What goes from one side to the other

    @Test("a foreign file's mode, owner and time go with it to a memory's name, and back")
    func looks() throws {
        let mounted = try MountedTenant("{folder...}")
        try mounted.write(".t", "secret")
        #expect(unsafe chmod(mounted.full(".t"), 0o600) == 0)
        try mounted.setTime(".t", seconds: 1_500_000_000)
        try mounted.rename(".t", "secret.md")
        #expect(try mounted.status("secret.md").st_mode & 0o777 == 0o600)
        #expect(try mounted.status("secret.md").st_mtim.tv_sec == 1_500_000_000)
        _ = mounted.daemon.staging.commitNow(.unmount)
        mounted.unmount()
        try mounted.mount()
        #expect(try mounted.status("secret.md").st_mode & 0o777 == 0o600)
        #expect(try mounted.status("secret.md").st_mtim.tv_sec == 1_500_000_000)
        try mounted.rename("secret.md", ".memory")
        #expect(try mounted.status(".memory").st_mode & 0o777 == 0o600)
        #expect(try mounted.status(".memory").st_mtim.tv_sec == 1_500_000_000)
        #expect(try mounted.read(".memory") == "secret")
        try mounted.write("unborn.md", "new")
        #expect(unsafe chmod(mounted.full("unborn.md"), 0o640) == 0)
        try mounted.setTime("unborn.md", seconds: 1_400_000_000)
        try mounted.rename("unborn.md", ".unborn")
        #expect(try mounted.status(".unborn").st_mode & 0o777 == 0o640)
        #expect(try mounted.status(".unborn").st_mtim.tv_sec == 1_400_000_000)
    }

    static let rsync = "/usr/bin/rsync"
    static let hasRsync = (try? File.status(of: rsync)) != nil

    @Test(
        "a second rsync -a transfers nothing",
        .enabled(if: hasRsync)
    )
    func rsyncTwice() throws {
        let mounted = try MountedTenant("{folder...}")
        let source = mounted.directory + "/source"
        for folder in ["", "/notes", "/notes/.git"] {
            #expect(unsafe mkdir(source + folder, 0o755) == 0)
        }
        for (index, name) in ["a.md", "notes/b.md", "notes/.git/HEAD", ".hidden"].enumerated() {
            let file = try File.open("\(source)/\(name)", [.writeOnly, .create])
            try file.write(Array("text \(index)".utf8))
            try file.setPermissions(index == 0 ? 0o600 : 0o644)
            try file.setTimes(modification: Int64(1_500_000_000 + index) * 1_000_000_000)
        }
        #expect(try transferred(source, mounted).count == 4)
        #expect(try transferred(source, mounted) == [], "before they are memories")
        _ = mounted.daemon.staging.commitNow(.unmount)
        #expect(try transferred(source, mounted) == [])
        mounted.unmount()
        try mounted.mount()
        #expect(try transferred(source, mounted) == [], "in another mount")
        #expect(try mounted.read("notes/b.md") == "text 1")
        #expect(try mounted.status("a.md").st_mode & 0o777 == 0o600)
        // What changed, and only that, goes over what is there.
        let file = try File.open("\(source)/a.md", [.writeOnly, .truncate])
        try file.write(Array("other text".utf8))
        #expect(try transferred(source, mounted).count == 1)
        #expect(try transferred(source, mounted) == [])
        #expect(try mounted.read("a.md") == "other text")
    }

    /// What `rsync -a` says it did with files.
    private func transferred(_ source: String, _ mounted: MountedTenant) throws -> [Substring] {
        let log = mounted.directory + "/rsync.log"
        let child = try Child.spawn(
            Child.Command(
                executable: Self.rsync,
                arguments: [
                    "rsync", "-a", "--itemize-changes", "--log-file-format=", source + "/",
                    mounted.path + "/",
                ],
                descriptors: [0: 0, 1: try output(log), 2: 2]
            )
        )
        #expect(try child.wait() == .exited(0))
        let said = try File.open(log).readAll(limit: 1 << 20)
        return String(decoding: said, as: UTF8.self).split(separator: "\n")
            .filter { $0.dropFirst().first == "f" }
    }

    private func output(_ path: String) throws -> Int32 {
        try File.open(path, [.writeOnly, .create, .truncate]).release()
    }

    // MARK: Other processes

    @Test("a foreign name that another mount makes, moves or removes is seen at once")
    func otherMount() throws {
        let mounted = try MountedTenant("{folder...}")
        #expect(!mounted.exists(".git"))
        #expect(try mounted.list() == [])
        let root = Catalog.rootNode
        let git = Name(unchecked: Array(".git".utf8))
        let hg = Name(unchecked: Array(".hg".utf8))
        let catalog = mounted.outside.catalog
        let number = try catalog.write(origin: MountedTenant.origin) { tx in
            let node = Node(
                number: tx.newNodeNumber(),
                kind: .foreign,
                mode: S_IFDIR | 0o755,
                uid: 0,
                gid: 0,
                mtime: 0,
                ctime: 0
            )
            try tx.addForeign(node, in: root, as: git)
            return node.number
        }
        #expect(mounted.eventually { mounted.exists(".git") } != nil)
        #expect(try mounted.eventually { try mounted.list() == [".git"] } != nil)
        try catalog.write(origin: MountedTenant.origin) { tx in
            let entry = try #require(try tx.reader.entries(of: number, layouts: .foreign).first)
            try tx.moveForeign(entry, to: root, as: hg)
        }
        #expect(try mounted.eventually { try mounted.list() == [".hg"] } != nil)
        #expect(mounted.eventually { mounted.exists(".hg") && !mounted.exists(".git") } != nil)
        try catalog.write(origin: MountedTenant.origin) { tx in
            let entry = try #require(try tx.reader.entries(of: number, layouts: .foreign).first)
            try tx.unlinkForeign(entry)
        }
        #expect(mounted.eventually { !mounted.exists(".hg") } != nil)
        #expect(try mounted.eventually { try mounted.list() == [] } != nil)
    }

    @Test("imported directories and tools' files are seen at once, with their looks")
    func imported() throws {
        let mounted = try MountedTenant("{folder...}")
        #expect(!mounted.exists(".obsidian"))
        #expect(!mounted.exists("projects"))
        #expect(try mounted.list() == [])
        let source = mounted.directory + "/app.json"
        try File.open(source, [.writeOnly, .create]).write(Array("one".utf8))
        func keep(update: Bool) throws {
            let results = try mounted.outside.keepForeign(
                [
                    NewForeign(
                        path: try NamePath(".obsidian/app.json"),
                        content: .file(Array(source.utf8)),
                        permissions: 0o640,
                        modified: 1_500_000_000_000_000_000
                    )
                ],
                update: update,
                origin: MountedTenant.origin
            )
            #expect(try results.map { try $0.get() } == [update ? .updated : .added])
        }
        try mounted.outside.makeDirectories(
            [try NamePath("projects/deep/empty")],
            origin: MountedTenant.origin
        )
        #expect(mounted.eventually { mounted.exists("projects/deep/empty") } != nil)
        try keep(update: false)
        #expect(mounted.eventually { mounted.exists(".obsidian/app.json") } != nil)
        #expect(
            try mounted.eventually { try mounted.list() == [".obsidian", "projects"] } != nil
        )
        #expect(try mounted.read(".obsidian/app.json") == "one")
        let shown = try mounted.status(".obsidian/app.json")
        #expect(shown.st_mode & 0o777 == 0o640)
        #expect(shown.st_mtim.tv_sec == 1_500_000_000)
        try File.open(source, [.writeOnly, .create, .truncate]).write(Array("second".utf8))
        try keep(update: true)
        #expect(
            try mounted.eventually { try mounted.read(".obsidian/app.json") == "second" } != nil
        )
        #expect(try mounted.status(".obsidian/app.json").st_size == 6)
    }

    @Test("a session that cannot be recovered is shown, and neither it nor others stop a mount")
    func brokenSession() throws {
        let mounted = try MountedTenant("{folder...}")
        try mounted.write("a.md", "text")
        mounted.unmount()
        let session = mounted.outside.directory + "/staging/0-broken"
        // A journal that is a directory cannot be read.
        for path in [session, session + "/journal"] {
            #expect(unsafe mkdir(path, 0o700) == 0)
        }
        try mounted.mount()
        #expect(try mounted.read("a.md") == "text")
        let status = try JSON(parsing: try mounted.read(".loci/status.json"))
        #expect(status["healthy"] == .bool(false))
        #expect(mounted.daemon.staging.status().leftovers.count == 1)
    }
}

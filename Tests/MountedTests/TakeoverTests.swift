import Catalog
import Glibc
import Linux
import SQL
import Testing

@testable import Loci
@testable import Mount

// Requests that were received, and done, and not answered: who takes over answers them.
@Suite("A daemon that takes over", .timeLimit(.minutes(20)))
struct TakeoverTests {
    private static let mkdir: UInt32 = 9
    private static let mknod: UInt32 = 8
    private static let unlink: UInt32 = 10
    private static let rename: UInt32 = 12
    private static let rename2: UInt32 = 45

    private func root(_ daemon: MountDaemon) throws -> Layout {
        try daemon.tenant.catalog.read { try $0.layouts().listed }
    }

    private func caller(_ number: UInt64) -> Caller {
        var caller = Caller(origin: MountedTenant.origin, gid: 0)
        caller.request = number
        return caller
    }

    @Test("answers a mkdir that was received and not begun, by doing it")
    func notBegun() throws {
        let tenant = try KeptTenant()
        #expect(!tenant.exists("d"))
        tenant.letGo()
        let name = tenant.full("d")
        let call = try KeptTenant.Call { unsafe Glibc.mkdir(name, 0o755) }
        _ = try tenant.receive(Self.mkdir)
        try tenant.takeOver()
        #expect(call.result == 0)
        #expect(tenant.exists("d"))
    }

    @Test("answers a mkdir that was done with the directory that was made")
    func directoryMade() throws {
        let tenant = try KeptTenant()
        #expect(!tenant.exists("d"))
        tenant.letGo()
        let name = tenant.full("d")
        let call = try KeptTenant.Call { unsafe Glibc.mkdir(name, 0o755) }
        let request = try tenant.receive(Self.mkdir)
        let layout = try root(tenant.daemon)
        let made = try tenant.daemon.tenant.catalog.write(
            .normal,
            origin: MountedTenant.origin,
            request: request.number
        ) { try $0.makePartition(try Name("d"), in: layout.root, layout: layout) }
        try tenant.takeOver()
        #expect(call.result == 0)
        #expect(try tenant.inode("d") == made.number.rawValue)
        let again = unsafe Glibc.mkdir(name, 0o755)
        #expect(again == -1 && errno == EEXIST)
    }

    @Test("answers a removal that was done, and one that was not")
    func removal() throws {
        let tenant = try KeptTenant()
        for name in ["a.md", "b.md"] { try tenant.write(name, "text") }
        _ = tenant.daemon.staging.commitNow(.unmount)
        #expect(tenant.exists("a.md") && tenant.exists("b.md"))
        tenant.letGo()
        let names = ["a.md", "b.md"].map(tenant.full)
        let first = try KeptTenant.Call { unsafe Glibc.unlink(names[0]) }
        let request = try tenant.receive(Self.unlink)
        try tenant.daemon.tenant.catalog.write(
            .normal,
            origin: MountedTenant.origin,
            request: request.number
        ) { transaction in
            let memories = try transaction.reader.memories(after: 0, limit: 10)
            let memory = try #require(memories.first { $0.name == (try? Name("a.md")) })
            _ = try transaction.trash(memory)
        }
        try tenant.takeOver()
        #expect(first.result == 0)
        let second = try KeptTenant.Call { unsafe Glibc.unlink(names[1]) }
        #expect(second.result == 0)
        #expect(!tenant.exists("a.md") && !tenant.exists("b.md"))
    }

    @Test("finds unborn files as they were: the same node, name and bytes, and not yet a memory")
    func unborn() throws {
        let tenant = try KeptTenant()
        try tenant.write("new.md", "what was written")
        let inode = try tenant.inode("new.md")
        let file = try File.open(tenant.full("new.md"), .readWrite)
        tenant.letGo()
        try tenant.takeOver()
        try file.write(Array("WHAT".utf8), at: 0)
        #expect(try tenant.read("new.md") == "WHAT was written")
        #expect(try tenant.inode("new.md") == inode)
        _ = tenant.daemon.staging.commitNow(.unmount)
        let counts = try tenant.daemon.tenant.catalog.read { try $0.memoryCounts() }
        #expect(counts.live == 1 && counts.trashed == 0)
        #expect(try tenant.inode("new.md") == inode)
    }

    @Test("a file that was made and not answered is made once")
    func fileMade() throws {
        let tenant = try KeptTenant()
        // The kernel learns that files are made by mknod here, and what the directory looks like.
        try tenant.write("first.md", "text")
        _ = try tenant.inode("")
        tenant.letGo()
        let name = tenant.full("new.md")
        let call = try KeptTenant.Call {
            let file = unsafe open(name, O_CREAT | O_EXCL | O_WRONLY, 0o644)
            if file >= 0 { close(file) }
            return file < 0 ? -1 : 0
        }
        let request = try tenant.receive(Self.mknod)
        let layout = try root(tenant.daemon)
        let reader = try tenant.daemon.tenant.catalog.makeReader()
        let made = try tenant.daemon.staging.create(
            try Name("new.md"),
            in: layout.root,
            view: layout,
            permissions: 0o644,
            by: caller(request.number),
            reader
        )
        try tenant.takeOver()
        #expect(call.result == 0)
        #expect(try tenant.inode("new.md") == made.node.rawValue)
    }

    @Test("a rename of an unborn file that was done and not answered is done once")
    func renamed() throws {
        let tenant = try KeptTenant()
        try tenant.write("old.md", "text")
        #expect(!tenant.exists("new.md"))
        let inode = try tenant.inode("old.md")
        tenant.letGo()
        let names = ["old.md", "new.md"].map(tenant.full)
        let call = try KeptTenant.Call { unsafe Glibc.rename(names[0], names[1]) }
        let request = try tenant.receive(Self.rename, Self.rename2)
        let layout = try root(tenant.daemon)
        let reader = try tenant.daemon.tenant.catalog.makeReader()
        try tenant.daemon.staging.rename(
            NodeNumber(inode),
            to: try Name("new.md"),
            in: layout.root,
            view: layout,
            by: caller(request.number),
            reader
        )
        try tenant.takeOver()
        #expect(call.result == 0)
        #expect(try tenant.inode("new.md") == inode)
        #expect(!tenant.exists("old.md"))
    }

    @Test("a file without a name is still there for who has it open")
    func nameless() throws {
        let tenant = try KeptTenant()
        try tenant.write("gone.md", "still here")
        let file = try File.open(tenant.full("gone.md"), .readWrite)
        #expect(unsafe Glibc.unlink(tenant.full("gone.md")) == 0)
        tenant.letGo()
        try tenant.takeOver()
        try file.write(Array("STILL".utf8), at: 0)
        #expect(String(decoding: try file.read(count: 100, at: 0), as: UTF8.self) == "STILL here")
        #expect(!tenant.exists("gone.md"))
    }

    @Test("what others changed while nobody served is seen at once")
    func changedMeanwhile() async throws {
        let tenant = try KeptTenant()
        try tenant.write("a.md", "old")
        _ = tenant.daemon.staging.commitNow(.unmount)
        #expect(try tenant.read("a.md") == "old")
        tenant.letGo()
        let outside = try Store.open(at: tenant.directory + "/store").tenant(.main)
        _ = try await outside.append(
            Array("another".utf8),
            at: try NamePath("b.md"),
            origin: MountedTenant.origin
        )
        try tenant.takeOver()
        while !tenant.exists("b.md") { SystemClock.sleep(.milliseconds(1)) }
        #expect(try tenant.read("b.md") == "another")
    }

    @Test("texts of .loci get numbers that no text had before")
    func generatedNumbers() throws {
        let tenant = try KeptTenant()
        let before = try tenant.inode(".loci/README.md")
        let file = try File.open(tenant.full(".loci/status.json"))
        tenant.letGo()
        try tenant.takeOver()
        #expect(try tenant.inode(".loci/README.md") > before)
        // A path is looked up again, and gives a text.
        #expect(try tenant.read(".loci/README.md").hasPrefix("# Memories"))
        _ = consume file
    }
}

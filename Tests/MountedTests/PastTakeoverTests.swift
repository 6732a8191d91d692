import Catalog
import Glibc
import Linux
import SQL
import Testing

@testable import Loci
@testable import Mount

/// Trees of the past have no state in the daemon: who takes over knows them by their numbers.
@Suite("A daemon that takes over trees of the past", .timeLimit(.minutes(20)))
struct PastTakeoverTests {
    private func filled() throws -> KeptTenant {
        let tenant = try KeptTenant()
        try tenant.write("a.md", "one")
        try tenant.write("gone.md", "gone")
        #expect(unsafe Glibc.mkdir(tenant.full(".loci/snapshots/s"), 0o755) == 0)
        #expect(unsafe Glibc.unlink(tenant.full("gone.md")) == 0)
        return tenant
    }

    @Test("shows directories, files and inode numbers as they were, also to who has them open")
    func sameNumbers() throws {
        let tenant = try filled()
        let paths = [
            ".loci/snapshots/s", ".loci/snapshots/s/a.md", ".loci/history/a.md",
            ".loci/history/a.md/1", ".loci/trash/gone.md",
        ]
        let before = try paths.map { try tenant.inode($0) }
        #expect(Set(before).count == 4, "a revision is one file, wherever it shows")
        let directory = try File.open(tenant.full(".loci/snapshots/s"), [.readOnly, .directory])
        let file = try File.open(tenant.full(".loci/snapshots/s/gone.md"))
        tenant.letGo()
        try tenant.takeOver()
        #expect(try directory.entries().count == 2)
        #expect(try file.readAll(limit: 100) == Array("gone".utf8))
        #expect(try paths.map { try tenant.inode($0) } == before)
    }

    @Test("takes the snapshot that a mkdir asked for and that was not begun, once")
    func snapshotNotBegun() throws {
        let tenant = try filled()
        tenant.letGo()
        let name = tenant.full(".loci/snapshots/later")
        let call = try KeptTenant.Call { unsafe Glibc.mkdir(name, 0o755) }
        SystemClock.sleep(.milliseconds(50))
        try tenant.takeOver()
        #expect(call.result == 0)
        #expect(try tenant.daemon.tenant.snapshots().map(\.name) == ["s", "later"])
        #expect(try tenant.read(".loci/snapshots/later/a.md") == "one")
    }

    @Test("moves out of the trash what was asked for and not begun")
    func restoreNotBegun() throws {
        let tenant = try filled()
        tenant.letGo()
        let names = [".loci/trash/gone.md", "back.md"].map(tenant.full)
        let call = try KeptTenant.Call { unsafe Glibc.rename(names[0], names[1]) }
        SystemClock.sleep(.milliseconds(50))
        try tenant.takeOver()
        #expect(call.result == 0)
        #expect(try tenant.read("back.md") == "gone")
        #expect(!tenant.exists(".loci/trash/gone.md"))
    }
}

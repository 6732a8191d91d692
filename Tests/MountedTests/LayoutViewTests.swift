import Catalog
import Glibc
import Model
import Testing

@testable import Loci
@testable import Mount

/// The kernel knows a file by several names: by the main path, below `.loci/layouts`, and by the
/// paths of a layout that goes live.
@Suite(.serialized, .timeLimit(.minutes(20)))
struct LayoutViewTests {
    typealias Failed = MountedTenant.Failed

    @Test("a save is what all names of the memory show, also those of another layout")
    func savedUnderTwoNames() async throws {
        let mounted = try MountedTenant("user={user}/topic={topic}", "quiet=10s")
        let memory = try await mounted.add("user=bob/topic=auth/a.md", "old")
        try await mounted.add("user=bob/topic=auth/b.md", "old")
        try mounted.save("user=bob/topic=auth/b.md", "saved")
        let other = ".loci/layouts/1/user=bob/topic=auth/a.md"
        #expect(try mounted.read(other) == "old")
        #expect(try mounted.read(".loci/layouts/1/user=bob/topic=auth/b.md") == "saved")
        let node = try mounted.outside.catalog.read { try $0.memory(memory.id)?.node }
        try mounted.save("user=bob/topic=auth/a.md", "saved")
        let saved = try mounted.outside.catalog.read { try $0.memory(memory.id)?.node }
        #expect(saved != node, "the save waits for a commit")
        #expect(try mounted.read("user=bob/topic=auth/a.md") == "saved")
        // As soon as the kernel was told.
        let took = try mounted.eventually { try mounted.read(other) == "saved" }
        #expect(took != nil)
    }

    @Test("a new file that was renamed or removed is gone below .loci/layouts too")
    func unbornUnderTwoNames() throws {
        let mounted = try MountedTenant("user={user}/topic={topic}", "quiet=10s")
        try mounted.makeDirectory("user=bob")
        try mounted.makeDirectory("user=bob/topic=auth")
        let view = ".loci/layouts/1/"
        let (a, b) = ("user=bob/topic=auth/a.md", "user=bob/topic=auth/b.md")
        try mounted.write(a, "new")
        #expect(try mounted.read(view + a) == "new")
        try mounted.rename(a, b)
        #expect(throws: Failed(code: ENOENT)) { try mounted.read(view + a) }
        #expect(try mounted.list(view + "user=bob/topic=auth") == ["b.md"])
        #expect(try mounted.read(view + b) == "new")
        try mounted.save(b, "newer")
        #expect(try mounted.read(view + b) == "newer")
        try mounted.remove(b)
        #expect(throws: Failed(code: ENOENT)) { try mounted.read(view + b) }
        // And the other way round: no row ever has the name that the main path was asked for.
        for _ in 0..<3 {
            try mounted.write(a, "new")
            try mounted.rename(view + a, view + b)
            #expect(mounted.eventually { (try? mounted.status(a)) == nil } != nil)
            #expect(try mounted.read(b) == "new")
            try mounted.remove(view + b)
            #expect(mounted.eventually { (try? mounted.status(b)) == nil } != nil)
        }
    }

    @Test("what changes below .loci/layouts shows by the main path, which was looked at before")
    func changedByView() async throws {
        let mounted = try MountedTenant("user={user}/topic={topic}")
        let directory = "user=bob/topic=auth/"
        let view = ".loci/layouts/1/" + directory
        for name in ["saved.md", "edited.md", "moved.md", "gone.md"] {
            try await mounted.add(directory + name, "old")
            #expect(try mounted.read(directory + name) == "old")
            #expect(try mounted.read(view + name) == "old")
        }
        func soon(_ what: Comment, _ holds: () throws -> Bool) rethrows {
            #expect(try mounted.eventually(holds) != nil, what)
        }
        func isGone(_ name: String) -> Bool { (try? mounted.status(directory + name)) == nil }
        try mounted.save(view + "saved.md", "saved")
        try soon("a save") { try mounted.read(directory + "saved.md") == "saved" }
        // By the path that was stale: what was saved is what goes on.
        try mounted.write(directory + "saved.md", "+", flags: O_APPEND)
        try soon("an append") { try mounted.read(view + "saved.md") == "saved+" }
        try mounted.write(view + "edited.md", "edited")
        try soon("a write") { try mounted.read(directory + "edited.md") == "edited" }
        try mounted.rename(view + "moved.md", view + "there.md")
        soon("a rename's old name") { isGone("moved.md") }
        try soon("a rename's new name") { try mounted.read(directory + "there.md") == "old" }
        try mounted.remove(view + "gone.md")
        soon("a removal") { isGone("gone.md") }
        // A file that is no memory yet, absent before.
        #expect(isGone("new.md"))
        try mounted.write(view + "new.md", "new")
        soon("a new file") { (try? mounted.read(directory + "new.md")) == "new" }
        try mounted.rename(view + "new.md", view + "newer.md")
        soon("a new file's old name") { isGone("new.md") }
        soon("a new file's new name") { (try? mounted.read(directory + "newer.md")) == "new" }
        try mounted.remove(view + "newer.md")
        soon("a new file's removal") { isGone("newer.md") }
    }

    @Test("a layout that goes live leads to what was saved before")
    func savedBeforeLive() async throws {
        let mounted = try MountedTenant("user={user}/topic={topic}", "quiet=10s")
        try await mounted.add("user=bob/topic=auth/a.md", "old")
        try mounted.save("user=bob/topic=auth/a.md", "saved")
        let outside = mounted.outside
        let layout = try outside.catalog.write(origin: MountedTenant.origin) { tx in
            try MountedTenant.build(Scheme("topic={topic}/user={user}"), tx)
        }
        _ = try outside.askMounts(.expectLayout, timeout: .seconds(5))
        try outside.catalog.write(origin: MountedTenant.origin) { try $0.makeLive(layout) }
        #expect(try mounted.read("topic=auth/user=bob/a.md") == "saved")
        #expect(try mounted.read("user=bob/topic=auth/a.md") == "saved")
    }
}

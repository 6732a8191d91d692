import Catalog
import Glibc
import Linux
import Testing

@testable import Loci
@testable import Mount

@Suite(.serialized, .timeLimit(.minutes(20)))
struct NamesTests {
    typealias Failed = MountedTenant.Failed

    @Test("a new file becomes a memory with the attributes of its path")
    func create() async throws {
        let mounted = try MountedTenant()
        try mounted.makeDirectory("user=bob")
        try mounted.makeDirectory("user=bob/topic=auth")
        try mounted.write("user=bob/topic=auth/a.md", "hello")
        #expect(try mounted.read("user=bob/topic=auth/a.md") == "hello")
        #expect(try mounted.list("user=bob/topic=auth") == ["a.md"])
        _ = mounted.daemon.staging.commitNow(.unmount)
        let memory = try mounted.outside.memory(at: try NamePath("user=bob/topic=auth/a.md"))
        #expect(memory.attributes == ["user": "bob", "topic": "auth"])
        #expect(try mounted.read("user=bob/topic=auth/a.md") == "hello")
        #expect(try mounted.list("user=bob/topic=auth") == ["a.md"])
    }

    @Test("a directory that cannot fit the scheme is EINVAL, and last-error says why")
    func misfit() throws {
        let mounted = try MountedTenant()
        #expect(throws: Failed(code: EINVAL)) { try mounted.makeDirectory("place=x") }
        let text = try mounted.read(".loci/last-error")
        #expect(text.contains("EINVAL"))
        #expect(text.contains("place=x"))
        #expect(throws: Failed(code: EINVAL)) { try mounted.write("note.md", "x") }
        #expect(try mounted.read(".loci/last-error").contains("note.md"))
        #expect(try mounted.list() == [])
    }

    @Test("a directory that was emptied right after a cut-over can still be removed")
    func emptiedAfterCutover() async throws {
        let mounted = try MountedTenant("user={user}")
        let old = try mounted.outside.catalog.read { try $0.layouts().listed }
        let new = try mounted.addLayout("owner={user}")
        for _ in 0..<20 {
            try await mounted.add("user=bob/a.md", "a")
            #expect(try mounted.list("user=bob") == ["a.md"])
            // The mount's readers do not know of it before they begin anew.
            try mounted.list(layout: new)
            try mounted.remove("user=bob/a.md")
            try mounted.removeDirectory("user=bob")
            try mounted.list(layout: old.number)
        }
    }

    @Test("moving a memory changes its attributes and keeps its id, inode and history")
    func move() async throws {
        let mounted = try MountedTenant()
        let before = try await mounted.add("user=bob/topic=auth/a.md", "1")
        try mounted.makeDirectory("user=eve")
        try mounted.makeDirectory("user=eve/topic=x")
        let inode = try mounted.inode("user=bob/topic=auth/a.md")
        try mounted.rename("user=bob/topic=auth/a.md", "user=eve/topic=x/b.md")
        #expect(try mounted.inode("user=eve/topic=x/b.md") == inode)
        #expect(!mounted.exists("user=bob/topic=auth/a.md"))
        #expect(try mounted.list("user=bob/topic=auth") == [])
        let after = try mounted.outside.memory(before.id)
        #expect(after.attributes == ["user": "eve", "topic": "x"])
        #expect(after.name.description == "b.md")
        #expect(after.revision == before.revision)
    }

    @Test("moving a directory moves what is beneath it")
    func moveDirectory() async throws {
        let mounted = try MountedTenant()
        let one = try await mounted.add("user=bob/topic=auth/a.md", "1")
        try await mounted.add("user=bob/topic=db/b.md", "2")
        #expect(try mounted.walk().count == 2)
        try mounted.rename("user=bob", "user=eve")
        #expect(try mounted.walk() == ["user=eve/topic=auth/a.md", "user=eve/topic=db/b.md"])
        #expect(try mounted.outside.memory(one.id).attributes["user"] == "eve")
    }

    @Test("a removed memory is in the trash and its name is free")
    func remove() async throws {
        let mounted = try MountedTenant()
        let memory = try await mounted.add("user=bob/topic=auth/a.md", "1")
        try mounted.remove("user=bob/topic=auth/a.md")
        #expect(!mounted.exists("user=bob/topic=auth/a.md"))
        #expect(try mounted.outside.memory(memory.id).isTrashed)
        try mounted.removeDirectory("user=bob/topic=auth")
        #expect(try mounted.list("user=bob") == [])
        #expect(throws: Failed(code: ENOENT)) {
            try mounted.remove("user=bob/topic=auth/a.md")
        }
    }

    @Test("a directory that holds something cannot be removed")
    func notEmpty() async throws {
        let mounted = try MountedTenant()
        try await mounted.add("user=bob/topic=auth/a.md", "1")
        #expect(throws: Failed(code: ENOTEMPTY)) { try mounted.removeDirectory("user=bob") }
        try mounted.makeDirectory("user=eve")
        try mounted.makeDirectory("user=eve/topic=x")
        try mounted.write("user=eve/topic=x/unborn.md", "x")
        #expect(throws: Failed(code: ENOTEMPTY)) {
            try mounted.removeDirectory("user=eve/topic=x")
        }
    }

    @Test("hard links are refused, and symbolic links but for tools'")
    func links() async throws {
        let mounted = try MountedTenant()
        try await mounted.add("user=bob/topic=auth/a.md", "1")
        let file = mounted.full("user=bob/topic=auth/a.md")
        let linked = unsafe link(file, mounted.full("user=bob/topic=auth/b.md"))
        #expect(linked == -1 && errno == EPERM)
        let plain = unsafe symlink("a.md", mounted.full("user=bob/topic=auth/c"))
        #expect(plain == -1 && errno == EPERM)
        let foreign = unsafe symlink("a.md", mounted.full("user=bob/topic=auth/.c"))
        #expect(foreign == 0)
        #expect(try mounted.read("user=bob/topic=auth/.c") == "1")
    }

    @Test("saving by rename over keeps the id and makes one revision")
    func saveByRename() async throws {
        let mounted = try MountedTenant()
        let memory = try await mounted.add("user=bob/topic=auth/a.md", "1")
        for temporary in ["new.tmp", ".a.md.Xy12"] {
            let before = try mounted.outside.memory(memory.id).revision
            try mounted.write("user=bob/topic=auth/\(temporary)", "by \(temporary)")
            try mounted.rename(
                "user=bob/topic=auth/\(temporary)",
                "user=bob/topic=auth/a.md"
            )
            #expect(try mounted.read("user=bob/topic=auth/a.md") == "by \(temporary)")
            _ = mounted.daemon.staging.commitNow(.unmount)
            let after = try mounted.outside.memory(memory.id)
            #expect(after.revision == before.next)
            #expect(try mounted.list("user=bob/topic=auth") == ["a.md"])
        }
    }

    @Test("a rename that must not replace is EEXIST, and two memories can change places")
    func manners() async throws {
        let mounted = try MountedTenant()
        let a = try await mounted.add("user=bob/topic=auth/a.md", "A")
        try await mounted.add("user=eve/topic=db/b.md", "B")
        let (one, two) = ("user=bob/topic=auth/a.md", "user=eve/topic=db/b.md")
        #expect(throws: Failed(code: EEXIST)) { try mounted.rename(one, two, .noReplace) }
        try mounted.rename(one, two, .exchange)
        #expect(try mounted.read(one) == "B")
        #expect(try mounted.read(two) == "A")
        #expect(try mounted.outside.memory(a.id).attributes["user"] == "eve")
    }

    @Test("modes and times of files are kept; a directory cannot be narrowed")
    func attributes() async throws {
        let mounted = try MountedTenant()
        try await mounted.add("user=bob/topic=auth/a.md", "1")
        let file = mounted.full("user=bob/topic=auth/a.md")
        #expect(unsafe chmod(file, 0o600) == 0)
        let times = [timespec(tv_sec: 5, tv_nsec: 7), timespec(tv_sec: 1000, tv_nsec: 9)]
        #expect(unsafe utimensat(AT_FDCWD, file, times, 0) == 0)
        #expect(unsafe chmod(mounted.full("user=bob"), 0o700) == -1)
        #expect(errno == EPERM)
        mounted.unmount()
        try mounted.mount()
        let status = try mounted.status("user=bob/topic=auth/a.md")
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(status.st_mtim.tv_sec == 1000 && status.st_mtim.tv_nsec == 9)
        #expect(status.st_nlink == 1)
    }

    @Test("a read-only mount refuses every change with EROFS")
    func readOnly() async throws {
        let mounted = try MountedTenant("user={user}/topic={topic}", "ro")
        try await mounted.add("user=bob/topic=auth/a.md", "1")
        #expect(throws: Failed(code: EROFS)) {
            try mounted.write("user=bob/topic=auth/a.md", "2")
        }
        #expect(throws: Failed(code: EROFS)) { try mounted.makeDirectory("user=eve") }
        #expect(try mounted.read("user=bob/topic=auth/a.md") == "1")
    }
}

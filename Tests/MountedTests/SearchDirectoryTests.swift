import Glibc
import Linux
import Testing

@testable import Loci
@testable import Model
@testable import Mount

@Suite(".loci/search", .serialized, .timeLimit(.minutes(20)))
struct SearchDirectoryTests {
    typealias Failed = MountedTenant.Failed

    private func mounted() async throws -> MountedTenant {
        let mounted = try MountedTenant()
        try await mounted.add("user=bob/topic=auth/keys.md", "# Keys\nrotate the token keys\n")
        try await mounted.add("user=eve/topic=misc/note.md", "a token\nand many other words\n")
        return mounted
    }

    @Test("shows what matches as ranked links that lead to the memories")
    func links() async throws {
        let mounted = try await mounted()
        let names = try mounted.list(".loci/search/token")
        #expect(names.count == 3)
        #expect(names.contains("results"))
        for name in names where name != "results" {
            let text = try mounted.read(".loci/search/token/\(name)")
            #expect(text.contains("token"))
            #expect(name.hasPrefix("01-") || name.hasPrefix("02-"))
        }
        #expect(try mounted.list(".loci/search/rotat*") == ["01-keys.md", "results"])
        #expect(try mounted.read(".loci/search/rotat*/01-keys.md").hasPrefix("# Keys"))
    }

    @Test("has lines of path:line:text in results, of their true size")
    func results() async throws {
        let mounted = try await mounted()
        let name = ".loci/search/rotate token/results"
        let text = try mounted.read(name)
        #expect(text == "user=bob/topic=auth/keys.md:2:rotate the token keys\n")
        #expect(try mounted.status(name).st_size == text.utf8.count)
        #expect(try mounted.read(".loci/search/nothing/results") == "")
        #expect(try mounted.list(".loci/search/nothing") == ["results"])
    }

    @Test("lists no query, so that no walk asks one")
    func listing() async throws {
        let mounted = try await mounted()
        _ = try mounted.read(".loci/search/token/results")
        #expect(try mounted.list(".loci/search") == [])
    }

    @Test("refuses what is no query, and says why in last-error")
    func wrongQuery() async throws {
        let mounted = try await mounted()
        #expect(throws: Failed(code: EINVAL)) {
            try mounted.read(".loci/search/\"token/results")
        }
        let error = try mounted.read(".loci/last-error")
        #expect(error.contains("quote that is not closed, at character 1"))
        #expect(error.contains("\"token"))
        #expect(throws: Failed(code: ENOENT)) { try mounted.read(".loci/search/.git/HEAD") }
    }

    @Test("follows what is written, renamed and removed through the mount")
    func follows() async throws {
        let mounted = try await mounted()
        func results() throws -> String { try mounted.read(".loci/search/rotate/results") }
        #expect(try results() == "user=bob/topic=auth/keys.md:2:rotate the token keys\n")
        try mounted.rename("user=bob/topic=auth/keys.md", "user=bob/topic=auth/new.md")
        #expect(try results() == "user=bob/topic=auth/new.md:2:rotate the token keys\n")
        try mounted.write("user=bob/topic=auth/new.md", "rotate it")
        // It is searched as it was until it is committed.
        let took = try mounted.eventually(within: .seconds(5)) {
            try results() == "user=bob/topic=auth/new.md:1:rotate it\n"
        }
        #expect(took != nil)
        try mounted.remove("user=bob/topic=auth/new.md")
        #expect(try results() == "")
    }

    @Test("leads to paths of the layout that is listed, also after a cut-over")
    func cutover() async throws {
        let mounted = try await mounted()
        func results() throws -> String { try mounted.read(".loci/search/rotate/results") }
        #expect(try results().hasPrefix("user=bob/topic=auth/keys.md:"))
        let layout = try mounted.addLayout("topic={topic}/user={user}")
        try mounted.list(layout: layout)
        let took = try mounted.eventually(within: .seconds(5)) {
            try results().hasPrefix("topic=auth/user=bob/keys.md:")
        }
        #expect(took != nil)
        #expect(try mounted.read(".loci/search/rotate/01-keys.md").hasPrefix("# Keys"))
    }

    @Test("is finite for a walk, and for one that follows links")
    func walks() async throws {
        let mounted = try await mounted()
        #expect(try mounted.walk(".loci/search") == [])
        let script = """
            cd '\(mounted.full(".loci"))' &&
            timeout 20 grep -r token search/token | wc -l &&
            timeout 20 grep -R token search/token/ search/ | wc -l &&
            timeout 20 du -aL search/token >/dev/null && timeout 20 find . -name 01-keys.md | wc -l
            """
        let seen = try Self.output(of: script, as: 0, in: mounted.directory)
        // The lines of results; those and the two texts; no link that nobody asked for.
        #expect(seen == "2\n4\n0\n")
    }

    @Test("shows nobody what the permissions of a memory keep from them")
    func permissions() async throws {
        guard geteuid() == 0 else { return }
        let mounted = try MountedTenant("user={user}/topic={topic}", "allow_other")
        try await mounted.add("user=bob/topic=auth/keys.md", "rotate the token keys\n")
        try await mounted.add("user=eve/topic=misc/note.md", "a token\n")
        #expect(unsafe chmod(mounted.directory, 0o755) == 0)
        #expect(unsafe chmod(mounted.full("user=bob/topic=auth/keys.md"), 0o600) == 0)
        #expect(unsafe chmod(mounted.full("user=eve/topic=misc/note.md"), 0o644) == 0)
        #expect(try mounted.list(".loci/search/token").count == 3)
        // Another user's directory is another one, and root's is closed to them.
        let script = "cat '\(mounted.full(".loci/search/token/results"))'"
        let seen = try Self.output(of: script, as: 65534, in: mounted.directory)
        #expect(seen == "user=eve/topic=misc/note.md:1:a token\n")
    }

    private static func output(
        of script: String,
        as user: UInt32,
        in directory: String
    ) throws -> String {
        let path = directory + "/output"
        let file = try File.open(path, [.readWrite, .create])
        let null = try File.open("/dev/null")
        let child = try Child.spawn(
            Child.Command(
                executable: "/usr/bin/setpriv",
                arguments: [
                    "setpriv", "--reuid=\(user)", "--regid=\(user)", "--clear-groups", "/bin/sh",
                    "-c", script,
                ],
                descriptors: [0: null.descriptor, 1: file.descriptor, 2: 2]
            )
        )
        _ = try child.wait()
        return String(decoding: try File.open(path).readAll(limit: 1 << 20), as: UTF8.self)
    }

    @Test("keeps a bounded number of directories, however many are asked for")
    func bounded() async throws {
        let mounted = try await mounted()
        for number in 0..<(SearchDirectories.most * 3) {
            _ = try mounted.read(".loci/search/token OR word\(number)/results")
        }
        // What the kernel still knows of files and links, and no more directories than that.
        #expect(mounted.daemon.fileSystem.searches.count <= SearchDirectories.most)
        #expect(try mounted.list(".loci/search/token").count == 3)
    }
}

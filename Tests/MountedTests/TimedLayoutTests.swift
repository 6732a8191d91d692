import Catalog
import Glibc
import Linux
import SQL
import Synchronization
import Testing

@testable import Loci
@testable import Mount

@Suite(.serialized, .timeLimit(.minutes(20)))
struct TimedLayoutTests {
    typealias Failed = MountedTenant.Failed
    static let two = "topic={topic}/user={user}"

    private func filled() async throws -> MountedTenant {
        let mounted = try MountedTenant()
        for user in ["bob", "eve"] {
            for topic in ["auth", "db"] {
                try await mounted.add("user=\(user)/topic=\(topic)/a.md", "\(user) \(topic)")
            }
        }
        return mounted
    }

    @Test("paths of both layouts open one inode; the listed one alone is listed")
    func bothResolve() async throws {
        let mounted = try await filled()
        #expect(!mounted.exists("topic=auth/user=bob/a.md"))
        let two = try mounted.addLayout(Self.two)
        let time = try mounted.eventually {
            try mounted.exists("topic=auth/user=bob/a.md")
                && mounted.inode("topic=auth/user=bob/a.md")
                    == mounted.inode("user=bob/topic=auth/a.md")
        }
        #expect(try #require(time) < .milliseconds(50))
        #expect(try mounted.list() == ["user=bob", "user=eve"])
        #expect(try mounted.walk().count == 4)
        #expect(try mounted.list("topic=auth") == ["user=bob", "user=eve"])
        try mounted.list(layout: two)
        let flipped = try mounted.eventually {
            try mounted.list() == ["topic=auth", "topic=db"]
        }
        #expect(try #require(flipped) < .milliseconds(50))
        #expect(try mounted.walk().count == 4)
        #expect(try mounted.read("user=bob/topic=auth/a.md") == "bob auth")
    }

    @Test("each live layout is a whole tree below .loci/layouts")
    func views() async throws {
        let mounted = try await filled()
        _ = try mounted.addLayout(Self.two)
        #expect(try mounted.list(".loci/layouts") == ["1", "2"])
        #expect(try mounted.walk(".loci/layouts/1").count == 4)
        #expect(
            try mounted.walk(".loci/layouts/2").first
                == ".loci/layouts/2/topic=auth/user=bob/a.md"
        )
        #expect(!mounted.exists(".loci/layouts/2/user=bob"))
        #expect(
            try mounted.inode(".loci/layouts/2/topic=auth/user=bob/a.md")
                == mounted.inode("user=bob/topic=auth/a.md")
        )
        try mounted.write(".loci/layouts/2/topic=auth/user=bob/b.md", "new")
        #expect(try mounted.read(".loci/layouts/2/topic=auth/user=bob/b.md") == "new")
        _ = mounted.daemon.staging.commitNow(.unmount)
        let seen = try mounted.eventually {
            try mounted.list("user=bob/topic=auth") == ["a.md", "b.md"]
        }
        #expect(seen != nil)
    }

    @Test("a rename and a removal by one path show at once by the other")
    func otherNames() async throws {
        let mounted = try await filled()
        _ = try mounted.addLayout(Self.two)
        #expect(try mounted.list("topic=auth/user=bob") == ["a.md"])
        #expect(try mounted.read("topic=auth/user=bob/a.md") == "bob auth")
        try mounted.rename("user=bob/topic=auth/a.md", "user=bob/topic=db/c.md")
        let moved = try mounted.eventually {
            try !mounted.exists("topic=auth/user=bob/a.md")
                && mounted.exists("topic=db/user=bob/c.md")
                && mounted.list("topic=db/user=bob") == ["a.md", "c.md"]
        }
        #expect(try #require(moved) < .milliseconds(20))
        try mounted.remove("topic=db/user=bob/c.md")
        let removed = try mounted.eventually {
            try !mounted.exists("user=bob/topic=db/c.md")
                && mounted.list("user=bob/topic=db") == ["a.md"]
        }
        #expect(try #require(removed) < .milliseconds(20))
    }

    @Test("after a save by one path the other shows it within 20 ms, a hundred times")
    func twoNames() async throws {
        let mounted = try await filled()
        _ = try mounted.addLayout(Self.two)
        var slowest = Duration.zero
        for round in 0..<100 {
            let text = "round \(round)"
            try mounted.write("user=bob/topic=auth/t.tmp", text)
            try mounted.rename("user=bob/topic=auth/t.tmp", "user=bob/topic=auth/a.md")
            let time = try mounted.eventually {
                try mounted.read("topic=auth/user=bob/a.md") == text
            }
            slowest = max(slowest, try #require(time))
        }
        #expect(slowest < .milliseconds(20))
    }

    @Test("a retired layout's names stop resolving, and an open file goes on")
    func retired() async throws {
        let mounted = try await filled()
        let two = try mounted.addLayout(Self.two)
        let file = unsafe open(mounted.full("user=bob/topic=auth/a.md"), O_RDONLY)
        try #require(file >= 0)
        defer { close(file) }
        #expect(mounted.exists("user=eve/topic=db/a.md"))
        try mounted.list(layout: two)
        _ = mounted.eventually { mounted.exists("topic=auth") }
        try mounted.outside.catalog.write(origin: MountedTenant.origin) { tx in
            try tx.setTarget(try #require(try tx.reader.layouts()[two]))
        }
        try mounted.retire(layout: LayoutNumber(1))
        let time = mounted.eventually {
            !mounted.exists("user=bob/topic=auth/a.md") && !mounted.exists("user=eve")
        }
        #expect(try #require(time) < .milliseconds(50))
        var bytes = [UInt8](repeating: 0, count: 20)
        let count = unsafe pread(file, &bytes, 20, 0)
        #expect(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self) == "bob auth")
        #expect(try mounted.walk().count == 4)
    }

    @Test("uses of old paths are counted by prefix, user and command after the cut-over")
    func uses() async throws {
        let mounted = try await filled()
        let two = try mounted.addLayout(Self.two)
        #expect(mounted.exists("user=bob/topic=auth/a.md"))
        try mounted.list(layout: two)
        _ = try mounted.eventually { try mounted.list() == ["topic=auth", "topic=db"] }
        #expect(mounted.exists("user=bob/topic=auth/a.md"))
        let counted = try mounted.eventually(within: .seconds(3)) {
            try mounted.outside.catalog.read { reader in
                try reader.connection.first(
                    "SELECT count FROM old_path_use WHERE layout = 1 AND prefix = 'user=bob'"
                ) { row throws(SQLError) in row.integer(0) } ?? 0
            } > 0
        }
        #expect(counted != nil)
    }

    @Test("nodelete refuses changes of names that only the old layout has")
    func nodelete() async throws {
        let mounted = try await filled()
        let two = try mounted.addLayout(Self.two)
        try mounted.list(layout: two, nodelete: true)
        _ = try mounted.eventually { try mounted.list() == ["topic=auth", "topic=db"] }
        #expect(throws: Failed(code: EROFS)) { try mounted.remove("user=bob/topic=auth/a.md") }
        #expect(throws: Failed(code: EROFS)) {
            try mounted.write("user=bob/topic=auth/new.md", "x")
        }
        #expect(throws: Failed(code: EROFS)) {
            try mounted.rename("user=bob/topic=auth/a.md", "topic=auth/user=bob/b.md")
        }
        try mounted.remove("topic=auth/user=bob/a.md")
    }

    @Test("a walk meets each memory once, through cut-overs and reverts")
    func walks() async throws {
        let mounted = try MountedTenant()
        for index in 0..<60 {
            try await mounted.add("user=u\(index % 7)/topic=t\(index % 5)/m\(index).md", "\(index)")
        }
        let two = try mounted.addLayout(Self.two)
        let stop = Atomic<Bool>(false)
        let failures = Mutex<[String]>([])
        let walker = try Thread.spawn(name: "walker") {
            while !stop.load(ordering: .relaxed) {
                do {
                    let names = try mounted.walk().compactMap { $0.split(separator: "/").last }
                    if Set(names).count != 60 || names.count != 60 {
                        failures.withLock { $0.append("met \(names.count)") }
                    }
                } catch {
                    failures.withLock { $0.append("\(error)") }
                }
            }
        }
        for round in 0..<40 {
            try mounted.list(layout: round % 2 == 0 ? two : LayoutNumber(1))
            usleep(15_000)
        }
        stop.store(true, ordering: .relaxed)
        walker.join()
        #expect(failures.withLock { $0 } == [])
    }

    @Test("a pinned layout stays what is listed")
    func pinned() async throws {
        let mounted = try await filled()
        let two = try mounted.addLayout(Self.two)
        mounted.unmount()
        try mounted.mount("layout=1")
        try mounted.list(layout: two)
        usleep(50_000)
        #expect(try mounted.list() == ["user=bob", "user=eve"])
        mounted.unmount()
        try mounted.mount("subdir=user=bob")
        #expect(try mounted.list() == ["topic=auth", "topic=db"])
        #expect(try mounted.read("topic=auth/a.md") == "bob auth")
    }

    @Test("a subdirectory's mount pins its layout for all to see, and says what it shows")
    func subdirectoryPins() async throws {
        let mounted = try await filled()
        mounted.unmount()
        try mounted.mount("subdir=user=bob")
        let rows = try mounted.outside.catalog.read { try $0.sessions() }
        #expect(rows.map(\.options) == ["subdir=user=bob,layout=1"])
        let status = try JSON(parsing: Array(mounted.read(".loci/status.json").utf8))
        #expect(status["subdir"]?.stringValue == "user=bob")
    }

    @Test("nothing can be made in a directory whose layout ended")
    func endedDirectory() async throws {
        let mounted = try await filled()
        let two = try mounted.addLayout(Self.two)
        let directory = unsafe open(mounted.full("user=bob"), O_RDONLY | O_DIRECTORY)
        try #require(directory >= 0)
        defer { close(directory) }
        try mounted.list(layout: two)
        try mounted.outside.catalog.write(origin: MountedTenant.origin) { tx in
            try tx.setTarget(try #require(try tx.reader.layouts()[two]))
        }
        try mounted.retire(layout: LayoutNumber(1))
        _ = mounted.eventually { !mounted.exists("user=bob") }
        #expect(unsafe openat(directory, ".x", O_WRONLY | O_CREAT, 0o644) == -1)
        #expect(errno == ENOENT)
        #expect(unsafe mkdirat(directory, ".d", 0o755) == -1)
        #expect(errno == ENOENT)
        #expect(unsafe symlinkat("x", directory, ".l") == -1)
        #expect(errno == ENOENT)
    }

    @Test("a layout apart is whole under .loci/layouts and not in the root until it is listed")
    func apart() async throws {
        let mounted = try MountedTenant("{user}/{topic}")
        try await mounted.add("bob/auth/a.md", "1")
        let two = try mounted.addLayout("{topic}/{user}", apart: true)
        #expect(try mounted.list() == ["bob"])
        #expect(!mounted.exists("auth"))
        let shown = try mounted.eventually {
            try mounted.walk(".loci/layouts/2") == [".loci/layouts/2/auth/bob/a.md"]
        }
        #expect(shown != nil)
        try mounted.list(layout: two)
        let listed = try mounted.eventually {
            try mounted.list() == ["auth"] && mounted.exists("auth/bob/a.md")
                && !mounted.exists("bob")
        }
        #expect(try #require(listed) < .milliseconds(50))
    }
}

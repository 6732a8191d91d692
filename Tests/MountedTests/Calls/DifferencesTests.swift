import CCalls
import Glibc
import Linux
import Testing

/// What a mount answers otherwise than a plain directory, on purpose.
///
/// All else that differs is a fault.
struct Difference: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// The last line of what the calls gave, there and here.
    let plain: String
    let mount: String
    let calls: @Sendable (Calls) -> Void

    init(
        _ what: String,
        _ plain: String,
        _ mount: String,
        _ calls: @escaping @Sendable (Calls) -> Void
    ) {
        testDescription = what
        self.plain = plain
        self.mount = mount
        self.calls = calls
    }

    static let all = [
        Self("a memory has one name in each layout: no hard links", "link → 0", "link → EPERM") {
            $0.put("f", "x")
            $0.result("link", unsafe link("f", "g"))
        },
        Self("a symbolic link is a tool's, by its name", "symlink f l → 0", "symlink f l → EPERM") {
            $0.symlink("f", "l")
        },
        Self("no pipes, sockets and devices", "mkfifo → 0", "mkfifo → EPERM") {
            $0.result("mkfifo", unsafe mkfifo(".pipe", 0o644))
        },
        Self("a partition is not narrower than the mount", "chmod d 700 → 0", "chmod d 700 → EPERM")
        {
            $0.mkdir("d")
            $0.chmod("d", 0o700)
        },
        Self("a partition is made as open as the mount", "mode → 700", "mode → 755") {
            $0.mkdir("d", mode: 0o700)
            $0.note("mode", String((Calls.status(of: "d")?.st_mode ?? 0) & 0o7777, radix: 8))
        },
        Self("a partition does not become wider than the mount", "mode → 777", "mode → 755") {
            $0.mkdir("d")
            $0.chmod("d", 0o777)
            $0.note("mode", String((Calls.status(of: "d")?.st_mode ?? 0) & 0o7777, radix: 8))
        },
        Self("a directory has one link, however many are in it", "links → 3", "links → 1") {
            $0.mkdir("d")
            $0.mkdir("d/e")
            $0.note("links", Calls.status(of: "d")?.st_nlink ?? 0)
        },
        Self(
            "no files without a name",
            "open . 20200002 600 → 0",
            "open . 20200002 600 → EOPNOTSUPP"
        ) {
            $0.close($0.open(".", O_RDWR | calls_o_tmpfile, mode: 0o600))
        },
        Self("no space is set aside", "fallocate → 0", "fallocate → EOPNOTSUPP") {
            let file = $0.open("f", O_RDWR | O_CREAT)
            $0.result("fallocate", calls_fallocate(file, 0, 0, 4096))
            $0.close(file)
        },
        Self(
            "a file and a directory do not change places",
            "rename f d 2 → 0",
            "rename f d 2 → EINVAL"
        ) {
            $0.put("f", "x")
            $0.mkdir("d")
            $0.rename("f", "d", CallTests.exchange)
        },
        Self(
            "a memory and a tool's file do not change places",
            "rename f .f 2 → 0",
            "rename f .f 2 → EINVAL"
        ) {
            $0.put("f", "x")
            $0.put(".f", "y")
            $0.rename("f", ".f", CallTests.exchange)
        },
        Self("a partition does not become a tool's", "rename d .d 0 → 0", "rename d .d 0 → EINVAL")
        {
            $0.mkdir("d")
            $0.rename("d", ".d")
        },
        Self(
            "a tool's directory becomes no partition",
            "rename .d d 0 → 0",
            "rename .d d 0 → EINVAL"
        ) {
            $0.mkdir(".d")
            $0.rename(".d", "d")
        },
        Self("a memory has no time of access", "atime → 77", "atime → 88") {
            $0.put("f", "x")
            $0.setTimes("f", access: (77, 0), modification: (88, 0))
            $0.note("atime", Calls.status(of: "f")?.st_atim.tv_sec ?? 0)
        },
        Self("holes count as blocks", "fewer blocks → true", "fewer blocks → false") {
            $0.put("f", "")
            $0.truncate("f", to: 1 << 20)
            $0.note("fewer blocks", (Calls.status(of: "f")?.st_blocks ?? 0) < 2048)
        },
        Self(
            "extended attributes cost an option",
            "getxattr → ENODATA",
            "getxattr → EOPNOTSUPP"
        ) {
            $0.put("f", "")
            $0.result("getxattr", unsafe calls_get_attribute("f", "user.x"))
        },
    ]
}

extension CallTests {
    @Suite("What differs on purpose")
    struct Differences {
        @Test("a mount and a plain directory differ in it", arguments: Difference.all)
        func difference(_ difference: Difference) throws {
            for (user, mount, plain) in try CallSides.transcripts(difference.calls) {
                #expect(plain.last == difference.plain, "as \(user)")
                #expect(mount.last == difference.mount, "as \(user)")
            }
        }

        @Test("a name that fits no partition of the scheme is EINVAL")
        func misfits() throws {
            let mounted = try MountedTenant("user={user}")
            for name in ["place=x", "user=%41", "user=.a"] {
                #expect(throws: MountedTenant.Failed(code: EINVAL), "\(name)") {
                    try mounted.makeDirectory(name)
                }
            }
            #expect(throws: MountedTenant.Failed(code: EINVAL)) { try mounted.write("f", "x") }
            try mounted.makeDirectory("user=a")
            #expect(throws: MountedTenant.Failed(code: EINVAL)) {
                try mounted.makeDirectory("user=a/deeper")
            }
            #expect(throws: MountedTenant.Failed(code: EINVAL)) {
                try mounted.rename("user=a", "other")
            }
            #expect(throws: MountedTenant.Failed(code: EILSEQ)) {
                var path = mounted.full("user=").utf8.map { CChar(bitPattern: $0) }
                path += [-1, 0]
                guard unsafe mkdir(path, 0o755) == 0 else {
                    throw MountedTenant.Failed(code: errno)
                }
            }
        }

        @Test("a directory does not move beneath itself, whichever of its trees is used")
        func beneathItself() throws {
            let mounted = try MountedTenant("{folder...}")
            for name in ["d", "d/s", "d/s/t", ".t", ".t/s"] { try mounted.makeDirectory(name) }
            try mounted.write("d/f", "x")
            for (from, to) in [
                (".loci/layouts/1/d", "d/s/d"), ("d", ".loci/layouts/1/d/s/t/d"),
                (".loci/layouts/1/d", "d/s/t"), (".loci/layouts/1/.t", ".t/s/t"),
                (".t", ".loci/layouts/1/.t/s"),
            ] {
                for manner in [File.RenameManner.replacing, .noReplace]
                where manner == .replacing || !mounted.exists(to) {
                    #expect(throws: MountedTenant.Failed(code: EINVAL), "\(from) to \(to)") {
                        try mounted.rename(from, to, manner)
                    }
                }
            }
            for (one, other) in [
                (".loci/layouts/1/d", "d/s"), ("d/s", ".loci/layouts/1/d"),
                (".loci/layouts/1/.t", ".t/s"), (".t/s", ".loci/layouts/1/.t"),
            ] {
                #expect(throws: MountedTenant.Failed(code: EINVAL), "\(one) and \(other)") {
                    try mounted.rename(one, other, .exchange)
                }
            }
            #expect(throws: MountedTenant.Failed(code: ENOTEMPTY)) {
                try mounted.rename("d/s", ".loci/layouts/1/d")
            }
            // The writer's lock is free.
            try mounted.write("d/s/t/new", "x")
            #expect(try mounted.walk() == ["d/f", "d/s/t/new"])
        }

        @Test("partitions that change places take their memories along, in every layout")
        func exchange() async throws {
            let mounted = try MountedTenant("user={user}/topic={topic}")
            for user in ["ann", "bob"] {
                try await mounted.add("user=\(user)/topic=x/a.md", "of \(user)")
            }
            _ = try mounted.addLayout("topic={topic}/user={user}")
            try mounted.write("user=ann/topic=x/new.md", "staged")
            try mounted.rename("user=ann", "user=bob", .exchange)
            for (user, other) in [("ann", "bob"), ("bob", "ann")] {
                #expect(try mounted.read("user=\(user)/topic=x/a.md") == "of \(other)")
                #expect(try mounted.read("topic=x/user=\(user)/a.md") == "of \(other)")
            }
            #expect(try mounted.list("topic=x/user=ann") == ["a.md"])
            #expect(try mounted.list("user=bob/topic=x") == ["a.md", "new.md"])
            #expect(try mounted.list() == ["user=ann", "user=bob"])
        }

        @Test("the directory .loci is there without being listed, and is nobody's to change")
        func loci() throws {
            let mounted = try MountedTenant("{folder...}")
            typealias Failed = MountedTenant.Failed
            #expect(try mounted.list() == [])
            #expect(throws: Failed(code: EEXIST)) { try mounted.makeDirectory(".loci") }
            #expect(throws: Failed(code: EPERM)) { try mounted.removeDirectory(".loci") }
            #expect(throws: Failed(code: EPERM)) { try mounted.write(".loci/new", "x") }
            #expect(throws: Failed(code: EPERM)) { try mounted.makeDirectory(".loci/new") }
            #expect(throws: Failed(code: EPERM)) { try mounted.remove(".loci/README.md") }
            try mounted.makeDirectory("d")
            #expect(mounted.exists(".loci/README.md"))
        }
    }
}

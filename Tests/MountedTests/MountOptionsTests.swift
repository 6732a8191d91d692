import Glibc
import Linux
import Testing

@testable import Loci
@testable import Mount

@Suite struct MountOptionsTests {
    @Test("reads options with their values, by either spelling")
    func reads() throws {
        let options = try MountOptions(
            parsing: ["ro,tenant=acme,layout=2", "allow-other,umask=027,quiet=250ms,usage=off"])
        #expect(options.readOnly && options.allowOther && !options.usage && options.migrate)
        #expect(options.tenant?.rawValue == "acme")
        #expect(options.layout == LayoutNumber(2))
        #expect(options.umask == 0o027)
        #expect(options.quiet == .milliseconds(250))
        #expect(options.lowLatency)
        #expect(try !MountOptions(parsing: ["latency=normal"]).lowLatency)
    }

    @Test("what only the system's tables know is accepted")
    func ignores() throws {
        let options = try MountOptions(
            parsing: ["nofail,noauto,_netdev,user,x-systemd.automount,defaults"])
        #expect(options == MountOptions())
    }

    @Test(
        "an unknown option names the nearest",
        arguments: [("tennant=a", "tenant"), ("allow_others", "allow_other"), ("uids=3", "uid")]
    )
    func unknown(option: String, nearest: String) throws {
        let error = #expect(throws: LociError.self) { try MountOptions(parsing: [option]) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.remedy == "Did you mean \(nearest)?")
    }

    @Test(
        "values that cannot be read are refused",
        arguments: [
            "layout=x", "foreign=maybe", "usage=yes", "umask=9", "quiet=soon", "tenant", "uid=",
            "latency=off",
        ]
    )
    func unreadable(option: String) {
        #expect(throws: LociError.self) { try MountOptions(parsing: [option]) }
    }
}

@Suite(.serialized, .timeLimit(.minutes(20)))
struct MountPointTests {
    private func code(_ body: () throws -> Void) -> LociError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? LociError)?.code
        }
    }

    @Test("a mount point in use, not empty, missing, or inside the store is refused")
    func refused() throws {
        let mounted = try MountedTenant()
        let store = mounted.directory + "/store"
        #expect(code { _ = try MountPoint.prepare(mounted.path, store: store) } == .mountPointInUse)
        #expect(
            code { _ = try MountPoint.prepare(mounted.directory, store: store) }
                == .mountPointInsideStore
        )
        #expect(
            code { _ = try MountPoint.prepare(store + "/main", store: store) }
                == .mountPointInsideStore
        )
        #expect(
            code { _ = try MountPoint.prepare(mounted.directory + "/no", store: store) }
                == .notFound
        )
        let full = mounted.directory + "/full"
        unsafe mkdir(full, 0o755)
        unsafe mkdir(full + "/x", 0o755)
        #expect(code { _ = try MountPoint.prepare(full, store: store) } == .mountPointNotEmpty)
        mounted.unmount()
        #expect(code { _ = try MountPoint.prepare(mounted.path, store: store) } == nil)
    }

    @Test(
        "the mount table shows the source as given and the type fuse.loci; statfs is the volume's"
    )
    func table() throws {
        let mounted = try MountedTenant()
        let text = String(
            decoding: try File.open("/proc/self/mountinfo").readAll(limit: 1 << 20),
            as: UTF8.self
        )
        #expect(
            text.contains("\(mounted.path) ")
                && text.contains("fuse.loci \(mounted.directory)/store")
        )
        var here = statvfs()
        var there = statvfs()
        #expect(unsafe statvfs(mounted.path, &here) == 0)
        #expect(unsafe statvfs(mounted.directory, &there) == 0)
        #expect(here.f_blocks == there.f_blocks && here.f_namemax == 255)
    }

    @Test("umount commits what is staged, and the session's row goes")
    func unmounts() throws {
        let mounted = try MountedTenant("{folder...}")
        try mounted.write("a.md", "staged")
        #expect(try mounted.outside.mounts().count == 1)
        mounted.unmount()
        #expect(try mounted.outside.memory(at: try NamePath("a.md")).size == 6)
        #expect(try mounted.outside.mounts().isEmpty)
    }

    @Test("a command's request is answered and what was written is a memory then")
    func requests() throws {
        let mounted = try MountedTenant("{folder...}")
        try mounted.write("a.md", "x")
        usleep(80_000)
        let late = try mounted.outside.askMountsToCommit(timeout: .seconds(1))
        #expect(late.isEmpty)
        #expect(try mounted.outside.memory(at: try NamePath("a.md")).size == 1)
    }
}

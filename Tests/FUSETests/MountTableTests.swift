import Glibc
import Testing

@testable import FUSE

@Suite("The mount table", .serialized)
struct MountTableTests {
    @Test("gives paths and sources without their escapes")
    func unescapes() {
        let line =
            #"36 35 0:9 / /mnt/a\040b\134c rw,noatime shared:1 - fuse.loci /store\011x ro,user_id=0"#
        #expect(
            MountTable.parse(Array((line + "\n").utf8)) == [
                MountTable.Entry(
                    path: Array(#"/mnt/a b\c"#.utf8),
                    type: "fuse.loci",
                    source: "/store\tx",
                    options: ["rw", "noatime", "ro", "user_id=0"],
                    device: "0:9"
                )
            ]
        )
    }

    @Test("leaves out lines that are not of its form")
    func skipsOtherLines() {
        #expect(MountTable.parse(Array("nonsense\n1 2 3 4 5 6 - \n".utf8)).isEmpty)
    }

    @Test("shows a session with its source, type and options")
    func showsSession() throws {
        try withMount(MemoryFileSystem()) { _, path in
            let entry = try #require(try MountTable.entries().last { $0.mountPoint == path })
            #expect(entry.type == "fuse.loci")
            #expect(entry.source == "test,source")
            #expect(entry.options.contains("default_permissions"))
            #expect(!MountTable.isDeadMount(path))
        }
    }

    @Test("tells a mount whose process is gone, and removes it")
    func recognisesDeadMounts() throws {
        let path = try temporaryDirectory()
        defer { unsafe rmdir(path) }
        // A mount whose device was closed is what a killed daemon leaves.
        let device = unsafe open("/dev/fuse", O_RDWR)
        #expect(device >= 0)
        let options = "fd=\(device),rootmode=40000,user_id=0,group_id=0"
        guard unsafe mount("x", path, "fuse.loci", 0, options) == 0 else {
            close(device)
            return
        }
        #expect(!MountTable.isDeadMount("/tmp"))
        close(device)
        #expect(MountTable.isDeadMount(path))
        try MountTable.unmount(path, lazy: true)
        #expect(!MountTable.isDeadMount(path))
        #expect(exists(path))
    }

    @Test("says why a directory that is no mount cannot be unmounted")
    func refusesOtherDirectories() throws {
        let path = try temporaryDirectory()
        defer { unsafe rmdir(path) }
        let error = #expect(throws: FUSEError.self) {
            try MountTable.unmount(path, lazy: false)
        }
        #expect(error?.code == EINVAL)
    }
}

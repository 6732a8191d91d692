import Linux
import TestSupport
import Testing

@Suite("Files")
struct FileTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func make(_ name: String, _ text: String) throws -> File {
        let file = try scratch.open().open(name, [.readWrite, .create, .exclusive])
        try file.write(Array(text.utf8), at: 0)
        return file
    }

    @Test("an error carries its name and its sentence")
    func errnoDescribes() {
        #expect(Errno.noSpace.name == "ENOSPC")
        #expect(Errno.noSpace.description == "No space left on device (ENOSPC)")
    }

    @Test("a path with a NUL inside is refused instead of cut")
    func refusesNUL() throws {
        _ = try make("a", "")
        #expect(throws: Errno.invalidArgument) {
            _ = try scratch.open().open([97, 0, 98])
        }
    }

    @Test("opening beneath refuses to leave by '..' or by an absolute path")
    func staysBeneath() throws {
        let directory = try scratch.open()
        #expect(throws: Errno.crossDevice) { _ = try directory.openBeneath("../etc/passwd") }
        #expect(throws: Errno.crossDevice) { _ = try directory.openBeneath("/etc/passwd") }
    }

    @Test("opening beneath follows no symbolic link, at the end or on the way")
    func followsNoLink() throws {
        let directory = try scratch.open()
        try directory.makeSymbolicLink("etc", to: "/etc")
        try directory.makeSymbolicLink("passwd", to: "/etc/passwd")
        #expect(throws: Errno.symlinkLoop) { _ = try directory.openBeneath("etc/passwd") }
        #expect(throws: Errno.symlinkLoop) { _ = try directory.openBeneath("passwd") }
    }

    @Test("opening beneath what is in memory refuses the same, and asks no disk for a name")
    func opensCached() throws {
        let directory = try scratch.open()
        _ = try make("a", "1")
        #expect(try directory.openBeneath("a", onlyIfCached: true).status().size == 1)
        try directory.makeSymbolicLink("passwd", to: "/etc/passwd")
        #expect(throws: Errno.symlinkLoop) {
            _ = try directory.openBeneath("passwd", onlyIfCached: true)
        }
        #expect(throws: Errno.crossDevice) {
            _ = try directory.openBeneath("/etc/passwd", onlyIfCached: true)
        }
        // Nobody looked for it, so only the disk knows.
        #expect(throws: Errno.again) {
            _ = try directory.openBeneath("never-looked-up", onlyIfCached: true)
        }
    }

    @Test("bytes are read from memory only where all that was asked for is there")
    func readsCached() throws {
        let text = String(repeating: "x", count: 3 * 4096)
        let file = try make("a", text)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 3 * 4096, alignment: 16)
        defer { unsafe buffer.deallocate() }
        #expect(unsafe File.readCached(file.descriptor, into: buffer))
        #expect(unsafe Array(buffer) == Array(text.utf8))
        try file.sync()
        try file.advise(.dontNeed)
        #expect(unsafe !File.readCached(file.descriptor, into: buffer))
        #expect(try file.read(count: 3 * 4096, at: 0) == Array(text.utf8))
    }

    @Test("reading more than the limit fails instead of cutting")
    func limitsReading() throws {
        let file = try make("a", "12345")
        #expect(throws: Errno.fileTooLarge) { _ = try file.readAll(limit: 4) }
        try file.seek(to: 0)
        #expect(try file.readAll(limit: 5) == Array("12345".utf8))
        #expect(try file.read(count: 100, at: 3) == Array("45".utf8))
    }

    @Test("times are kept to the nanosecond, also before 1970")
    func keepsTimes() throws {
        let file = try make("a", "")
        try file.setTimes(modification: -1)
        #expect(try file.status().modificationTime == -1)
        try file.setTimes(access: 5, modification: 1_700_000_000_123_456_789)
        let status = try scratch.open().status(of: "a")
        #expect(status.modificationTime == 1_700_000_000_123_456_789)
        #expect(status.accessTime == 5)
        #expect(status.kind == .file)
    }

    @Test("an unnamed file gets its name by a link")
    func linksUnnamed() throws {
        let directory = try scratch.open()
        let file = try directory.open(".", [.temporary, .readWrite])
        try file.write(Array("x".utf8))
        try directory.link(file, as: "named")
        #expect(try directory.open("named").readAll(limit: 9) == Array("x".utf8))
    }

    @Test("a rename that must not replace leaves both files")
    func renamesWithoutReplacing() throws {
        let directory = try scratch.open()
        _ = try make("a", "a")
        _ = try make("b", "b")
        #expect(throws: Errno.exists) {
            try directory.rename("a", to: directory, "b", .noReplace)
        }
        try directory.rename("a", to: directory, "b", .exchange)
        #expect(try directory.open("a").readAll(limit: 9) == Array("b".utf8))
    }

    @Test("missing directories are made beneath, and named outermost first")
    func makesDirectories() throws {
        let directory = try scratch.open()
        try directory.makeDirectory("a")
        let made = try directory.makeDirectoriesBeneath("a/b/c").made
        #expect(made == [Array("a/b".utf8), Array("a/b/c".utf8)])
        #expect(try directory.makeDirectoriesBeneath("a/b/c").made == [])
        #expect(throws: Errno.invalidArgument) {
            _ = try directory.makeDirectoriesBeneath("a/../x")
        }
        try directory.makeSymbolicLink("a/out", to: "/tmp")
        #expect(throws: Errno.symlinkLoop) {
            _ = try directory.makeDirectoriesBeneath("a/out/b")
        }
    }

    @Test("a directory is read whole, with names that are no UTF-8 and more than one buffer")
    func readsDirectories() throws {
        let directory = try scratch.open()
        _ = try directory.open([0xFF, 0xFE], [.writeOnly, .create])
        for number in 0..<300 { _ = try make("file-\(number)", "") }
        var stream = DirectoryStream(try scratch.open(), bufferSize: 512)
        var names: Set<[UInt8]> = []
        while let entry = try stream.read() { #expect(names.insert(entry.name).inserted) }
        #expect(names.count == 301)
        #expect(names.contains([0xFF, 0xFE]))
    }

    @Test("a copy has the bytes, whether the size is known or not")
    func copies() throws {
        let source = try make("a", String(repeating: "0123456789", count: 50_000))
        let target = try make("b", "")
        #expect(try source.copyContents(to: target) == 500_000)
        #expect(try target.status().size == 500_000)
        let process = try make("c", "")
        #expect(try File.open("/proc/self/status").copyContents(to: process) > 100)
    }
}

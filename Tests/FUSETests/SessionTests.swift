import FUSE
import Glibc
import Synchronization
import Testing

@Suite("A mounted session", .serialized)
struct SessionTests {
    @Test("opening, reading and closing a cached file sends no request")
    func opensWithoutMessages() throws {
        let files = MemoryFileSystem(["a": "hello"])
        try withMount(files) { session, path in
            #expect(contents(path + "/a") == "hello")
            _ = contents(path + "/a")
            let before = session.counts.total
            for _ in 0..<100 { #expect(contents(path + "/a") == "hello") }
            #expect(session.counts.total == before)
        }
    }

    @Test("a write reaches the file system and is read back")
    func writes() throws {
        let files = MemoryFileSystem(["a": "hello"])
        try withMount(files) { _, path in
            #expect(put(path + "/a", "J"))
            #expect(contents(path + "/a") == "Jello")
            #expect(files.state.withLock { $0.files["a"]?.bytes } == bytes("Jello"))
        }
    }

    @Test("a write of several megabytes arrives whole")
    func writesMuch() throws {
        let files = MemoryFileSystem(["a": ""])
        try withMount(files) { _, path in
            let text = String(repeating: "0123456789abcdef", count: 1 << 18)
            #expect(put(path + "/a", text))
            #expect(files.state.withLock { $0.files["a"]?.bytes } == bytes(text))
            #expect(files.count("write") <= 8)
        }
    }

    @Test("opening with O_TRUNC arrives as a setattr of size 0")
    func truncates() throws {
        let files = MemoryFileSystem(["a": "hello"])
        try withMount(files) { _, path in
            #expect(put(path + "/a", "x", flags: O_WRONLY | O_TRUNC))
            #expect(files.count("setattr size 0") == 1)
            #expect(contents(path + "/a") == "x")
        }
    }

    @Test("a listing of 10,000 entries is complete and carries their attributes")
    func listsMany() throws {
        let files = MemoryFileSystem(manyCount: 10_000)
        try withMount(files) { _, path in
            let stream = unsafe try #require(unsafe opendir(path + "/many"))
            defer { unsafe closedir(stream) }
            var names: Set<String> = []
            while let entry = unsafe readdir(stream) {
                let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
                    unsafe String(cString: $0.bindMemory(to: CChar.self).baseAddress!)
                }
                names.insert(name)
                #expect(exists(path + "/many/" + name))
            }
            #expect(names == Set((0..<10_000).map { "file-\($0)" }))
            #expect(files.count("readdirplus") > 0)
            #expect(files.count("lookup") < 100)
        }
    }

    @Test("a request that the file system loses is answered EIO")
    func answersLostRequests() throws {
        try withMount(MemoryFileSystem(["a": "hello"])) { _, path in
            errno = 0
            #expect(unsafe unlink(path + "/a") == -1)
            #expect(errno == EIO)
        }
    }

    @Test("statfs shows what the file system says")
    func statistics() throws {
        try withMount(MemoryFileSystem()) { _, path in
            let found = try VolumeStatistics(ofVolumeAt: path)
            #expect(found.blocks == 100 && found.availableBlocks == 40 && found.freeFiles == 5)
        }
    }

    @Test("many callers at once are all served", arguments: [1, 2, 4])
    func servesInParallel(threads: Int) throws {
        let files = MemoryFileSystem(["a": "hello", "uncached": "x"])
        try withMount(files, threads: threads) { _, path in
            let callers = (0..<8).map { _ in
                Runner { for _ in 0..<200 where !put(path + "/a", "J") { Issue.record("failed") } }
            }
            for caller in callers { caller.join() }
            #expect(files.count("write") == 1600)
        }
    }

    @Test("a lookup that waits does not hold up others once it said so")
    func servesBesideWaitingLookup() throws {
        let files = MemoryFileSystem(["slow": "", "a": "hello"])
        try withMount(files, threads: 2) { _, path in
            let caller = Runner { _ = exists(path + "/slow") }
            #expect(eventually { files.count("slow") == 1 })
            #expect(exists(path + "/a"))
            let answered = caller.isDone.load(ordering: .acquiring)
            #expect(!answered)
            files.release.store(true, ordering: .releasing)
            caller.join()
        }
    }

    @Test("idle threads are told so")
    func tellsIdleThreads() throws {
        let files = MemoryFileSystem()
        try withMount(files, threads: 2) { _, path in
            #expect(exists(path))
            #expect(eventually { files.state.withLock { $0.idle } >= 2 })
        }
    }

    @Test("unmounting from outside ends the loop")
    func endsWhenUnmounted() throws {
        let path = try temporaryDirectory()
        defer { unsafe rmdir(path) }
        let files = MemoryFileSystem()
        let session = try Session(files, mountPoint: path, options: MountOptions(source: "x"))
        let runner = Runner { session.run(threads: 3, spin: .microseconds(10)) }
        #expect(exists(path + "/many"))
        try MountTable.unmount(path, lazy: false)
        let ended = eventually { runner.isDone.load(ordering: .acquiring) }
        #expect(ended)
        session.stop()
        runner.join()
    }

    @Test("stop() ends the loop and unmounts")
    func endsWhenStopped() throws {
        let path = try temporaryDirectory()
        defer { unsafe rmdir(path) }
        let files = MemoryFileSystem()
        let session = try Session(files, mountPoint: path, options: MountOptions(source: "x"))
        let runner = Runner { session.run(threads: 3, spin: .microseconds(10)) }
        #expect(exists(path + "/many"))
        session.stop()
        runner.join()
        #expect(!exists(path + "/many"))
        do {
            let found = try MountTable.entries().contains { $0.mountPoint == path }
            #expect(!found)
        }
    }

    @Test("mounting on a missing directory throws and names it")
    func refusesMissingDirectory() {
        let error = #expect(throws: FUSEError.self) {
            _ = try Session(
                MemoryFileSystem(),
                mountPoint: "/tmp/fuse-test-missing/x",
                options: MountOptions(source: "x")
            )
        }
        #expect(error?.code == ENOENT)
        #expect(error?.description.contains("/tmp/fuse-test-missing/x") == true)
    }
}

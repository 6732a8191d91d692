import FUSE
import Glibc
import Testing

@Suite("The close watcher", .serialized)
struct CloseWatcherTests {
    @Test("reports who closed which written file, soon, and says nothing of readers")
    func reportsCloses() throws {
        try withMount(MemoryFileSystem(["a": "hello", "b": "x"])) { session, path in
            guard let watcher = CloseWatcher(mountPoint: path) else { return }
            defer { watcher.stop() }
            #expect(contents(path + "/b") == "x")
            #expect(watcher.next(timeoutMilliseconds: 20) == [])
            #expect(put(path + "/a", "J"))
            let before = session.counts.total
            let events = try #require(watcher.next(timeoutMilliseconds: 1000))
            #expect(events.map(\.node) == [NodeID(10)])
            #expect(events.map(\.pid) == [getpid()])
            #expect(session.counts.total == before)
        }
    }

    @Test("lets go of unread events when stopped, so that the mount is not busy")
    func letsGo() throws {
        try withMount(MemoryFileSystem(["a": "hello"])) { _, path in
            guard let watcher = CloseWatcher(mountPoint: path) else { return }
            #expect(put(path + "/a", "J"))
            watcher.stop()
            #expect(watcher.next(timeoutMilliseconds: 0) == nil)
            try MountTable.unmount(path, lazy: false)
        }
    }
}

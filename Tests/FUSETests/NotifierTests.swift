import FUSE
import Glibc
import Synchronization
import Testing

@Suite("A notification", .serialized)
struct NotifierTests {
    @Test("that invalidates an entry makes the kernel look it up again")
    func invalidatesEntry() throws {
        let files = MemoryFileSystem(["a": "hello"])
        try withMount(files) { session, path in
            #expect(exists(path + "/a"))
            let before = files.count("lookup")
            #expect(exists(path + "/a"))
            #expect(files.count("lookup") == before)
            do {
                let found = try withBytes("a") {
                    try session.notifier.invalidateEntry(parent: .root, name: $0)
                }
                #expect(found)
            }
            #expect(exists(path + "/a"))
            #expect(files.count("lookup") == before + 1)
        }
    }

    @Test("about a name the kernel does not know reports that and no error")
    func unknownNames() throws {
        try withMount(MemoryFileSystem()) { session, path in
            #expect(exists(path))
            do {
                let found = try withBytes("nobody") {
                    try session.notifier.invalidateEntry(parent: .root, name: $0)
                }
                #expect(!found)
            }
            do {
                let found = try session.notifier.invalidateNode(NodeID(99))
                #expect(!found)
            }
        }
    }

    @Test("that expires an entry costs a lookup and keeps the directory somebody works in")
    func expiresEntry() throws {
        let files = MemoryFileSystem()
        try withMount(files) { session, path in
            let inner = unsafe open(path + "/inner", O_RDONLY | O_DIRECTORY)
            #expect(inner >= 0)
            defer { close(inner) }
            let before = files.count("lookup")
            do {
                let found = try withBytes("inner") {
                    try session.notifier.expireEntry(parent: .root, name: $0)
                }
                #expect(found)
            }
            #expect(linkTarget("/proc/self/fd/\(inner)") == path + "/inner")
            #expect(exists(path + "/inner"))
            #expect(files.count("lookup") == before + 1)
            #expect(linkTarget("/proc/self/fd/\(inner)") == path + "/inner")
        }
    }

    @Test("that invalidates a node drops its pages and attributes")
    func invalidatesNode() throws {
        let files = MemoryFileSystem(["a": "hello"])
        try withMount(files) { session, path in
            #expect(contents(path + "/a") == "hello")
            files.set("a", "goodbye")
            #expect(contents(path + "/a") == "hello")
            do {
                let found = try session.notifier.invalidateNode(NodeID(10))
                #expect(found)
            }
            #expect(contents(path + "/a") == "goodbye")
        }
    }

    @Test("that invalidates attributes keeps the pages")
    func invalidatesAttributes() throws {
        let files = MemoryFileSystem(["a": "hello"])
        try withMount(files) { session, path in
            #expect(contents(path + "/a") == "hello")
            let (reads, getattrs) = (files.count("read"), files.count("getattr"))
            do {
                let found = try session.notifier.invalidateAttributes(NodeID(10))
                #expect(found)
            }
            #expect(contents(path + "/a") == "hello")
            #expect(files.count("read") == reads)
            #expect(files.count("getattr") > getattrs)
        }
    }

    @Test("that deletes an entry removes the name that leads to the child")
    func deletesEntry() throws {
        let files = MemoryFileSystem(["a": "hello"])
        try withMount(files) { session, path in
            #expect(exists(path + "/a"))
            files.state.withLock { _ = $0.files.removeValue(forKey: "a") }
            do {
                let found = try withBytes("a") {
                    try session.notifier.deleteEntry(parent: .root, child: NodeID(10), name: $0)
                }
                #expect(found)
            }
            #expect(!exists(path + "/a"))
        }
    }

    @Test("of a new epoch makes the kernel look up every name again, where it knows epochs")
    func incrementsEpoch() throws {
        let files = MemoryFileSystem(["a": "hello"])
        try withMount(files) { session, path in
            #expect(exists(path + "/a"))
            let before = files.count("lookup")
            do { try session.notifier.incrementEpoch() } catch let error as FUSEError {
                #expect(error.code == EINVAL)
                return
            }
            #expect(exists(path + "/a"))
            #expect(files.count("lookup") == before + 1)
        }
    }

    private final class Counter: Sendable {
        let value = Mutex(0)
    }

    @Test("that is offered is missed where the queue is full, and nobody waits")
    func offers() throws {
        try withMount(MemoryFileSystem()) { session, _ in
            let (queue, sent) = (NotificationQueue(session.notifier), Counter())
            // Its thread does not run yet: what was posted beyond its limit would wait for ever.
            for _ in 0..<5000 { queue.offer { _ in sent.value.withLock { $0 += 1 } } }
            queue.start()
            queue.flush()
            let count = sent.value.withLock(\.self)
            #expect(count > 0 && count < 5000)
            queue.offer { _ in sent.value.withLock { $0 += 1 } }
            queue.flush()
            #expect(sent.value.withLock(\.self) == count + 1)
            queue.end()
        }
    }

    @Test("after the session has ended throws ENODEV")
    func failsAfterTheEnd() throws {
        var notifier: Notifier?
        try withMount(MemoryFileSystem()) { session, _ in notifier = session.notifier }
        let error = #expect(throws: FUSEError.self) { try notifier?.invalidateNode(.root) }
        #expect(error?.code == ENODEV)
    }
}

func withBytes(_ text: String, _ body: (RawSpan) throws -> Bool) rethrows -> Bool {
    let bytes = Array(text.utf8)
    return try unsafe body(bytes.span.bytes)
}

func linkTarget(_ path: String) -> String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = unsafe readlink(path, &buffer, buffer.count)
    return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
}

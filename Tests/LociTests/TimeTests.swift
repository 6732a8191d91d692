import Blobs
import Catalog
import Linux
import Model
import SQL
import Synchronization
import Testing

@testable import Loci

@Suite("The past of a tenant")
struct TimeTests {
    let origin = TemporaryStore.origin
    let made: TemporaryStore
    let tenant: Tenant

    init() throws {
        made = try TemporaryStore(scheme: try Scheme("user={user}"))
        tenant = try made.tenant()
    }

    private func add(_ path: String, _ text: String = "text") async throws -> Memory {
        try await tenant.append(bytes(text), at: NamePath(path), origin: origin)
    }

    @Test("has snapshots by name, oldest first")
    func snapshots() async throws {
        _ = try await tenant.takeSnapshot("b", origin: origin)
        let second = try await tenant.takeSnapshot("a", origin: origin)
        #expect(try tenant.snapshots().map(\.name) == ["b", "a"])
        #expect(second.reason == "a test")
        #expect(
            await failure { _ = try await tenant.takeSnapshot("a", origin: origin) } == .nameTaken
        )
        #expect(
            await failure { _ = try await tenant.takeSnapshot("a/b", origin: origin) }
                == .invalidName
        )
        try await tenant.deleteSnapshot("b", origin: origin)
        #expect(try tenant.snapshots().map(\.name) == ["a"])
        #expect(
            await failure { try await tenant.deleteSnapshot("b", origin: origin) }
                == .snapshotNotFound
        )
    }

    @Test("comes back whole: contents, attributes, places and trash")
    func restoreSnapshot() async throws {
        let edited = try await add("user=bob/edited.md", "before")
        let moved = try await add("user=bob/moved.md")
        let deleted = try await add("user=bob/deleted.md")
        let trashed = try await add("user=bob/trashed.md")
        let swapped = [
            try await add("user=bob/1.md", "one"), try await add("user=bob/2.md", "two"),
        ]
        let same = try await add("user=bob/same.md")
        try await tenant.delete(trashed.id, origin: origin)
        _ = try await tenant.takeSnapshot("then", origin: origin)

        _ = try await tenant.edit(edited.id, content: bytes("after"), origin: origin)
        _ = try await tenant.set(
            moved.id,
            attributes: ["user": "eve", "mood": "good"],
            origin: origin
        )
        try await tenant.delete(deleted.id, origin: origin)
        _ = try await tenant.restore(trashed.id, origin: origin)
        let new = try await add("user=bob/moved.md", "in the way")
        for (index, name) in ["t.md", "1.md"].enumerated() {
            _ = try await tenant.move(
                swapped[index].id,
                to: NamePath("user=bob/\(name)"),
                origin: origin
            )
        }
        _ = try await tenant.move(
            swapped[0].id,
            to: NamePath("user=bob/2.md"),
            origin: origin
        )

        let report = try await tenant.restoreSnapshot("then", origin: origin)
        #expect(report.failures == [])
        #expect(report.contents == 1)
        #expect(report.places == 3)
        #expect(report.untrashed == 1)
        #expect(report.trashed == 2)
        #expect(try await tenant.content(of: edited.id) == bytes("before"))
        #expect(try tenant.memory(moved.id).attributes == ["user": "bob"])
        for memory in [edited, moved, deleted, same] + swapped {
            #expect(try tenant.memory(memory.id).path == memory.path)
        }
        #expect(try tenant.memory(trashed.id).isTrashed)
        #expect(try tenant.memory(new.id).isTrashed)
        #expect(try tenant.memory(same.id).revision == RevisionNumber(1))
        #expect(try await tenant.check(contents: true) == [])

        let again = try await tenant.restoreSnapshot("then", origin: origin)
        #expect(again.contents + again.places + again.untrashed + again.trashed == 0)
    }

    @Test("names the nearest snapshot where one is unknown")
    func nearMiss() async throws {
        _ = try await tenant.takeSnapshot("before-move", origin: origin)
        await #expect(throws: LociError.self) {
            _ = try await tenant.restoreSnapshot("before-mvoe", origin: origin)
        }
    }

    @Test("a revision that retention let go never gives its number to another")
    func revisionNumbers() async throws {
        let memory = try await add("user=bob/x.md", "one")
        let content = PlacedContent(
            blobKey: "beside",
            size: 3,
            hash: try FileHash.hash(bytes: bytes("two")),
            layout: nil,
            bytes: nil
        )
        try tenant.catalog.write(.full, origin: origin) { tx in
            try tx.keepBeside(try #require(try tx.reader.memory(memory.id)), content: content)
        }
        made.advance(.seconds(91 * 86_400))
        #expect(try await tenant.applyRetention(origin: origin).revisions == 1)
        _ = try await tenant.edit(memory.id, content: bytes("three"), origin: origin)
        #expect(try tenant.revisions(of: memory.id).map(\.number.rawValue).max() == 3)
    }

    @Test("is kept for 90 days where nobody said otherwise")
    func retention() async throws {
        #expect(try tenant.retention() == .seconds(90 * 86_400))
        let memory = try await add("user=bob/x.md", "one")
        _ = try await tenant.edit(memory.id, content: bytes("two"), origin: origin)
        made.advance(.seconds(89 * 86_400))
        #expect(try await tenant.applyRetention(origin: origin).revisions == 0)
        made.advance(.seconds(2 * 86_400))
        #expect(try await tenant.applyRetention(origin: origin).revisions == 1)
        #expect(try tenant.revisions(of: memory.id).map(\.number.rawValue) == [2])
        try tenant.setRetention(.seconds(60), origin: origin)
        #expect(try tenant.retention() == .seconds(60))
        #expect(
            await failure { try tenant.setRetention(.seconds(-1), origin: origin) }
                == .invalidArgument
        )
    }

    @Test("lets go of contents only when no snapshot needs them, and then removes them")
    func collect() async throws {
        let memory = try await add("user=bob/x.md", "one")
        _ = try await tenant.takeSnapshot("keep", origin: origin)
        _ = try await tenant.edit(memory.id, content: bytes("two"), origin: origin)
        _ = try await tenant.set(memory.id, attributes: ["user": "eve"], origin: origin)
        made.advance(.seconds(100 * 86_400))
        _ = try await tenant.applyRetention(origin: origin)
        #expect(try await tenant.collect(delete: false, origin: origin).blobs == 0)
        #expect(try await tenant.restoreSnapshot("keep", origin: origin).contents == 1)
        try await tenant.deleteSnapshot("keep", origin: origin)
        made.advance(.seconds(100 * 86_400))
        _ = try await tenant.applyRetention(origin: origin)
        let dry = try await tenant.collect(delete: false, origin: origin)
        #expect(dry.blobs == 2)
        let feed = ProgressFeed()
        async let reports = Array(feed)
        let report = try await tenant.collect(delete: true, origin: origin, progress: feed)
        #expect(report == dry)
        #expect(await reports.last == Loci.Progress(done: 2, total: 2))
        #expect(try await tenant.collect(delete: false, origin: origin).blobs == 0)
        #expect(try await tenant.content(of: memory.id) == bytes("one"))
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("is collected by one at a time")
    func collectNeedsTheLock() async throws {
        let lock = try tenant.takeMoverLock()
        #expect(
            await failure { _ = try await tenant.collect(delete: true, origin: origin) }
                == .lockHeld
        )
        _ = try await tenant.collect(delete: false, origin: origin)
        try lock.unlock()
        _ = try await tenant.collect(delete: true, origin: origin)
    }

    @Test("is followed without gap or repeat while several write")
    func changeFeed() async throws {
        let other = try made.reopened()
        let start = try tenant.lastChange()
        let follower = Task { [tenant] in
            var numbers: [Int64] = []
            for try await change in tenant.changes(following: start) {
                numbers.append(change.number.rawValue)
                if numbers.count == 60 { break }
            }
            return numbers
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (who, tenant) in [("a", tenant), ("b", other)] {
                group.addTask { [origin] in
                    for index in 0..<30 {
                        _ = try await tenant.append(
                            [],
                            at: NamePath("user=\(who)/\(index).md"),
                            origin: origin
                        )
                    }
                }
            }
            try await group.waitForAll()
        }
        let numbers = try await follower.value
        #expect(numbers == Array(start.rawValue + 1...start.rawValue + 60))
    }

    @Test("is followed until the task is cancelled")
    func feedEnds() async throws {
        let follower = Task { [tenant] in
            for try await _ in tenant.changes {}
            return true
        }
        try await Task.sleep(for: .milliseconds(20))
        follower.cancel()
        #expect(try await follower.value)
    }

    @Test("of mounts: they are asked to commit, and who does not answer is named")
    func askMounts() async throws {
        #expect(try tenant.askMountsToCommit() == [])
        let session = try tenant.staging.begin(session: "mount-1")
        try tenant.catalog.write(.full, origin: origin) { tx in
            try tx.putSession(.sample("mount-1"))
            try tx.putSession(.sample("dead-2"))
        }
        let silent = try tenant.askMountsToCommit(timeout: .milliseconds(20))
        #expect(silent.map(\.session) == ["mount-1"])
        // A thread of its own: asking blocks the one that this test runs on.
        let other = try made.reopened()
        let isOver = Mutex(false)
        let daemon = try Thread.spawn(name: "daemon") { [origin] in
            while !isOver.withLock(\.self) {
                let requests = (try? other.read { try $0.requests(to: "mount-1") }) ?? []
                for request in requests {
                    try? other.catalog.write(.normal, origin: origin) { try $0.finish(request) }
                }
                SystemClock.sleep(.milliseconds(1))
            }
        }
        #expect(try tenant.askMountsToCommit(timeout: .seconds(20)) == [])
        isOver.withLock { $0 = true }
        daemon.join()
        try session.end()
        #expect(try tenant.mounts() == [])
    }

    @Test("finds contents that are gone, cut, changed or unknown")
    func checkFindsDamage() async throws {
        let memories = [
            try await add("user=a/x.md", "one"), try await add("user=b/x.md", "two"),
            try await add("user=c/x.md", "six"),
        ]
        let keys = try memories.map { try tenant.revisions(of: $0.id)[0].blobKey }
        let data = tenant.directory + "/data/"
        try File.workingDirectory.unlink(data + keys[0])
        try File.open(data + keys[1], [.writeOnly]).truncate(to: 1)
        try File.open(data + keys[2], [.writeOnly]).write(bytes("xis"))
        try StoreFiles.write([1], to: data + "user=a/unknown")
        let found = try await tenant.check(contents: true)
        #expect(Set(found.map(\.subject)) == Set(keys + ["user=a/unknown"]))
        #expect(found.map(\.rule).sorted() == [1, 1, 1, 3])
        #expect(try await tenant.check().count == 3)
    }
}

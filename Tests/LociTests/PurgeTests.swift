import Catalog
import Linux
import Model
import SQL
import TestSupport
import Testing

@testable import Loci

@Suite("A purge")
struct PurgeTests {
    private let origin = TemporaryStore.origin
    private let made: TemporaryStore
    private let tenant: Tenant

    init() throws {
        made = try TemporaryStore(scheme: try Scheme("user={user}"))
        tenant = try made.tenant()
    }

    /// A memory of whose life nothing else in the store has a word.
    private func addSecret() async throws -> MemoryID {
        let id = try await tenant.append(
            bytes("Xylophone one\n"),
            at: NamePath("user=quagga/zeppelin.md"),
            origin: Origin(actor: "tester", uid: 0, reason: "wombat")
        ).id
        _ = try await tenant.edit(id, content: bytes("Xylophone two\n"), origin: origin)
        _ = try await tenant.set(id, attributes: ["topic": "okapi"], origin: origin)
        _ = try await tenant.move(id, to: NamePath("user=narwhal/vuvuzela.md"), origin: origin)
        return id
    }

    private static let words = [
        "Xylophone", "quagga", "zeppelin", "wombat", "okapi", "narwhal", "vuvuzela",
    ]

    /// The words of the secret that some file of the store holds, in its bytes or its path.
    private func traces() throws -> [String] {
        try Self.words.filter { word in
            let inFiles = try run(["/usr/bin/grep", "-raqi", word, made.path]) == 0
            let found = ["/bin/sh", "-c", "find '\(made.path)' | grep -qi '\(word)'"]
            return try inFiles || run(found) == 0
        }
    }

    @Test("is of the index alone where none is to be kept: its words leave the database's files")
    func endedIndex() async throws {
        let id = try await addSecret()
        tenant.indexAllWaiting()
        let database = ["catalog.db", "catalog.db-wal"].map { "\(made.path)/main/\($0)" }
        let search = ["/usr/bin/grep", "-aqi", "xylophone"] + database
        #expect(try run(search) == 0)
        try tenant.endSearch(origin: origin)
        #expect(!(try await tenant.collect(delete: true, origin: origin).hasTraces))
        #expect(try run(search) == 1)
        #expect(try await tenant.content(of: id) == bytes("Xylophone two\n"))
    }

    @Test("leaves no word of a memory in any file of the store, after a collection")
    func leavesNoTrace() async throws {
        for number in 0..<200 {
            _ = try await tenant.append(
                bytes("other \(number)"),
                at: NamePath("user=u\(number % 7)/\(number).md"),
                origin: origin
            )
        }
        let id = try await addSecret()
        #expect(try traces() == Self.words)
        try await tenant.delete(id, origin: origin)
        let report = try await tenant.purge([id], origin: origin)
        #expect(report.purged == 1)
        #expect(report.contents == 2)
        #expect(report.waiting == 0)
        // The directories that it was in are the user's, who removes them.
        for name in ["user=quagga", "user=narwhal"] {
            try tenant.removeDirectories(under: NamePath(name), origin: origin)
        }
        let collected = try await tenant.collect(delete: true, origin: origin)
        #expect(!collected.hasTraces)
        #expect(try traces().filter { !["quagga", "narwhal"].contains($0) } == [])
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("takes the words of a memory out of the index also where its content was damaged")
    func forgetsWordsOfDamagedContent() async throws {
        _ = try await tenant.append(bytes("other"), at: NamePath("user=u/o.md"), origin: origin)
        let id = try await tenant.append(
            bytes("Xylophone"),
            at: NamePath("user=u/x.md"),
            origin: origin
        ).id
        tenant.indexAllWaiting()
        let damage = "find '\(made.path)' -name '\(id)*' -exec sh -c 'echo damaged >$0' {} ';'"
        #expect(try run(["/bin/sh", "-c", damage]) == 0)
        #expect(try traces() == ["Xylophone"])
        try await tenant.delete(id, origin: origin)
        _ = try await tenant.purge([id], origin: origin)
        #expect(!(try await tenant.collect(delete: true, origin: origin).hasTraces))
        #expect(try traces() == [])
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("takes the words of a memory out of an index that is being built, which goes on")
    func forgetsWordsOfAnIndexBeingBuilt() async throws {
        let id = try await addSecret()
        _ = try await tenant.append(bytes("other"), at: NamePath("user=u/o.md"), origin: origin)
        try tenant.catalog.write(.full, origin: origin) { try $0.beginTextIndex() }
        try await tenant.delete(id, origin: origin)
        _ = try await tenant.purge([id], origin: origin)
        #expect(try await tenant.reindex(origin: origin) == 1)
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("leaves stubs in the change log, which stays whole")
    func leavesStubs() async throws {
        let id = try await addSecret()
        try await tenant.delete(id, origin: origin)
        let before = try await tenant.verifyAudit()
        _ = try await tenant.purge([id], origin: origin)
        var filter = ChangeFilter()
        filter.memory = id
        let changes = try tenant.audit(filter).changes
        #expect(
            changes.compactMap(\.change.operation)
                == [.purge, .delete, .rename, .set, .edit, .add]
        )
        #expect(changes.allSatisfy { $0.change.memory == id && $0.path == nil })
        #expect(changes.dropFirst().allSatisfy { $0.change.isForgotten })
        #expect(changes.dropFirst().allSatisfy { $0.change.effect == nil })
        #expect(changes.dropFirst().allSatisfy { $0.change.origin.reason == nil })
        #expect(changes.allSatisfy { $0.change.origin.actor == "tester" })
        let report = try await tenant.verifyAudit(expecting: (before.head, before.hash))
        #expect(report.broken == nil)
        #expect(report.stubs == 5)
    }

    @Test("is held back by a snapshot, which it names, and takes what nothing holds")
    func isHeldBack() async throws {
        let kept = try await addSecret()
        _ = try await tenant.takeSnapshot("before", origin: origin)
        let other = try await tenant.append([1], at: NamePath("user=u/x.md"), origin: origin).id
        for id in [kept, other] { try await tenant.delete(id, origin: origin) }
        let report = try await tenant.purge([kept, other], origin: origin)
        #expect(report.purged == 1)
        #expect(report.heldCount == 1)
        #expect(report.held.first?.memory == kept)
        #expect(report.held.first?.reason.contains("\"before\"") == true)
        _ = try await tenant.restoreSnapshot("before", origin: origin)
        #expect(try await tenant.content(of: kept) == bytes("Xylophone two\n"))
        try await tenant.delete(kept, origin: origin)
        try await tenant.deleteSnapshot("before", origin: origin)
        #expect(try await tenant.purge([kept], origin: origin).purged == 1)
    }

    @Test("does not take what is not in the trash")
    func wantsTheTrash() async throws {
        let id = try await addSecret()
        let report = try await tenant.purge([id], origin: origin)
        #expect(report.purged == 0)
        #expect(report.heldCount == 1)
        #expect(try await tenant.content(of: id) == bytes("Xylophone two\n"))
    }

    @Test("never gives the number of a memory that is gone to another")
    func numbersAreNotUsedTwice() async throws {
        let gone = try await addSecret()
        try await tenant.delete(gone, origin: origin)
        _ = try await tenant.purge([gone], origin: origin)
        let next = try await tenant.append([1], at: NamePath("user=u/x.md"), origin: origin)
        #expect(try tenant.history(of: next.id).map(\.operation) == [.add])
        #expect(await failure { _ = try tenant.memory(gone) } == .notFound)
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("while another moves the blobs leaves their removal to it, and says so")
    func withoutTheLock() async throws {
        let id = try await addSecret()
        try await tenant.delete(id, origin: origin)
        let lock = try tenant.takeMoverLock()
        let report = try await tenant.purge([id], origin: origin)
        #expect(report.purged == 1)
        #expect(report.waiting == 2)
        try lock.unlock()
        let collected = try await tenant.collect(delete: true, origin: origin)
        #expect(collected.blobs == 2)
        #expect(!collected.hasTraces)
    }
}

import Catalog
import Linux
import Model
import SQL
import Synchronization
import TestSupport
import Testing

@testable import Loci

@Suite("A backup")
struct BackupTests {
    private let origin = TemporaryStore.origin
    private let made: TemporaryStore
    private let tenant: Tenant
    private let scratch: Scratch
    private var directory: String { scratch.path + "/backup" }

    init() throws {
        made = try TemporaryStore(scheme: try Scheme("user={user}"))
        tenant = try made.tenant()
        scratch = try Scratch()
    }

    private func fill(_ count: Int = 20) async throws {
        for number in 0..<count {
            let path = try NamePath("user=u\(number % 3)/\(number).md")
            let id = try await tenant.append(bytes("\(number)"), at: path, origin: origin).id
            if number % 4 == 0 {
                _ = try await tenant.edit(id, content: bytes("edited \(number)"), origin: origin)
            }
            if number % 5 == 0 { try await tenant.delete(id, origin: origin) }
        }
    }

    /// Everything that a reader could see, with every revision.
    private func state(_ tenant: Tenant) async throws -> [String] {
        var lines: [String] = []
        for page in [try tenant.list(), try tenant.listTrash()] {
            for memory in page.memories {
                lines.append("\(memory.id) \(memory.path?.description ?? "trash") \(memory.hash)")
                for revision in try tenant.revisions(of: memory.id) {
                    let content = try await tenant.content(
                        of: memory.id,
                        revision: revision.number
                    )
                    lines.append("\(memory.id) \(revision.number) \(content)")
                }
            }
        }
        return lines.sorted()
    }

    private func restored(as name: String = "again") async throws -> Tenant {
        let target = "\(scratch.path)/\(name)"
        let backup = try Store.open(at: directory)
        _ = try await backup.restoreBackup(.main, to: target)
        return try Store.open(at: target).tenant(.main)
    }

    @Test("has every revision, and restored it is the same tenant, with node numbers of its own")
    func roundTrip() async throws {
        try await fill()
        let source = made.path + "/note"
        try StoreFiles.write([7], to: source)
        _ = try tenant.keepForeign(
            [
                NewForeign(
                    path: try NamePath("user=u1/.f"),
                    content: .file(Array(source.utf8)),
                    permissions: 0o600,
                    modified: 0
                )
            ],
            update: false,
            origin: origin
        )
        let report = try await made.store.backUp(.main, to: directory, origin: origin)
        #expect(report.contents == 25)
        #expect(report.foreign == 1)
        let backup = try Store.open(at: directory)
        #expect(try await backup.checkBackup(.main) == [])
        #expect(try await state(try backup.tenant(.main)) == state(tenant))
        let again = try await restored()
        #expect(try await again.check(contents: true) == [])
        #expect(try await state(again) == state(tenant))
        #expect(try again.foreignCount() == 1)
        let before = try await tenant.append([1], at: NamePath("user=u/new"), origin: origin)
        let after = try await again.append([1], at: NamePath("user=u/new"), origin: origin)
        #expect(after.node.rawValue >= before.node.rawValue + 1 << 31)
        #expect(try await again.verifyAudit().broken == nil)
    }

    @Test("is brought up to date by doing it again, and loses what is there no more")
    func isIncremental() async throws {
        try await fill()
        _ = try await made.store.backUp(.main, to: directory, origin: origin)
        let gone = try tenant.trashedIDs()
        _ = try await tenant.purge(gone, origin: origin)
        _ = try await tenant.append([9], at: NamePath("user=new/x"), origin: origin)
        let report = try await made.store.backUp(.main, to: directory, origin: origin)
        #expect(report.kept == report.contents - 1)
        #expect(report.removed == 5)
        #expect(try await Store.open(at: directory).checkBackup(.main) == [])
        #expect(try await state(try await restored()) == state(tenant))
    }

    @Test("is consistent while others write, delete, purge and collect")
    func whileOthersWork() async throws {
        try await fill(60)
        let isOver = Flag()
        let store = made.store
        let writers = (0..<3).map { writer in
            Task { [made, origin] in
                let tenant = try made.reopened()
                var number = 0
                while !isOver.isSet {
                    number += 1
                    let path = try NamePath("user=w\(writer)/\(number).md")
                    let id = try await tenant.append([1, 2], at: path, origin: origin).id
                    _ = try await tenant.set(
                        id,
                        attributes: ["user": "m\(writer)-\(number)"],
                        origin: origin
                    )
                    _ = try await tenant.edit(id, content: [UInt8(number & 255)], origin: origin)
                    try await tenant.delete(id, origin: origin)
                    _ = try await tenant.purge([id], origin: origin)
                }
            }
        }
        for _ in 0..<5 {
            _ = try await store.backUp(.main, to: directory, origin: origin)
            #expect(try await Store.open(at: directory).checkBackup(.main) == [])
        }
        isOver.set()
        for writer in writers { try await writer.value }
        #expect(try await tenant.check(contents: true) == [])
        let again = try await restored()
        #expect(try await again.check(contents: true) == [])
    }

    /// What a crash leaves out of a first backup, besides its catalog: that comes last.
    static let missing = [[], ["backup.json"], ["backup.json", "data", "foreign", "lock", "wake"]]

    @Test("that was not finished is no backup, until it is made again", arguments: missing)
    func unfinished(missing: [String]) async throws {
        try await fill()
        _ = try await made.store.backUp(.main, to: directory, origin: origin)
        let backup = try Store.open(at: directory)
        #expect(try backup.backups() == [.main])
        let names = ["catalog.db", "catalog.db-wal", "catalog.db-shm"] + missing
        for name in names.map({ "main/\($0)" }) + [BackupMark.fileName] {
            #expect(try run(["/bin/rm", "-rf", "\(directory)/\(name)"]) == 0)
        }
        #expect(await failure { _ = try backup.backups() } == .notAStore)
        #expect(await failure { _ = try await backup.checkBackup(.main) } == .notAStore)
        let target = scratch.path + "/none"
        #expect(
            await failure { _ = try await backup.restoreBackup(.main, to: target) } == .notAStore
        )
        _ = try await made.store.backUp(.main, to: directory, origin: origin)
        #expect(try backup.backups() == [.main])
        #expect(try await backup.checkBackup(.main) == [])
        #expect(try await state(try await restored()) == state(tenant))
    }

    @Test("that was brought up to date but for its mark is whole, and takes the next one")
    func oldMark() async throws {
        try await fill()
        _ = try await made.store.backUp(.main, to: directory, origin: origin)
        var old = try BackupMark(of: directory + "/main")
        _ = try await tenant.append([9], at: NamePath("user=new/x"), origin: origin)
        _ = try await made.store.backUp(.main, to: directory, origin: origin)
        let backup = try Store.open(at: directory)
        try old.write(to: directory + "/main")
        // Nothing said that another one comes next.
        #expect(try await backup.checkBackup(.main).map(\.rule) == [7])
        old.next = try backup.tenant(.main).read { try $0.logHead() }
        try old.write(to: directory + "/main")
        #expect(try await backup.checkBackup(.main) == [])
        _ = try await made.store.backUp(.main, to: directory, origin: origin)
        #expect(try await backup.checkBackup(.main) == [])
    }

    @Test("holds what it names from being collected, and lets go at its end")
    func holds() async throws {
        let id = try await tenant.append([1], at: NamePath("user=u/x"), origin: origin).id
        try await tenant.delete(id, origin: origin)
        let hold = try BlobHold(tenant, origin)
        let report = try await tenant.purge([id], origin: origin)
        #expect(report.purged == 1)
        #expect(report.waiting == 1)
        #expect(try await tenant.collect(delete: true, origin: origin).blobs == 0)
        hold.end()
        #expect(try await tenant.collect(delete: true, origin: origin).blobs == 1)
        _ = try await made.store.backUp(.main, to: directory, origin: origin)
        #expect(try tenant.read { try !$0.areBlobsHeld(at: made.now) })
    }

    @Test("holds it as long as any of several goes on, however long that takes")
    func holdsBeside() async throws {
        let first = try BlobHold(tenant, origin, renewing: .milliseconds(5))
        try BlobHold(tenant, origin).end()
        #expect(try tenant.read { try $0.areBlobsHeld(at: made.now) })
        made.advance(BlobHold.length + .seconds(1))
        let deadline = SystemClock.monotonic() + Duration.seconds(30).wholeNanoseconds
        while try tenant.read({ try !$0.areBlobsHeld(at: made.now) }) {
            try #require(SystemClock.monotonic() < deadline)
            SystemClock.sleep(.milliseconds(5))
        }
        try first.require()
        first.end()
        #expect(try tenant.read { try !$0.areBlobsHeld(at: made.now) })
    }

    @Test("is not made of contents that could not be held")
    func holdEnds() async throws {
        let hold = try BlobHold(tenant, origin, renewing: .seconds(600))
        defer { hold.end() }
        made.advance(BlobHold.length + .seconds(1))
        #expect(await failure { try hold.require() } == .busy)
    }

    @Test("tells which of its contents is not what it was, and goes nowhere near other files")
    func finds() async throws {
        try await fill()
        _ = try await made.store.backUp(.main, to: directory, origin: origin)
        // A link shares its bytes with the store: break it first, as a bad disk does.
        #expect(
            try run(
                [
                    "/bin/sh", "-c",
                    "f=$(find \(directory)/main/data -type f | head -1); echo x >$f.new; mv $f.new $f",
                ]
            ) == 0
        )
        let backup = try Store.open(at: directory)
        #expect(try await backup.checkBackup(.main).count == 1)
        #expect(await failure { _ = try await made.store.checkBackup(.main) } == .notAStore)
        let other = try TemporaryStore()
        #expect(
            await failure {
                _ = try await other.store.backUp(.main, to: made.path, origin: origin)
            } == .notEmpty
        )
        #expect(try await tenant.check(contents: true) == [])
    }
}

/// Set once, by any thread.
private final class Flag: Sendable {
    private let value = Mutex(false)

    var isSet: Bool { value.withLock(\.self) }

    func set() { value.withLock { $0 = true } }
}

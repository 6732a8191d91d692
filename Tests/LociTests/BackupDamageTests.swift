import Catalog
import Linux
import Model
import SQL
import TestSupport
import Testing

@testable import Loci

/// What a backup says and does where the store, the backup or its place is not as it should be.
@Suite("A backup and damage")
struct BackupDamageTests {
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

    private func add(_ name: String, _ text: String) async throws -> Memory {
        try await tenant.append(bytes(text), at: NamePath("user=u/\(name)"), origin: origin)
    }

    private func backUp() async throws -> CopyReport {
        try await made.store.backUp(.main, to: directory, origin: origin)
    }

    private func check() async throws -> [Finding] {
        try await Store.open(at: directory).checkBackup(.main)
    }

    private func key(of memory: Memory) throws -> String {
        try tenant.read { reader in
            let row = try #require(try reader.memory(memory.id))
            return try #require(try reader.revisions(of: row.row).last?.blobKey)
        }
    }

    /// Puts another file in the place of one, which may be a link.
    private func replace(_ path: String, _ text: String) throws {
        try StoreFiles.write(bytes(text), to: path)
    }

    private func remove(_ path: String) throws {
        #expect(try run(["/bin/rm", "-rf", path]) == 0)
    }

    // MARK: Keys that are used again

    @Test("takes another content of equal size under a key that it has")
    func comparesMoreThanSize() async throws {
        let memory = try await add("x", "one")
        _ = try await backUp()
        let hash = try FileHash.hash(bytes: bytes("two"))
        try replace("\(made.path)/main/data/\(try key(of: memory))", "two")
        try SQLiteConnection(path: tenant.catalog.path, access: .write)
            .run("UPDATE revision SET sha256 = ?", .blob(hash.bytes))
        #expect(try await backUp().kept == 0)
        let kept = try Store.open(at: directory).tenant(.main)
        #expect(try await kept.content(of: memory.id) == bytes("two"))
    }

    // MARK: Other tenants' backups

    @Test("is never that of another tenant of the same id")
    func refusesAnother() async throws {
        _ = try await add("x", "one")
        _ = try await backUp()
        let other = try TemporaryStore()
        #expect(
            await failure {
                _ = try await other.store.backUp(.main, to: directory, origin: origin)
            } == .wrongState
        )
        try made.store.deleteTenant(.main)
        _ = try made.store.createTenant(.main, origin: origin)
        #expect(await failure { _ = try await backUp() } == .wrongState)
        #expect(try await check() == [])
    }

    // MARK: Damage in the store

    @Test("is made without a content that is missing, and says of which memory it is")
    func missingContent() async throws {
        let memory = try await add("lost", "one")
        _ = try await add("whole", "two")
        try remove("\(made.path)/main/data/\(try key(of: memory))")
        let report = try await backUp()
        #expect(report.contents == 1)
        #expect(report.damagedCount == 1)
        #expect(
            report.damaged.map(\.description) == [
                "user=u/lost, \(memory.id), revision 1: the content is missing"
            ]
        )
        #expect(try await check().map(\.rule) == [1])
    }

    @Test("keeps a content that the store has lost since")
    func keepsWhatIsLost() async throws {
        let memory = try await add("lost", "one")
        _ = try await backUp()
        try remove("\(made.path)/main/data/\(try key(of: memory))")
        #expect(try await backUp().damagedCount == 0)
        #expect(try await check() == [])
    }

    // MARK: Damage in the backup

    @Test("restores all that is whole, and names what is not")
    func restoresWhatIsWhole() async throws {
        let lost = try await add("lost", "one")
        let changed = try await add("changed", "two")
        let whole = try await add("whole", "three")
        let note = made.path + "/note"
        try StoreFiles.write([7], to: note)
        let file = NewForeign(
            path: try NamePath("user=u/.f"),
            content: .file(Array(note.utf8)),
            permissions: 0o600,
            modified: 0
        )
        _ = try tenant.keepForeign([file], update: false, origin: origin)
        _ = try await backUp()
        try remove("\(directory)/main/data/\(try key(of: lost))")
        try replace("\(directory)/main/data/\(try key(of: changed))", "owt")
        try remove("\(directory)/main/foreign")
        let target = scratch.path + "/again"
        let report = try await Store.open(at: directory).restoreBackup(.main, to: target)
        #expect(report.contents == 1)
        #expect(report.damagedCount == 3)
        let words = report.damaged.map(\.description).joined(separator: "\n")
        #expect(words.contains("user=u/lost, \(lost.id), revision 1: the content is missing"))
        #expect(
            words.contains("user=u/changed, \(changed.id), revision 1: the content has another")
        )
        #expect(words.contains(".f: foreign/"))
        let again = try Store.open(at: target).tenant(.main)
        #expect(try await again.content(of: whole.id) == bytes("three"))
        #expect(try await again.check(contents: true).map(\.rule) == [1, 1])
    }

    @Test("makes nothing of a backup whose catalog or log is damaged")
    func damagedCatalog() async throws {
        _ = try await add("x", "one")
        _ = try await backUp()
        try SQLiteConnection(path: directory + "/main/catalog.db", access: .write)
            .run("UPDATE change SET actor = 'other' WHERE op = 'backup'")
        let target = scratch.path + "/again"
        let backup = try Store.open(at: directory)
        #expect(
            await failure { _ = try await backup.restoreBackup(.main, to: target) } == .corrupt
        )
        #expect(!StoreFiles.exists(target))
        #expect(try await check().map(\.rule) == [7])
    }

    @Test("tells of pages of its catalog that are damaged, and makes nothing of them")
    func damagedPages() async throws {
        _ = try await add("x", "one")
        _ = try await backUp()
        let catalog = directory + "/main/catalog.db"
        let words = "head -c 40000 /dev/zero | dd of=\(catalog) bs=4096 seek=2 conv=notrunc"
        #expect(try run(["/bin/sh", "-c", words]) == 0)
        #expect(try await check().map(\.subject) == ["catalog.db"])
        let target = scratch.path + "/again"
        let backup = try Store.open(at: directory)
        #expect(await failure { _ = try await backup.restoreBackup(.main, to: target) } != nil)
        #expect(!StoreFiles.exists(target))
    }

    @Test("says that a tenant was taken away")
    func takenAway() async throws {
        _ = try await add("x", "one")
        _ = try await backUp()
        try remove(directory + "/main")
        let backup = try Store.open(at: directory)
        #expect(try backup.backups() == [.main])
        #expect(try await check().map(\.subject) == ["main"])
        let target = scratch.path + "/again"
        #expect(
            await failure { _ = try await backup.restoreBackup(.main, to: target) } == .corrupt
        )
        _ = try await backUp()
        #expect(try await check() == [])
    }

    @Test("says that somebody went on writing into it")
    func writtenInto() async throws {
        _ = try await add("x", "one")
        _ = try await backUp()
        let catalog = try Catalog(
            directory: directory + "/main",
            session: "another",
            clock: { Timestamp(nanoseconds: 1) }
        )
        try catalog.write(.full, origin: origin) { _ = try $0.record(.backup) }
        let findings = try await check()
        #expect(findings.map(\.rule) == [7])
        #expect(findings.first?.message.contains("somebody wrote into it") == true)
    }

    @Test("takes no changes, and is as it was after they were refused")
    func refusesWriters() async throws {
        let memory = try await add("x", "one")
        _ = try await backUp()
        let backup = try Store.open(at: directory)
        let kept = try backup.tenant(.main)
        let writers: [() async throws -> Void] = [
            { _ = try await kept.append([1], at: NamePath("user=u/y"), origin: origin) },
            { _ = try await kept.edit(memory.id, content: [1], origin: origin) },
            { try await kept.delete(memory.id, origin: origin) },
            { try kept.setRetention(.seconds(60), origin: origin) },
            { _ = try await kept.collect(delete: true, origin: origin) },
            { _ = try await kept.reindex(origin: origin) },
            { _ = try backup.createTenant(try TenantID("other"), origin: origin) },
            { try backup.deleteTenant(.main) },
            { _ = try await backup.backUp(.main, to: scratch.path + "/b", origin: origin) },
        ]
        for writer in writers { #expect(await failure(writer) == .readOnly) }
        #expect(try await check() == [])
        #expect(try backup.tenantIDs() == [.main])
    }
}

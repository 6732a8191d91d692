import Blobs
import Catalog
import Linux
import Model
import SQL
import TestSupport
import Testing

@testable import Loci

@Suite("A repair")
struct RepairTests {
    private static let memories = 12
    private let origin = TemporaryStore.origin
    private let template: TemporaryStore
    private let scratch: Scratch
    private let before: [String]

    /// Memories of two revisions, of which the current one stands a second time under another name;
    /// trash, an empty directory, a file of a tool, a snapshot, and a backup of all that.
    init() async throws {
        template = try TemporaryStore(scheme: try Scheme("user={user}"))
        scratch = try Scratch()
        let tenant = try template.tenant()
        for number in 0..<Self.memories {
            let path = try NamePath("user=u\(number % 3)/m\(number).md")
            let id = try await tenant.append(bytes("first \(number)"), at: path, origin: origin).id
            let text = bytes("text of memory \(number)")
            _ = try await tenant.edit(id, content: text, origin: origin)
            let twin = try NamePath("user=twins/t\(number).md")
            _ = try await tenant.append(text, at: twin, origin: origin)
        }
        let gone = try await tenant.append([7], at: NamePath("user=u0/gone"), origin: origin)
        try await tenant.delete(gone.id, origin: origin)
        _ = try await tenant.takeSnapshot("then", origin: origin)
        try tenant.makeDirectories([NamePath("user=empty")], origin: origin)
        let source = scratch.path + "/note"
        try StoreFiles.write(bytes("a tool's"), to: source)
        let note = NewForeign(
            path: try NamePath("user=u1/.f"),
            content: .file(Array(source.utf8)),
            permissions: 0o600,
            modified: 0
        )
        _ = try tenant.keepForeign([note], update: false, origin: origin)
        try tenant.catalog.write(origin: origin) { try $0.indexWaitingTexts() }
        _ = try await template.store.backUp(.main, to: scratch.path + "/backup", origin: origin)
        before = try await Self.state(tenant)
    }

    /// Everything that a reader could see, with every revision.
    private static func state(_ tenant: Tenant) async throws -> [String] {
        var lines = ["foreign \(try tenant.foreignCount())"]
        for entry in try tenant.entries(of: NamePath([])) { lines.append("entry \(entry.name)") }
        for page in [try tenant.list(), try tenant.listTrash()] {
            for memory in page.memories {
                let attributes = memory.attributes.sorted { $0.key < $1.key }
                    .map { "\($0.key)=\($0.value)" }
                lines.append(
                    "\(memory.id) \(memory.path?.description ?? "trash \(memory.name)") "
                        + "\(attributes) \(memory.created.nanoseconds / 1_000_000) "
                        + "\(memory.revision) \(memory.size)"
                )
                for revision in try tenant.revisions(of: memory.id) {
                    let content = try await tenant.content(of: memory.id, revision: revision.number)
                    lines.append("\(memory.id) \(revision.number) \(revision.hash) \(content)")
                }
            }
        }
        return lines.sorted()
    }

    private func backup() throws -> [Store] { [try Store.open(at: scratch.path + "/backup")] }

    /// That nothing is left to do, and all is as it was before it was damaged.
    private func requireWhole(_ made: TemporaryStore, _ place: String) async throws {
        let tenant = try made.reopened()
        #expect(try await tenant.check(contents: true) == [], "\(place)")
        var after = try await Self.state(tenant)
        // A directory that got another name is left where it is, empty.
        after.removeAll { $0 == "entry user=x" }
        let different = Set(after).symmetricDifference(before).sorted()
        #expect(different == [], "\(place)")
        #expect(try await tenant.verifyAudit().broken == nil, "\(place)")
        made.advance(.seconds(60))
        _ = try await tenant.collect(delete: true, origin: origin)
        #expect(try await tenant.check(contents: true) == [], "\(place)")
        #expect(try await Self.state(tenant).filter { $0 != "entry user=x" } == after, "\(place)")
    }

    @Test("mends what fsck names, and all is as it was", arguments: Damage.allCases)
    func mends(_ damage: Damage) async throws {
        let made = try template.copied()
        try damage.apply(to: made.path + "/main", memory: 4)
        let tenant = try made.reopened()
        let found = try await tenant.check(contents: true)
        #expect(!damage.rules.isDisjoint(with: found.map(\.rule)), "\(found)")
        let report = try await tenant.repair(
            from: damage.needsBackup ? try backup() : [],
            origin: origin
        )
        #expect(!report.repairs.isEmpty)
        #expect(report.left == [], "\(report.repairs)")
        let logged = try tenant.audit().changes.filter { $0.change.operation == .repair }
        #expect(logged.count == report.repairs.count)
        #expect(logged.allSatisfy { $0.change.origin.actor == "tester" })
        try await requireWhole(made, "\(damage)")
        let again = try await made.reopened().repair(origin: origin)
        #expect(again == RepairReport(repairs: [], left: []))
    }

    @Test("mends many kinds of damage at once", arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8])
    func mendsMany(_ seed: UInt64) async throws {
        var generator = Seeded(state: seed)
        let made = try template.copied()
        var done: [String] = []
        let ofMemories = Damage.ofMemories.shuffled(using: &generator).prefix(8)
        for (memory, damage) in zip((0..<Self.memories).shuffled(using: &generator), ofMemories) {
            try damage.apply(to: made.path + "/main", memory: memory)
            done.append("\(damage) of m\(memory)")
        }
        for damage in Damage.ofTenants.shuffled(using: &generator).prefix(4) {
            try damage.apply(to: made.path + "/main", memory: 0)
            done.append("\(damage)")
        }
        let place = "seed \(seed): \(done.joined(separator: ", "))"
        let report = try await made.reopened().repair(from: try backup(), origin: origin)
        #expect(report.left == [], "\(place)")
        try await requireWhole(made, place)
    }

    @Test("keeps what nobody names where people can look, and lets its key go")
    func lostAndFound() async throws {
        let made = try template.copied()
        let main = made.path + "/main"
        try Damage.blobUnnamed.apply(to: main, memory: 0)
        try StoreFiles.write(bytes("other"), to: main + "/data/user=u0/x.md")
        let tenant = try made.reopened()
        _ = try await tenant.repair(origin: origin)
        made.advance(.seconds(60))
        _ = try await tenant.collect(delete: true, origin: origin)
        #expect(!StoreFiles.exists(main + "/data/nobody.md"))
        let kept = try ["nobody.md", "user=u0/x.md"].map {
            try File.open("\(main)/lost+found/\($0)").readAll(limit: 100)
        }
        #expect(kept == [bytes("nobody's"), bytes("other")])
    }

    @Test("puts a content back from a backup, and without one says so and reads do")
    func fromBackup() async throws {
        let made = try template.copied()
        let tenant = try made.reopened()
        let id = try tenant.memory(at: NamePath("user=u1/m4.md")).id
        let key = try #require(try tenant.revisions(of: id).first?.blobKey)
        let file = "\(made.path)/main/data/\(key)"
        try StoreFiles.write(bytes("first X"), to: file)
        let report = try await tenant.repair(origin: origin)
        #expect(report.left.map(\.subject) == [key])
        #expect(report.left[0].remedy.contains("--from BACKUP"))
        let read = await failure { _ = try await tenant.content(of: id, revision: .init(1)) }
        #expect(read == .corrupt)
        #expect(
            try File.open("\(made.path)/main/lost+found/\(key)").readAll(limit: 100)
                == bytes("first X")
        )
        let again = try await tenant.repair(from: try backup(), origin: origin)
        #expect(again.left == [])
        try await requireWhole(made, "from a backup")
    }

    @Test("is refused while the tenant is mounted, or while blobs are moved")
    func isRefused() async throws {
        let made = try template.copied()
        let tenant = try made.reopened()
        let mover = try tenant.takeMoverLock()
        #expect(await failure { _ = try await tenant.repair(origin: origin) } == .busy)
        try mover.unlock()
        let session = try tenant.staging.begin(session: "mount-1")
        try tenant.catalog.write(origin: origin) { tx in
            try tx.putSession(
                SessionRow(
                    id: "mount-1",
                    pid: 1,
                    boot: "",
                    mountPoint: "/mnt/x",
                    options: "",
                    started: made.now
                )
            )
        }
        #expect(await failure { _ = try await tenant.repair(origin: origin) } == .busy)
        try session.end()
    }

    @Test("changes nothing in a log that somebody edited, and lists it")
    func editedLog() async throws {
        let made = try template.copied()
        let database = try SQLiteConnection(path: made.path + "/main/catalog.db", access: .write)
        try database.execute("UPDATE change SET actor = 'eve' WHERE seq = 3")
        let tenant = try made.reopened()
        let report = try await tenant.repair(origin: origin)
        #expect(report.repairs == [])
        #expect(report.left.map(\.rule) == [7])
        #expect(report.left[0].remedy.contains("backup"))
    }
}

/// SplitMix64: the same numbers for the same seed, on every machine.
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

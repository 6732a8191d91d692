import Blobs
import Catalog
import Linux
import Model
import SQL
import TestSupport
import Testing

@testable import Loci

@Suite("A store")
struct StoreTests {
    let origin = TemporaryStore.origin

    @Test("is made with a tenant and opens again with the same id")
    func creates() throws {
        let made = try TemporaryStore()
        let opened = try Store.open(at: made.path)
        #expect(opened.id == made.store.id)
        #expect(try opened.tenantIDs() == [.main])
        #expect(opened.created == made.store.created)
    }

    @Test("has the files that the design names")
    func layout() throws {
        let made = try TemporaryStore()
        for name in [
            "loci.json", "README.txt", "main/catalog.db", "main/wake", "main/data", "main/staging",
            "main/foreign", "main/lock/writer", "main/lock/mover", "main/lock/preparer",
        ] {
            #expect(StoreFiles.exists(made.path + "/" + name), "\(name)")
        }
        #expect(!StoreFiles.exists(made.path + "/" + Store.unfinished))
    }

    @Test("is not made over another store, nor in a directory that holds something")
    func refusesToOverwrite() async throws {
        let made = try TemporaryStore()
        #expect(
            await failure { _ = try Store.create(at: made.path, origin: origin) } == .storeExists
        )
        #expect(
            await failure { _ = try Store.create(at: made.path + "/main", origin: origin) }
                == .notEmpty
        )
    }

    @Test("that was half made is reported, and made anew by the same call")
    func completesHalfMade() async throws {
        let made = try TemporaryStore()
        try StoreFiles.write([], to: made.path + "/" + Store.unfinished)
        try File.workingDirectory.unlink(made.path + "/loci.json")
        #expect(await failure { _ = try Store.open(at: made.path) } == .notAStore)
        let again = try Store.create(at: made.path, origin: origin)
        #expect(again.id != made.store.id)
        #expect(try again.tenant(.main).counts() == (0, 0))
    }

    @Test("whose mark of being half made is itself half made is made by the same call")
    func completesHalfMark() async throws {
        let scratch = try Scratch()
        let path = scratch.path + "/store"
        try File.workingDirectory.makeDirectory(path)
        try StoreFiles.write([], to: "\(path)/\(Store.unfinished).new")
        let made = try Store.create(at: path, origin: origin)
        #expect(try made.tenant(.main).counts() == (0, 0))
        #expect(try StoreFiles.names(in: path).sorted() == ["README.txt", "loci.json", "main"])
    }

    @Test("that is missing, or no store, or newer, says so when it is opened")
    func openErrors() async throws {
        let made = try TemporaryStore()
        #expect(await failure { _ = try Store.open(at: made.path + "/no") } == .storeNotFound)
        #expect(await failure { _ = try Store.open(at: made.path + "/main") } == .notAStore)
        #expect(
            await failure { _ = try Store.open(at: made.path + "/README.txt") } == .notAStore
        )
        try StoreFiles.write(bytes(#"{"format":99}"#), to: made.path + "/loci.json")
        #expect(await failure { _ = try Store.open(at: made.path) } == .formatTooNew)
        try StoreFiles.write(bytes("{"), to: made.path + "/loci.json")
        #expect(await failure { _ = try Store.open(at: made.path) } == .notAStore)
    }

    @Test("is found from a path inside it")
    func containing() async throws {
        let made = try TemporaryStore()
        #expect(try Store.containing(made.path + "/main/data").path == made.path)
        #expect(await failure { _ = try Store.containing("/tmp") } == .storeNotFound)
    }

    @Test("makes, lists, renames and deletes tenants")
    func tenants() async throws {
        let made = try TemporaryStore()
        let acme = try TenantID("acme")
        let umbrella = try TenantID("umbrella")
        let tenant = try made.store.createTenant(
            acme,
            scheme: try Scheme("user={user}"),
            origin: origin
        )
        _ = try await tenant.append(
            bytes("x"),
            name: try Name("x.md"),
            attributes: ["user": "bob"],
            origin: origin
        )
        #expect(try made.store.tenantIDs() == [acme, .main])
        #expect(
            await failure { _ = try made.store.createTenant(acme, origin: origin) }
                == .tenantExists
        )
        try made.store.renameTenant(acme, to: umbrella)
        #expect(try made.store.tenantIDs() == [.main, umbrella])
        #expect(try made.store.tenant(umbrella).memory(at: NamePath("user=bob/x.md")).size == 1)
        try made.store.deleteTenant(umbrella)
        #expect(try made.store.tenantIDs() == [.main])
        #expect(!StoreFiles.exists(made.path + "/umbrella"))
    }

    @Test("names the nearest tenant where one is unknown")
    func nearMiss() throws {
        let made = try TemporaryStore()
        let error = #expect(throws: LociError.self) {
            _ = try made.store.tenant(try TenantID("mian"))
        }
        #expect(error?.code == .unknownTenant)
        #expect(error?.remedy?.contains("'main'") == true)
    }

    @Test("keeps a tenant while a mount holds its session")
    func keepsMountedTenants() async throws {
        let made = try TemporaryStore()
        let tenant = try made.tenant()
        let session = try tenant.staging.begin(session: "mount-1")
        try tenant.catalog.write(.full, origin: origin) { tx in
            try tx.putSession(.sample("mount-1"))
        }
        #expect(await failure { try made.store.deleteTenant(.main) } == .busy)
        #expect(try tenant.mounts().map(\.mountPoint) == ["/mnt/sample"])
        try session.end()
        try made.store.deleteTenant(.main)
        #expect(try made.store.tenantIDs().isEmpty)
    }

    @Test("a tenant that lost its catalog is there, and says so when it is opened")
    func lostCatalog() async throws {
        let made = try TemporaryStore()
        #expect(try run(["/bin/sh", "-c", "rm \(made.path)/main/catalog.db*"]) == 0)
        #expect(try made.store.tenantIDs() == [.main])
        #expect(await failure { _ = try made.store.tenant(.main) } == .corrupt)
    }

    @Test("removes what a crash left of making and deleting tenants")
    func sweeps() throws {
        let made = try TemporaryStore()
        for name in [".new-x", ".deleted-00"] {
            try StoreFiles.makeDirectory(made.path + "/" + name, mode: 0o700)
            try StoreFiles.write([1], to: made.path + "/" + name + "/catalog.db")
        }
        #expect(try made.store.tenantIDs() == [.main])
        _ = try made.store.createTenant(try TenantID("x"), origin: origin)
        #expect(!StoreFiles.exists(made.path + "/.new-x"))
        #expect(!StoreFiles.exists(made.path + "/.deleted-00"))
    }

    @Test(
        "gives what root makes to its owner",
        .enabled(if: EffectiveUser.id == 0)
    )
    func rootActsAsOwner() async throws {
        let path = "/tmp/loci-store-\(try Store.randomName(8))"
        try StoreFiles.makeDirectory(path, mode: 0o755)
        defer { try? StoreFiles.removeTree(path) }
        try File.open(path, [.readOnly, .directory]).setOwner(user: 4321, group: 4321)
        let store = try Store.create(at: path, origin: origin)
        let tenant = try store.tenant(.main)
        let batch = try (0..<20).map { NewMemory(.bytes([1]), name: try Name("\($0).md")) }
        _ = try await tenant.append(contentsOf: batch, origin: origin)
        _ = try await tenant.append([2], at: NamePath("a/b/c.md"), origin: origin)
        var pending = [path]
        var count = 0
        while let next = pending.popLast() {
            for name in try StoreFiles.names(in: next) {
                let whole = next + "/" + name
                let status = try File.status(of: whole, .noFollow)
                #expect(status.user == 4321, "\(whole)")
                count += 1
                if status.kind == .directory { pending.append(whole) }
            }
        }
        #expect(count > 30)
    }

    @Test("gives everything out by the recipe of its README", .enabled(if: hasSQLite))
    func recipe() async throws {
        let made = try TemporaryStore(scheme: try Scheme("user={user}/{folder...}"))
        let tenant = try made.tenant()
        let paths = ["user=bob/a b/it's.md", "user=_/x.md", "user=bob/\u{e9}/deep/er/n.txt"]
        for path in paths {
            _ = try await tenant.append(bytes("of \(path)"), at: NamePath(path), origin: origin)
        }
        let readme = String(
            decoding: try File.open(made.path + "/README.txt").readAll(limit: 1 << 20),
            as: UTF8.self
        )
        let lines = readme.split(separator: "\n", omittingEmptySubsequences: false)
        let recipe = lines.filter { $0.hasPrefix("    ") && !$0.contains("OUT=/where") }
            .prefix { !$0.contains("every memory") }
        let out = made.path + "/out"
        let script = "set -e\nOUT=\(out)\nexport OUT\n" + recipe.joined(separator: "\n") + "\n"
        try StoreFiles.makeDirectory(out, mode: 0o755)
        try StoreFiles.write(bytes(script), to: made.path + "/recipe.sh")
        let status = try run(["/bin/sh", made.path + "/recipe.sh"], in: made.path)
        #expect(status == 0)
        for path in paths {
            let copy = try File.open(out + "/" + path).readAll(limit: 1 << 20)
            #expect(copy == bytes("of \(path)"))
        }
    }
}

private let hasSQLite = StoreFiles.exists("/usr/bin/sqlite3")

extension SessionRow {
    static func sample(_ id: String) -> SessionRow {
        SessionRow(
            id: id,
            pid: RunningProcess.current.id,
            boot: "boot",
            mountPoint: "/mnt/sample",
            options: "",
            started: Timestamp(nanoseconds: 0)
        )
    }
}

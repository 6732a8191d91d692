import Blobs
import Glibc
import Linux
import Loci
import Migration
import Testing

@Suite("Verification")
struct VerifyTests {
    private func filled() async throws -> Rig {
        let scratch = try Scratch()
        let tenant = try scratch.create("user={user}/topic={topic}")
        for number in 0..<20 { try await tenant.add("user=u\(number % 3)/topic=t/n\(number).md") }
        return Rig(scratch, tenant)
    }

    /// Overwrites one byte of a blob in place, as a failing disk would.
    private func damage(_ rig: Rig, _ path: String) throws -> MemoryID {
        let memory = try rig.tenant.memory(at: try NamePath(path))
        let key = try #require(try rig.tenant.revisions(of: memory.id).last?.blobKey)
        let file = rig.tenant.directory + "/data/" + key
        #expect(unsafe chmod(file, 0o600) == 0)
        try File.open(file, .readWrite).write([0], at: 0)
        return memory.id
    }

    private static let full = MigrationOptions.with { $0.verify = .full }
    private static let new = "topic={topic}/user={user}"

    @Test("full verification lists the memory whose content rotted, and moves all others")
    func damaged() async throws {
        let rig = try await filled()
        let id = try damage(rig, "user=u1/topic=t/n1.md")
        try await rig.start(Self.new, Self.full)
        let status = try await rig.settle()
        #expect(status.state == .ready && status.errors == 1)
        let failure = try #require(try rig.migrator.errors().failures.first)
        #expect(failure.memory == id && failure.step == .verify)
        #expect(failure.reason.contains("SHA-256"))
        #expect(try rig.migrator.damagedCount() == 1)
        #expect(try await rig.tenant.check(contents: true).map(\.rule) == [1])
    }

    @Test("without it nothing is read, and nothing is listed")
    func links() async throws {
        let rig = try await filled()
        _ = try damage(rig, "user=u1/topic=t/n1.md")
        try await rig.start(Self.new)
        #expect(try await rig.settle().errors == 0)
    }

    @Test("it finds what rotted after the move began, for it reads the new place")
    func newPlace() async throws {
        let rig = try await filled()
        try await rig.start(Self.new, Self.full)
        let stopped = Rig(rig.scratch, rig.tenant, stoppingAt: .syncLinks)
        #expect(await code { try await stopped.settle() } == .cancelled)
        // Linked, and not yet hashed.
        let linked = rig.tenant.directory + "/data/topic=t/user=u1"
        let entries = try File.open(linked, [.readOnly, .directory]).entries()
        let name = String(decoding: try #require(entries.first).name, as: UTF8.self)
        #expect(unsafe chmod("\(linked)/\(name)", 0o600) == 0)
        try File.open("\(linked)/\(name)", .readWrite).write([0], at: 0)
        #expect(try await rig.settle().errors == 1)
    }

    @Test("a copy that reads back as other bytes is not committed, and its old key stays")
    func badCopy() async throws {
        let rig = try await filled()
        let keys = try rig.blobKeys()
        try await rig.start(Self.new, Self.full)
        let copying = try rig.scratch.reopen { BadCopies(wrapped: $0) }
        let bad = Rig(rig.scratch, copying)
        #expect(await code { try await bad.settle() } == .corrupt)
        #expect(try rig.blobKeys() == keys)
        let status = try rig.migrator.status()
        #expect(status.isPaused && status.pauseReason?.contains("other bytes") == true)
        for number in 0..<20 {
            let path = "user=u\(number % 3)/topic=t/n\(number).md"
            #expect(try await rig.tenant.text(path) == path)
        }
        #expect(try await rig.tenant.check(contents: true).isEmpty)
    }
}

/// Blobs on a file system that cannot link and writes copies wrong.
private struct BadCopies: BlobStore {
    let wrapped: DirectoryBlobStore

    func link(_ old: BlobKey, to new: BlobKey) throws(BlobError) {
        var bytes = try wrapped.read(old)
        bytes[0] ^= 1
        try wrapped.write(bytes, at: new, syncing: true)
    }

    func open(_ key: BlobKey) throws(BlobError) -> File { try wrapped.open(key) }
    func size(of key: BlobKey) throws(BlobError) -> Int64? { try wrapped.size(of: key) }
    func hash(_ key: BlobKey) throws(BlobError) -> BlobDigest { try wrapped.hash(key) }
    func place(_ file: borrowing File, at key: BlobKey) throws(BlobError) {
        try wrapped.place(file, at: key)
    }
    func write(_ bytes: [UInt8], at key: BlobKey, syncing: Bool) throws(BlobError) {
        try wrapped.write(bytes, at: key, syncing: syncing)
    }
    func syncContents(_ descriptors: [Int32]) throws(BlobError) {
        try wrapped.syncContents(descriptors)
    }
    func makeDurable(_ keys: some Collection<BlobKey>) throws(BlobError) {
        try wrapped.makeDurable(keys)
    }
    func syncAll() throws(BlobError) { try wrapped.syncAll() }
    func remove(_ key: BlobKey) throws(BlobError) -> Bool { try wrapped.remove(key) }
    func removeEmptyDirectories(above keys: some Collection<BlobKey>) throws(BlobError) {
        try wrapped.removeEmptyDirectories(above: keys)
    }
    func removePartials(besides key: BlobKey, before: Int64) throws(BlobError) {
        try wrapped.removePartials(besides: key, before: before)
    }
    func walk(_ visit: (KeptItem) throws(BlobError) -> Void) throws(BlobError) {
        try wrapped.walk(visit)
    }
}

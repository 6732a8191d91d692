import Blobs
import Catalog
import Linux
import Model
import SQL
import TestSupport
import Testing

@testable import Loci

@Suite("What a crash leaves while contents are placed")
struct PlacingTests {
    let origin = TemporaryStore.origin

    @Test("leaves half-written files that are accounted for, and collected")
    func partialFiles() async throws {
        let faults = Faults()
        let made = try TemporaryStore(scheme: Scheme("user={user}")) { environment in
            environment.wrapBlobs = { faults.around($0) }
        }
        let tenant = try made.tenant()
        // ① happened, ② did not: what the store of blobs was writing stays.
        faults.arm(Faults.Failing.all[0], at: 0)
        await #expect(throws: LociError.self) {
            _ = try await tenant.append([1], at: NamePath("user=bob/x.md"), origin: origin)
        }
        let folder = tenant.directory + "/data/user=bob"
        try StoreFiles.makeDirectory(folder, mode: 0o700)
        try StoreFiles.write([1], to: folder + "/.placing-1")
        // A part of the content, under the key that was reserved for it.
        let end = made.now + .seconds(400_000_000)
        let keys = try tenant.read { try $0.collectable(at: end, limit: 9).map(\.key) }
        #expect(keys.count == 1)
        for key in keys { try StoreFiles.write([], to: tenant.directory + "/data/" + key) }
        let reopened = try made.reopened()
        #expect(try await reopened.check() == [])
        made.advance(.seconds(400_000_000))
        _ = try await reopened.collect(delete: true, origin: origin)
        #expect(!StoreFiles.exists(folder))
        #expect(try await reopened.check() == [])
    }

    @Test("that takes longer than the grace time names no key that was collected")
    func slowPlacing() async throws {
        let made = try TemporaryStore()
        let tenant = try made.tenant()
        let id = made.store.environment.makeID(made.now)
        let fields = MemoryFields(id: id, created: made.now, attributes: [:])
        let pending = PendingContent(
            .bytes([1]),
            fields: fields,
            name: try Name("x"),
            revision: RevisionNumber(1)
        )
        let placed = try tenant.place([pending], origin: origin)[0]
        made.advance(Tenant.placingGrace + .seconds(1))
        _ = try await tenant.collect(delete: true, origin: origin)
        #expect(
            await failure {
                try tenant.catalog.write(.full, origin: origin) { tx in
                    _ = try tenant.confirm(placed, for: fields, in: tx)
                }
            } == .busy
        )
    }
}

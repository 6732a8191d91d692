import Blobs
import Catalog
import Linux
import Model
import SQL
import Synchronization
import Testing

@testable import Loci

/// What is done, and how it shows that it happened.
enum CrashOperation: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case append, edit, batch, delete, restoreRevision, restoreSnapshot, moveDirectory, collect

    var testDescription: String { rawValue }

    func run(_ tenant: Tenant, _ memory: Memory) async throws {
        let origin = TemporaryStore.origin
        switch self {
        case .append:
            _ = try await tenant.append([1], at: NamePath("user=new/x.md"), origin: origin)
        case .edit:
            _ = try await tenant.edit(memory.id, content: [9], origin: origin)
        case .batch:
            let batch = try (0..<30).map {
                NewMemory(
                    .bytes([UInt8($0)]),
                    name: try Name("\($0).md"),
                    attributes: ["user": "u\($0)"]
                )
            }
            _ = try await tenant.append(contentsOf: batch, origin: origin)
        case .delete: try await tenant.delete(memory.id, origin: origin)
        case .restoreRevision:
            _ = try await tenant.restore(
                memory.id,
                revision: RevisionNumber(1),
                origin: origin
            )
        case .restoreSnapshot:
            _ = try await tenant.restoreSnapshot("then", origin: origin)
        case .moveDirectory:
            _ = try await tenant.moveDirectory(
                from: NamePath("user=bob"),
                to: NamePath("user=eve"),
                origin: origin
            )
        case .collect: _ = try await tenant.collect(delete: true, origin: origin)
        }
    }

    /// Everything that a reader could see, so that "happened or never began" can be decided.
    func state(_ tenant: Tenant) async throws -> [String] {
        var lines: [String] = []
        for page in [try tenant.list(), try tenant.listTrash()] {
            for memory in page.memories {
                lines.append(
                    "\(memory.path?.description ?? "trash") \(memory.attributes.count) "
                        + "\(memory.revision) \(memory.hash)"
                )
            }
        }
        return lines.sorted()
    }
}

@Suite("A crash at a durable step")
struct CrashTests {
    let origin = TemporaryStore.origin

    /// Throws at the step of that number, and at all that follow: the process is gone.
    final class Crash: Sendable {
        private let left = Mutex<Int?>(nil)
        let count = Mutex(0)

        func arm(_ step: Int?) {
            left.withLock { $0 = step }
            count.withLock { $0 = 0 }
        }

        func step() -> Bool {
            count.withLock { $0 += 1 }
            return left.withLock { left in
                guard let steps = left else { return false }
                if steps > 0 { left = steps - 1 }
                return steps == 0
            }
        }
    }

    private func store(_ crash: Crash) throws -> TemporaryStore {
        try TemporaryStore(scheme: try Scheme("user={user}")) { environment in
            let error = LociError(.cancelled, subject: "crash", message: "The process ended.")
            environment.probe = StepProbe { (_) throws(LociError) in
                if crash.step() { throw error }
            }
            environment.wrapBlobs = { base in
                InterceptedBlobStore(base) { (_) throws(BlobError) in
                    if crash.step() { throw .failed(.canceled, nil) }
                }
            }
        }
    }

    /// A memory with two revisions, a snapshot at the first, and a blob to be collected.
    private func prepare(_ made: TemporaryStore, _ tenant: Tenant) async throws -> Memory {
        let memory = try await tenant.append([1], at: NamePath("user=bob/x.md"), origin: origin)
        let gone = try await tenant.append([4], at: NamePath("user=bob/y.md"), origin: origin)
        for value in 5..<9 {
            _ = try await tenant.edit(gone.id, content: [UInt8(value)], origin: origin)
        }
        made.advance(.seconds(91 * 86_400))
        _ = try await tenant.takeSnapshot("then", origin: origin)
        _ = try await tenant.edit(memory.id, content: [2], origin: origin)
        _ = try await tenant.set(memory.id, attributes: ["user": "bob", "a": "b"], origin: origin)
        _ = try await tenant.applyRetention(origin: origin)
        return memory
    }

    @Test(
        "leaves everything as it was or as it should become",
        arguments: CrashOperation.allCases
    )
    func crash(_ operation: CrashOperation) async throws {
        let crash = Crash()
        let whole = try store(crash)
        let witness = try whole.tenant()
        let memory = try await prepare(whole, witness)
        let before = try await operation.state(witness)
        crash.arm(nil)
        try await operation.run(witness, memory)
        let steps = crash.count.withLock(\.self)
        let after = try await operation.state(witness)
        #expect(steps > 0)
        #expect(operation == .collect || before != after)

        for step in 0..<steps {
            crash.arm(nil)
            let made = try store(crash)
            let memory = try await prepare(made, try made.tenant())
            crash.arm(step)
            await #expect(throws: LociError.self, "step \(step)") {
                try await operation.run(try made.tenant(), memory)
            }
            crash.arm(nil)
            let reopened = try made.reopened()
            #expect(try await reopened.check(contents: true) == [], "step \(step)")
            let state = try await operation.state(reopened)
            // A snapshot comes back in batches: here too, the same call does the rest.
            if operation != .restoreSnapshot { #expect(state == before || state == after) }
            if state != after { try await operation.run(reopened, memory) }
            #expect(try await operation.state(reopened).count == after.count, "step \(step)")
            #expect(try await reopened.check(contents: true) == [], "step \(step)")
            made.advance(Tenant.placingGrace + .seconds(60))
            _ = try await reopened.collect(delete: true, origin: origin)
            #expect(try reopened.read { try $0.collectableCount() } == 0)
            #expect(try await reopened.check(contents: true) == [], "step \(step)")
        }
    }

    @Test("leaves half-written files that are accounted for, and collected")
    func partialFiles() async throws {
        let crash = Crash()
        let made = try store(crash)
        let tenant = try made.tenant()
        // ① happened, ② did not: what the store of blobs was writing stays.
        crash.arm(2)
        await #expect(throws: LociError.self) {
            _ = try await tenant.append([1], at: NamePath("user=bob/x.md"), origin: origin)
        }
        let folder = tenant.directory + "/data/user=bob"
        try StoreFiles.makeDirectory(folder, mode: 0o700)
        try StoreFiles.write([1], to: folder + "/.placing-1")
        crash.arm(nil)
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

import Catalog
import Model
import SQL
import TestSupport
import Testing

@testable import Loci

/// Everything that changes a tenant: what is done, and how it shows that it happened.
enum DurableOperation: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case append, batch, edit, set, rename, moveDirectory, moveInBatches
    case makeDirectories, removeDirectories, keepForeign, updateForeign
    case delete, restore, restoreUnder, restoreRevision, purge
    case takeSnapshot, restoreSnapshot, deleteSnapshot, restorePartition, restoreMemory
    case setRetention, applyRetention, collect, checkpoint, unarchive, reindex
    case indexWaiting, repair

    var testDescription: String { rawValue }

    /// Whether it works in several transactions, so that a failure may leave a part done, which
    /// doing it again completes.
    var isInParts: Bool {
        switch self {
        case .batch, .moveInBatches, .restoreSnapshot, .restorePartition, .restoreMemory,
            .applyRetention, .collect, .keepForeign, .updateForeign, .unarchive, .purge,
            .reindex, .repair:
            true
        default: false
        }
    }

    func run(_ tenant: Tenant) async throws {
        let origin = TemporaryStore.origin
        switch self {
        case .append:
            _ = try await tenant.append([1], at: NamePath("user=new/x.md"), origin: origin)
        case .batch: try await addBatch(tenant)
        case .edit, .set, .rename, .delete, .restoreRevision: try await change(tenant, origin)
        case .moveDirectory, .moveInBatches:
            _ = try await tenant.moveDirectory(
                from: NamePath("user=bob"),
                to: NamePath("user=eve"),
                atOnce: self == .moveDirectory ? Tenant.movedAtOnce : 1,
                origin: origin
            )
        case .makeDirectories:
            try tenant.makeDirectories(
                ["user=a", "user=b"].map { try NamePath($0) },
                origin: origin
            )
        case .removeDirectories:
            try tenant.removeDirectories(under: NamePath("user=empty"), origin: origin)
        case .keepForeign, .updateForeign: try keepForeign(tenant, origin)
        case .restore:
            let gone = try tenant.listTrash().memories[0]
            _ = try await tenant.restore(gone.id, origin: origin)
        case .restoreUnder:
            _ = try await tenant.restore(
                under: NamePath("user=gone"),
                since: try tenant.historySummary().wholeSince ?? Timestamp(nanoseconds: 0),
                origin: origin
            )
        case .purge:
            let gone = try tenant.trashedIDs()
            _ = try await tenant.purge(gone, origin: origin)
            _ = try await tenant.collect(delete: true, origin: origin)
        case .takeSnapshot: _ = try await tenant.takeSnapshot("now", origin: origin)
        case .restoreSnapshot: _ = try await tenant.restoreSnapshot("then", origin: origin)
        case .restorePartition:
            _ = try await tenant.restore(
                under: NamePath("user=bob"),
                to: .snapshot("then"),
                origin: origin
            )
        case .restoreMemory:
            let id = try tenant.memory(
                at: NamePath("user=bob/x.md"),
                when: .snapshot("then")
            ).id
            _ = try await tenant.restore(id, to: .snapshot("then"), origin: origin)
        case .deleteSnapshot: try await tenant.deleteSnapshot("then", origin: origin)
        case .setRetention: try tenant.setRetention(.seconds(60), origin: origin)
        case .applyRetention: _ = try await tenant.applyRetention(origin: origin)
        case .collect: _ = try await tenant.collect(delete: true, origin: origin)
        case .unarchive: try await unarchive(tenant, origin)
        case .checkpoint: _ = try tenant.catalog.checkpoint()
        case .reindex: _ = try await tenant.reindex(origin: origin)
        case .repair: _ = try await tenant.repair(origin: origin)
        case .indexWaiting:
            try tenant.catalog.write(origin: origin) { try $0.indexWaitingTexts() }
        }
    }

    private func addBatch(_ tenant: Tenant) async throws {
        let batch = try (0..<9).map {
            NewMemory(
                .bytes([UInt8($0)]),
                name: try Name("\($0).md"),
                attributes: ["user": "u\($0)"]
            )
        }
        for result in try await tenant.append(
            contentsOf: batch,
            origin: TemporaryStore.origin
        ) { _ = try result.get() }
    }

    private func change(_ tenant: Tenant, _ origin: Origin) async throws {
        let id = try tenant.memory(at: NamePath("user=bob/x.md")).id
        switch self {
        case .edit: _ = try await tenant.edit(id, content: [9], origin: origin)
        case .set: _ = try await tenant.set(id, attributes: ["user": "eve"], origin: origin)
        case .rename:
            _ = try await tenant.move(id, to: NamePath("user=eve/z.md"), origin: origin)
        case .delete: try await tenant.delete(id, origin: origin)
        default: _ = try await tenant.restore(id, revision: RevisionNumber(1), origin: origin)
        }
    }

    /// One memory with two revisions, and one that is in the trash.
    private func unarchive(_ tenant: Tenant, _ origin: Origin) async throws {
        let batch = try ["a", "b"].map { name in
            ArchivedMemory(
                id: try MemoryID("01J00000000000000000000\(name == "a" ? "00A" : "00B")"),
                name: try Name(name),
                attributes: ["user": "archived"],
                created: Timestamp(nanoseconds: 1),
                modified: Timestamp(nanoseconds: 2),
                permissions: 0o600,
                owner: 1,
                group: 1,
                isTrashed: name == "b",
                revisions: try [[1], [2, 2]].enumerated().map { index, content in
                    ArchivedMemory.Revision(
                        number: RevisionNumber(index + 2),
                        created: Timestamp(nanoseconds: 3),
                        modified: Timestamp(nanoseconds: 4),
                        actor: "somebody",
                        isBeside: false,
                        content: content,
                        hash: try FileHash.hash(bytes: content)
                    )
                }
            )
        }
        for result in try await tenant.unarchive(batch, origin: origin) { _ = try result.get() }
    }

    private func keepForeign(_ tenant: Tenant, _ origin: Origin) throws {
        let source = tenant.directory + "/../\(rawValue)"
        let names = self == .updateForeign ? [".f"] : [".a", ".b", ".c"]
        for name in names { try StoreFiles.write([1, 2, 3], to: source + name) }
        let files = try names.map {
            NewForeign(
                path: try NamePath("user=bob/\($0)"),
                content: .file(Array((source + $0).utf8)),
                permissions: 0o644,
                modified: 0
            )
        }
        for result in try tenant.keepForeign(files, update: true, origin: origin) {
            _ = try result.get()
        }
    }

    // MARK: Before and after

    /// What is there before: memories with several revisions, a snapshot at an earlier one, trash,
    /// an empty directory, a foreign file, the past of all that, and blobs to be collected.
    static func prepare(_ made: TemporaryStore) async throws {
        let (tenant, origin) = (try made.tenant(), TemporaryStore.origin)
        let memory = try await tenant.append([1], at: NamePath("user=bob/x.md"), origin: origin)
        let other = try await tenant.append([4], at: NamePath("user=bob/y.md"), origin: origin)
        for value in 5..<9 {
            _ = try await tenant.edit(other.id, content: [UInt8(value)], origin: origin)
        }
        made.advance(.seconds(91 * 86_400))
        _ = try await tenant.takeSnapshot("then", origin: origin)
        _ = try await tenant.edit(memory.id, content: [2], origin: origin)
        _ = try await tenant.set(memory.id, attributes: ["a": "b"], origin: origin)
        _ = try await tenant.applyRetention(origin: origin)
        for value in 10..<13 {
            _ = try await tenant.edit(other.id, content: [UInt8(value)], origin: origin)
        }
        for name in ["1", "2", "3"] {
            let gone = try await tenant.append(
                [3],
                at: NamePath("user=gone/\(name)"),
                origin: origin
            )
            try await tenant.delete(gone.id, origin: origin)
        }
        try tenant.makeDirectories([NamePath("user=empty")], origin: origin)
        let source = made.path + "/foreign"
        try StoreFiles.write([7], to: source)
        _ = try tenant.keepForeign(
            [
                NewForeign(
                    path: try NamePath("user=bob/.f"),
                    content: .file(Array(source.utf8)),
                    permissions: 0o600,
                    modified: 0
                )
            ],
            update: false,
            origin: origin
        )
        made.advance(.seconds(100 * 86_400))
    }

    /// Breaks what is then repaired: a row, names, contents of which there are others, and a file that
    /// nobody names.
    func damage(_ made: TemporaryStore) throws {
        guard isRepair else { return }
        let main = made.path + "/main"
        let tenant = try made.reopened()
        let memory = try tenant.memory(at: NamePath("user=bob/x.md"))
        let trashed = try tenant.listTrash().memories.map(\.id)
        let first = try #require(try tenant.revisions(of: memory.id).last).blobKey
        let second = try #require(try tenant.revisions(of: trashed[0]).last).blobKey
        let database = try SQLiteConnection(path: main + "/catalog.db", access: .write)
        try database.execute(
            """
            UPDATE node SET size = 77 WHERE number = \(memory.node);
            DELETE FROM entry WHERE node = \(memory.node);
            DELETE FROM revision WHERE blob_key = '\(first)';
            DELETE FROM searchable
            """
        )
        try StoreFiles.write([8, 8], to: "\(main)/data/\(second)")
        try StoreFiles.write([5], to: "\(main)/data/nobody.md")
    }

    var isRepair: Bool { self == .repair }

    /// Everything that a reader could see.
    func state(_ tenant: Tenant) async throws -> [String] {
        var lines = try tenant.snapshots().map { "snapshot \($0.name)" }
        lines.append("retention \(try tenant.retention())")
        lines.append("foreign \(try tenant.foreignCount())")
        for entry in try tenant.entries(of: NamePath([])) { lines.append("entry \(entry.name)") }
        // A memory that is still to be repaired may have no revision to be listed by.
        let listed = isRepair ? try? tenant.list() : try tenant.list()
        for page in [listed, try tenant.listTrash()] {
            for memory in page?.memories ?? [] {
                let attributes = memory.attributes.sorted { $0.key < $1.key }
                    .map { "\($0.key)=\($0.value)" }
                let content = try await content(of: memory, tenant)
                lines.append(
                    "\(memory.path?.description ?? "trash \(memory.name)") \(attributes) "
                        + "\(memory.revision) \(memory.hash) \(content)"
                )
                if self == .applyRetention {
                    lines.append("revisions \(try tenant.revisions(of: memory.id).count)")
                }
            }
        }
        if self == .indexWaiting { lines.append("waiting \(try tenant.searchStatus().waiting)") }
        if self == .collect {
            lines.append("collectable \(try tenant.read { try $0.collectableCount() })")
        }
        return lines.sorted()
    }

    /// What is still to be repaired may be missing.
    private func content(of memory: Memory, _ tenant: Tenant) async throws -> [UInt8] {
        do {
            return try await tenant.content(of: memory.id)
        } catch  where isRepair {
            return []
        }
    }

    /// Whether the state may be told apart from before.
    var isVisible: Bool { ![.checkpoint, .updateForeign, .reindex].contains(self) }
}

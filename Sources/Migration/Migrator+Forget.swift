import Catalog
public import Loci
import SQL

extension Migrator {
    /// What came of taking back what a mapper had found.
    public struct Forgotten: Hashable, Sendable {
        /// Attributes that were taken back.
        public internal(set) var attributes = 0
        /// Memories that keep theirs: without, their place would be another's.
        public internal(set) var kept = 0
    }

    /// Takes back the attributes that the mapper of the newest run gave, once that run was given up:
    /// all that nobody changed since.
    ///
    /// In batches, each a transaction; killed, the same call goes on.
    /// Throws `wrongState` unless the newest run was given up.
    @discardableResult
    public func forgetMapped(origin: Origin = .thisProcess) throws(LociError) -> Forgotten {
        let (run, _, new) = try tenant.catalog.read { try MigrationFacts($0).run() }
        guard run.outcome == MigrationRun.Outcome.aborted.rawValue else {
            throw LociError(
                .wrongState,
                subject: "layout \(new.number)",
                message: "\(new.title) was not given up, and what its mapper found is in use.",
                remedy: "Give it up first with: loci migrate abort"
            )
        }
        var forgotten = Forgotten()
        var cursor = MappedAttribute(memory: 0, key: "")
        while true {
            let after = cursor
            let found = try tenant.catalog.read { reader in
                try reader.mappedAttributes(for: new.number, after: after, limit: Self.forgetAtOnce)
            }
            guard let last = found.last else { return forgotten }
            cursor = last
            let memories = Dictionary(grouping: found, by: \.memory)
            let done = try tenant.catalog.write(.normal, origin: origin) { transaction in
                var done = Forgotten()
                for (memory, attributes) in memories.sorted(by: { $0.key < $1.key }) {
                    try Self.forget(attributes, of: memory, new.number, &done, transaction)
                }
                return done
            }
            forgotten.attributes += done.attributes
            forgotten.kept += done.kept
        }
    }

    private static let forgetAtOnce = 200

    private static func forget(
        _ attributes: [MappedAttribute],
        of row: Int64,
        _ layout: LayoutNumber,
        _ done: inout Forgotten,
        _ transaction: CatalogTransaction
    ) throws {
        let reader = transaction.reader
        guard let first = attributes.first, let memory = try reader.memory(row: row) else { return }
        // Looked at again: since they were found, somebody may have changed them.
        let still = try reader.mappedAttributes(
            for: layout,
            after: MappedAttribute(memory: row, key: ""),
            limit: attributes.count
        ).filter { $0.memory == first.memory }
        guard !still.isEmpty else { return }
        let detail = JSON.object([.init("forgets", .integer(Int64(layout.rawValue)))])
        do {
            _ = try transaction.savepoint {
                try transaction.change(
                    memory,
                    attributes: still.map { AttributeChange(key: $0.key, value: nil) },
                    primary: try reader.layouts().listed.number,
                    operation: .set,
                    detail: detail.text()
                )
            }
            done.attributes += still.count
        } catch let error as LociError where [.nameTaken, .collision].contains(error.code) {
            done.kept += 1
        }
    }
}

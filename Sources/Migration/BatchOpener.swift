import Catalog
import Loci

/// Finds what is left to move, a batch at a time, and accounts for where it goes: ①.
///
/// Where it stands saves work; truth is in the query: a pass that found something is followed by
/// another from the start. A value of its own, so that another thread can find a batch while the
/// one before it moves.
struct BatchOpener: Sendable {
    private let tenant: Tenant
    private let tuning: MigrationTuning
    var writer: BatchWriter
    private var isCurrentOnly = true
    /// Memory rows at or below it were found in this pass.
    private var after: Int64 = 0
    private var target: LayoutNumber?

    init(_ tenant: Tenant, _ tuning: MigrationTuning, _ origin: Origin, limit: Int) {
        self.tenant = tenant
        self.tuning = tuning
        writer = BatchWriter(tenant, tuning, origin, limit: limit)
    }

    /// The next blobs to move, with the keys that the target layout gives them, current revisions
    /// of memories outside the trash first; nil where nothing is misplaced.
    mutating func next(limit: Int) throws(LociError) -> MoveBatch? {
        var opener = self
        defer { self = opener }
        return try tenant.read { reader in
            let target = try reader.layouts().target
            opener.follow(target.number)
            guard try reader.hasMisplaced(target: target.number) else {
                opener.restart()
                return nil
            }
            // At most: the rest of the current ones, the rest of the others, and both again.
            for _ in 0..<4 {
                if let batch = try opener.page(reader, target, limit: limit) { return batch }
                opener.isCurrentOnly.toggle()
                opener.after = 0
            }
            return nil
        }
    }

    /// What `next` would give once the batch before it is committed, while it is not yet; nil where
    /// that is not known.
    ///
    /// Only among current revisions, of which each memory has one: none is found twice.
    mutating func ahead(limit: Int) throws(LociError) -> MoveBatch? {
        guard isCurrentOnly, after > 0 else { return nil }
        var opener = self
        defer { self = opener }
        return try tenant.read { reader in
            let target = try reader.layouts().target
            guard target.number == opener.target else { return nil }
            return try opener.page(reader, target, limit: limit)
        }
    }

    /// Begins anew where the target is another one.
    private mutating func follow(_ target: LayoutNumber) {
        if self.target != target { restart() }
        self.target = target
    }

    private mutating func restart() {
        isCurrentOnly = true
        after = 0
    }

    private mutating func page(
        _ reader: CatalogReader,
        _ target: Layout,
        limit: Int
    ) throws -> MoveBatch? {
        let found = try reader.misplaced(
            target: target.number,
            currentOnly: isCurrentOnly,
            after: after,
            limit: limit
        )
        guard let last = found.last?.memory.row else { return nil }
        // A memory may have more revisions than fit the page.
        after = isCurrentOnly || found.count < limit ? last : last - 1
        let fields = try reader.fields(of: found.map(\.memory))
        let moves = try zip(found, fields).map { one, fields in
            try Move(
                one,
                fields,
                to: tenant.blobKey(
                    for: fields,
                    name: one.memory.name,
                    revision: one.revision.number,
                    layout: target
                )
            )
        }
        let run = try MigrationFacts(reader)
        return MoveBatch(
            moves: moves,
            target: target,
            asOf: try reader.lastChange(),
            verifying: run.new?.number == target.number ? run.newest : nil
        )
    }

    /// ① The new keys of those that leave are chosen, and accounted for before any blob stands
    /// under them.
    mutating func account(
        _ batch: inout MoveBatch,
        rest: (Duration) -> Void
    ) throws(LociError) {
        guard !batch.leaving.isEmpty else { return }
        try tuning.before(.account)
        let notBefore = tenant.clock() + tuning.placingTime
        let (tenant, target) = (tenant, batch.target)
        try writer.write(batch.leaving, rest: rest) { chunk, transaction in
            for index in chunk {
                while try !batch.moves[index].isInPlace
                    && !transaction.claim(batch.moves[index].newText, notBefore: notBefore)
                {
                    try batch.moves[index].passOver(tenant, target)
                }
            }
        }
        batch.leaving.removeAll { batch.moves[$0].isInPlace }
    }
}

import Blobs
import Catalog
import Linux
import Loci
import SQL

/// Moves blobs to where the target layout wants them, a batch at a time, for one thread that holds
/// the mover's lock.
///
/// A blob is durable under its new key before a row says so, and under its old key until nobody can
/// ask for it:
///
/// ```
/// ① rows     new keys are collectable, as `moving`         a crash after it leaves rows, no blob
/// ② files    link, then make the links durable             … leaves links that ① accounts for
/// ③ rows     revision → new key; old key is collectable    … leaves two links, both accounted for
/// ④ files    after the grace time: unlink the old key      (Collector.swift)
/// ```
///
/// Whatever a crash leaves, the same query finds what is left to move.
final class Mover {
    let tenant: Tenant
    let tuning: MigrationTuning
    let reader: CatalogReader
    let origin: Origin
    let batchSize: Int
    /// Rests between transactions; told how long the last one held the lock.
    let rest: (Duration) -> Void
    private var writer: BatchWriter
    var collector: Collector
    /// Where clearing goes on, for each ended layout.
    var cleared: [LayoutNumber: Entry] = [:]
    /// Where retention goes on to look for superseded revisions.
    var retained: RetentionCursor = 0
    private var opener: BatchOpener
    /// Found while the batch before it moved.
    private var upcoming: MoveBatch?
    private var meter = RateMeter()

    init(
        _ tenant: Tenant,
        tuning: MigrationTuning,
        batchSize: Int,
        rest: @escaping (Duration) -> Void
    ) throws(LociError) {
        self.tenant = tenant
        self.tuning = tuning
        self.rest = rest
        self.batchSize = max(1, batchSize)
        reader = try tenant.catalog.makeReader()
        origin = Origin(
            actor: "mover",
            uid: EffectiveUser.id,
            pid: RunningProcess.current.id,
            process: RunningProcess.current.name
        )
        writer = BatchWriter(tenant, tuning, origin, limit: self.batchSize)
        collector = Collector(tenant, tuning, origin, limit: self.batchSize)
        opener = BatchOpener(tenant, tuning, origin, limit: self.batchSize)
    }

    /// Runs `body` on one state of the catalog.
    func read<R>(_ body: (CatalogReader) throws -> R) throws(LociError) -> R {
        do {
            return try reader.snapshot { try body(reader) }
        } catch {
            throw LociError(catalogError: error, subject: tenant.catalog.path)
        }
    }

    /// One short transaction; rests as long as it held the lock.
    func write<R>(
        _ body: (CatalogTransaction) throws -> R
    ) throws(LociError) -> (result: R, held: Int64) {
        var began: Int64 = 0
        let result = try tenant.catalog.write(.normal, origin: origin) { transaction in
            began = SystemClock.monotonic()
            return try body(transaction)
        }
        let held = SystemClock.monotonic() - began
        rest(.nanoseconds(held))
        return (result, held)
    }

    // MARK: A round

    /// What one round did.
    struct Round: Hashable {
        /// Old keys that were dealt with.
        var collected = 0
        /// Blobs that were dealt with; nil where nothing is misplaced, or nothing was to move.
        var moved: Int?
    }

    /// Collects what is due, and moves up to `limit` blobs, current revisions first; without a
    /// limit it moves none.
    ///
    /// One sync of the log serves both: it makes ③ of earlier batches and ① of this one durable,
    /// before anything is unlinked for the one and linked for the other. `hurrying`: what is due is
    /// collected, and the next batch found, while this one moves, on two processors.
    func round(moving limit: Int?, hurrying: Bool) throws(LociError) -> Round {
        aim(hurrying ? tuning.hurriedLockAim : tuning.lockAim)
        let due = try tenant.dueKeys(limit: batchSize)
        if limit == nil || !hurrying { upcoming = nil }
        // A full disk lets nothing begin; what frees space is done all the same.
        let begun = Result { () throws(LociError) in try limit.map(begin) ?? nil }
        let begins = (try? begun.get()).flatMap(\.self)?.leaving.isEmpty == false
        if !due.isEmpty || begins { try sync() }
        if hurrying, begins, var batch = try begun.get() {
            try finish(&batch, collecting: due)
            return Round(collected: due.count, moved: batch.moves.count)
        }
        try collector.collect(due, rest: rest)
        guard var batch = try begun.get() else { return Round(collected: due.count) }
        try finish(&batch)
        return Round(collected: due.count, moved: batch.moves.count)
    }

    /// ② and ③ of a batch on this thread; ④ for `due`, and the search for the next batch, on
    /// another one: neither touches what the other does.
    private func finish(
        _ batch: inout MoveBatch,
        collecting due: [CollectableKey]
    ) throws(LociError) {
        let (collector, opener, limit) = (collector, opener, batchSize)
        let (beside, own) = try inParallel { () throws(LociError) in
            var (collector, opener) = (collector, opener)
            try collector.collect(due) { _ in }
            let upcoming = try opener.ahead(limit: limit)
            return (collector, opener, upcoming)
        } own: { () throws(LociError) in
            try finish(&batch)
        }
        (self.collector, self.opener, upcoming) = try beside.get()
        try own.get()
    }

    /// How long each transaction from now on may hold the writer lock.
    private func aim(_ time: Duration) {
        writer.sizer.aim = time.wholeNanoseconds
        opener.writer.sizer.aim = time.wholeNanoseconds
        collector.sizer.aim = time.wholeNanoseconds
    }

    private func sync() throws(LociError) {
        try tuning.before(.syncAccount)
        try tenant.catalog.sync()
    }

    /// ① of the next batch, not yet durable; nil where nothing is misplaced.
    private func begin(limit: Int) throws(LociError) -> MoveBatch? {
        var found = upcoming
        upcoming = nil
        if found == nil { found = try opener.next(limit: min(limit, batchSize)) }
        guard var batch = found else { return nil }
        batch.leaving = batch.moves.indices.filter { !batch.moves[$0].isInPlace }
        try opener.account(&batch, rest: rest)
        return batch
    }

    /// ② and ③ of a batch that is accounted for.
    private func finish(_ batch: inout MoveBatch) throws(LociError) {
        while !batch.leaving.isEmpty {
            batch.leaving = try link(&batch)
            guard !batch.leaving.isEmpty else { break }
            // Other bytes stand under their keys: they get the next ones.
            for index in batch.leaving {
                try batch.moves[index].passOver(tenant, batch.target)
            }
            try opener.account(&batch, rest: rest)
            try sync()
        }
        try verify(batch)
        try commit(batch)
    }

    private enum Linked {
        case done
        /// The revision has another key or none by now.
        case gone
        /// Other bytes are under the new key.
        case occupied
    }

    /// ② Each blob stands under its new key too, durably.
    ///
    /// Notes those that do. Returns those that need another key; the rest is gone.
    private func link(_ batch: inout MoveBatch) throws(LociError) -> [Int] {
        try tuning.before(.link)
        var keys: [BlobKey] = []
        var occupied: [Int] = []
        for index in batch.leaving {
            switch try link(batch.moves[index]) {
            case .done:
                batch.moves[index].isLinked = true
                keys.append(batch.moves[index].new)
            case .gone: continue
            case .occupied: occupied.append(index)
            }
        }
        try tuning.before(.syncLinks)
        try naming { () throws(BlobError) in try tenant.blobs.makeDurable(keys) }
        return occupied
    }

    private func link(_ move: Move) throws(LociError) -> Linked {
        do throws(BlobError) {
            try tenant.blobs.link(move.old, to: move.new)
            return .done
        } catch .notFound {
            // The row is read again, once: another key, or none, means that there is no more to do.
            let key = try read {
                try $0.revision(of: move.memory, move.revision)?.blobKey
            }
            guard let key, key.hasSameBytes(as: move.old.text) else { return .gone }
            throw LociError(
                .corrupt,
                subject: move.old.text,
                message: "The content '\(move.old.text)' is missing.",
                remedy: "Run: loci fsck. Bring the file back, then: loci migrate resume"
            )
        } catch .occupied {
            return .occupied
        } catch {
            throw LociError(blob: error)
        }
    }

    /// ③ Rows name the new keys, where they still name the old ones and ① still stands.
    private func commit(_ batch: MoveBatch) throws(LociError) {
        try tuning.before(.commit)
        let notBefore = tenant.clock() + tuning.graceTime
        let (asOf, target) = (batch.asOf, batch.target)
        let due = meter.isDue(SystemClock.monotonic())
        try writer.write(batch.moves, rest: rest) { chunk, transaction in
            let isStale = transaction.newestChange != asOf
            var counts = MoveCounts()
            for move in chunk where move.isDone {
                let fits = try !isStale || self.fits(move, batch, transaction.reader)
                let moved = try transaction.moveBlob(
                    memory: move.memory,
                    move.revision,
                    from: move.oldText,
                    to: move.newText,
                    layout: fits ? target.number : nil,
                    collectOldAfter: notBefore
                )
                if moved { counts.add(move) }
            }
            try transaction.countMoves(
                target: target.number,
                moved: counts.moved,
                bytes: counts.bytes,
                inPlace: counts.inPlace
            )
            if let due {
                let rate = MoverRate(perSecond: due, measured: transaction.now)
                try transaction.setSetting(MoverRate.setting, .text(rate.text))
            }
        }
        meter.add(batch.moves.count, SystemClock.monotonic())
    }

    /// Whether the new key is still where the target wants the blob.
    ///
    /// The memory's fields may have changed since the key was made: then it is placed again. One
    /// whose other fields change all the time is placed all the same.
    private func fits(
        _ move: Move,
        _ batch: MoveBatch,
        _ reader: CatalogReader
    ) throws -> Bool {
        guard try reader.hasChanged(memory: move.memory, after: batch.asOf) else { return true }
        guard let memory = try reader.memory(row: move.memory) else { return false }
        return try move.key(for: reader.fields(of: memory), tenant, batch.target) == move.new
    }

    /// Does two things at once, one of them on a thread of its own; returns when both are done.
    private func inParallel<R: Sendable>(
        _ body: @escaping @Sendable () throws(LociError) -> R,
        own: () throws(LociError) -> Void
    ) throws(LociError) -> (Result<R, LociError>, Result<Void, LociError>) {
        do throws(Errno) {
            return try Thread.inParallel(name: "loci-collect", body, own)
        } catch {
            throw LociError(errno: error, subject: "thread")
        }
    }

    func naming<R>(_ body: () throws(BlobError) -> R) throws(LociError) -> R {
        do throws(BlobError) {
            return try body()
        } catch {
            throw LociError(blob: error)
        }
    }
}

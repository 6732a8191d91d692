import Blobs
import Catalog
import Linux
import Loci
import Model
import SQL
import Synchronization

// From staged files to rows. Everything here runs under `commitLock`.
//
// ① seal      what is written from now on goes into a copy
// ② place     bytes get their keys and are durable there (Tenant.place)
// ③ commit    one transaction names them
//             the generation rises, onCommit is told, the catalog is synced
// ④ forget    the journal drops the nodes
// ⑤ remove    the staged files go
//
// A crash before ③ leaves staged files and keys that may be collected; one after it leaves staged
// files whose content the catalog has: recovery sees that by the hash.

extension Staging {
    /// Files that one transaction takes at most: some tens of milliseconds of the writer lock.
    static let batchLimit = 128
    /// How often a batch is made anew because another process changed something in between.
    private static let raceLimit = 8

    /// How one item ended: nil stands for success.
    typealias Outcome = (item: CommitItem, error: LociError?)

    // MARK: ① seal

    /// Takes what a node has to be committed.
    ///
    /// Called under `commitLock`.
    ///
    /// Returns nil where there is nothing to commit.
    func seal(
        _ staged: StagedNode,
        goal override: CommitItem.Goal? = nil
    ) throws(LociError)
        -> CommitItem?
    {
        try options.probe.before(.seal)
        let now = options.now()
        return try staged.io.withLock { () throws(LociError) in
            let needsBytes = staged.state.withLock { $0.isUnborn && $0.bytes == nil }
            if needsBytes { try makeEmpty(staged) }
            return staged.state.withLock { state -> CommitItem? in
                guard let bytes = state.bytes, !state.isCommitting else { return nil }
                let goal: CommitItem.Goal
                switch state.standing {
                case .unborn(let place, let recalls):
                    goal = override ?? .birth(place, recalls: recalls)
                case .memory(let row, let base): goal = .revision(row, base: base)
                case .replacing(let row): goal = override ?? .replacing(row)
                case .nameless:
                    guard let override else { return nil }
                    goal = override
                case .gone: return nil
                }
                guard state.life.isDirty || override != nil else { return nil }
                state.isSealed = true
                state.isCommitting = true
                state.life.handle(.sealed, at: now)
                return CommitItem(
                    staged: staged,
                    goal: goal,
                    bytes: bytes,
                    size: state.size,
                    hash: state.known.flatMap { $0.changes == state.changes ? $0.hash : nil },
                    attributes: state.attributes,
                    ctime: state.ctime,
                    origin: state.origin,
                    isDoubtful: state.isDoubtful,
                    isRecovered: state.isRecovered
                )
            }
        }
    }

    /// Syncs and hashes a large file before a commit needs that: requests may wait for a commit.
    ///
    /// What is written meanwhile makes it worth nothing, and the commit does it again.
    func prepare(_ staged: StagedNode) {
        // With the I/O lock: no change is half done.
        let (bytes, changes, known) = staged.io.withLock {
            staged.state.withLock { ($0.bytes, $0.changes, $0.known?.changes) }
        }
        // What fails here fails in the commit, which says so.
        guard known != changes, let file = try? bytes?.file?.open() else { return }
        try? file.file.syncContent()
        guard let hash = try? Self.hash(file) else { return }
        staged.state.withLock { $0.known = (changes, hash) }
    }

    /// A file that was made and never written has no bytes yet, not even none.
    func makeEmpty(_ staged: StagedNode) throws(LociError) {
        try writeJournal([.inline(staged.node)])
        staged.state.withLock { $0.bytes = StagedBytes([], in: space) }
    }

    // MARK: ② to ⑤

    /// Commits sealed items, as few transactions as their memories allow.
    ///
    /// Under `commitLock`.
    func commit(_ items: [CommitItem]) -> [Outcome] {
        var outcomes: [Outcome] = []
        var rest = items[...]
        while !rest.isEmpty {
            let batch = Array(rest.prefix(Self.batchLimit))
            rest = rest.dropFirst(Self.batchLimit)
            outcomes += commitBatch(batch)
        }
        return outcomes
    }

    private func commitBatch(_ items: [CommitItem]) -> [Outcome] {
        var races = 0
        while true {
            do throws(LociError) {
                let later = try commitOnce(items)
                let done = items.filter { item in !later.contains { $0.node == item.node } }
                let outcomes: [Outcome] = done.map { ($0, nil) }
                return later.isEmpty ? outcomes : outcomes + commitBatch(later)
            } catch {
                if error.code == .busy, races < Self.raceLimit {
                    races += 1
                    continue
                }
                let isSystemic = [.noSpace, .inputOutput, .readOnly, .lockHeld].contains(error.code)
                if items.count > 1, !isSystemic {
                    // One of them is refused: the others need not wait for it.
                    return items.flatMap { commitBatch([$0]) }
                }
                for item in items { fail(item, error) }
                return items.map { ($0, error) }
            }
        }
    }

    /// One transaction.
    ///
    /// Returns items whose memory another item of the same transaction changes: they are next.
    private func commitOnce(_ items: [CommitItem]) throws(LociError) -> [CommitItem] {
        let (drafts, contents, later) = try drafts(items)
        try options.probe.before(.place)
        let placed = contents.isEmpty ? [] : try tenant.place(contents, origin: Self.origin)
        try options.probe.before(.commit)
        let result = try tenant.catalog.write(.normal, origin: Self.origin) { transaction in
            transaction.holdsNames = hasNames
            let first = transaction.newestChange.rawValue + 1
            let rows = try drafts.map { try $0.write(placed, tenant, transaction) }
            let times = setDirectoryTimes(in: transaction)
            return (
                first: first, last: transaction.newestChange.rawValue, rows: rows,
                times: times
            )
        }
        forget(result.times)
        generation.wrappingAdd(1, ordering: .acquiringAndReleasing)
        if result.first <= result.last {
            onCommit(
                CommittedBatch(
                    changes: ChangeNumber(result.first)...ChangeNumber(result.last),
                    nodes: drafts.map(\.item.node),
                    known: drafts.compactMap(\.knownName)
                )
            )
        }
        // Not in the transaction: whoever wants to write would wait for the disk. Should it fail,
        // the files stay staged, and the next commit finds that the catalog has their content.
        try tenant.catalog.sync()
        try options.probe.before(.forget)
        try finish(drafts, result.rows)
        return later
    }

    private func drafts(
        _ items: [CommitItem]
    ) throws(LociError) -> ([CommitDraft], [PendingContent], later: [CommitItem]) {
        try tenant.catalog.read { reader in
            var drafts: [CommitDraft] = []
            var contents: [PendingContent] = []
            var later: [CommitItem] = []
            var memories: Set<Int64> = []
            for item in items {
                let count = contents.count
                let draft = try self.draft(item, reader, &contents)
                if let memory = draft.fate.memory, !memories.insert(memory).inserted {
                    contents.removeSubrange(count...)
                    later.append(item)
                } else {
                    drafts.append(draft)
                }
            }
            return (drafts, contents, later)
        }
    }

    private func finish(
        _ drafts: [CommitDraft],
        _ rows: [(row: Int64, revision: RevisionNumber)?]
    ) throws(LociError) {
        try options.probe.before(.remove)
        for (draft, row) in zip(drafts, rows) { finish(draft, row) }
        noteLargeCommits(drafts.map(\.item))
    }

    private func finish(_ draft: CommitDraft, _ row: (row: Int64, revision: RevisionNumber)?) {
        let item = draft.item
        item.staged.io.withLock {
            let wasWritten = item.staged.state.withLock { state in
                state.isCommitting = false
                state.failure = nil
                state.life.committed()
                return state.bytes !== item.bytes
            }
            guard wasWritten else {
                return drop(item.staged, records: [.dropped(item.node)])
            }
            defer { try? item.bytes.remove() }
            // Its memory is gone: what was written meanwhile goes the same way.
            guard let row, draft.fate != .trash else { return }
            // It was written meanwhile, into a copy: that copy is now of the new revision.
            try? writeJournal([
                .attached(item.node, memory: row.row, base: Int64(row.revision.rawValue))
            ])
            names.withLock { names in
                item.staged.state.withLock { state in
                    if let place = state.place { removeName(item.node, place, &names) }
                    if state.standing == .nameless {
                        namelessCount.wrappingSubtract(1, ordering: .releasing)
                    }
                    state.standing = .memory(row.row, base: row.revision)
                    state.life.isUnborn = false
                }
            }
        }
    }

    private func fail(_ item: CommitItem, _ error: LociError) {
        let now = options.now()
        item.staged.state.withLock { state in
            state.isCommitting = false
            state.failure = error
            state.life.handle(.failed, at: now)
        }
        expect(now + options.limits.firstPause)
    }

    // MARK: Once a minute

    private func noteLargeCommits(_ items: [CommitItem]) {
        let now = options.now()
        let large = items.filter { $0.size > options.limits.largeSize }
        guard !large.isEmpty else { return }
        names.withLock { names in
            let oldest = options.limits.largeInterval
            names.largeCommits = names.largeCommits.filter { now - $0.value < oldest }
            for item in large { names.largeCommits[item.node] = now }
        }
    }

    func lastLargeCommit(of node: NodeNumber) -> Moment? {
        names.withLock { $0.largeCommits[node] }
    }
}

extension CommitDraft {
    /// The name that the kernel has for the node; nil where the commit gave it another one.
    fileprivate var knownName: KnownName? {
        guard case .birth(let place, _) = item.goal else { return nil }
        switch fate {
        case .birth(needsSuffix: true), .trash: return nil
        default: return KnownName(directory: place.directory, name: place.name)
        }
    }
}

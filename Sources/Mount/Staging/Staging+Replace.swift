package import Catalog
import Linux
import Loci
package import Model
import SQL
import Synchronization

// A file is renamed over a memory: it is the memory's next revision, and its own name leaves
// nothing.

extension Staging {
    /// An unborn file is renamed over a memory whose only name this is.
    ///
    /// The name leads to the file at once, for all who ask this mount; in the catalog once the file
    /// is committed, together with others, as any written memory is.
    ///
    /// `replaced`: the memory as the caller saw it.
    /// `position`: of its name.
    ///
    /// Not where the memory's own node is staged: what was written to it comes first.
    ///
    /// Throws `wrongState` where the file was born.
    package func replace(
        _ replaced: MemoryRow,
        by node: NodeNumber,
        as name: Name,
        in directory: NodeNumber,
        at position: ListingPosition,
        view: Layout,
        _ caller: Caller,
        _ reader: CatalogReader
    ) throws(LociError) {
        try rename(
            node,
            to: name,
            in: directory,
            replacing: ReplacedMemory(memory: replaced.row, base: replaced.revision),
            at: position,
            view: view,
            by: caller,
            reader
        )
    }

    /// Whether a node has bytes, or a name, that no row has.
    package func isStaged(_ node: NodeNumber) -> Bool { find(node) != nil }

    /// Commits the file that was renamed over a memory, if there is one.
    package func commitReplacing(memory: Int64) throws(LociError) {
        let node = names.withLock { names in
            names.replacing.first { node in
                let place = names.nodes[node]?.state.withLock(\.place)
                return place?.replaces?.memory == memory
            }
        }
        if let node { try commitReplacing(node) }
    }

    /// Commits all files that were renamed over memories: those will have further names.
    ///
    /// Blocks. Returns those that could not be committed; the others are.
    func commitReplacing() -> [StagingFailure] {
        let replacing = names.withLock { names in
            names.replacing.compactMap { names.nodes[$0] }
        }
        return commitLock.withLock {
            var items: [CommitItem] = []
            var failures: [StagingFailure] = []
            for staged in replacing {
                do throws(LociError) {
                    if let item = try seal(staged) { items.append(item) }
                } catch {
                    expect(noteSealFailure(staged, error))
                    failures.append(StagingFailure(node: staged.node, error: error))
                }
            }
            for (item, error) in commit(items) {
                guard let error else { continue }
                failures.append(StagingFailure(node: item.node, error: error))
            }
            return failures
        }
    }

    /// Commits a file that was renamed over a memory, because something else is to be done to that
    /// memory; and others of its kind with it: in a row of saves each of them would be next.
    package func commitReplacing(_ node: NodeNumber) throws(LociError) {
        options.willWait()
        if let staged = find(node), staged.state.withLock({ $0.size > options.limits.largeSize }) {
            prepare(staged)
        }
        try commitLock.withLock { () throws(LociError) in
            guard let staged = find(node), let item = try seal(staged) else { return }
            var items = [item]
            let others = names.withLock { names in
                names.replacing.prefix(Self.gatheredAtOnce).compactMap { names.nodes[$0] }
            }
            let now = options.now()
            for other in others {
                let isQuick = other.state.withLock {
                    $0.size <= StagedBytes.inlineLimit
                        && $0.action(at: now, on: .settled) == .commit
                }
                guard isQuick else { continue }
                do throws(LociError) {
                    if let item = try seal(other) { items.append(item) }
                } catch {
                    expect(noteSealFailure(other, error))
                }
            }
            let outcomes = commit(items)
            if let error = outcomes.first(where: { $0.item.node == node })?.error { throw error }
        }
    }

    /// Files that a request commits besides the one that it must: some milliseconds.
    private static let gatheredAtOnce = 32

    /// An unborn file, or a foreign one, is renamed over a memory, which may have several names.
    ///
    /// The memory's names lead to the file's node when this returns. The bytes of an unborn file
    /// are written content of that memory from then on, and a revision as soon as any other; those
    /// of a foreign file are a revision at once, because its own file goes.
    ///
    /// `shown`: the memory's node as the caller saw it.
    /// `known`: the names that the request's answer tells the kernel.
    ///
    /// Throws `wrongState` where the memory's names lead to another node by now, or the file was
    /// born. When it throws, everything is as before.
    package func replace(
        _ memory: Int64,
        shownBy shown: NodeNumber,
        by node: NodeNumber,
        _ caller: Caller,
        known: [KnownName] = []
    ) throws(LociError) {
        options.willWait()
        if find(node) == nil {
            return try replace(memory, shownBy: shown, byForeign: node, caller)
        }
        try commitOwnNode(of: memory)
        try withUnborn(node) { (staged, place, recalls) throws(LociError) in
            let (attributes, isEmpty) = staged.state.withLock { ($0.attributes, $0.bytes == nil) }
            if isEmpty { try makeEmpty(staged) }
            try writeJournal([.replaces(node, memory: memory)])
            let base: RevisionNumber
            do throws(LociError) {
                base = try giveNames(
                    of: memory,
                    shownBy: shown,
                    to: node,
                    attributes,
                    caller,
                    known
                )
            } catch {
                try? writeJournal([.created(node, place, attributes, recalls: recalls)])
                throw error
            }
            // Recovery sees by the row what became of it, should this be missing.
            try? writeJournal([.attached(node, memory: memory, base: Int64(base.rawValue))])
            names.withLock { names in
                removeName(node, place, &names)
                noteChange(of: [place.directory], &names)
                staged.state.withLock { state in
                    state.standing = .memory(memory, base: base)
                    state.life.isUnborn = false
                    state.origin = caller.origin
                    // Its name is in the catalog now, which the next `fsync` has to sync.
                    state.isSynced = false
                    state.hasNewName = true
                }
            }
            expect(staged.state.withLock { $0.action(at: options.now()) })
        }
    }

    /// One transaction: the memory's names lead to `node`.
    ///
    /// It is synced by whoever asks for that: until then a power cut leaves the old content under
    /// its name, and recovery finds what was synced of the new one.
    ///
    /// Returns the memory's revision, which the node's bytes are to follow.
    private func giveNames(
        of memory: Int64,
        shownBy shown: NodeNumber,
        to node: NodeNumber,
        _ attributes: JournalAttributes,
        _ caller: Caller,
        _ known: [KnownName]
    ) throws(LociError) -> RevisionNumber {
        let (base, first, last) = try tenant.catalog.write(
            .normal,
            origin: caller.origin,
            request: caller.request
        ) { transaction in
            transaction.holdsNames = hasNames
            let row = try transaction.memory(memory, still: shown)
            let since = transaction.nextChange()
            let appearance = NodeAppearance(
                number: node,
                permissions: attributes.permissions,
                uid: attributes.uid,
                gid: attributes.gid,
                mtime: attributes.mtime
            )
            _ = try transaction.replaceNode(of: row, by: appearance, since: since)
            try transaction.record(.set, memory: memory, detail: #"{"node":true}"#)
            return (row.revision, since, transaction.newestChange)
        }
        generation.wrappingAdd(1, ordering: .acquiringAndReleasing)
        onCommit(CommittedBatch(changes: first...last, nodes: [node], known: known))
        return base
    }

    /// Commits before it returns.
    private func replace(
        _ memory: Int64,
        shownBy shown: NodeNumber,
        byForeign node: NodeNumber,
        _ caller: Caller
    ) throws(LociError) {
        let staged = try stageForeign(node, by: caller)
        try commitLock.withLock { () throws(LociError) in
            do throws(LociError) {
                try commitOwnNodeLocked(of: memory)
                // Until the lock is let go no commit gives the name to another memory.
                let now = try tenant.catalog.read { try $0.memory(row: memory)?.node }
                guard now == shown else { throw .notUnborn(shown) }
                try announce(staged, replacing: memory, by: caller)
                guard var item = try seal(staged, goal: .replacing(memory)) else {
                    throw .notUnborn(node)
                }
                item.request = caller.request
                if let error = commit([item]).first?.error { throw error }
            } catch {
                giveBack(staged)
                throw error
            }
        }
        removeForeignFile(node)
    }

    /// Tells the journal what a file is to become.
    ///
    /// Throws `wrongState` where it was born while this waited for its turn: a record after the one
    /// that dropped it would make recovery take it for a file without bytes.
    private func announce(
        _ staged: StagedNode,
        replacing memory: Int64,
        by caller: Caller
    ) throws(LociError) {
        try staged.io.withLock { () throws(LociError) in
            guard staged.state.withLock({ $0.isUnborn }) else { throw .notUnborn(staged.node) }
            try writeJournal([.replaces(staged.node, memory: memory)])
            staged.state.withLock { $0.origin = caller.origin }
        }
    }

    /// A file that was to replace a memory, and could not, is what it was before.
    private func giveBack(_ staged: StagedNode) {
        staged.io.withLock {
            if let record = staged.state.withLock({ $0.journalRecord(staged.node) }) {
                try? writeJournal([record])
            } else if staged.state.withLock({ $0.standing == .nameless }) {
                drop(staged, records: [.dropped(staged.node)])
            }
        }
    }

    /// What was written to the memory's own node is older than what replaces it.
    private func commitOwnNode(of memory: Int64) throws(LociError) {
        let own = try tenant.catalog.read { try $0.memory(row: memory)?.node }
        guard let own, find(own) != nil else { return }
        try commitLock.withLock { () throws(LociError) in try commitOwnNodeLocked(of: memory) }
    }

    /// Under `commitLock`.
    private func commitOwnNodeLocked(of memory: Int64) throws(LociError) {
        let own = try tenant.catalog.read { try $0.memory(row: memory)?.node }
        guard let own, let staged = find(own), let item = try seal(staged) else { return }
        if let error = commit([item]).first?.error { throw error }
    }
}

extension LociError {
    /// A memory that a file was to replace is gone.
    static func noLongerThere(_ memory: Int64) -> LociError {
        LociError(
            .notFound,
            subject: "memory \(memory)",
            message: "The file to be replaced is no longer there"
        )
    }
}

import Catalog
import Linux
import Loci
package import Model
import Synchronization

// Who commits, and when.

extension Staging {
    /// How long the committer lets candidates gather.
    private static let gathering: Duration = .milliseconds(5)

    func commitUntilStopped() {
        while !isStopping.load(ordering: .acquiring) {
            // Whatever comes from here on wakes this thread: nothing is missed while it looks.
            sleepsUntil.store(.max, ordering: .sequentiallyConsistent)
            let next = commitDue()
            sleepsUntil.store(next.rawValue, ordering: .sequentiallyConsistent)
            let pause = next == .never ? nil : next - options.now() + Self.gathering
            // A wait that fails is a wait of no time: the loop looks again.
            _ = try? wake.wait(timeout: pause)
        }
    }

    /// Commits all that is due.
    ///
    /// Returns when to look again.
    @discardableResult
    package func commitDue() -> Moment {
        let due = options.now()
        for staged in names.withLock({ Array($0.nodes.values) }) {
            let isLarge = staged.state.withLock {
                $0.size > options.limits.largeSize && $0.action(at: due) == .commit
            }
            if isLarge { prepare(staged) }
        }
        return commitLock.withLock {
            let now = options.now()
            var next = Moment.never
            var items: [CommitItem] = []
            for staged in names.withLock({ Array($0.nodes.values) }) {
                switch staged.state.withLock({ $0.action(at: now) }) {
                case .rest: continue
                case .wait(let until): next = min(next, until)
                case .commit:
                    do throws(LociError) {
                        if let item = try seal(staged) { items.append(item) }
                    } catch {
                        next = min(next, noteSealFailure(staged, error))
                    }
                }
            }
            guard !items.isEmpty else { return next }
            for outcome in commit(items) where outcome.error != nil {
                next = min(next, options.now() + options.limits.firstPause)
            }
            cutJournal()
            // What was written during the commit is looked at again at once.
            return min(next, options.now() + options.limits.settle)
        }
    }

    private func noteSealFailure(_ staged: StagedNode, _ error: LociError) -> Moment {
        let now = options.now()
        return staged.state.withLock { state in
            state.failure = error
            state.life.handle(.failed, at: now)
            return now + options.limits.firstPause
        }
    }

    /// An old journal of nothing is cut.
    private func cutJournal() {
        guard space.journal.size > Self.journalSlack else { return }
        // Failing to cut it costs space only.
        try? space.journal.clear { names.withLock { $0.nodes.isEmpty } }
    }

    /// Commits what is staged, now.
    ///
    /// Blocks: for a command at most `StagingOptions.commandPatience` besides the commit itself.
    package func commitNow(_ reason: CommitReason) -> CommitReport {
        let demand: StagedFileLife.Demand = reason == .command ? .settled : .unconditional
        let deadline = options.now() + options.commandPatience
        var report = CommitReport()
        while true {
            let (outcomes, waiting) = commitLock.withLock { commitAll(demand) }
            report.failures = []
            for outcome in outcomes {
                if let error = outcome.error {
                    report.failures.append(
                        StagingFailure(node: outcome.item.node, error: error)
                    )
                } else {
                    report.committed += 1
                }
            }
            let soonest = waiting.map(\.until).min() ?? .never
            if soonest > deadline {
                report.left = waiting.map(\.node) + report.failures.map(\.node)
                return report
            }
            SystemClock.sleep(soonest - options.now())
        }
    }

    private func commitAll(
        _ demand: StagedFileLife.Demand
    ) -> (outcomes: [Outcome], waiting: [(node: NodeNumber, until: Moment)]) {
        let now = options.now()
        var items: [CommitItem] = []
        var waiting: [(node: NodeNumber, until: Moment)] = []
        for staged in names.withLock({ Array($0.nodes.values) }) {
            switch staged.state.withLock({ $0.action(at: now, on: demand) }) {
            case .rest: continue
            case .wait(let until): waiting.append((staged.node, until))
            case .commit:
                do throws(LociError) {
                    if let item = try seal(staged) { items.append(item) }
                } catch {
                    _ = noteSealFailure(staged, error)
                    waiting.append((staged.node, .never))
                }
            }
        }
        return (commit(items), waiting)
    }

    /// Makes a staged node a row now, whatever the rules say; nothing where nothing is staged.
    package func commit(_ node: NodeNumber) throws(LociError) {
        guard let staged = find(node) else { return }
        try commitLock.withLock { () throws(LociError) in
            guard let item = try seal(staged) else { return }
            if let error = commit([item]).first?.error { throw error }
        }
    }

    /// An unborn file, or a foreign one, is renamed over a memory: it is the memory's next
    /// revision and its node, and its own name leaves nothing.
    ///
    /// Commits before it returns. When it throws, everything is as before.
    package func replace(
        _ memory: Int64,
        by node: NodeNumber,
        _ caller: Caller
    ) throws(LociError) {
        let staged: StagedNode
        if let found = find(node) {
            staged = found
        } else {
            staged = try stageForeign(node, by: caller)
        }
        try commitLock.withLock { () throws(LociError) in
            do throws(LociError) {
                try commitOwnNode(of: memory)
                try announce(staged, replacing: memory, by: caller)
                guard let item = try seal(staged, goal: .replacing(memory)) else {
                    throw .notUnborn(node)
                }
                noteNames(of: staged)
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
        guard let own, let staged = find(own), let item = try seal(staged) else { return }
        if let error = commit([item]).first?.error { throw error }
    }

    /// Waits until no commit is under way: what it sealed is a row then, or staged as before.
    func awaitCommit() { commitLock.withLock {} }
}

extension StagedNode.State {
    /// What the journal must say of an unborn file.
    func journalRecord(_ node: NodeNumber) -> JournalRecord? {
        guard case .unborn(let place, let recalls) = standing else { return nil }
        return .created(node, place, attributes, recalls: recalls)
    }
}

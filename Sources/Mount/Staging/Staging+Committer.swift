import Catalog
import Linux
import Loci
package import Model
import Synchronization

// Who commits, and when.

extension Staging {
    /// How long the committer lets candidates gather.
    private static let gathering: Duration = .milliseconds(5)
    /// How long a command's commit lets them gather: it is over when the last one is.
    private static let commandGathering: Duration = .milliseconds(15)

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
            cutJournal(slack: Self.journalSlack)
            // What was written during the commit is looked at again at once.
            return min(next, options.now() + options.limits.settle)
        }
    }

    func noteSealFailure(_ staged: StagedNode, _ error: LociError) -> Moment {
        let now = options.now()
        return staged.state.withLock { state in
            state.failure = error
            state.life.handle(.failed, at: now)
            return now + options.limits.firstPause
        }
    }

    /// A journal of nothing is cut, where it holds more than some slack.
    func cutJournal(slack: Int64 = 0) {
        guard space.journal.size > slack else { return }
        // Failing to cut it costs space only.
        try? space.journal.clear { names.withLock { $0.nodes.isEmpty } }
    }

    /// Commits what is staged, now.
    ///
    /// Blocks: for a command at most `StagingOptions.commandPatience` besides the commits themselves,
    /// for files with bytes that were written before it asked. What came later it did not ask for,
    /// and under a storm of writes there is always some.
    package func commitNow(_ reason: CommitReason) -> CommitReport {
        let demand: StagedFileLife.Demand = reason == .command ? .settled : .unconditional
        let asked = options.now()
        let deadline = asked + options.commandPatience
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
            let soonest = waiting.filter { $0.since <= asked }.map(\.until).min() ?? .never
            guard soonest <= deadline else {
                report.left = waiting.map(\.node) + report.failures.map(\.node)
                return report
            }
            let now = options.now()
            SystemClock.sleep(max(soonest, now + Self.commandGathering) - now)
        }
    }

    /// A file that is not committed, since when it holds what is not, and when to try it again.
    private typealias Waiting = (node: NodeNumber, since: Moment, until: Moment)

    private func commitAll(
        _ demand: StagedFileLife.Demand
    ) -> (outcomes: [Outcome], waiting: [Waiting]) {
        let now = options.now()
        var items: [CommitItem] = []
        var waiting: [Waiting] = []
        for staged in names.withLock({ Array($0.nodes.values) }) {
            let (action, since) = staged.state.withLock {
                ($0.action(at: now, on: demand), $0.life.dirtySince ?? now)
            }
            switch action {
            case .rest: continue
            case .wait(let until): waiting.append((staged.node, since, until))
            case .commit:
                do throws(LociError) {
                    if let item = try seal(staged) { items.append(item) }
                } catch {
                    _ = noteSealFailure(staged, error)
                    waiting.append((staged.node, since, .never))
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

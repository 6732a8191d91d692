/// When a staged file is committed.
///
/// ```
///            written                 closed, quiet 100 ms, 5 s without end
///  clean ───────────────▶ dirty ────────────────────────────────────────▶ candidate
///    ▲                      ▲   ◀──────────────── written ──────────────────┘   │
///    │ sealed               │ failed (again after a pause that doubles)         │ 50 ms without
///    └──────────────────────┴───────────────────────────────────────────────────┘ a write
/// ```
///
/// A pure value: events and the time come in, what to do comes out. A file that is not yet a memory
/// stays a candidate for 500 ms before it is born, so that a rename over another file finds it
/// unborn. A file that is written without a pause is a candidate once it was dirty for 5 s, and
/// no write takes that back.
package struct StagedFileLife: Hashable, Sendable {
    /// The times of the rules.
    package struct Limits: Hashable, Sendable {
        /// Writes that pause for so long are over, even where nobody saw a close.
        package var quiet: Duration = .milliseconds(100)
        /// A file that is written for so long is taken in the next short pause.
        package var endless: Duration = .seconds(5)
        /// The short pause that every commit waits for.
        package var settle: Duration = .milliseconds(50)
        /// How long a file stays unborn after it last became a candidate.
        package var birth: Duration = .milliseconds(500)
        /// Larger files, in bytes, are committed at most once in `largeInterval`.
        package var largeSize: Int64 = 16 << 20
        package var largeInterval: Duration = .seconds(60)
        /// The first pause after a failure; it doubles up to `longestPause`.
        package var firstPause: Duration = .milliseconds(100)
        package var longestPause: Duration = .seconds(10)

        package init() {}
    }

    /// What happens to a staged file.
    package enum Event: Hashable, Sendable {
        /// Its bytes or its size changed, or it was made.
        case written
        /// Somebody who could write closed it: a hint that may come late, or not at all.
        case closed
        /// Its bytes were taken to be committed.
        case sealed
        /// What was sealed could not be committed.
        case failed
    }

    /// Who does not want to wait for the rules.
    package enum Demand: Hashable, Sendable {
        /// A rename over a file, a snapshot, an unmount.
        case unconditional
        /// A command that reads: it leaves what is being written this moment.
        case settled
    }

    /// What to do with the file.
    package enum Action: Hashable, Sendable {
        /// There is nothing to commit.
        case rest
        /// Ask again then, unless an event comes before.
        case wait(until: Moment)
        case commit
    }

    package let limits: Limits
    /// Whether it is not yet a memory.
    package var isUnborn: Bool

    /// The first write that is not committed.
    package private(set) var dirtySince: Moment?
    private var lastWrite: Moment?
    /// The close that no write followed.
    private var closedAt: Moment?
    private var lastSealed: Moment?
    /// What `failed` brings back.
    private var sealedDirtySince: Moment?
    private var failures = 0
    private var pausedUntil: Moment?

    /// Begins clean; `lastCommit` is when this file was committed before, in this session.
    package init(isUnborn: Bool, limits: Limits = Limits(), lastCommit: Moment? = nil) {
        self.isUnborn = isUnborn
        self.limits = limits
        lastSealed = lastCommit
    }

    package var isDirty: Bool { dirtySince != nil }

    /// How often in a row it could not be committed.
    package var failureCount: Int { failures }

    package mutating func handle(_ event: Event, at now: Moment) {
        switch event {
        case .written:
            if dirtySince == nil { dirtySince = now }
            lastWrite = now
            closedAt = nil
        case .closed:
            if dirtySince != nil { closedAt = now }
        case .sealed:
            sealedDirtySince = dirtySince
            dirtySince = nil
            closedAt = nil
            lastSealed = now
        case .failed:
            dirtySince = sealedDirtySince ?? dirtySince ?? now
            failures += 1
            pausedUntil = now + pause
        }
    }

    /// What was sealed stands: failures before it are forgotten.
    package mutating func committed() {
        sealedDirtySince = nil
        failures = 0
        pausedUntil = nil
    }

    /// What to do with a file of `size` bytes.
    package func action(at now: Moment, size: Int64) -> Action {
        guard let candidate, let lastWrite else { return .rest }
        var due = max(
            candidate + (isUnborn ? limits.birth : limits.settle),
            lastWrite + limits.settle
        )
        if size > limits.largeSize, let lastSealed {
            due = max(due, lastSealed + limits.largeInterval)
        }
        if let pausedUntil { due = max(due, pausedUntil) }
        return now < due ? .wait(until: due) : .commit
    }

    /// The answer to somebody who does not wait for the rules.
    package func action(at now: Moment, on demand: Demand) -> Action {
        guard dirtySince != nil, let lastWrite else { return .rest }
        switch demand {
        case .unconditional: return .commit
        case .settled:
            let due = lastWrite + limits.settle
            return now < due ? .wait(until: due) : .commit
        }
    }

    /// When it became, or will become, a candidate if no event comes; nil while it is clean.
    private var candidate: Moment? {
        guard let dirtySince, let lastWrite else { return nil }
        let quiet = closedAt.map { min($0, lastWrite + limits.quiet) } ?? lastWrite + limits.quiet
        return min(quiet, dirtySince + limits.endless)
    }

    private var pause: Duration {
        var pause = limits.firstPause
        for _ in 1..<max(2, min(failures, 16)) where failures > 1 { pause = pause * 2 }
        return min(pause, limits.longestPause)
    }
}

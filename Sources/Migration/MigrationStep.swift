package import Model

/// The durable steps of a migration: a crash may fall before each, and the same command goes on.
package enum MigrationStep: String, Hashable, Sendable, CaseIterable {
    /// One transaction begins the layout and the record of the run.
    case begin
    /// A batch of names, fields and the cursor.
    case prepare
    /// One commit makes the layout live and the target.
    case goLive
    /// ① The new keys of a batch are recorded as `placing`.
    case account
    /// That record is made durable.
    case syncAccount
    /// ② Each blob is linked under its new key.
    case link
    /// The links are made durable.
    case syncLinks
    /// ③ Rows name the new keys; the old ones are queued.
    case commit
    /// ④ Old keys whose grace time is over are removed.
    case collect
    /// One commit lists another layout.
    case list
    /// One commit ends a layout.
    case end
    /// A batch of an ended layout's entries is cleared.
    case clear
    /// The cleared layout's slot is freed.
    case finishClearing
}

/// What a migration takes from outside: times and, in tests, a hand in its steps.
package struct MigrationTuning: Sendable {
    /// How long a blob stays under its old key.
    package var graceTime: Duration = .seconds(10)
    /// How long a key may be `placing` before it is anybody's to collect.
    ///
    /// Far above what a batch takes: only a crash lets it pass.
    package var placingTime: Duration = .seconds(600)
    /// How long a transaction may hold the writer lock.
    package var lockAim: Duration = .milliseconds(5)
    /// The same where nothing throttles.
    ///
    /// A transaction has its own cost, and writes each page that it changed; but others wait for it.
    package var hurriedLockAim: Duration = .milliseconds(10)
    /// How often who has not got the mover's lock tries for it.
    package var lockRetry: Duration = .seconds(1)
    /// How often is looked at what readers met.
    package var readersWindow: Duration = .seconds(1)
    /// How often retention is applied.
    package var retentionEvery: Duration = .seconds(3600)
    /// Told of each durable step before it is taken; what it returns is thrown there, as if the
    /// process had ended.
    package var interrupt: @Sendable (MigrationStep) -> LociError? = { _ in nil }

    package init() {}

    func before(_ step: MigrationStep) throws(LociError) {
        if let error = interrupt(step) { throw error }
    }
}

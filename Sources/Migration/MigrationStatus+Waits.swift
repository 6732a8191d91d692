import Loci

extension MigrationStatus {
    /// What does not go on by itself, or not at once; empty where nothing waits.
    public var waits: [Wait] {
        var waits: [Wait] = []
        let isPreparing = state == .preparing
        if isPaused, isPreparing || misplaced > 0 {
            waits.append(
                Wait(
                    kind: .paused,
                    message: "\(isPreparing ? "Preparing" : "Moving") is paused "
                        + "(\(pauseReason.map { Name.printable($0) } ?? "no reason given")) and waits for: "
                        + "loci migrate resume"
                )
            )
        }
        if isPreparing, errors > 0 {
            waits.append(
                Wait(
                    kind: .errors,
                    message: "The layout does not go live: \(errors) memories could not be mapped "
                        + "or placed. See: loci migrate errors, then: loci migrate retry"
                )
            )
        } else if isPreparing, preparer == nil {
            waits.append(
                Wait(
                    kind: .nobody,
                    message: "Nobody prepares. It waits for the same start again: "
                        + "loci migrate start"
                )
            )
        }
        if misplaced > 0, !isPaused { waits += movingWaits }
        if misplaced == 0, collectable > 0 {
            waits.append(
                Wait(
                    kind: .grace,
                    message: "\(collectable) old keys stay a moment for who may be about to read "
                        + "them" + (worker == nil ? ", and then for somebody who collects." : ".")
                )
            )
        }
        if users > 0 {
            waits.append(
                Wait(
                    kind: .users,
                    message: "Retiring waits for who used old paths within "
                        + "\(LociDuration.text(Migrator.quietPeriod)). See: loci migrate who"
                )
            )
        }
        return waits
    }

    private var movingWaits: [Wait] {
        guard worker != nil else {
            return [
                Wait(
                    kind: .nobody,
                    message: "No worker: mount the tenant, or run  loci migrate run"
                )
            ]
        }
        let readers = Wait(
            kind: .readers,
            message: "Moving rests a moment: readers of the mount waited more than twice as long "
                + "with it as without, or how long they wait without it is being learned."
        )
        let resting = yieldsToReaders ? [readers] : []
        guard case .perSecond(let rate) = throttle else { return resting }
        return resting + [
            Wait(
                kind: .throttle,
                message: "Moving is held back to \(rate) a second"
                    + (throttleUntil.map { " until \($0), then \(throttleAfterwards)" } ?? "") + "."
            )
        ]
    }
}

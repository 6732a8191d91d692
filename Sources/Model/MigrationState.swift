/// What a layout is, as its row says.
public enum LayoutStatus: String, Sendable, Hashable, CaseIterable {
    /// Its entries are being written; nobody sees it.
    case building
    /// Its paths open.
    case live
    /// Its paths ended after it had been live.
    case retired
    /// It was given up before its migration was complete.
    case aborted
}

/// What `status` calls the state of a migration.
///
/// Derived from facts, never stored.
public enum MigrationState: String, Sendable, Hashable, CaseIterable {
    /// There was no migration yet.
    case none
    /// A plan was made; nothing is written.
    case planned
    /// The new layout is building.
    case preparing
    /// The new layout is live; blobs are still under other keys.
    case moving
    /// The new layout is live and every blob is in its place.
    case ready
    /// The new layout is listed; the old one still lives.
    case complete
    /// The old layout's paths ended.
    case retired
    /// The migration was given up.
    case aborted
}

extension MigrationState {
    /// What is known of a migration.
    package struct Facts: Hashable, Sendable {
        /// The new layout's status, or nil while there is only a plan.
        package var newLayout: LayoutStatus?
        package var newIsListed: Bool
        package var oldIsLive: Bool
        /// Revisions whose blobs are not where the target wants them.
        package var misplaced: Int

        package init(
            newLayout: LayoutStatus?,
            newIsListed: Bool,
            oldIsLive: Bool,
            misplaced: Int
        ) {
            self.newLayout = newLayout
            self.newIsListed = newIsListed
            self.oldIsLive = oldIsLive
            self.misplaced = misplaced
        }
    }

    /// The state that the facts of the newest migration amount to; nil facts mean that there was
    /// none.
    ///
    /// A new layout that was retired after a revert ended its migration without completing it:
    /// `aborted`.
    package init(_ facts: Facts?) {
        guard let facts else {
            self = .none
            return
        }
        switch facts.newLayout {
        case nil: self = .planned
        case .building: self = .preparing
        case .aborted, .retired: self = .aborted
        case .live where facts.newIsListed: self = facts.oldIsLive ? .complete : .retired
        case .live: self = facts.misplaced > 0 ? .moving : .ready
        }
    }
}

public import Loci

/// How far a migration is, derived from what is in the catalog.
public struct MigrationStatus: Hashable, Sendable {
    /// The tenant.
    public var tenant: TenantID
    /// What it amounts to.
    public var state: MigrationState
    /// The newest run; nil before any.
    public var run: MigrationRun?
    /// The layout that is listed.
    public var listed: LayoutNumber
    /// The layout that blobs follow.
    public var target: LayoutNumber
    /// All live layouts.
    public var live: [LayoutNumber]
    /// What old paths allow.
    public var oldPaths: OldPaths

    /// Revisions that are kept.
    public var revisions: Int64
    /// Revisions whose blobs are not where the target wants them.
    public var misplaced: Int64
    /// Revisions that the newest run moved to their place.
    public var done: Int64
    /// Revisions whose keys are being placed at this moment; a worker that was killed leaves them
    /// for the next one.
    public var busy: Int64
    /// Old keys that wait for their grace time, and keys that are being placed.
    public var collectable: Int64
    /// Memories that keep the layout from going live, or whose content is not what it was.
    public var errors: Int64
    /// Those of them that could not be placed, or whose content is not what it was.
    public var failed: Int64
    /// Memories for which the mapper found no fields: it failed on them, or passed them over.
    public var unmapped: Int64
    /// Memories that the mapper passed over.
    public var skipped: Int64

    /// Moves a second, as the worker last measured; nil while nobody moves.
    public var rate: Double?
    /// How long the rest takes; nil while that is unknown.
    public var eta: Duration?
    /// Whether whoever prepares or moves is to wait.
    public var isPaused: Bool
    /// Why it waits.
    public var pauseReason: String?
    /// How fast blobs may move.
    public var throttle: MoveRate
    /// Until when; nil where that stands until another rate is set.
    public var throttleUntil: Timestamp?
    /// How fast they may move then.
    public var throttleAfterwards: MoveRate
    /// Whether moving rests at the moment, since readers waited more than twice as long with it.
    public var yieldsToReaders: Bool
    /// Who holds the mover's lock.
    public var worker: Worker?
    /// Who is preparing.
    public var preparer: Worker?

    /// How many users, places and commands used paths of the old layout within the quiet period,
    /// once the new one is listed: they keep it from being retired.
    public var users: Int

    /// Revisions that are in their place.
    public var moved: Int64 { max(0, revisions - misplaced) }
    /// Those of them that the newest run had not to move.
    public var inPlace: Int64 { moved - done }

    /// What does not go on by itself, or not at once, and for whom it waits.
    public struct Wait: Hashable, Sendable {
        /// What it waits for.
        public enum Kind: String, Hashable, Sendable, CaseIterable {
            /// Somebody has paused it.
            case paused
            /// No process prepares or moves.
            case nobody
            /// Memories that cannot be mapped or placed.
            case errors
            /// Moving is held back by a rate.
            case throttle
            /// Moving rests: readers of the mount that moves waited too long.
            case readers
            /// Old keys stay for who may be about to read them.
            case grace
            /// Retiring is refused: old paths are in use.
            case users
        }

        /// What it waits for.
        public let kind: Kind
        /// A sentence.
        public let message: String
    }

    /// A process at work.
    public struct Worker: Hashable, Sendable {
        /// Its process.
        public let process: Int32
        /// Its command.
        public let command: String
    }
}

/// The record of one run.
public struct MigrationRun: Hashable, Sendable, Identifiable {
    /// How a run ended.
    public enum Outcome: String, Hashable, Sendable {
        /// The old layout was retired.
        case retired
        /// It was retired though its paths were in use.
        case retiredByForce = "retired-by-force"
        /// The new layout was given up.
        case aborted
    }

    /// Counts from 1.
    public let id: Int64
    /// The layout that was listed when it began.
    public let from: LayoutNumber
    /// Its scheme.
    public let fromScheme: Scheme
    /// The layout that it makes.
    public let to: LayoutNumber
    /// Its scheme.
    public let toScheme: Scheme
    /// Who began it.
    public let actor: String
    /// Why.
    public let reason: String?
    /// The mapper's identity; nil without one.
    public let mapper: String?
    /// How it was begun.
    public let options: MigrationOptions
    /// The snapshot that was taken first.
    public let snapshot: String?
    /// When it began.
    public let started: Timestamp
    /// When the new layout became live.
    public let live: Timestamp?
    /// When it was first listed.
    public let listed: Timestamp?
    /// When it ended.
    public let ended: Timestamp?
    /// How it ended.
    public let outcome: Outcome?
    /// Memories when it began, the trash included.
    public let total: Int64
    /// Memories that are prepared.
    public let prepared: Int64
    /// Contents that were moved.
    public let moved: Int64
    /// Their bytes.
    public let movedBytes: Int64
    /// Contents whose place did not change.
    public let inPlace: Int64
    /// Memories that the mapper passed over.
    public let skipped: Int64
    /// Memories that are listed as failed.
    public let errors: Int64

    /// The mapper's identity for people: of each hash the beginning.
    package var shownMapper: String? { mapper.map { ShownText.shown(ChildCommand.shown($0)) } }
}

/// A memory that a run met trouble with.
public struct MigrationFailure: Hashable, Sendable {
    /// What could not be done.
    public enum Step: String, Hashable, Sendable, CaseIterable {
        /// The mapper failed.
        case map
        /// The mapper passed it over: not an error, but it is under `_`.
        case skip
        /// Its path cannot be made.
        case place
        /// Its content is not what its hash says.
        case verify
    }

    /// The memory.
    public let memory: MemoryID
    /// Its name.
    public let name: Name
    /// Where the listed layout has it; nil in the trash.
    public let path: NamePath?
    /// What could not be done.
    public let step: Step
    /// Why.
    public let reason: String
    /// How often it was tried.
    public let attempts: Int
    /// When it was last tried.
    public let time: Timestamp
}

/// A page of failures.
public struct MigrationFailurePage: Hashable, Sendable {
    /// The failures, in the order in which the memories were added.
    public let failures: [MigrationFailure]
    /// Where the next page begins; nil after the last.
    public let next: ListCursor?
}

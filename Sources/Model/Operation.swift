/// What a change in the change log did.
///
/// The raw values are stored and shown; they never change.
public enum Operation: String, Sendable, Hashable, CaseIterable {
    /// A memory was made.
    case add
    /// A memory got a new revision.
    case edit
    /// A memory got another name or place.
    case rename
    /// Attributes of a memory changed.
    case set
    /// A memory went to the trash.
    case delete
    /// A memory came back from the trash, or to an earlier revision.
    case restore
    /// A trashed memory was removed for good.
    case purge
    /// Changes that are older than the tenant keeps them were cut off the log.
    case retention
    /// A backup was made.
    case backup
    /// A memory came in with an import.
    case `import`
    /// A memory's name got a suffix because another had it.
    case suffix
    /// Two writers changed one memory; both revisions are kept.
    case conflict
    /// A directory was made.
    case mkdir
    /// A directory was removed.
    case rmdir
    /// A snapshot was taken.
    case snapshot
    /// A snapshot was deleted.
    case snapshotDeleted
    /// The tenant was set back to a snapshot.
    case snapshotRestored
    /// A new layout is being written.
    case layoutBuilding
    /// A new layout became live and the target of blobs.
    case layoutLive
    /// Cut-over: another layout is listed.
    case layoutListed
    /// Revert: an earlier layout is listed again.
    case revert
    /// A layout's paths ended.
    case layoutRetired
    /// A migration was given up.
    case abort
    /// The scheme version rose, when a layout was listed for the first time.
    case schemeMigrated
    /// The mover was told to pause.
    case pause
    /// The mover was told to go on.
    case resume
    /// The mover's rate was set.
    case throttle
    /// A setting of the tenant changed.
    case setting
    /// `fsck --repair` mended something; the detail says what.
    case repair
}

import Linux
public import Loci

/// What to do where two memories would get one path in the new layout.
public enum CollisionChoice: String, Hashable, Sendable, CaseIterable {
    /// Refuse to start.
    case fail
    /// Give the later memory a suffix from the end of its id.
    case suffix
}

/// How closely the mover looks at what it moves.
public enum Verification: String, Hashable, Sendable, CaseIterable {
    /// A link is the same file; a copy is read back.
    case links
    /// Every content is read again at its new place and hashed, before its old key may be
    /// collected; what differs is listed among the errors.
    case full
}

/// What old paths still allow once another layout is listed.
public enum OldPaths: String, Hashable, Sendable, CaseIterable {
    /// Everything.
    case rw
    /// No unlink, rename or create in directories that only unlisted layouts have: a mirror of the
    /// old layout with `--delete` cannot remove memories by their other name.
    case nodelete
}

/// How to migrate.
public struct MigrationOptions: Hashable, Sendable {
    /// Where two memories would get one path.
    public var onCollision: CollisionChoice = .fail
    /// Whether a mapper's errors count as skips: the layout goes live without those fields.
    public var leaveUnmapped = false
    /// Whether the new layout is whole under `.loci/layouts/` only, until it is listed: for schemes
    /// that dispute a path with a live one.
    public var apart = false
    /// How closely the mover looks at what it moves.
    public var verify: Verification = .links
    /// Whether a snapshot, `before-layout-N`, is taken first.
    public var takeSnapshotFirst = true
    /// The most memories that one batch prepares or moves.
    public var batchSize = 1000
    /// For `Tenant.migrate`: only make the plan.
    public var dryRun = false
    /// For `Tenant.migrate`: what old paths allow after the cut-over.
    public var oldPaths: OldPaths = .rw

    /// Makes the options that most migrations want.
    public init() {}
}

extension MigrationOptions {
    /// What a run keeps: resuming it with others is refused.
    var recorded: String {
        JSON.object([
            .init("on_collision", .string(onCollision.rawValue)),
            .init("leave_unmapped", .bool(leaveUnmapped)),
            .init("apart", .bool(apart)),
            .init("verify", .string(verify.rawValue)),
        ]).text()
    }

    /// Reads back what a run kept.
    init(recorded text: String) throws(LociError) {
        let json = try JSON(parsing: text)
        onCollision =
            json["on_collision"]?.stringValue.flatMap(CollisionChoice.init) ?? .fail
        leaveUnmapped = json["leave_unmapped"]?.boolValue ?? false
        apart = json["apart"]?.boolValue ?? false
        verify = json["verify"]?.stringValue.flatMap(Verification.init) ?? .links
    }
}

extension Origin {
    /// This process, for callers that name nobody.
    public static var thisProcess: Origin {
        let holder = FileLock.Holder.current
        return Origin(
            actor: holder.command,
            uid: EffectiveUser.id,
            pid: holder.process,
            process: holder.command
        )
    }
}

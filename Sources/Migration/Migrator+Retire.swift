import Catalog
import Linux
public import Loci
import SQL

extension Migrator {
    /// Ends a layout that is not listed: without a number the newest migration's old one.
    ///
    /// Refused while somebody is in the way: who used its paths within `quietPeriod`, who works in a
    /// directory that only it has or has one open, and mounts that are pinned to it. Processes are
    /// seen as far as this one may look at them.
    ///
    /// `force`: ends it all the same; whom it overrode is recorded.
    /// Throws `oldPathsInUse` naming them, with `MigrationBlockers` as its cause, `busy` where a
    /// mount does not write down in time whom it saw, `wrongState`, `notFound`.
    public func retire(
        _ number: LayoutNumber? = nil,
        force: Bool = false,
        quietPeriod: Duration = Self.quietPeriod,
        origin: Origin = .thisProcess
    ) throws(LociError) {
        let scene = try scene()
        try tuning.before(.end)
        try tenant.catalog.write(.full, origin: origin) { transaction in
            let reader = transaction.reader
            let layout = try Self.retireAllowed(MigrationFacts(reader), number)
            let since = transaction.now - quietPeriod
            let found = try scene.blockers(of: layout, since: since, reader)
            if !force { try Self.refuse(found, scene.silent, layout, quietPeriod) }
            let isForced = found.total > 0 || !scene.silent.isEmpty
            let users = found.blockers.prefix(MigrationBlockers.named).map(\.sentence)
            let detail = JSON.object([
                .init("layout", .integer(Int64(layout.number.rawValue))),
                .init("scheme", .string(layout.scheme.text)),
                .init("forced", .bool(isForced)),
                .init(
                    "users",
                    .array((users + scene.silent.map(\.silence)).map { .string($0) })
                ),
            ])
            try Self.end(layout, .layoutRetired, detail: detail.text(), transaction)
            try transaction.endMigrations(
                from: layout.number,
                outcome: isForced
                    ? MigrationRun.Outcome.retiredByForce.rawValue
                    : MigrationRun.Outcome.retired.rawValue
            )
        }
    }

    /// Uses of old paths keep a layout from being retired for so long.
    public static var quietPeriod: Duration { .seconds(86_400) }

    /// Who is in the way of retiring a layout; without a number the newest migration's old one.
    ///
    /// Throws `wrongState` and `notFound` as `retire` does.
    public func blockers(
        of number: LayoutNumber? = nil,
        quietPeriod: Duration = Self.quietPeriod
    ) throws(LociError) -> MigrationBlockers {
        try look(number, quietPeriod).blockers
    }

    /// Throws what `retire` would throw.
    func checkRetire(
        _ number: LayoutNumber?,
        _ quietPeriod: Duration,
        force: Bool
    ) throws(LociError) {
        let (layout, blockers, silent) = try look(number, quietPeriod)
        if !force { try Self.refuse(blockers, silent, layout, quietPeriod) }
    }

    private func look(
        _ number: LayoutNumber?,
        _ quietPeriod: Duration
    ) throws(LociError) -> (layout: Layout, blockers: MigrationBlockers, silent: [MountInfo]) {
        let scene = try scene()
        let since = tenant.clock() - quietPeriod
        return try tenant.catalog.read { reader in
            let layout = try Self.retireAllowed(MigrationFacts(reader), number)
            let blockers = try scene.blockers(of: layout, since: since, reader)
            return (layout, blockers, scene.silent)
        }
    }

    private static func refuse(
        _ found: MigrationBlockers,
        _ silent: [MountInfo],
        _ layout: Layout,
        _ quiet: Duration
    ) throws(LociError) {
        guard found.total > 0 else {
            guard let mount = silent.first else { return }
            throw LociError(
                .busy,
                subject: mount.mountPoint,
                message: "Whether \(layout.title) is in use is not known: \(mount.silence).",
                remedy: "Try again, unmount it, or end the layout all the same with --force."
            )
        }
        let past = quiet > .zero ? ", or was within \(LociDuration.text(quiet))" : ""
        throw LociError(
            .oldPathsInUse,
            subject: "layout \(layout.number)",
            message: "\(layout.title) is in use\(past): \(found.sentence).",
            remedy: "Move these users to the new paths, or end it all the same with --force.",
            cause: found
        )
    }

    /// What mounts and processes are up to, looked at before a transaction begins.
    private func scene() throws(LociError) -> MountScene {
        // Mounts write down once a second who used old paths, and before they answer.
        var silent = try tenant.askMountsToCommit()
        if !silent.isEmpty { silent = try tenant.askMountsToCommit(timeout: .seconds(2)) }
        return MountScene(try tenant.mounts(), silent: silent)
    }
}

/// The mounts of a tenant, and the processes that keep directories in them.
private struct MountScene {
    fileprivate struct Holder {
        let process: RunningProcess
        let directory: RunningProcess.HeldDirectory
    }

    private let mounts: [MountInfo]
    private let holders: [Holder]
    /// Mounts that did not write down in time who used old paths.
    let silent: [MountInfo]

    init(_ mounts: [MountInfo], silent: [MountInfo]) {
        self.mounts = mounts
        self.silent = silent
        // A mount whose daemon is gone keeps nobody.
        let devices = Set(
            mounts.compactMap {
                (try? File.status(of: $0.mountPoint, .dontSync))?.identity.device
            }
        )
        guard !devices.isEmpty else {
            holders = []
            return
        }
        holders = RunningProcess.all.filter { $0 != .current }.flatMap { process in
            process.heldDirectories(on: devices).map { Holder(process: process, directory: $0) }
        }
    }

    /// Everybody who uses a layout; those who did so since then by name, the others now.
    func blockers(
        of layout: Layout,
        since: Timestamp,
        _ reader: CatalogReader
    ) throws -> MigrationBlockers {
        let uses = try reader.oldPathUses(
            of: layout.number,
            since: since,
            limit: MigrationBlockers.kept
        )
        let pinned = mounts.filter { $0.pins(layout.number) }
        var seen: Set<MigrationBlocker> = []
        let held = try holders.filter { try isOnly(layout, $0.directory, reader) }.map(\.blocker)
        let now = pinned.map(\.blocker) + held.filter { seen.insert($0).inserted }
        return MigrationBlockers(
            uses.map { OldPathUse($0).blocker } + now,
            total: try reader.oldPathUseCount(of: layout.number, since: since) + now.count
        )
    }

    /// Whether a directory ends with a layout: no other live one has it.
    private func isOnly(
        _ layout: Layout,
        _ directory: RunningProcess.HeldDirectory,
        _ reader: CatalogReader
    ) throws -> Bool {
        let path = String(decoding: directory.path, as: UTF8.self) + "/"
        if path.contains("/.loci/layouts/\(layout.number)/") { return true }
        let number = NodeNumber(directory.identity.inode)
        let live = try reader.layouts().liveLayouts
        let all = live.reduce(LayoutSet()) { $0.union($1.bit) }
        var having = live.filter { $0.root == number }.reduce(LayoutSet()) { $0.union($1.bit) }
        for entry in try reader.entries(of: number, layouts: all) {
            having.formUnion(entry.layouts.intersection(all))
        }
        return having == layout.bit
    }
}

extension MountScene.Holder {
    fileprivate var blocker: MigrationBlocker {
        MigrationBlocker(
            kind: directory.manner == .working ? .workingDirectory : .openDirectory,
            pid: process.id,
            command: process.name,
            user: process.user,
            path: String(decoding: directory.path, as: UTF8.self),
            at: nil,
            count: nil
        )
    }
}

extension OldPathUse {
    fileprivate var blocker: MigrationBlocker {
        MigrationBlocker(
            kind: .use,
            pid: pid,
            command: process,
            user: user,
            path: prefix ?? "*",
            at: last,
            count: count
        )
    }
}

extension MountInfo {
    /// Whether it was mounted with `-o layout=N`, or with a `subdir=` that only that layout has.
    fileprivate func pins(_ number: LayoutNumber) -> Bool {
        options.split(separator: ",").contains { $0 == "layout=\(number)" }
    }

    fileprivate var silence: String {
        "the mount at \(Name.printable(mountPoint)), process \(pid), does not answer"
    }

    fileprivate var blocker: MigrationBlocker {
        MigrationBlocker(
            kind: .mount,
            pid: pid,
            command: RunningProcess(id: pid).name,
            user: RunningProcess(id: pid).user,
            path: mountPoint,
            at: started,
            count: nil
        )
    }
}

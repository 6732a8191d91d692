import Blobs
import Catalog
package import FUSE
import Linux
import Loci
import Model
import SQL

// What a daemon is made of: its settings, its session with the kernel, what is staged.
extension MountDaemon {
    /// Returns what could not be recovered: it stays, and is shown; mounting goes on.
    static func recover(_ tenant: Tenant, _ log: MountLog) -> [LociError] {
        do throws(LociError) {
            let report = try StagingRecovery.run(tenant)
            log.write("staging recovered: \(report.summary)")
            for problem in report.problems { log.write("not recovered: \(problem)") }
            return report.problems
        } catch {
            log.write("staging not recovered: \(error)")
            return [error]
        }
    }

    static func stagingOptions(
        _ options: MountOptions,
        _ leftovers: [LociError]
    ) -> StagingOptions {
        var staging = StagingOptions()
        staging.leftovers = leftovers
        staging.limits.quiet = options.quiet
        staging.willWait = { Request.passTurn() }
        return staging
    }

    static func settings(
        _ options: MountOptions,
        _ path: String,
        _ tenant: Tenant
    ) throws -> LociFileSystem.Settings {
        let owner = try File.status(of: tenant.directory)
        let settings = LociFileSystem.Settings(
            options: options,
            uid: options.uid ?? owner.user,
            gid: options.gid ?? owner.group,
            threads: requestThreads,
            mountPoint: path
        )
        return settings
    }

    /// Checks the layout that is asked for, finds the directory that is to be the root, and pins its
    /// layout.
    static func resolveSubdirectory(
        _ settings: inout LociFileSystem.Settings,
        _ tenant: Tenant
    ) throws {
        try tenant.catalog.read { reader in
            let table = try reader.layouts()
            let wanted = try settings.options.layout.map { try Self.layout($0, table) }
            guard let subdirectory = settings.options.subdirectory, !subdirectory.isRoot else {
                return
            }
            let top = wanted ?? table.listed
            guard
                let entry = try reader.resolve(
                    subdirectory.names,
                    from: top.root,
                    layouts: table.resolvable
                ),
                try reader.node(entry.node)?.kind == .directory,
                let pinned = table.layout(forDirectoryIn: entry.layouts, preferring: top)
            else {
                throw LociError(
                    .notFound,
                    subject: subdirectory.description,
                    message: "No live layout has the directory \(subdirectory)"
                )
            }
            settings.options.layout = pinned.number
            settings.subdirectory = entry.node
            settings.subdirectoryPath = subdirectory.names
        }
    }

    private static let subdirectoryMarks = (node: "subdirectory", layout: "subdirectory-layout")

    /// Writes down which directory that was: its path may lead elsewhere when a daemon takes over.
    static func noteSubdirectory(
        _ settings: LociFileSystem.Settings,
        _ notes: StagingSession
    ) throws(Errno) {
        guard let node = settings.subdirectory, let layout = settings.options.layout else { return }
        try SessionMark(subdirectoryMarks.node, in: notes).write(node.rawValue)
        try SessionMark(subdirectoryMarks.layout, in: notes).write(UInt64(layout.rawValue))
    }

    /// The same directory as the first daemon of the mount found.
    static func restoreSubdirectory(
        _ settings: inout LociFileSystem.Settings,
        _ tenant: Tenant,
        _ notes: StagingSession
    ) throws {
        guard let subdirectory = settings.options.subdirectory, !subdirectory.isRoot else { return }
        let node = try SessionMark(subdirectoryMarks.node, in: notes).value
        let layout = try SessionMark(subdirectoryMarks.layout, in: notes).value
        guard node != 0, layout != 0 else {
            return try resolveSubdirectory(&settings, tenant)
        }
        settings.options.layout = LayoutNumber(Int(layout))
        settings.subdirectory = NodeNumber(node)
        settings.subdirectoryPath = subdirectory.names
    }

    private static func layout(
        _ number: LayoutNumber,
        _ table: LayoutTable
    ) throws(LociError) -> Layout {
        if let layout = table[number], layout.isLive { return layout }
        let live = table.liveLayouts.map(\.number.description).joined(separator: ", ")
        throw LociError(
            .notFound,
            subject: "layout \(number)",
            message: "Layout \(number) is not live",
            remedy: "Live layouts: \(live)"
        )
    }

    static func open(
        _ place: MountPlace,
        _ handed: KeptMount.Handed?,
        _ fileSystem: LociFileSystem,
        _ path: String,
        _ options: MountOptions
    ) throws(LociError) -> Session {
        do throws(FUSEError) {
            guard let handed else {
                return try Session(
                    fileSystem,
                    mountPoint: path,
                    options: options.mounting(source: place.source),
                    counts: fileSystem.requestCounts
                )
            }
            return try Session(
                fileSystem,
                takingOver: try Self.duplicate(handed.device),
                beginning: handed.beginning,
                mountPoint: path,
                options: options.mounting(source: place.source),
                counts: fileSystem.requestCounts
            )
        } catch {
            throw LociError(fuse: error, subject: path)
        }
    }

    private static func duplicate(_ device: SharedFile) throws(FUSEError) -> File {
        do throws(Errno) {
            return try device.file.duplicate()
        } catch {
            throw FUSEError("take over", "/dev/fuse", code: error.rawValue)
        }
    }

    // MARK: Staging

    /// The session of the daemon before this one, or one of its own.
    static func staging(
        _ tenant: Tenant,
        _ lock: SharedFile?,
        _ options: StagingOptions,
        _ own: OwnChanges
    ) throws(LociError) -> Staging {
        let register: @Sendable (CommittedBatch) -> Void = { batch in
            own.register(batch.changes, known: batch.known)
        }
        let folder = "\(tenant.directory)/staging/\(tenant.session)"
        // It is gone where a daemon ended in its last step.
        guard let lock, (try? File.status(of: folder)) != nil else {
            return try Staging(tenant: tenant, options: options, onCommit: register)
        }
        return try Staging(tenant: tenant, resuming: lock, options: options, onCommit: register)
    }

    /// Takes up what is staged.
    ///
    /// Returns the requests that earlier daemons did.
    static func resume(
        _ staging: Staging,
        _ options: MountOptions,
        _ tenant: Tenant
    ) throws -> Set<UInt64> {
        let staged = try staging.resume(actor: options.actor)
        let committed = try tenant.catalog.read { reader in
            let last = try reader.lastChange().rawValue
            return try reader.requestsDone(
                by: tenant.session,
                after: ChangeNumber(max(0, last - Succession.changesLookedAt))
            )
        }
        return staged.union(committed)
    }

    /// The change from which on the kernel has to be told what changed.
    static func start(
        _ tenant: Tenant,
        _ succession: Succession,
        _ mark: SessionMark
    ) throws -> ChangeNumber {
        let last = try tenant.catalog.read { try $0.lastChange() }
        guard succession.isTakeover else {
            try mark.write(UInt64(last.rawValue))
            return last
        }
        return ChangeNumber(Int64(clamping: mark.value))
    }
}

extension MountOptions {
    /// What the kernel and libfuse are told.
    package func mounting(source: String) -> FUSE.MountOptions {
        var mounting = FUSE.MountOptions(source: source)
        mounting.allowOther = allowOther
        mounting.readOnly = readOnly
        mounting.extendedAttributes = extendedAttributes
        return mounting
    }
}

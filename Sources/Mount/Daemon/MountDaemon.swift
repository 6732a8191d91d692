import Catalog
import FUSE
package import Linux
package import Loci
package import Model
import SQL
import Synchronization

/// One mount of a tenant, from the check of the mount point to the last commit.
///
/// ```
///  init: check ─▶ recover staging ─▶ mount ─▶ session row
///  run:  requests (n threads, the caller's too) · committer · names · pages · closes · house
///        until umount(8) or stop() ─▶ commit what is staged ─▶ row away
/// ```
package final class MountDaemon: Sendable {
    /// Threads for requests.
    ///
    /// More than cores, since some wait for a disk.
    static let requestThreads = 8
    /// How long a thread looks for the next request before it sleeps.
    static let spin = Duration.microseconds(50)

    /// Moves blobs in the background until it is told to stop; may look at how long requests took.
    package typealias Worker = @Sendable (WakeEvent, RequestTimes) -> Void

    package let tenant: Tenant
    /// Absolute.
    package let mountPoint: String
    package let options: MountOptions
    package let fileSystem: LociFileSystem
    package let staging: Staging
    let session: Session
    let follower: ChangeFollower
    let invalidator: Invalidator
    let house: Housekeeping
    let log: MountLog
    private let worker: Worker?
    private let workerStop: WakeEvent
    private let running = Atomic<Bool>(false)

    /// Checks and mounts.
    ///
    /// Requests wait until `run`.
    /// `source` is what the mount table shows, as it was given; `worker` runs on a thread of its
    /// own unless `migrate=off`; `panel` is what `.loci/migration` shows and takes.
    package init(
        tenant: Tenant,
        mountPoint: String,
        source: String,
        options: MountOptions,
        worker: Worker? = nil,
        panel: MigrationPanel? = nil
    ) throws(LociError) {
        let path = try MountPoint.prepare(mountPoint, store: tenant.store.path)
        self.tenant = tenant
        self.mountPoint = path
        self.options = options
        self.worker = options.migrate ? worker : nil
        do {
            log = try MountLog(options.log)
            workerStop = try WakeEvent()
            let registered = try WakeEvent()
            let own = OwnChanges { registered.signal() }
            let log = log
            let leftovers = Self.recover(tenant, log)
            staging = try Staging(
                tenant: tenant,
                options: Self.stagingOptions(options, leftovers)
            ) { batch in
                own.register(batch.changes, known: batch.known)
            }
            fileSystem = try LociFileSystem(
                tenant: tenant,
                settings: try Self.settings(options, path, tenant),
                staging: staging,
                ownChanges: own,
                panel: panel
            )
            let start = try tenant.catalog.read { try $0.lastChange() }
            session = try Self.mount(fileSystem, path, source, options)
            invalidator = try Invalidator(session.notifier, fileSystem)
            house = try Housekeeping(fileSystem, staging, invalidator, log)
            follower = ChangeFollower(
                tenant.catalog,
                from: start,
                invalidator,
                own,
                registered: registered,
                afterward: { [house] in house.look($0) }
            )
        } catch {
            throw LociError(catalogError: error, subject: path)
        }
        try putRow()
    }

    // MARK: Setting up

    /// Returns what could not be recovered: it stays, and is shown; mounting goes on.
    private static func recover(_ tenant: Tenant, _ log: MountLog) -> [LociError] {
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

    private static func stagingOptions(
        _ options: MountOptions,
        _ leftovers: [LociError]
    ) -> StagingOptions {
        var staging = StagingOptions()
        staging.leftovers = leftovers
        staging.limits.quiet = options.quiet
        staging.willWait = { Request.passTurn() }
        return staging
    }

    private static func settings(
        _ options: MountOptions,
        _ path: String,
        _ tenant: Tenant
    ) throws -> LociFileSystem.Settings {
        let owner = try File.status(of: tenant.directory)
        var settings = LociFileSystem.Settings(
            options: options,
            uid: options.uid ?? owner.user,
            gid: options.gid ?? owner.group,
            threads: requestThreads,
            mountPoint: path
        )
        try tenant.catalog.read { reader in
            let table = try reader.layouts()
            let wanted = try options.layout.map { try Self.layout($0, table) }
            guard let subdirectory = options.subdirectory, !subdirectory.isRoot else { return }
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
        return settings
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

    private static func mount(
        _ fileSystem: LociFileSystem,
        _ path: String,
        _ source: String,
        _ options: MountOptions
    ) throws(LociError) -> Session {
        var mounting = FUSE.MountOptions(source: source)
        mounting.allowOther = options.allowOther
        mounting.readOnly = options.readOnly
        mounting.extendedAttributes = options.extendedAttributes
        do throws(FUSEError) {
            return try Session(
                fileSystem,
                mountPoint: path,
                options: mounting,
                counts: fileSystem.requestCounts
            )
        } catch {
            throw LociError(fuse: error, subject: path)
        }
    }

    private var origin: Origin {
        Origin(
            actor: options.actor ?? "mount",
            uid: EffectiveUser.id,
            pid: RunningProcess.current.id,
            process: RunningProcess.current.name,
            reason: options.reason
        )
    }

    /// With the layout that `subdir=` pins: who retires a layout asks the rows for its pins.
    private var rowOptions: String {
        guard let pinned = fileSystem.options.layout, pinned != options.layout else {
            return options.text
        }
        return (options.text.isEmpty ? "" : options.text + ",") + "layout=\(pinned)"
    }

    private func putRow() throws(LociError) {
        let boot = (try? Machine.bootID()) ?? ""
        let row = SessionRow(
            id: tenant.catalog.session,
            pid: RunningProcess.current.id,
            boot: boot,
            mountPoint: mountPoint,
            options: rowOptions,
            started: tenant.clock()
        )
        try tenant.catalog.write(.normal, origin: origin) { try $0.putSession(row) }
    }

    // MARK: Running

    /// Serves the mount until it is unmounted or `stop` is called, and commits what is left.
    ///
    /// Blocks. The calling thread serves requests too.
    /// `ready` is called once, on another thread, when the mount answers.
    package func run(ready: @escaping @Sendable () -> Void = {}) throws(LociError) {
        precondition(
            !running.exchange(true, ordering: .acquiringAndReleasing),
            "a daemon runs once"
        )
        let closes: CloseThread
        var workerThread: Thread?
        do {
            try staging.start()
            try invalidator.start()
            try follower.start()
            try house.start()
            closes = try CloseThread(mountPoint, staging, ready)
            if let worker {
                workerThread = try Thread.spawn(name: "loci-mover") { [workerStop, fileSystem] in
                    worker(workerStop, fileSystem.requestTimes)
                }
            }
        } catch {
            session.stop()
            throw LociError(catalogError: error, subject: mountPoint)
        }
        log.write("serving \(mountPoint)")
        session.run(threads: Self.requestThreads, spin: Self.spin)
        closes.stop()
        workerStop.signal()
        let report = staging.stop()
        house.stop()
        follower.stop()
        invalidator.stop()
        workerThread?.join()
        try tenant.catalog.write(.full, origin: origin) { [tenant] in
            try $0.deleteSession(tenant.catalog.session)
        }
        log.write("ended; committed \(report.committed), left \(report.left.count)")
    }

    /// Commits what is staged, then unmounts, also while somebody works in the mount.
    ///
    /// `run` returns
    /// soon after. From any thread but a request thread.
    package func stop() {
        _ = staging.commitNow(.unmount)
        session.stop()
    }
}

import Blobs
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
///        check ─▶ take the device, resume staging ─▶ session row      (a mount that a keeper holds)
///  run:  requests (n threads, the caller's too) · committer · names · pages · closes · house
///        until umount(8) or stop() ─▶ commit what is staged ─▶ row away
///        or letGo() ─▶ all stays for the next daemon
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
    private let place: MountPlace
    private let worker: Worker?
    private let workerStop: WakeEvent
    private let running = Atomic<Bool>(false)
    private let lettingGo = Atomic<Bool>(false)

    /// Checks and mounts.
    ///
    /// Requests wait until `run`.
    /// `source` is what the mount table shows, as it was given; `worker` runs on a thread of its
    /// own unless `migrate=off`; `panel` is what `.loci/migration` shows and takes.
    package convenience init(
        tenant: Tenant,
        mountPoint: String,
        source: String,
        options: MountOptions,
        worker: Worker? = nil,
        panel: MigrationPanel? = nil
    ) throws(LociError) {
        try self.init(
            tenant: tenant,
            place: .own(mountPoint: mountPoint, source: source),
            options: options,
            worker: worker,
            panel: panel
        )
    }

    /// Checks, and mounts or takes over; a backup for reading only.
    package init(
        tenant: Tenant,
        place: MountPlace,
        options: MountOptions,
        worker: Worker?,
        panel: MigrationPanel?
    ) throws(LociError) {
        if !options.readOnly { try tenant.requireWritable() }
        let path = try place.prepare(store: tenant.store.path)
        self.tenant = tenant
        self.place = place
        mountPoint = path
        self.options = options
        self.worker = options.migrate && !tenant.isBackup ? worker : nil
        do {
            log = try MountLog(options.log)
            workerStop = try WakeEvent()
            let registered = try WakeEvent()
            let own = OwnChanges { registered.signal() }
            var succession = place.succession
            var leftovers: [LociError] = []
            var settings = try Self.settings(options, path, tenant)
            if !succession.isTakeover {
                try Self.resolveSubdirectory(&settings, tenant)
                leftovers = Self.recover(tenant, log)
            }
            let handed = try place.take(path)
            staging = try Self.staging(
                tenant,
                handed?.lock,
                Self.stagingOptions(options, leftovers),
                own
            )
            let notes = staging.space.session
            if succession.isTakeover {
                succession.requests = try Self.resume(staging, options, tenant)
                try Self.restoreSubdirectory(&settings, tenant, notes)
            } else {
                try Self.noteSubdirectory(settings, notes)
            }
            fileSystem = try LociFileSystem(
                tenant: tenant,
                settings: settings,
                staging: staging,
                ownChanges: own,
                panel: panel,
                succession: succession
            )
            let mark = try SessionMark("followed", in: notes)
            let start = try Self.start(tenant, succession, mark)
            session = try Self.open(place, handed, fileSystem, path, options)
            invalidator = try Invalidator(session.notifier, fileSystem)
            house = try Housekeeping(fileSystem, staging, invalidator, log)
            follower = ChangeFollower(
                tenant.catalog,
                from: start,
                invalidator,
                own,
                registered: registered,
                mark: mark,
                afterward: { [house] in house.look($0) }
            )
        } catch {
            throw LociError(catalogError: error, subject: path)
        }
        try putRow()
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
        let succession = fileSystem.succession
        let row = SessionRow(
            id: tenant.catalog.session,
            pid: RunningProcess.current.id,
            boot: boot,
            mountPoint: mountPoint,
            options: rowOptions,
            started: succession.began ?? tenant.clock(),
            keeper: succession.keeper,
            restarts: succession.restarts,
            lastDeath: succession.lastDeath
        )
        try tenant.catalog.write(.normal, origin: origin) { try $0.putSession(row) }
    }

    /// The open file of the lock that says that this mount lives: for the keeper, so that nobody
    /// recovers what is staged while no daemon serves.
    package var lockDescriptor: Int32 { staging.space.session.lockDescriptor }

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
            closes = try CloseThread(mountPoint, staging, asks: place.isOwn, ready)
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
        session.run(
            threads: Self.requestThreads,
            spin: Self.spin,
            lowLatency: options.lowLatency
        )
        closes.stop()
        workerStop.signal()
        if lettingGo.load(ordering: .acquiring) {
            workerThread?.join()
            return leaveToNext()
        }
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

    private func leaveToNext() {
        staging.letGo()
        house.stop()
        follower.stop()
        invalidator.stop()
        log.write("let go of \(mountPoint)")
    }

    /// The keeper ended: nobody starts this daemon again, and nobody else unmounts.
    package func keeperIsGone() {
        fileSystem.isKeeperGone.set()
        log.write("the keeper is gone: nobody starts this daemon again when it ends")
    }

    /// Ends `run` soon, and leaves the mount and all that is staged to the daemon that comes next.
    ///
    /// Only where a keeper holds the mount. From any thread but a request thread.
    package func letGo() {
        lettingGo.store(true, ordering: .releasing)
        session.letGo()
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

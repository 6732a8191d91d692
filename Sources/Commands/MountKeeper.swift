import FUSE
import Linux
import Loci
import Mount

/// The process that makes a mount and holds it, and has workers serve it, one after the other.
///
/// ```
///  loci mount ─▶ keeper ─▶ worker   begin … ready
///                  │  ▲       │
///                  │  └─died──┘     the device stays open here: callers wait
///                  └─▶ worker       takes over; what was not answered comes again
/// ```
///
/// It opens no store and has one thread, so that there is little that could end it. It holds what
/// must outlive a worker: the FUSE device, and the lock that says that the mount's session lives.
///
/// A worker whose keeper ended serves on; nobody starts another one then.
final class MountKeeper {
    /// What was asked for.
    struct Order {
        /// The directory, as it was given.
        var mountPoint: String
        /// What the mount table shows.
        var source: String
        var options: Mount.MountOptions
        /// Of a worker, after the name of the program.
        var arguments: [String]
    }

    let order: Order
    let ready: ReadySignal
    let log: MountLog
    private let signals: Signals
    private let began = Timestamp(nanoseconds: SystemClock.realtime())
    /// What the next worker runs.
    var program: String
    var policy: RestartPolicy
    var mount: HeldMount?
    var lock: SharedFile?
    var worker: KeptWorker?
    /// When the next worker is to be started, in nanoseconds of the monotonic clock.
    var nextStart: Int64?
    var restarts = 0
    var lastDeath: String?
    /// What the first worker found.
    var facts: WorkerMessage.Prepared?
    /// Workers that have ended but for a thread.
    var dying: [Child] = []
    private var isEnding = false
    /// How all ended.
    var outcome: Result<Void, LociError>?
    var upgrade: Upgrade?
    var listener: MessageListener?

    init(
        _ order: Order,
        telling ready: ReadySignal,
        signals: consuming Signals
    ) throws(LociError) {
        self.order = order
        self.ready = ready
        self.signals = signals
        policy = RestartPolicy(limit: order.options.restarts)
        program = Self.program(RunningProcess.current.executable)
        do throws(Errno) {
            log = try MountLog(order.options.log)
        } catch {
            throw InputBytes.failure(error, Array((order.options.log ?? "").utf8), "written")
        }
    }

    /// The path of a program to start; the one that runs, where another file has its name by now.
    static func program(_ path: String?) -> String {
        guard let path, !path.hasSuffix(" (deleted)") else { return "/proc/self/exe" }
        return path
    }

    /// Returns when nothing is mounted any more.
    ///
    /// Blocks.
    func run() throws(LociError) {
        start(program)
        while outcome == nil { step() }
        mount?.unmount()
        try outcome?.get()
    }

    // MARK: One step

    private enum Source {
        case signal
        case worker
        case listener
        case successor
    }

    /// Waits for the next thing to happen, and does what it asks for.
    private func step() {
        var sources: [(source: Source, descriptor: Int32)] = [(.signal, signals.descriptor)]
        if let worker { sources.append((.worker, worker.socket.descriptor)) }
        if let listener { sources.append((.listener, listener.descriptor)) }
        if let successor = upgrade?.successor {
            sources.append((.successor, successor.socket.descriptor))
        }
        let seen = try? Poll.wait(
            sources.map { ($0.descriptor, .readable) },
            timeout: timeout
        )
        dying.removeAll { (try? $0.poll()) != .some(nil) }
        for (source, events) in zip(sources.map(\.source), seen ?? []) where !events.isEmpty {
            switch source {
            case .signal: signalled()
            case .worker: heard()
            case .listener: letIn()
            case .successor: heardSuccessor()
            }
        }
        let now = SystemClock.monotonic()
        if let due = nextStart, now >= due, outcome == nil {
            nextStart = nil
            restarts += 1
            start(program)
        }
        if let due = upgrade?.deadline, now >= due { upgradeIsLate() }
    }

    private var timeout: Duration? {
        var due = [nextStart, upgrade?.deadline].compactMap { $0 }
        if !dying.isEmpty { due.append(SystemClock.monotonic() + 1_000_000_000) }
        return due.min().map { .nanoseconds(max(0, $0 - SystemClock.monotonic())) }
    }

    private func signalled() {
        _ = try? signals.next(timeout: .zero)
        isEnding = true
        log.write("a signal asks for the end")
        guard let worker else {
            // What is staged is committed by a worker; without one, it is time for the next.
            if nextStart != nil { nextStart = SystemClock.monotonic() }
            return
        }
        if worker.phase == .serving { try? WorkerMessage.end.send(on: worker.socket) }
    }

    // MARK: Workers

    func begin() -> WorkerMessage.Begin {
        WorkerMessage.Begin(
            session: facts?.session,
            mountPoint: facts?.mountPoint ?? order.mountPoint,
            keeper: RunningProcess.current.id,
            began: began,
            restarts: restarts,
            lastDeath: lastDeath
        )
    }

    /// Starts a worker.
    private func start(_ program: String) {
        do throws(Errno) {
            worker = try KeptWorker(program: program, arguments: order.arguments, begin())
        } catch {
            let failure = InputBytes.failure(error, Array(program.utf8), "started")
            guard facts != nil else {
                outcome = .failure(failure)
                return
            }
            died("the next one could not be started: \(failure.message)", served: false)
        }
    }

    private func heard() {
        guard let worker else { return }
        guard let (message, files) = worker.hear() else { return ended(worker) }
        switch message {
        case .prepared(let prepared)?:
            worker.prepared = prepared
            worker.phase = .prepared
            handOver(to: worker)
        case .ready?:
            worker.phase = .serving
            lock = files.first ?? lock
            serves(worker)
        case .done?: worker.isDone = true
        case .failed(let error)?: worker.failure = error
        case .begin?, .device?, .end?, .yield?, nil: break
        }
    }

    /// Gives a worker the device; mounts before, where that was not done.
    func handOver(to worker: KeptWorker) {
        guard let prepared = worker.prepared else { return }
        if mount == nil {
            do throws(FUSEError) {
                mount = try HeldMount(
                    mountPoint: prepared.mountPoint,
                    options: order.options.mounting(source: order.source)
                )
                facts = prepared
            } catch {
                outcome = .failure(LociError(fuse: error, subject: prepared.mountPoint))
                try? worker.child.signal(Signals.kill)
                return
            }
        }
        guard let mount else { return }
        let files = [mount.device] + (lock.map { [$0.file.descriptor] } ?? [])
        worker.phase = .taking
        try? WorkerMessage.device(mount.beginning).send(on: worker.socket, passing: files)
    }

    private func serves(_ worker: KeptWorker) {
        policy.serves()
        ready.isReady()
        listen()
        if upgrade != nil { upgraded(worker) }
        if isEnding { try? WorkerMessage.end.send(on: worker.socket) }
    }

    private func ended(_ worker: KeptWorker) {
        let (ending, isGone) = worker.end()
        if !isGone { dying.append(worker.child) }
        self.worker = nil
        if worker.isLeaving {
            // Without a successor, the one before comes back.
            if upgrade?.successor != nil { succeed() } else { start(program) }
            return
        }
        if worker.isDone || ending == .exited(0) {
            outcome = .success(())
            return
        }
        let reason = worker.failure?.message ?? KeptWorker.words(ending)
        guard lock != nil else {
            // It never served: its error is the command's.
            outcome = .failure(worker.failure ?? Self.neverServed(reason))
            return
        }
        if upgrade != nil { upgradeFailed(worker.failure ?? Self.neverServed(reason)) }
        died(reason, served: worker.phase == .serving)
    }

    /// A worker is gone that should serve: another one, or none.
    func died(_ reason: String, served: Bool) {
        let time = Timestamp(nanoseconds: SystemClock.realtime())
        lastDeath = "\(time): \(reason)"
        log.write("the daemon died: \(reason)")
        guard mount?.canBeTakenOver == true else {
            return giveUp("\(reason), and this kernel (before Linux 6.9) lets nobody take over")
        }
        let now = Duration.nanoseconds(SystemClock.monotonic())
        switch policy.died(at: now, served: served) {
        case .start(let pause): nextStart = SystemClock.monotonic() + pause.wholeNanoseconds
        case .giveUp where policy.limit == 0: giveUp("\(reason), and restarts=0 starts no other")
        case .giveUp:
            giveUp("it died \(policy.count) times within a minute; the last time \(reason)")
        }
    }

    private static func neverServed(_ reason: String) -> LociError {
        LociError(
            .daemonUnreachable,
            subject: "loci mount",
            message: "The daemon of the mount died before it served: \(reason).",
            remedy: "Run it with --foreground to see why."
        )
    }

    /// Ends the mount: who waits for an answer gets an error instead.
    private func giveUp(_ reason: String) {
        let mountPoint = facts?.mountPoint ?? order.mountPoint
        log.write("given up on \(mountPoint): \(reason)")
        if let facts {
            // Where it cannot be written, the log and this process's error have it.
            try? Tenant.noteGivenUp(
                mountPoint,
                session: facts.session,
                at: Timestamp(nanoseconds: SystemClock.realtime()),
                reason: reason,
                directory: facts.directory
            )
        }
        mount?.abort()
        outcome = .failure(
            LociError(
                .daemonUnreachable,
                subject: mountPoint,
                message: "The daemon of \(mountPoint) is given up on: \(reason).",
                remedy: "What was written is kept: mount it again, with -o log=FILE to see more."
            )
        )
    }
}

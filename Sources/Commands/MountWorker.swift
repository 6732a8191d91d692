import Linux
import Loci
import Mount
import Synchronization

/// The process that serves a mount which a keeper holds.
struct MountWorker {
    let store: String
    let tenant: String?
    let mountOptions: [String]

    /// Serves until the mount ends, or the keeper wants another worker.
    ///
    /// Blocks. For the main thread, before any other. What goes wrong is told to the keeper.
    /// `descriptor`: the connection to it.
    func run(on descriptor: Int32) -> ExitStatus {
        // Who takes over would wait for the core of this one, and that for who takes over.
        RunningProcess.forbidCore()
        // Whatever this process starts must not keep the connection open.
        guard let file = try? File(owning: descriptor).duplicate(atLeast: 3) else { return .failed }
        let keeper = MessageSocket(file)
        do throws(LociError) {
            try serve(keeper)
            return .done
        } catch {
            try? WorkerMessage.failed(error).send(on: keeper)
            return ExitStatus(error.code)
        }
    }

    private func serve(_ keeper: MessageSocket) throws(LociError) {
        let signals = try MountVerb.signals()
        guard let message = try? keeper.receive(),
            case .begin(let begin)? = WorkerMessage(message.bytes)
        else { throw Self.noKeeper }
        let options = try MountOptions(parsing: mountOptions)
        var place = StoreOptions()
        place.store = store
        place.tenant = options.tenant?.rawValue ?? tenant
        let tenant = try StoreFinder.tenant(place, session: begin.session)
        let daemon = try MountDaemon(
            tenant: tenant,
            place: .kept(Self.mount(begin, tenant, keeper)),
            options: options,
            worker: MigrationWorkers.worker(of: tenant),
            panel: MountPanel.panel(of: tenant)
        )
        let ear = try KeeperEar(signals, keeper, daemon)
        try daemon.run(ready: {
            tenant.forgetGivenUp(daemon.mountPoint)
            try? WorkerMessage.ready.send(on: keeper, passing: [daemon.lockDescriptor])
        })
        ear.end()
        try? WorkerMessage.done.send(on: keeper)
    }

    private static func mount(
        _ begin: WorkerMessage.Begin,
        _ tenant: Tenant,
        _ keeper: MessageSocket
    ) -> KeptMount {
        var succession = Succession()
        succession.keeper = begin.keeper
        succession.began = begin.began
        succession.restarts = begin.restarts
        succession.lastDeath = begin.lastDeath
        succession.isTakeover = begin.session != nil
        return KeptMount(mountPoint: begin.mountPoint, succession: succession) {
            take($0, tenant, keeper)
        }
    }

    /// Says that all is prepared, and waits for the device.
    private static func take(
        _ path: String,
        _ tenant: Tenant,
        _ keeper: MessageSocket
    ) -> Result<KeptMount.Handed, LociError> {
        let prepared = WorkerMessage.Prepared(
            session: tenant.session,
            mountPoint: path,
            directory: tenant.directory
        )
        try? WorkerMessage.prepared(prepared).send(on: keeper)
        guard let message = try? keeper.receive(),
            case .device(let beginning)? = WorkerMessage(message.bytes),
            let device = message.files.first
        else { return .failure(noKeeper) }
        return .success(
            KeptMount.Handed(
                device: device,
                beginning: beginning,
                lock: message.files.dropFirst().first
            )
        )
    }

    private static let noKeeper = LociError(
        .daemonUnreachable,
        subject: "loci mount",
        message: "The process that holds the mount is gone, or is of another version.",
        remedy: "Mount again with:  loci mount"
    )
}

/// Hears what the keeper, or a signal, asks of a worker.
final class KeeperEar: Sendable {
    private let over: WakeEvent
    private let thread: Linux.Thread

    private final class SignalBox: Sendable {
        let signals: Signals

        init(_ signals: consuming Signals) { self.signals = signals }
    }

    init(
        _ signals: consuming Signals,
        _ keeper: MessageSocket,
        _ daemon: MountDaemon
    ) throws(LociError) {
        do throws(Errno) {
            let over = try WakeEvent()
            let boxed = SignalBox(signals)
            thread = try Linux.Thread.spawn(name: "loci-keeper") {
                Self.listen(boxed.signals.descriptor, over, keeper, daemon)
            }
            self.over = over
        } catch {
            throw InputBytes.failure(error, Array("signals".utf8), "watched")
        }
    }

    /// Ends the thread.
    func end() {
        over.signal()
        thread.join()
    }

    private static func listen(
        _ signals: Int32,
        _ over: WakeEvent,
        _ keeper: MessageSocket,
        _ daemon: MountDaemon
    ) {
        var hasKeeper = true
        while true {
            var sources: [(descriptor: Int32, events: Poll.Events)] = [
                (signals, .readable), (over.descriptor, .readable),
            ]
            if hasKeeper { sources.append((keeper.descriptor, .readable)) }
            guard let seen = try? Poll.wait(sources) else { return }
            if !seen[1].isEmpty { return }
            if !seen[0].isEmpty { return daemon.stop() }
            guard hasKeeper, !seen[2].isEmpty else { continue }
            guard let message = try? keeper.receive() else {
                // It serves on: callers have their answers, and only a death would be noticed.
                hasKeeper = false
                daemon.keeperIsGone()
                continue
            }
            switch WorkerMessage(message.bytes) {
            case .end?: return daemon.stop()
            case .yield?: return daemon.letGo()
            default: continue
            }
        }
    }
}

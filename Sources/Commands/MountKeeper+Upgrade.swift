import Linux
import Loci
import Mount

// Another program instead of the one that serves: `loci mount --upgrade`.
//
//   client ─upgrade─▶ keeper ─begin─▶ successor    opens the tenant, or refuses: then nothing happened
//                       ◀──── prepared ───┘
//                     yield ─▶ worker              answers what it received, and ends
//                     device ─▶ successor ─ready─▶ client is told
extension MountKeeper {
    /// One upgrade, on its way.
    final class Upgrade {
        let client: MessageSocket
        let formerProgram: String
        /// Until it has the device.
        var successor: KeptWorker?
        /// Monotonic nanoseconds: when waiting is over.
        var deadline: Int64

        init(_ client: MessageSocket, _ successor: KeptWorker, formerProgram: String) {
            self.client = client
            self.successor = successor
            self.formerProgram = formerProgram
            deadline = Self.deadline()
        }

        static func deadline() -> Int64 { SystemClock.monotonic() + 30_000_000_000 }
    }

    /// Where a keeper listens, in the folder of its mount's session.
    static let socketName = "keeper"

    /// Lets commands ask; once the folder is there.
    func listen() {
        guard listener == nil, let facts else { return }
        let path = "\(facts.directory)/staging/\(facts.session)"
        do throws(Errno) {
            let folder = try File.open(path, [.readOnly, .directory])
            listener = try MessageListener(at: Self.socketName, in: folder)
        } catch {
            log.write("nobody can ask for an upgrade: \(error)")
        }
    }

    /// Hears what a command asks for.
    func letIn() {
        guard let (client, user) = try? listener?.accept() else { return }
        guard user == 0 || user == EffectiveUser.id else {
            return Self.answer(client, Self.refused("It is another user's mount."))
        }
        guard (try? Poll.isReadable(client.descriptor, timeout: .seconds(1))) == true,
            let asked = try? client.receive(), let json = try? JSON(parsing: asked.bytes),
            let program = json["upgrade"]?.stringValue
        else { return Self.answer(client, Self.refused("What was asked is not understood.")) }
        guard upgrade == nil, worker?.phase == .serving else {
            return Self.answer(client, Self.refused("The daemon is being replaced already."))
        }
        do throws(Errno) {
            let successor = try KeptWorker(
                program: program,
                arguments: order.arguments,
                begin()
            )
            upgrade = Upgrade(client, successor, formerProgram: self.program)
            log.write("an upgrade to \(program) begins")
        } catch {
            Self.answer(client, InputBytes.failure(error, Array(program.utf8), "started"))
        }
    }

    /// The program that is to serve says whether it can.
    func heardSuccessor() {
        guard let upgrade, let successor = upgrade.successor else { return }
        guard let (message, _) = successor.hear() else {
            let (ending, isGone) = successor.end()
            if !isGone { dying.append(successor.child) }
            upgrade.successor = nil
            return abandon(successor.failure ?? Self.refused(KeptWorker.words(ending) + "."))
        }
        switch message {
        case .prepared(let prepared)?:
            successor.prepared = prepared
            successor.phase = .prepared
            upgrade.deadline = Upgrade.deadline()
            guard let worker else { return succeed() }
            worker.isLeaving = true
            try? WorkerMessage.yield.send(on: worker.socket)
        case .failed(let error)?: successor.failure = error
        default: break
        }
    }

    /// The former worker is gone: the next one has the mount.
    func succeed() {
        guard let upgrade, let successor = upgrade.successor else { return }
        upgrade.successor = nil
        upgrade.deadline = Upgrade.deadline()
        worker = successor
        program = successor.program
        handOver(to: successor)
    }

    /// The new program serves.
    func upgraded(_ worker: KeptWorker) {
        guard let upgrade, worker.program == program else { return }
        log.write("upgraded to \(program)")
        Self.answer(upgrade.client, nil)
        self.upgrade = nil
    }

    /// The new program had the mount and could not serve it: the former one again.
    func upgradeFailed(_ error: LociError) {
        guard let upgrade else { return }
        program = upgrade.formerProgram
        abandon(error)
    }

    /// Nothing came of an upgrade.
    private func abandon(_ error: LociError) {
        guard let upgrade else { return }
        log.write("no upgrade: \(error)")
        Self.answer(upgrade.client, error)
        self.upgrade = nil
    }

    func upgradeIsLate() {
        guard let upgrade else { return }
        upgrade.deadline = Upgrade.deadline()
        if worker?.isLeaving == true || upgrade.successor == nil {
            // Its end is seen, and whoever is next takes over.
            if let worker { try? worker.child.signal(Signals.kill) }
        } else if let successor = upgrade.successor {
            try? successor.child.signal(Signals.kill)
        }
    }

    private static func refused(_ why: String) -> LociError {
        LociError(
            .wrongState,
            subject: "loci mount --upgrade",
            message: "The daemon was not replaced: \(why)",
            remedy: "The one before serves on; or unmount, and mount with the new program."
        )
    }

    private static func answer(_ client: MessageSocket, _ error: LociError?) {
        let json: JSON = error.map { Failure.json($0) } ?? ["upgraded": true]
        // One that does not wait any more has nothing to hear.
        try? client.send(json.bytes())
    }
}

import Linux
import Loci

/// A worker, as its keeper sees it.
final class KeptWorker {
    enum Phase: Comparable {
        case begun
        /// It waits for the device.
        case prepared
        /// It has the device, and does not yet say that it serves.
        case taking
        case serving
    }

    /// The descriptor on which a worker hears its keeper.
    private static let descriptor: Int32 = 3

    let child: Child
    let socket: MessageSocket
    let program: String
    var phase = Phase.begun
    var prepared: WorkerMessage.Prepared?
    /// Whether it was asked to leave the mount to another one.
    var isLeaving = false
    /// Whether it said that it ends well.
    var isDone = false
    /// Why it says that it cannot serve.
    var failure: LociError?

    /// Starts a program as a worker, which says what comes next.
    init(program: String, arguments: [String], _ begin: WorkerMessage.Begin) throws(Errno) {
        let (own, other) = try MessageSocket.pair()
        child = try Child.spawn(
            Child.Command(
                executable: program,
                arguments: ["loci"] + arguments + ["--worker-descriptor", "\(Self.descriptor)"],
                descriptors: [0: 0, 1: 1, 2: 2, Self.descriptor: other.descriptor]
            )
        )
        socket = own
        self.program = program
        // One that is gone already is seen by its end.
        try? WorkerMessage.begin(begin).send(on: own)
    }

    /// The next thing that it says; nil when it has ended.
    ///
    /// What is not understood is not heard: a newer worker may have more to say.
    func hear() -> (message: WorkerMessage?, files: [SharedFile])? {
        guard let message = try? socket.receive() else { return nil }
        return (WorkerMessage(message.bytes), message.files)
    }

    /// Sees to it that it has ended, as far as it matters, and says how; nil where nobody knows yet.
    ///
    /// `isGone`: whether all of it has ended.
    ///
    /// Nothing of it is left that anybody waits for: its end of the connection is closed, so all its
    /// threads are gone but, at most, those that tell the kernel of changes. Such a thread can wait
    /// for an answer that only the next worker gives, so nobody may wait for it here.
    func end() -> (ending: Child.Ending?, isGone: Bool) {
        if hasEnded(within: .milliseconds(100)), let ending = try? child.poll() {
            return (ending, true)
        }
        let ending = child.imminentEnding
        try? child.signal(Signals.kill)
        _ = hasEnded(within: .milliseconds(100))
        let last = try? child.poll()
        // Without a cause of its own, that signal says only that it had to be ended.
        return (ending ?? (last == .signaled(Signals.kill) ? nil : last), last != nil)
    }

    private func hasEnded(within time: Duration) -> Bool {
        do throws(Errno) {
            let notice = try child.endNotice()
            return try Poll.isReadable(notice.descriptor, timeout: time)
        } catch {
            return true
        }
    }

    /// Why it ended, in words.
    static func words(_ ending: Child.Ending?) -> String {
        switch ending {
        case .exited(let status)?: "it ended with exit code \(status)"
        case .signaled(let signal)?: "it was killed by signal \(signal)"
        case nil: "it let go of its keeper and did not end"
        }
    }
}

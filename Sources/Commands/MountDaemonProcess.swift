import Glibc
import Linux
import Loci
import Migration
import Mount
import Synchronization

/// This program, started again as the daemon of a mount.
enum MountDaemonProcess {
    /// The descriptor on which the daemon tells how it went.
    private static let readyDescriptor: Int32 = 3

    /// Starts the daemon in a session of its own, with nothing of this process's terminal, and
    /// waits for its word.
    ///
    /// Returns the daemon's own error; nil when the mount answers.
    static func start(arguments: [String]) throws(LociError) -> LociError? {
        let child: Child
        let text: [UInt8]
        do throws(Errno) {
            let program = RunningProcess.current.executable ?? "/proc/self/exe"
            let pipe = try Pipe()
            let writing = pipe.writing.descriptor
            child = try Child.spawn(
                Child.Command(
                    executable: program,
                    arguments: ["loci"] + arguments + ["--ready-descriptor", "3"],
                    descriptors: [readyDescriptor: writing],
                    directory: nil,
                    newSession: true
                )
            )
            text = try pipe.takeReading().readAll(limit: 1 << 20)
        } catch {
            throw InputBytes.failure(error, Array("loci mount".utf8), "started")
        }
        guard let answer = try? JSON(parsing: text) else { return died(child) }
        if answer["ready"]?.boolValue == true { return nil }
        return Failure.error(answer) ?? died(child)
    }

    private static func died(_ child: Child) -> LociError {
        let ending = (try? child.wait()).map { "\($0)" } ?? "unknown"
        return LociError(
            .daemonUnreachable,
            subject: "loci mount",
            message: "The daemon of the mount ended before it answered (\(ending)).",
            remedy: "Run it with --foreground to see why."
        )
    }
}

/// Tells whoever waits that the mount answers, or why it does not.
final class ReadySignal: Sendable {
    private let descriptor: Mutex<Int32?>

    /// `descriptor`: the pipe to the command that waits; nil in the foreground.
    init(descriptor: Int32?) { self.descriptor = Mutex(descriptor) }

    func isReady() {
        tell(["ready": true])
        NotifySocket.send("READY=1")
    }

    func failed(_ error: LociError) { tell(Failure.json(error)) }

    private func tell(_ answer: JSON) {
        guard let number = descriptor.withLock({ $0.take() }) else { return }
        // Closing it ends the wait. Who waited and left does not mind.
        try? File(owning: number).write(answer.bytes())
    }
}

/// What a supervisor wants to hear (`sd_notify`).
enum NotifySocket {
    /// Sends a state to `$NOTIFY_SOCKET`, where there is one.
    static func send(_ state: String) {
        guard let path = Terminal.environment("NOTIFY_SOCKET") else { return }
        var bytes = Array(path.utf8)
        // '@' stands for the NUL that begins an abstract name.
        if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        let length = MemoryLayout<sa_family_t>.size + bytes.count
        let number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | O_CLOEXEC, 0)
        guard number >= 0 else { return }
        defer { close(number) }
        let text = Array(state.utf8)
        _ = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe sendto(number, text, text.count, 0, pointer, socklen_t(length))
            }
        }
    }
}

/// What moves blobs in a mount.
enum MigrationWorkers {
    static func worker(of tenant: Tenant) -> MountDaemon.Worker {
        let worker = MigrationWorker(tenant)
        return { stop, times in
            worker.run(until: stop) {
                let met = times.take()
                return ReaderCourtesy.Times(count: met.count, p99: met.p99)
            }
        }
    }
}

import ArgumentParser
import FUSE
import Linux
import Loci

/// Asks mounts what they are, in bounded time.
///
/// Who asks a mount whose daemon does not answer waits for it in the kernel, where often no signal
/// reaches: a child does that, and is left behind if need be.
enum MountProbe {
    /// What a mount answers.
    enum Answer {
        /// What it says of itself.
        case status(JSON)
        /// Its daemon is gone.
        case dead
        /// Its daemon is there and does not answer.
        case silent
    }

    /// Far above what a busy machine makes an answer take.
    static let patience = Duration.seconds(20)
    /// How often it is looked whether a daemon is stopped, which answers nobody.
    private static let look = Duration.milliseconds(200)

    /// Asks all mounts at once.
    ///
    /// Blocks, at most for `patience`.
    static func ask(_ paths: [String]) -> [Answer] {
        let questions = paths.map { Question($0) }
        let deadline = SystemClock.monotonic() + patience.wholeNanoseconds
        return questions.map { $0.answer(until: deadline, looking: look) }
    }

    static func ask(_ path: String) -> Answer { ask([path]).first ?? .silent }

    /// The processes that serve a mount, as far as their arguments say so: no disk and no daemon is
    /// asked.
    static func daemons(of path: String) -> [RunningProcess] {
        RunningProcess.all.filter { process in
            guard let arguments = process.arguments, arguments.contains("--foreground"),
                arguments.contains("mount")
            else { return false }
            if arguments.contains(path) { return true }
            let link = "/proc/\(process.id)/cwd"
            guard let directory = try? File.workingDirectory.readSymbolicLink(link) else {
                return false
            }
            let working = String(decoding: directory, as: UTF8.self)
            return arguments.contains { working + "/" + $0 == path }
        }
    }

    /// A child that asks, and the pipe on which it answers.
    private final class Question {
        private let path: String
        private var child: Child?
        private var pipe: File?

        init(_ path: String) {
            self.path = path
            // A child that cannot be started answers nothing.
            try? start()
        }

        private func start() throws(Errno) {
            let pipe = try Pipe()
            child = try Child.spawn(
                Child.Command(
                    executable: RunningProcess.current.executable ?? "/proc/self/exe",
                    arguments: ["loci", MountStatusVerb.name, "--", path],
                    descriptors: [1: pipe.writing.descriptor]
                )
            )
            self.pipe = pipe.takeReading()
        }

        func answer(until deadline: Int64, looking: Duration) -> Answer {
            defer { leave() }
            do throws(Errno) {
                while true {
                    let left = Duration.nanoseconds(deadline - SystemClock.monotonic())
                    // Also when another mount took all the time: the answer may have come meanwhile.
                    if let text = try text(within: min(looking, max(.zero, left))) {
                        guard let answer = try? JSON(parsing: text) else { return .dead }
                        return .status(answer)
                    }
                    if left <= .zero { break }
                    if MountProbe.daemons(of: path).contains(where: \.isStopped) { break }
                }
            } catch {
                // A pipe that cannot be read answers nothing either.
            }
            return .silent
        }

        /// What the child says; nil where it says nothing in time.
        private func text(within time: Duration) throws(Errno) -> [UInt8]? {
            guard let descriptor = pipe?.descriptor else { throw .badDescriptor }
            guard try Poll.isReadable(descriptor, timeout: time) else { return nil }
            return try pipe?.readAll(limit: 1 << 20)
        }

        private func leave() {
            guard let child else { return }
            if (try? child.poll()) != nil { return }
            try? child.signal(Signals.kill)
        }
    }
}

/// What `MountProbe` runs: prints what a mount says of itself, or nothing where its daemon is gone.
struct MountStatusVerb: AsyncParsableCommand {
    static let name = "mount-status"

    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: name,
            abstract: "What a mount says of itself.",
            shouldDisplay: false
        )
    }

    @Argument var mountPoint: String

    func run() async throws {
        guard !MountTable.isDeadMount(mountPoint), let status = OurMounts.status(of: mountPoint)
        else { return }
        var output = Output()
        try output.line(status)
        try output.flush()
    }
}

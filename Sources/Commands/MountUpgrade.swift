import Linux
import Loci

/// `loci mount --upgrade`: has the daemon of a mount replaced by this program.
enum MountUpgrade {
    static func run(_ mountPoint: String, _ speech: SpeechOptions) throws(LociError) {
        let path = try OurMounts.find(mountPoint)
        guard let status = OurMounts.status(of: path), let store = status["store"]?.stringValue,
            let tenant = status["tenant"]?.stringValue,
            let session = status["session"]?.stringValue
        else {
            throw LociError(
                .daemonUnreachable,
                subject: path,
                message: "The daemon of \(path) does not answer.",
                remedy: "Mount it again with:  loci mount"
            )
        }
        let keeper = try connect("\(store)/\(tenant)/staging/\(session)", path)
        let program = MountKeeper.program(RunningProcess.current.executable)
        let question: JSON = ["upgrade": .string(program)]
        let answer: MessageSocket.Message?
        do throws(Errno) {
            try keeper.send(question.bytes())
            answer = try keeper.receive()
        } catch {
            throw InputBytes.failure(error, Array(path.utf8), "asked")
        }
        guard let json = answer.flatMap({ try? JSON(parsing: $0.bytes) }) else {
            throw gone(path)
        }
        if let failure = Failure.error(json) { throw failure }
        try speech.print("The daemon of \(path) was replaced.") {
            ["mountPoint": .string(path), "upgraded": .bool(true)]
        }
    }

    private static func connect(
        _ folder: String,
        _ mountPoint: String
    ) throws(LociError) -> MessageSocket {
        do throws(Errno) {
            let directory = try File.open(folder, [.path, .directory])
            return try MessageSocket(connectingTo: MountKeeper.socketName, in: directory)
        } catch .accessDenied {
            throw LociError(
                .notPermitted,
                subject: mountPoint,
                message: "\(mountPoint) is another user's mount.",
                remedy: "Act as the user who mounted it, or as root."
            )
        } catch {
            throw gone(mountPoint)
        }
    }

    private static func gone(_ mountPoint: String) -> LociError {
        LociError(
            .daemonUnreachable,
            subject: mountPoint,
            message: "Nobody holds \(mountPoint) who could replace its daemon.",
            remedy: "Unmount it with loci umount \(mountPoint), and mount it again."
        )
    }
}

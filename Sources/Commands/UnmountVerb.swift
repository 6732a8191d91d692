import ArgumentParser
import FUSE
import Linux
import Loci

struct UnmountVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "umount",
            abstract: "Unmount; returns when all is committed and the daemon is gone.",
            discussion: "A busy mount: exit 6, naming the processes."
        )
    }

    @Argument(help: ArgumentHelp("Where it is mounted.", valueName: "mountpoint"))
    var mountPoint: String
    @Flag(name: .long, help: "Detach it at once, also while somebody works in it.")
    var lazy = false
    @OptionGroup var speech: SpeechOptions

    func run() async throws {
        let path = try OurMounts.find(mountPoint)
        switch MountProbe.ask(path) {
        case .dead: try unmount(path, lazy: true)
        case .silent: try detach(silent: path)
        case .status(let status):
            let daemons = ["pid", "keeper"].compactMap {
                status[$0]?.integerValue.map { RunningProcess(id: Int32($0)) }
            }
            Self.commit(status)
            try unmount(path, lazy: lazy)
            for daemon in daemons { try Self.awaitEnd(of: daemon, path) }
        }
        try said(path)
    }

    // MARK: Daemons that do not answer

    /// How long a daemon may take to commit what is left once nobody can write any more.
    private static let patience = Duration.seconds(120)

    /// Detaches a mount that does not answer, where that is asked for.
    private func detach(silent path: String) throws(LociError) {
        let daemons = MountProbe.daemons(of: path)
        guard lazy else { throw Self.silent(path, daemons) }
        try unmount(path, lazy: true)
        let words = daemons.map { "process \($0.id)" }.joined(separator: ", ")
        Words.note(
            "\(path) is detached; its daemon\(words.isEmpty ? "" : " (\(words))") did not answer, and "
                + "was not waited for. What it had not committed comes with its end or the next mount."
        )
    }

    private static func silent(_ path: String, _ daemons: [RunningProcess]) -> LociError {
        let detach = "loci umount --lazy \(path)"
        if let stopped = daemons.first(where: \.isStopped) {
            return LociError(
                .daemonUnreachable,
                subject: path,
                message:
                    "The mount at \(path) does not answer: its daemon, process \(stopped.id), is "
                    + "stopped.",
                remedy: "Let it go on with  kill -CONT \(stopped.id)  or detach the mount with:  "
                    + detach
            )
        }
        let words = daemons.map { ", process \($0.id)," }.first ?? ""
        return LociError(
            .daemonUnreachable,
            subject: path,
            message:
                "The mount at \(path) does not answer: its daemon\(words) waits for something, "
                + "perhaps for the disk of the store.",
            remedy: "See what its disk does, or detach the mount with:  " + detach
        )
    }

    private static func awaitEnd(
        of daemon: RunningProcess,
        _ path: String
    ) throws(LociError) {
        let deadline = SystemClock.monotonic() + patience.wholeNanoseconds
        while daemon.isRunning {
            guard SystemClock.monotonic() < deadline, !daemon.isStopped else {
                throw LociError(
                    .daemonUnreachable,
                    subject: path,
                    message: "\(path) is unmounted, but its daemon, process \(daemon.id), "
                        + (daemon.isStopped ? "is stopped." : "does not come to its end."),
                    remedy:
                        "What it has not committed comes with its end or, if it is killed, with "
                        + "the next mount."
                )
            }
            SystemClock.sleep(.milliseconds(5))
        }
    }

    private func said(_ path: String) throws(LociError) {
        guard speech.json else { return }
        try speech.print("") { ["unmounted": .string(path)] }
    }

    /// Has the daemon commit first, so that little is left when the mount is gone.
    private static func commit(_ status: JSON) {
        guard let store = status["store"]?.stringValue,
            let name = status["tenant"]?.stringValue, let id = try? TenantID(name),
            let tenant = try? Store.open(at: store).tenant(id)
        else { return }
        _ = try? tenant.askMountsToCommit(timeout: .seconds(2))
    }

    /// How long nobody's use of a mount is waited for: the daemon itself has a file of it open for a
    /// moment when somebody closed one.
    private static let calm = Duration.seconds(2)

    private func unmount(_ path: String, lazy: Bool) throws(LociError) {
        let deadline = SystemClock.monotonic() + Self.calm.wholeNanoseconds
        while true {
            do throws(LociError) {
                return try unmountOnce(path, lazy: lazy)
            } catch {
                guard error.code == .busy, OurMounts.users(of: path).isEmpty,
                    SystemClock.monotonic() < deadline
                else { throw error }
                SystemClock.sleep(.milliseconds(10))
            }
        }
    }

    private func unmountOnce(_ path: String, lazy: Bool) throws(LociError) {
        do throws(FUSEError) {
            try MountTable.unmount(path, lazy: lazy)
        } catch {
            guard Errno(rawValue: error.code) == .busy else {
                throw LociError(
                    .inputOutput,
                    subject: path,
                    message: "\(path) cannot be unmounted: \(error).",
                    systemError: error.code,
                    cause: error
                )
            }
            let users = OurMounts.users(of: path)
            let names = users.prefix(8).map { "\($0.name ?? "?") (process \($0.id))" }
            throw LociError(
                .busy,
                subject: path,
                message: "\(path) is in use"
                    + (names.isEmpty ? "." : " by \(names.joined(separator: ", "))."),
                remedy: "End them, or detach it with:  loci umount --lazy \(path)"
            )
        }
    }
}

struct MountsVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "mounts", abstract: "List the mounts of Loci here.")
    }

    @OptionGroup var speech: SpeechOptions

    func run() async throws {
        var table = Table("MOUNTPOINT", "TENANT", "STORE", "PID", "OPTIONS")
        var objects: [JSON] = []
        let paths = try OurMounts.all()
        for (path, answer) in zip(paths, MountProbe.ask(paths)) {
            let status: JSON? = if case .status(let status) = answer { status } else { nil }
            let isSilent = if case .silent = answer { true } else { false }
            let text = { (key: String) in status?[key]?.stringValue ?? "" }
            table.append(
                path,
                status == nil ? (isSilent ? "(does not answer)" : "(dead)") : text("tenant"),
                text("store"),
                status?["pid"]?.integerValue.map(String.init) ?? "",
                text("options")
            )
            objects.append([
                "mountPoint": .string(path), "alive": .bool(status != nil),
                "silent": .bool(isSilent),
                "tenant": status?["tenant"] ?? .null, "store": status?["store"] ?? .null,
                "pid": status?["pid"] ?? .null, "keeper": status?["keeper"] ?? .null,
                "restarts": status?["restarts"] ?? .null,
                "lastDeath": status?["last_death"] ?? .null, "options": status?["options"] ?? .null,
            ])
        }
        try speech.print(table, objects)
    }
}

/// The mounts of ours that this process sees.
enum OurMounts {
    private static let type = "fuse.loci"

    /// Where they are.
    static func all() throws(LociError) -> [String] {
        do throws(FUSEError) {
            // A later mount hides an earlier one on its path.
            var types: [String: String] = [:]
            let entries = try MountTable.entries()
            for entry in entries { types[entry.mountPoint] = entry.type }
            return entries.filter { $0.type == type && types[$0.mountPoint] == type }
                .map(\.mountPoint)
        } catch {
            throw LociError(
                .inputOutput,
                subject: "/proc/self/mountinfo",
                message: "\(error)",
                systemError: error.code
            )
        }
    }

    /// The mount point that an argument means; throws `notFound` where nothing of ours is.
    static func find(_ argument: String) throws(LociError) -> String {
        let path = String(
            decoding: StoreFinder.absolute(RawArguments.bytes(argument)),
            as: UTF8.self
        )
        let mounts = try all()
        if mounts.contains(path) { return path }
        if let real = realPath(of: path).map({ String(decoding: $0, as: UTF8.self) }),
            mounts.contains(real)
        {
            return real
        }
        throw LociError(
            .notFound,
            subject: path,
            message: "Nothing of Loci is mounted on \(path).",
            remedy: "List the mounts with:  loci mounts"
        )
    }

    /// Whether a directory, whatever links lead to it, is one of the mounts.
    static func contains(_ path: String, _ mounts: [String]) -> Bool {
        mounts.contains(path)
            || realPath(of: path).map { mounts.contains(String(decoding: $0, as: UTF8.self)) }
                == true
    }

    /// The path without symbolic links; nil for a dead mount, which cannot be followed.
    static func realPath(of path: some CPath) -> [UInt8]? {
        guard let file = try? File.open(path, [.path]) else { return nil }
        return try? File.workingDirectory.readSymbolicLink("/proc/self/fd/\(file.descriptor)")
    }

    /// What a mount says of itself; nil where its daemon is gone.
    static func status(of path: String) -> JSON? {
        guard let file = try? File.open(path + "/.loci/status.json"),
            let text = try? file.readAll(limit: 1 << 20)
        else { return nil }
        return try? JSON(parsing: text)
    }

    /// Processes that have something below a path open, or work there.
    static func users(of path: String) -> [RunningProcess] {
        RunningProcess.all.filter { isUser($0.id, of: path) }
    }

    private static func isUser(_ id: Int32, of path: String) -> Bool {
        var links = ["cwd", "root", "exe"].map { "/proc/\(id)/\($0)" }
        let open = try? File.open("/proc/\(id)/fd", [.readOnly, .directory]).entries()
        links += (open ?? []).map {
            "/proc/\(id)/fd/\(String(decoding: $0.name, as: UTF8.self))"
        }
        return links.contains { link in
            guard let target = try? File.workingDirectory.readSymbolicLink(link) else {
                return false
            }
            let text = String(decoding: target, as: UTF8.self)
            return text == path || text.hasPrefix(path + "/")
        }
    }
}

extension RunningProcess {
    /// Whether it runs; one that ended and was not waited for does not.
    fileprivate var isRunning: Bool {
        guard let text = try? File.open("/proc/\(id)/stat").readAll(limit: 4096),
            let end = text.lastIndex(of: UInt8(ascii: ")"))
        else { return false }
        return text[end...].dropFirst(2).first != UInt8(ascii: "Z")
    }
}

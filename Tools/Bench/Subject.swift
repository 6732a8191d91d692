import Linux
import Model

/// What is measured: a directory that shows the trees, with what mounts it there.
struct Subject {
    static let loci = "Loci"

    let name: String
    /// With which options, for the reader.
    let about: String
    /// Where its trees are.
    let root: String
    /// What mounts it at `root`; nil for the disk.
    let mountCommand: [String]?
    /// Where it takes new files.
    let scratch: String
    /// What it shows; nil for Loci, whose source is a store.
    var source: String?
    /// The package that it comes with, as Debian calls it.
    var package: String?

    /// The version of its package, where there is one.
    func version(_ runner: Runner) -> String? {
        guard let package else { return nil }
        let query = ["dpkg-query", "--show", "--showformat=${Version}", package]
        return (try? runner.run(query))?.text
    }

    var isMounted: Bool {
        guard mountCommand != nil else { return true }
        let bytes = (try? File.open("/proc/mounts").readAll(limit: 4 << 20)) ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").contains { line in
            let words = line.split(separator: " ")
            return words.count > 1 && words[1] == root
        }
    }

    /// The processes that serve it: who was started with its directory as an argument, who the
    /// mount says it is, and their children.
    ///
    /// The mount is asked for at most ten seconds, and only with a `runner`.
    func processes(_ runner: Runner?) -> Set<RunningProcess> {
        guard mountCommand != nil else { return [] }
        var roots = Set(
            RunningProcess.all.filter { process in
                process != .current && (process.arguments ?? []).contains(root)
            }
        )
        if name == Self.loci, let runner {
            let quick = Runner(patience: .seconds(10), work: runner.work)
            let command = ["cat", root + "/.loci/status.json"]
            if let text = try? quick.run(command, onDelay: abandon).text,
                let id = try? JSON(parsing: text)["pid"]?.integerValue
            {
                roots.insert(RunningProcess(id: Int32(id)))
            }
        }
        return RunningProcess.families(of: roots)
    }

    /// Mounts it, and returns when a name in it answers; how many seconds that took.
    func mount(_ runner: Runner, answering name: String) throws -> Double {
        guard let mountCommand else { return 0 }
        let began = SystemClock.monotonic()
        _ = try runner.run(mountCommand, staysBehind: true, onDelay: abandon)
        let limit = began + runner.patience.wholeNanoseconds
        while !isMounted {
            guard SystemClock.monotonic() < limit else { throw Trouble("did not mount") }
            SystemClock.sleep(.milliseconds(1))
        }
        _ = try runner.run(["stat", "\(root)/\(name)"], onDelay: abandon)
        return Double(SystemClock.monotonic() - began) / 1e9
    }

    /// Whether it is there and its daemon says within ten seconds that it has no such name.
    ///
    /// The kernel knows names that were looked up before, but has to ask for a new one.
    func answers(_ runner: Runner) -> Bool {
        let quick = Runner(patience: .seconds(10), work: runner.work)
        let absent = "\(root)/absent-\(SystemClock.monotonic())"
        let command = ["sh", "-c", "! stat -- \"$1\"", "sh", absent]
        return isMounted && (try? quick.run(command, onDelay: abandon)) != nil
    }

    /// Unmounts it, and waits for its processes to end.
    func unmount(_ runner: Runner, loci: String) throws {
        guard let mountCommand, isMounted else { return }
        let served = processes(runner)
        let command =
            mountCommand[0] == loci ? [loci, "umount", root] : ["fusermount3", "-u", root]
        // Busy for a moment after somebody worked in it.
        var trouble: any Error = Trouble("is still mounted")
        for _ in 0..<20 where isMounted {
            do {
                _ = try runner.run(command, onDelay: abandon)
            } catch {
                trouble = error
                SystemClock.sleep(.milliseconds(500))
            }
        }
        if isMounted {
            abandon()
            throw trouble
        }
        let limit = SystemClock.monotonic() + runner.patience.wholeNanoseconds
        while served.contains(where: { $0.exists && !$0.isEnding }) {
            guard SystemClock.monotonic() < limit else {
                for process in served where process.exists { try? process.signal(Signals.kill) }
                throw Trouble("did not end after it was unmounted, and was killed")
            }
            SystemClock.sleep(.milliseconds(5))
        }
    }

    /// Kills its processes, each by its number, and detaches it: for one that does not answer.
    func abandon() {
        guard mountCommand != nil else { return }
        for process in processes(nil) { try? process.signal(Signals.kill) }
        if isMounted { Runner.quietly(["fusermount3", "-uz", root]) }
    }

    /// Waits until its daemon has done what is left to do behind a workload's back.
    func settle(_ disk: borrowing File, _ runner: Runner, limit: Duration) throws {
        let end = SystemClock.monotonic() + limit.wholeNanoseconds
        guard mountCommand != nil else { return try disk.syncFileSystem() }
        // Loci and rclone begin to store new files half a second after they were written.
        SystemClock.sleep(.milliseconds(700))
        let processes = processes(runner)
        var last = -1
        while SystemClock.monotonic() < end {
            let time = processes.reduce(0) { $0 + $1.processorTime }
            if last >= 0, time - last <= 1 { break }
            last = time
            SystemClock.sleep(.milliseconds(200))
        }
        try disk.syncFileSystem()
    }
}

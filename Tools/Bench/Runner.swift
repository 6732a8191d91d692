import Linux

/// Runs programs one after another, each with a limit of time, and tells how long it took.
struct Runner {
    let patience: Duration
    /// A directory for what they print.
    let work: String

    struct Outcome {
        let seconds: Double
        let output: [UInt8]

        /// How many lines begin so.
        func lines(beginning prefix: String = "") -> Int {
            output.split(separator: UInt8(ascii: "\n")).count { $0.starts(with: prefix.utf8) }
        }

        var text: String { String(decoding: output, as: UTF8.self) }
    }

    /// Runs a command to its end.
    ///
    /// When its time is up it is killed by its number; `onDelay` must free it where it waits for a
    /// daemon that does not answer. A command that is to leave a daemon behind `staysBehind`.
    func run(
        _ command: [String],
        staysBehind: Bool = false,
        onDelay: () -> Void = {}
    ) throws -> Outcome {
        guard let executable = Program.find(command[0]) else {
            throw Trouble("\(command[0]) is not installed")
        }
        let null = try File.open("/dev/null")
        let output = try File.open(work + "/output", [.readWrite, .create, .truncate])
        let errors = try File.open(work + "/errors", [.readWrite, .create, .truncate])
        let began = SystemClock.monotonic()
        let child = try Child.spawn(
            Child.Command(
                executable: executable,
                arguments: command,
                descriptors: [
                    0: null.descriptor, 1: output.descriptor, 2: errors.descriptor,
                ],
                endsWithThread: !staysBehind
            )
        )
        let notice = try child.endNotice()
        guard try Poll.isReadable(notice.descriptor, timeout: patience) else {
            try end(child, notice.descriptor, staysBehind, onDelay)
            throw Trouble("took longer than \(patience.components.seconds) s and was killed")
        }
        let ended = SystemClock.monotonic()
        guard try child.wait() == .exited(0) else {
            try errors.seek(to: 0)
            let text = String(decoding: try errors.readAll(limit: 1 << 20), as: UTF8.self)
            let line = text.split(separator: "\n").last ?? "it said nothing"
            throw Trouble("\(command.prefix(3).joined(separator: " ")) failed: \(line)")
        }
        try output.seek(to: 0)
        return Outcome(
            seconds: Double(ended - began) / 1e9,
            output: try output.readAll(limit: 1 << 30)
        )
    }

    /// Runs a command of cleaning up, for at most ten seconds, whatever comes of it.
    static func quietly(_ command: [String]) {
        guard let executable = Program.find(command[0]),
            let child = try? Child.spawn(
                Child.Command(executable: executable, arguments: command, descriptors: [:])
            ),
            let notice = try? child.endNotice()
        else { return }
        if (try? Poll.isReadable(notice.descriptor, timeout: .seconds(10))) != true {
            try? child.signal(Signals.kill)
        }
        _ = try? child.wait()
    }

    private func end(
        _ child: Child,
        _ notice: Int32,
        _ staysBehind: Bool,
        _ onDelay: () -> Void
    ) throws {
        try? staysBehind ? child.signal(Signals.kill) : child.signalGroup(Signals.kill)
        if try !Poll.isReadable(notice, timeout: .seconds(2)) { onDelay() }
        if try Poll.isReadable(notice, timeout: .seconds(20)) { _ = try child.wait() }
    }
}

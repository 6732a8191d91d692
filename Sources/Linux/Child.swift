import CLinux
import Glibc

/// A process that this one started (`posix_spawn`; never `fork`, which would copy locks that other
/// threads hold).
///
/// Nothing is killed when the handle goes away. Unless it is waited for, an ended child stays a
/// zombie as long as this process lives.
package struct Child: Hashable, Sendable {
    package let id: Int32

    /// How a process ended.
    package enum Ending: Hashable, Sendable {
        case exited(Int32)
        case signaled(Int32)
    }

    /// What to start, and with what.
    package struct Command: Sendable {
        /// A path; `PATH` is not searched.
        package var executable: String
        /// With the name of the program as the first one.
        package var arguments: [String]
        /// `KEY=value`; nil inherits this process's.
        package var environment: [String]?
        /// Child's descriptor to this process's.
        ///
        /// What is not named is closed there; 0 to 2 are then `/dev/null`.
        package var descriptors: [Int32: Int32]
        package var directory: String?
        /// In a session of its own: no terminal, and not in the reach of ^C.
        package var newSession: Bool
        /// In a process group of its own, and killed when the thread that starts it ends, however
        /// it ends.
        ///
        /// What the child itself starts is not killed then; `signalGroup` reaches it. Only with
        /// descriptors 0 to 2, without a directory, and without a session.
        package var endsWithThread: Bool

        package init(
            executable: String,
            arguments: [String],
            environment: [String]? = nil,
            descriptors: [Int32: Int32] = [0: 0, 1: 1, 2: 2],
            directory: String? = nil,
            newSession: Bool = false,
            endsWithThread: Bool = false
        ) {
            self.executable = executable
            self.arguments = arguments
            self.environment = environment
            self.descriptors = descriptors
            self.directory = directory
            self.newSession = newSession
            self.endsWithThread = endsWithThread
        }
    }

    /// Starts a process, with all signals unblocked and none ignored.
    package static func spawn(_ command: Command) throws(Errno) -> Child {
        let targets = command.descriptors.keys.sorted()
        let lowest = max(targets.last ?? 0, 2) + 1
        // Above all targets, so that no dup2 overwrites the source of a later one.
        var sources: [Int32] = []
        defer { for source in sources { _ = close(source) } }
        for target in targets {
            guard let source = command.descriptors[target] else { continue }
            sources.append(try retrying { clinux_duplicate(source, lowest) })
        }
        let arguments = try CStrings(command.arguments)
        let environment = try command.environment.map { (list) throws(Errno) in
            try CStrings(list)
        }
        if command.endsWithThread {
            precondition(
                targets == [0, 1, 2] && command.directory == nil && !command.newSession,
                "a child that ends with its thread has three descriptors and nothing else"
            )
            return try spawnGuarded(command.executable, arguments, environment, sources)
        }
        var id: Int32 = 0
        try unsafe command.executable.withCPath { (executable) throws(Errno) in
            try unsafe withOptionalCPath(command.directory) { (directory) throws(Errno) in
                _ = try retrying {
                    unsafe clinux_spawn(
                        &id,
                        executable,
                        arguments.pointers,
                        environment?.pointers,
                        sources,
                        targets,
                        sources.count,
                        directory,
                        command.newSession ? 1 : 0
                    )
                }
            }
        }
        return Child(id: id)
    }

    private static func spawnGuarded(
        _ executable: String,
        _ arguments: CStrings,
        _ environment: CStrings?,
        _ sources: [Int32]
    ) throws(Errno) -> Child {
        var id: Int32 = 0
        try unsafe executable.withCPath { (executable) throws(Errno) in
            _ = try retrying {
                unsafe clinux_spawn_guarded(
                    &id,
                    executable,
                    arguments.pointers,
                    environment?.pointers,
                    sources
                )
            }
        }
        return Child(id: id)
    }

    /// Whether it has ended; it still has to be waited for, and until then nobody else can get its
    /// number.
    package func hasEnded() throws(Errno) -> Bool {
        try retrying { clinux_has_ended(id) } == 1
    }

    /// Something to poll: readable once it has ended (`pidfd_open`).
    ///
    /// Only before the child was waited for.
    package func endNotice() throws(Errno) -> File {
        File(owning: try retrying { clinux_open_process(id) })
    }

    /// Sends a signal to a child that `endsWithThread` and to all processes of its group.
    ///
    /// Only before the child was waited for.
    package func signalGroup(_ signal: Int32) throws(Errno) {
        try retrying { Glibc.kill(-id, signal) }
    }

    /// Waits for the end; `ECHILD` when it was waited for before.
    package func wait() throws(Errno) -> Ending {
        ending(try retrying { clinux_wait(id, 1) })
    }

    /// How it ended, or nil while it runs.
    package func poll() throws(Errno) -> Ending? {
        let code = try retrying { clinux_wait(id, 0) }
        return code == -2 ? nil : ending(code)
    }

    /// What ends it, as soon as the kernel knows: `wait` and `poll` tell of it only when the last
    /// thread is gone, which may be held up by a system call.
    ///
    /// nil while nothing does, for exit code 0, and where that cannot be told (`proc(5)`: the last
    /// field of `stat`).
    ///
    /// Only before the child was waited for.
    package var imminentEnding: Ending? {
        guard let text = try? File.open("/proc/\(id)/stat").readAll(limit: 4096),
            let code = text.split(separator: UInt8(ascii: " ")).last
                .flatMap({ Int32(String(decoding: $0, as: UTF8.self).filter(\.isNumber)) }),
            code != 0
        else { return nil }
        let signal = code & 0x7f
        return signal == 0 ? .exited(code >> 8) : .signaled(signal)
    }

    /// Sends a signal.
    ///
    /// Only before the child was waited for: later the number may be another's.
    package func signal(_ signal: Int32) throws(Errno) {
        try RunningProcess(id: id).signal(signal)
    }

    private func ending(_ code: Int32) -> Ending {
        code >= 256 ? .signaled(code - 256) : .exited(code)
    }
}

private func withOptionalCPath(
    _ path: String?,
    _ body: (UnsafePointer<CChar>?) throws(Errno) -> Void
) throws(Errno) {
    guard let path else { return try body(nil) }
    try unsafe path.withCPath { (path) throws(Errno) in try unsafe body(path) }
}

/// A NULL-terminated list of C strings, as `argv` and `environ` are.
@safe private final class CStrings {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) throws(Errno) {
        if strings.contains(where: { $0.utf8.contains(0) }) { throw .invalidArgument }
        count = strings.count
        unsafe pointers = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() {
            unsafe (pointers + index).initialize(to: strdup(string))
        }
        unsafe (pointers + count).initialize(to: nil)
    }

    deinit {
        for index in 0..<count { unsafe free(pointers[index]) }
        unsafe pointers.deallocate()
    }
}

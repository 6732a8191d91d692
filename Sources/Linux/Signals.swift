import CLinux
import Glibc

/// Signals as something to poll and read (`signalfd`), instead of handlers.
package struct Signals: ~Copyable, Sendable {
    package static let interrupt = SIGINT
    package static let terminate = SIGTERM
    package static let hangUp = SIGHUP
    package static let child = SIGCHLD
    package static let brokenPipe = SIGPIPE
    package static let kill = SIGKILL
    package static let user1 = SIGUSR1

    private let file: File

    /// Blocks the signals in this thread, and in threads that it starts from now on, and takes them
    /// here.
    ///
    /// Call it before any other thread runs.
    package init(_ signals: [Int32]) throws(Errno) {
        _ = try retrying { unsafe clinux_block_signals(signals, signals.count) }
        file = File(owning: try retrying { unsafe clinux_signalfd(signals, signals.count) })
    }

    /// Readable while a signal waits.
    package var descriptor: Int32 { file.descriptor }

    /// Waits for a signal; nil when the time was up.
    package func next(timeout: Duration? = nil) throws(Errno) -> Int32? {
        guard try Poll.isReadable(file.descriptor, timeout: timeout) else { return nil }
        return try retrying { clinux_next_signal(file.descriptor) }
    }

    /// Ignores a signal in the whole process; for `SIGPIPE`, so that a write throws `EPIPE`.
    package static func ignore(_ signal: Int32) throws(Errno) {
        try retrying { clinux_ignore_signal(signal) }
    }

    /// Keeps a signal from the calling thread, and from threads that it starts; for `SIGPIPE`, so
    /// that its writes throw `EPIPE`.
    package static func block(_ signal: Int32) throws(Errno) {
        _ = try retrying { unsafe clinux_block_signals([signal], 1) }
    }

    /// Runs `body` before one of the signals ends this process, which then ends of it as it would
    /// have done; what is ignored stays ignored.
    ///
    /// Threads may run already, and no signal has to be blocked. Once in a process; `body` runs
    /// once, on a thread of its own.
    package static func beforeEnding(
        by signals: [Int32],
        _ body: @escaping @Sendable () -> Void
    ) throws(Errno) {
        let pipe = try Pipe()
        let writing = pipe.writing.descriptor
        _ = try Thread.spawn(name: "loci-signals") {
            // Captured whole: both ends live as long as this waits.
            var byte: [UInt8] = [0]
            guard (try? pipe.reading.readPiece(into: &byte)) == 1 else { return }
            body()
            _ = clinux_die_of_signal(Int32(byte[0]))
        }
        for signal in signals { _ = try retrying { clinux_note_signal(signal, writing) } }
    }
}

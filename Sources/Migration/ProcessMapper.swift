import Linux
public import Loci
import Synchronization

/// A mapper that is a program: it reads one JSON object a line and answers one a line.
///
/// ```
/// → {"protocol":1,"tenant":"main","id":"01J…","path":"user=ann/a.md","name":"a.md",
///    "attributes":{"user":"ann"},"missing":["topic"],"size":120,
///    "created":"2026-02-03T00:00:00Z","updated":"2026-02-03T00:00:00Z"}
/// ← {"id":"01J…","fields":{"topic":"auth"}}       or "skip": reason, or "error": reason
/// ← {"id":"01J…","want":"body"}                    the same line comes again, with "body"
/// ```
///
/// Up to 16 lines are in flight to each process, and answered in any order. `path` is null in the
/// trash. A name or path that is not UTF-8 is `{"bytes":"<hex>"}`; a body that is not UTF-8 stands
/// as `bodyBase64`; one of more than 16 MiB, or that cannot be read, is `"body":null` with
/// `bodyError`. At the end of its input the program ends. It prints nothing else on standard
/// output; what it says on standard error is passed on.
///
/// A process that ends, answers nothing within `timeout`, answers what it was not asked, or prints a
/// line that is no answer is killed, another is started, and what was in flight is asked again,
/// then one memory at a time. What fails alone three times is an error of that memory. Where six
/// processes in a row fail without an answer, the last of them at a memory that none was asked
/// about before, nothing more is asked, what is undecided stays so, and the run ends with
/// `mapperFailed`; so it does where a process cannot be started, or answers only at the end of its
/// input, for it must flush each line.
///
/// A process is never left behind: it ends with `end`, and is killed when this process dies.
///
/// The identity is the command line and the SHA-256 of the program's file and of each argument that
/// is a file; within the words of `sh -c`, too. Where one of those changes, no process is started
/// any more. What the program loads besides is not looked at.
public final class ProcessMapper: Mapper {
    /// How to run a program.
    public struct Options: Hashable, Sendable {
        /// How many processes are asked side by side.
        public var jobs = 1
        /// How long an answer may take.
        public var timeout: Duration = .seconds(30)

        /// One process, 30 seconds.
        public init() {}
    }

    /// The command line and the hashes of its files.
    public let identity: String
    /// The memories that all processes together are asked about at the same time.
    public let width: Int
    private let command: ChildCommand
    private let options: Options
    private let words: @Sendable (String) -> Void
    private let engine = Mutex<Engine?>(nil)
    private let group = ChildGroup()

    private struct Engine {
        let state: MapperEngine.Shared
        let thread: Thread
    }

    /// Finds the program of a command line, which is split into words as a shell does it; no shell
    /// runs.
    ///
    /// `words`: gets each line that a process says on standard error, and remarks about processes;
    /// on a thread of this mapper.
    /// Throws `invalidArgument` where the line cannot be read or its program is not there.
    public init(
        _ line: String,
        options: Options = Options(),
        words: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(LociError) {
        command = try ChildCommand(line, as: .mapper)
        identity = command.identity
        self.options = options
        self.words = words
        // Some wait, so that none has to wait for the next.
        width = max(1, options.jobs) * MapperQueue.window * 2
    }

    deinit { engine.withLock { $0?.state.stop() } }

    /// Starts the first process; throws `mapperFailed` where it cannot be started.
    public func begin() async throws(LociError) {
        let (command, options, words, group) = (command, options, words, group)
        let failure: LociError? = await withCheckedContinuation { continuation in
            do throws(Errno) {
                let state = try MapperEngine.Shared()
                let thread = try Thread.spawn(name: "loci-mapper") {
                    // A process may end while it is written to.
                    try? Signals.block(Signals.brokenPipe)
                    var loop = MapperEngine(command, options, state, group, words)
                    let failure = loop.startFirst()
                    continuation.resume(returning: failure)
                    if failure == nil { loop.run() } else { state.close() }
                }
                engine.withLock { $0 = Engine(state: state, thread: thread) }
            } catch {
                continuation.resume(returning: command.unstartable(error))
            }
        }
        guard let failure else { return }
        await end()
        throw failure
    }

    /// Ends the processes: each sees the end of its input, and is killed where it does not end
    /// then.
    public func end() async {
        let taken = engine.withLock { engine -> Engine? in
            defer { engine = nil }
            return engine
        }
        guard let taken else { return }
        taken.state.stop()
        _ = try? await BlockingPool.shared.run { () throws(LociError) in taken.thread.join() }
    }

    /// Kills the processes and what they started, now and for good: for a process that a signal is
    /// about to end.
    ///
    /// On any thread.
    package func kill() { group.kill() }

    /// Asks a process.
    ///
    /// Throws `MapperStopped` where processes fail again and again, and outside of `begin` and
    /// `end`.
    public func fields(for input: MapperInput) async throws -> MapperOutcome {
        guard let state = engine.withLock({ $0?.state }) else { throw Self.notBegun }
        try Task.checkCancellation()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                state.put(.ask(input, continuation))
            }
        } onCancel: {
            state.put(.withdraw(input.id))
        }
    }

    static let notBegun = MapperStopped(reason: "The mapper is not running.")
}

/// A mapper that has questions of its own in store, and can keep them back.
package protocol HoldableMapper: Mapper {
    /// Whether nothing more is to be asked for now; what is asked is still answered.
    func hold(_ isHeld: Bool)
}

extension ProcessMapper: HoldableMapper {
    package func hold(_ isHeld: Bool) { engine.withLock { $0?.state }?.put(.hold(isHeld)) }
}

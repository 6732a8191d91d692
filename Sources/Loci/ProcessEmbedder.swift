import Linux
public import Model

/// An embedder that is a program: it reads one JSON object a line and answers one a line.
///
/// ```
/// ← {"protocol":1,"id":"all-MiniLM-L6-v2","dimensions":384}     once, when it is ready
/// → {"id":1,"kind":"text","text":"…"}                           or "kind":"query"
/// ← {"id":1,"vector":[0.0312,-0.125,…]}                         or "error": reason
/// ```
///
/// Up to 32 lines are in flight, and answered in any order; each answer is flushed. Vectors may have
/// any length but 0. `error` says that a text has no vector. At the end of its input the program
/// ends. It prints nothing else on standard output; what it says on standard error is passed on.
///
/// A process that ends, says nothing for `timeout`, or prints what it was not asked for is killed,
/// and the run fails with `embedderFailed`: of what it was asked at once, nothing counts. A process
/// is never left behind: it ends with the session, and is killed when this process dies.
public final class ProcessEmbedder: Embedder {
    /// How to run a program.
    public struct Options: Hashable, Sendable {
        /// How long it may take to be ready, and for an answer.
        public var timeout: Duration = .seconds(60)

        /// 60 seconds.
        public init() {}
    }

    private let command: ChildCommand
    private let options: Options
    private let words: @Sendable (String) -> Void
    private let group = ChildGroup()

    /// Finds the program of a command line, which is split into words as a shell does it; no shell
    /// runs.
    ///
    /// `words`: gets each line that a process says on standard error; on a thread of its own.
    /// Throws `invalidArgument` where the line cannot be read or its program is not there.
    public init(
        _ line: String,
        options: Options = Options(),
        words: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(LociError) {
        command = try ChildCommand(line, as: .embedder)
        self.options = options
        self.words = words
    }

    /// Starts a process and runs `body` with it.
    public func run<R: Sendable>(
        _ body: @escaping @Sendable (any EmbedderSession) throws(LociError) -> R
    ) async throws(LociError) -> R {
        let result: Result<R, LociError> = await withCheckedContinuation { continuation in
            do throws(Errno) {
                // A thread of its own: the process lives as long as the thread that started it.
                _ = try Thread.spawn(name: "loci-embedder") { [self] in
                    // A process may end while it is written to.
                    try? Signals.block(Signals.brokenPipe)
                    continuation.resume(
                        returning: Result { () throws(LociError) in try runHere(body) }
                    )
                }
            } catch {
                continuation.resume(returning: .failure(command.unstartable(error)))
            }
        }
        return try result.get()
    }

    private func runHere<R>(
        _ body: (any EmbedderSession) throws(LociError) -> R
    ) throws(LociError) -> R {
        let child: LineChild
        do throws(Errno) {
            child = try LineChild(command, group, words: words)
        } catch {
            throw command.unstartable(error)
        }
        let conversation = EmbedderConversation(child, command, timeout: options.timeout)
        defer { conversation.end() }
        return try body(EmbedderProcess(conversation))
    }

    /// Kills the processes and what they started, now and for good: for a process that a signal is
    /// about to end.
    ///
    /// On any thread.
    package func kill() { group.kill() }
}

/// A process that has told whose vectors it makes.
private final class EmbedderProcess: EmbedderSession {
    let model: EmbedderModel
    private let conversation: EmbedderConversation
    private var lastID: Int64 = 0

    init(_ conversation: EmbedderConversation) throws(LociError) {
        self.conversation = conversation
        let line = try conversation.line { "" }
        do throws(MalformedLine) {
            model = try EmbedderModel(line: line)
        } catch {
            throw conversation.failure(
                "printed a first line that does not tell what it is: "
                    + "'\(EmbedderConversation.shown(line))': \(error.what)"
            )
        }
    }

    func vectors(of inputs: [EmbedderInput]) throws(LociError) -> [[Float]?] {
        precondition(inputs.count <= Embedding.mostAtOnce, "what is in flight has a bound")
        let first = lastID + 1
        for input in inputs {
            lastID += 1
            conversation.send(EmbedderAnswer.question(lastID, input))
        }
        var answers: [EmbedderAnswer?] = Array(repeating: nil, count: inputs.count)
        for _ in inputs {
            let about = { () -> String in
                let left = inputs.indices.filter { answers[$0] == nil }
                let others = left.count > 1 ? " and \(left.count - 1) more" : ""
                return left.first.map { "asked about '\(inputs[$0].name)'\(others), " } ?? ""
            }
            let line = try conversation.line(about)
            let answer: EmbedderAnswer
            do throws(MalformedLine) {
                answer = try EmbedderAnswer(line, dimensions: model.dimensions)
            } catch {
                throw conversation.failure(
                    "\(about())printed a line that is no answer: "
                        + "'\(EmbedderConversation.shown(line))': \(error.what)"
                )
            }
            guard (first...lastID).contains(answer.id) else {
                throw conversation.failure(
                    "\(about())answered for \(answer.id), which it was not asked about"
                )
            }
            let index = Int(answer.id - first)
            guard answers[index] == nil else {
                throw conversation.failure("\(about())answered for \(answer.id) twice")
            }
            answers[index] = answer
        }
        return answers.map { $0?.vector }
    }
}

/// Lines to and from the process of an embedder, with an end to each wait.
private final class EmbedderConversation {
    private let child: LineChild
    private let command: ChildCommand
    private let timeout: Duration
    private var lines: ArraySlice<[UInt8]> = []
    private var hasFailed = false
    private var isBuried = false

    /// At the end, the process may take so long to end by itself.
    private static let patience: Int64 = 2_000_000_000
    /// Without a notice of its end, the process is looked at so often, in nanoseconds.
    private static let lookTime: Int64 = 100_000_000
    /// So often, every 10 ms, the end of one that closed its output is looked for.
    private static let mostLooks = 50

    init(_ child: LineChild, _ command: ChildCommand, timeout: Duration) {
        self.child = child
        self.command = command
        self.timeout = timeout
    }

    func send(_ line: [UInt8]) { child.send(line) }

    /// The next line.
    ///
    /// `about`: what it was asked, to begin a sentence about what it did.
    func line(_ about: () -> String) throws(LociError) -> [UInt8] {
        let deadline = SystemClock.monotonic() + timeout.wholeNanoseconds
        var looks = 0
        while lines.isEmpty {
            child.flush()
            // Asked first: what it printed before its end is then there to be read.
            let hasEnded = child.hasEnded
            child.readErrors()
            do throws(LineChild.LineTooLong) {
                lines = try child.readLines()[...]
            } catch {
                throw failure(
                    "\(about())printed a line of more than \(LineChild.longestLine) bytes"
                )
            }
            guard lines.isEmpty else { break }
            if hasEnded { throw ended(about()) }
            if child.isAtEnd {
                // One that ends closes its output a moment before its end is seen.
                guard looks < Self.mostLooks else { throw failure("\(about())closed its output") }
                looks += 1
                SystemClock.sleep(.milliseconds(10))
                continue
            }
            let left = deadline - SystemClock.monotonic()
            guard left > 0 else {
                throw failure("\(about())did not answer within \(LociDuration.text(timeout))")
            }
            let wait = child.announcesEnd ? left : min(left, Self.lookTime)
            // A failure to poll would be one of memory: the next round tries again.
            if (try? Poll.wait(child.interests, timeout: .nanoseconds(wait))) == nil {
                SystemClock.sleep(.milliseconds(10))
            }
        }
        return lines.removeFirst()
    }

    private func ended(_ about: String) -> LociError {
        isBuried = true
        guard case .ended(let ending) = child.bury() else { return failure("\(about)was killed") }
        return failure("\(about)\(ending.words)")
    }

    /// `what`: what it did, to follow "the embedder".
    func failure(_ what: String) -> LociError {
        hasFailed = true
        let said = child.lastWords.isEmpty ? "" : "; it last said: '\(child.lastWords)'"
        return LociError(
            .embedderFailed,
            subject: command.line,
            message: "The embedder '\(command.shownLine)' \(what)\(said).",
            remedy: "Run it by hand, mend it, and give the same command again."
        )
    }

    /// Lets the process see the end of its input, and kills it where it does not end then.
    func end() {
        guard !isBuried else { return }
        child.closeInput()
        let deadline = SystemClock.monotonic() + Self.patience
        while !hasFailed, !child.hasEnded, !child.isAtEnd, SystemClock.monotonic() < deadline {
            child.readErrors()
            guard (try? child.readLines()) != nil else { break }
            _ = try? Poll.wait(child.interests, timeout: .nanoseconds(Self.lookTime))
        }
        _ = child.bury()
    }

    /// The beginning of what it printed, for a sentence.
    static func shown(_ line: [UInt8]) -> String { ShownText.shown(line, limit: 120) }
}

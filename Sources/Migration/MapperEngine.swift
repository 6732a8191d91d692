import Linux
import Loci
import Synchronization

/// What the thread of a `ProcessMapper` does: it writes to all processes, reads from all of them,
/// and never waits for one alone.
struct MapperEngine {
    /// At the end, a process may take so long to end by itself.
    private static let patience: Duration = .seconds(2)
    /// Where it stopped printing, its end should be near.
    private static let nearEnd: Duration = .milliseconds(500)
    /// A process that could not be started is tried again after so many nanoseconds.
    private static let soon: Int64 = 100_000_000

    private struct Request {
        let input: MapperInput
        var continuation: CheckedContinuation<MapperOutcome, any Error>?
        /// The process that is asked wanted the body.
        var hasBody = false
    }

    private let command: MapperCommand
    private let shared: Shared
    private let words: @Sendable (String) -> Void
    private var queue: MapperQueue
    private var requests: [MemoryID: Request] = [:]
    /// The processes, by number; nil where none runs.
    private var children: [MapperChild?]
    /// Why nothing is asked any more.
    private var stopped: MapperStopped?

    init(
        _ command: MapperCommand,
        _ options: ProcessMapper.Options,
        _ shared: Shared,
        _ words: @escaping @Sendable (String) -> Void
    ) {
        self.command = command
        self.shared = shared
        self.words = words
        queue = MapperQueue(timeout: options.timeout)
        children = Array(repeating: nil, count: max(1, options.jobs))
    }

    /// Starts the first process; gives the reason where it cannot be.
    mutating func startFirst() -> LociError? {
        do throws(Errno) {
            children[0] = try MapperChild(command, words: words)
            return nil
        } catch {
            return Self.unstartable(command, error)
        }
    }

    static func unstartable(_ command: MapperCommand, _ error: Errno) -> LociError {
        LociError(
            .mapperFailed,
            subject: command.line,
            message: "The mapper '\(command.line)' cannot be started: \(error.explanation).",
            remedy: "Run it by hand, mend it, and give the same command again.",
            systemError: error.rawValue
        )
    }

    /// Answers until it is to stop.
    mutating func run() {
        while true {
            for message in shared.take() {
                guard handle(message) else { return stop() }
            }
            distribute()
            for index in children.indices { children[index]?.flush() }
            wait()
            for index in children.indices { listen(to: index) }
            let now = SystemClock.monotonic()
            for index in children.indices {
                guard let deadline = queue.deadline(of: index), deadline <= now else { continue }
                fail(
                    index,
                    "did not answer within \(LociDuration.text(.nanoseconds(queue.timeout)))"
                )
            }
        }
    }

    // MARK: Messages

    /// Returns false where it is to stop.
    private mutating func handle(_ message: Shared.Message) -> Bool {
        switch message {
        case .ask(let input, let continuation):
            guard requests[input.id] == nil else {
                continuation.resume(
                    throwing: MapperStopped(reason: "\(input.id) is being asked about already.")
                )
                return true
            }
            if let stopped {
                continuation.resume(throwing: stopped)
                return true
            }
            requests[input.id] = Request(input: input, continuation: continuation)
            queue.add(input.id)
        case .withdraw(let id):
            requests[id]?.continuation?.resume(throwing: CancellationError())
            requests[id]?.continuation = nil
            if queue.withdraw(id) { requests[id] = nil }
        case .body(let id, let line):
            if let child = queue.bodyArrived(id, now: SystemClock.monotonic()) {
                children[child]?.send(line)
            }
        case .stop:
            return false
        }
        return true
    }

    /// Hands out what waits, evenly, and starts the processes that do not run.
    private mutating func distribute() {
        var isDone = false
        while !isDone {
            isDone = true
            for index in children.indices where queue.hasWork {
                guard children[index] != nil || start(index) else { continue }
                guard let child = children[index], !child.isInputClosed,
                    let id = queue.next(for: index, now: SystemClock.monotonic())
                else { continue }
                guard let request = requests[id] else { continue }
                requests[id]?.hasBody = false
                child.send(MapperRequest.line(request.input))
                isDone = false
            }
        }
    }

    private mutating func start(_ index: Int) -> Bool {
        do throws(Errno) {
            children[index] = try MapperChild(command, words: words)
            return true
        } catch {
            fail(index, "cannot be started (\(error.explanation))")
            return false
        }
    }

    private func wait() {
        var interests: [(descriptor: Int32, events: Poll.Events)] = [
            (shared.wake.descriptor, .readable)
        ]
        for child in children { interests += child?.interests ?? [] }
        let now = SystemClock.monotonic()
        var deadlines = children.indices.compactMap { queue.deadline(of: $0) }
        // None could be started: tried again soon, and not for ever.
        if queue.hasWork, children.allSatisfy({ $0 == nil }) { deadlines.append(now + Self.soon) }
        let timeout = deadlines.min().map { Duration.nanoseconds(max(0, $0 - now)) }
        // A failure to poll would be one of memory: the next round tries again.
        guard (try? Poll.wait(interests, timeout: timeout)) != nil else {
            return SystemClock.sleep(.milliseconds(10))
        }
        shared.wake.take()
    }

    // MARK: Answers

    private mutating func listen(to index: Int) {
        guard let child = children[index] else { return }
        child.readErrors()
        let lines: [[UInt8]]
        do throws(MapperChild.LineTooLong) {
            lines = try child.readLines()
        } catch {
            return fail(index, "printed a line of more than \(MapperAnswer.longestLine) bytes")
        }
        for line in lines {
            guard let complaint = hear(line, from: index) else { continue }
            return fail(index, complaint)
        }
        if child.isAtEnd { fail(index, nil) }
        if child.isInputClosed, children[index] != nil, queue.deadline(of: index) == nil {
            fail(index, "closed its input")
        }
    }

    /// Takes a line; returns what is wrong with it.
    private mutating func hear(_ line: [UInt8], from index: Int) -> String? {
        let answer: MapperAnswer
        do throws(MapperAnswer.Malformed) {
            answer = try MapperAnswer(line)
        } catch {
            return "printed a line that is no answer: '\(MapperAnswer.shown(line))': \(error.what)"
        }
        let now = SystemClock.monotonic()
        switch queue.receive(answer.id, from: index, now: now) {
        case .repeated: return "answered for \(answer.id) twice"
        case .unknown: return "answered for \(answer.id), which it was not asked about"
        case .expected: break
        }
        switch answer.body {
        case .outcome(let outcome):
            queue.finish(answer.id, now: now)
            requests.removeValue(forKey: answer.id)?.continuation?.resume(returning: outcome)
        case .wantsBody:
            guard let request = requests[answer.id] else { break }
            if request.hasBody { return "asked twice for the body of \(answer.id)" }
            requests[answer.id]?.hasBody = true
            queue.awaitBody(answer.id)
            let input = request.input
            let shared = shared
            Task {
                let body = await MapperRequest.body(of: input)
                shared.put(.body(input.id, MapperRequest.line(input, body: body)))
            }
        }
        return nil
    }

    // MARK: Failures

    /// Ends a process, and settles what that means for what it was asked.
    ///
    /// `complaint`: what it did, to follow "the mapper"; nil where it ended by itself.
    private mutating func fail(_ index: Int, _ complaint: String?) {
        let child = children[index]
        children[index] = nil
        let ending = child?.bury(waiting: complaint == nil ? Self.nearEnd : .zero)
        var what = complaint ?? ending?.words ?? "closed its output"
        if complaint == nil { what += " instead of answering" }
        if let last = child?.lastWords, !last.isEmpty { what += "; it last said: '\(last)'" }
        let verdict = queue.fail(index)
        let about = self.about(verdict.inFlight)
        words(
            "\(about)it \(what)"
                + (verdict.isBroken ? "; it is not started again" : "; it is started again")
        )
        for (id, attempts) in verdict.givenUp {
            requests.removeValue(forKey: id)?.continuation?.resume(
                returning: .error(reason: "the mapper \(what)", attempts: attempts)
            )
        }
        guard verdict.isBroken else { return }
        for index in children.indices {
            _ = children[index]?.bury(waiting: .zero)
            children[index] = nil
        }
        let stopped = MapperStopped(
            reason: "The mapper '\(command.line)' failed again and again. At last: \(about)it "
                + "\(what)."
        )
        self.stopped = stopped
        for (_, request) in requests { request.continuation?.resume(throwing: stopped) }
        requests = [:]
    }

    /// What a process was asked about when it failed, to begin a sentence.
    private func about(_ inFlight: [MemoryID]) -> String {
        guard let first = inFlight.first, let input = requests[first]?.input else { return "" }
        return inFlight.count == 1
            ? "asked about '\(input.shown)', " : "asked about \(inFlight.count) memories, "
    }

    // MARK: The end

    /// Lets the processes end, and refuses whatever still comes.
    private mutating func stop() {
        for message in shared.close() { _ = handle(message) }
        for (_, request) in requests {
            request.continuation?.resume(throwing: ProcessMapper.notBegun)
        }
        requests = [:]
        for child in children { child?.closeInput() }
        for index in children.indices {
            guard let child = children[index] else { continue }
            let ending = child.bury(waiting: Self.patience)
            if let line = (try? child.readLines())?.first {
                words("it printed more than it was asked for: '\(MapperAnswer.shown(line))'")
            }
            if ending == nil {
                words("it did not end at the end of its input, and was killed")
            } else if let ending, ending != .exited(0) {
                words("it \(ending.words) after its last answer")
            }
            children[index] = nil
        }
    }
}

extension MapperInput {
    /// How sentences name it.
    var shown: String { path?.description ?? name.description }
}

extension MapperEngine {
    /// What other threads say to the engine's.
    final class Shared: Sendable {
        enum Message: Sendable {
            case ask(MapperInput, CheckedContinuation<MapperOutcome, any Error>)
            case withdraw(MemoryID)
            case body(MemoryID, [UInt8])
            case stop
        }

        private struct Inbox {
            var messages: [Message] = []
            var isClosed = false
        }

        let wake: WakeEvent
        private let inbox = Mutex(Inbox())

        init() throws(Errno) { wake = try WakeEvent() }

        func put(_ message: Message) {
            let isClosed = inbox.withLock { inbox in
                if !inbox.isClosed { inbox.messages.append(message) }
                return inbox.isClosed
            }
            if !isClosed { return wake.signal() }
            guard case .ask(_, let continuation) = message else { return }
            continuation.resume(throwing: ProcessMapper.notBegun)
        }

        func stop() { put(.stop) }

        func take() -> [Message] {
            inbox.withLock { inbox in
                defer { inbox.messages = [] }
                return inbox.messages
            }
        }

        /// Takes the last messages; whoever asks from now on is refused.
        @discardableResult
        func close() -> [Message] {
            inbox.withLock { inbox in
                inbox.isClosed = true
                defer { inbox.messages = [] }
                return inbox.messages
            }
        }
    }
}

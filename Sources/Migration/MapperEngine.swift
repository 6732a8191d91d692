import Linux
import Loci
import Synchronization

/// What the thread of a `ProcessMapper` does: it writes to all processes, reads from all of them,
/// and never waits for one alone.
struct MapperEngine {
    /// At the end, the processes may take so long to end by themselves.
    static let patience: Duration = .seconds(2)
    /// Where it stopped printing, or was let see the end of its input, its end should be near.
    static let nearEnd: Duration = .milliseconds(500)
    /// Without a notice of their ends, processes are looked at so often, in nanoseconds.
    private static let lookTime: Int64 = 100_000_000

    struct Request {
        let input: MapperInput
        var continuation: CheckedContinuation<MapperOutcome, any Error>?
        /// The process that is asked wanted the body.
        var hasBody = false
    }

    /// A process that is not asked any more and is about to end.
    struct Closing {
        /// What it did, to follow "the mapper"; nil where it only stopped printing.
        var complaint: String?
        /// When it is killed.
        var due: Int64
        /// Whether it had answered anything before.
        var hadAnswered: Bool
        /// What it answered since.
        var late = 0
    }

    let command: ChildCommand
    let shared: Shared
    let group: ChildGroup
    let words: @Sendable (String) -> Void
    var queue: MapperQueue
    var requests: [MemoryID: Request] = [:]
    /// The processes, by number; nil where none runs.
    var children: [LineChild?]
    var closings: [Int: Closing] = [:]
    var bodies = MapperBodies()
    /// Nothing more is asked for now.
    var isHeld = false
    /// Why nothing is asked any more.
    var stopped: MapperStopped?
    /// What is known of processes that could not be started.
    var starts = Starts()
    /// How many processes answered one question, and only at the end of their input.
    var lateEnds = 0

    init(
        _ command: ChildCommand,
        _ options: ProcessMapper.Options,
        _ shared: Shared,
        _ group: ChildGroup,
        _ words: @escaping @Sendable (String) -> Void
    ) {
        self.command = command
        self.shared = shared
        self.group = group
        self.words = words
        queue = MapperQueue(timeout: options.timeout)
        children = Array(repeating: nil, count: max(1, options.jobs))
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
            for index in children.indices { judge(index, now) }
        }
    }

    // MARK: Messages

    /// Returns false where it is to stop.
    mutating func handle(_ message: Shared.Message) -> Bool {
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
        case .hold(let isHeld):
            self.isHeld = isHeld
        case .stop:
            return false
        }
        return true
    }

    /// Hands out what waits, evenly, and starts the processes that do not run.
    private mutating func distribute() {
        var isDone = isHeld
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

    private func wait() {
        var interests: [(descriptor: Int32, events: Poll.Events)] = [
            (shared.wake.descriptor, .readable)
        ]
        for child in children { interests += child?.interests ?? [] }
        let now = SystemClock.monotonic()
        var deadlines = children.indices.compactMap { closings[$0]?.due ?? queue.deadline(of: $0) }
        if queue.hasWork, !isHeld, let next = starts.next, next > now { deadlines.append(next) }
        if children.contains(where: { $0?.announcesEnd == false }) {
            deadlines.append(now + Self.lookTime)
        }
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
        // Asked first: what it printed before its end is then there to be read.
        let hasEnded = child.hasEnded
        child.readErrors()
        let lines: [[UInt8]]
        do throws(LineChild.LineTooLong) {
            lines = try child.readLines()
        } catch {
            return fail(index, "printed a line of more than \(LineChild.longestLine) bytes")
        }
        for line in lines {
            guard let complaint = hear(line, from: index) else { continue }
            return fail(index, complaint)
        }
        // Whatever it started may still hold its output: nobody waits for that.
        if hasEnded { return fail(index, closings[index]?.complaint) }
        if child.isAtEnd { close(index, nil) }
        if child.isInputClosed, closings[index] == nil, queue.deadline(of: index) == nil {
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
        closings[index]?.late += 1
        children[index]?.answers += 1
        switch answer.body {
        case .outcome(let outcome):
            queue.finish(answer.id, now: now)
            bodies.release(answer.id)
            readBodies()
            requests.removeValue(forKey: answer.id)?.continuation?.resume(returning: outcome)
        case .wantsBody:
            guard let request = requests[answer.id] else { break }
            if request.hasBody { return "asked twice for the body of \(answer.id)" }
            requests[answer.id]?.hasBody = true
            queue.awaitBody(answer.id)
            bodies.add(answer.id, size: request.input.size)
            readBodies()
        }
        return nil
    }

    /// Reads the bodies whose turn it is.
    mutating func readBodies() {
        while let id = bodies.next() {
            guard let input = requests[id]?.input else { continue }
            let shared = shared
            Task {
                let body = await MapperRequest.body(of: input)
                shared.put(.body(input.id, MapperRequest.line(input, body: body)))
            }
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
            /// Nothing more is to be asked, or is again.
            case hold(Bool)
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

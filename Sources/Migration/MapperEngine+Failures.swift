import Linux
import Loci

// How processes come and go: starts, failures, the end.

extension MapperEngine {
    /// What is known of processes that could not be started: no memory is to blame for that.
    struct Starts {
        /// How often that may be, in a row, while no process runs.
        static let tries = 6
        static let pause: Int64 = 100_000_000
        /// Where others work meanwhile, the next try has time.
        static let longPause: Int64 = 2_000_000_000

        var failures = 0
        /// When the next try is; nil where nothing is in its way.
        var next: Int64?
        /// It was told that fewer processes work than were wanted.
        var isTold = false
    }

    /// Starts the first process; gives the reason where it cannot be.
    mutating func startFirst() -> LociError? {
        while true {
            do throws(Errno) {
                children[0] = try LineChild(command, group, words: words)
                return nil
            } catch {
                starts.failures += 1
                guard error.isPassing, starts.failures < Starts.tries else {
                    return command.unstartable(error)
                }
                SystemClock.sleep(.nanoseconds(Starts.pause))
            }
        }
    }

    mutating func start(_ index: Int) -> Bool {
        let now = SystemClock.monotonic()
        if let next = starts.next, next > now { return false }
        guard command.isUnchanged else {
            halt("The mapper's file changed while it ran.")
            return false
        }
        do throws(Errno) {
            children[index] = try LineChild(command, group, words: words)
            (starts.failures, starts.next) = (0, nil)
            return true
        } catch {
            if children.contains(where: { $0 != nil }) {
                starts.next = now + Starts.longPause
                if !starts.isTold {
                    words("one more process cannot be started (\(error.explanation)): fewer work")
                }
                starts.isTold = true
                return false
            }
            starts.failures += 1
            starts.next = now + Starts.pause
            if !error.isPassing || starts.failures >= Starts.tries {
                halt(command.unstartable(error).message)
            }
            return false
        }
    }

    // MARK: Failures

    /// Acts where a process's time is up.
    mutating func judge(_ index: Int, _ now: Int64) {
        if let closing = closings[index] {
            if closing.due <= now { fail(index, closing.complaint) }
        } else if let deadline = queue.deadline(of: index), deadline <= now {
            let timeout = LociDuration.text(.nanoseconds(queue.timeout))
            close(index, "did not answer within \(timeout)")
        }
    }

    /// Asks a process nothing more, and lets it end within moments: what it still answers counts.
    mutating func close(_ index: Int, _ complaint: String?) {
        guard let child = children[index], closings[index] == nil else { return }
        child.closeInput()
        closings[index] = Closing(
            complaint: complaint,
            due: SystemClock.monotonic() + Self.nearEnd.wholeNanoseconds,
            hadAnswered: child.answers > 0
        )
    }

    /// Ends a process, and settles what that means for what it was asked.
    ///
    /// `complaint`: what it did, to follow "the mapper"; nil where it ended by itself.
    mutating func fail(_ index: Int, _ complaint: String?) {
        // It was killed for this process is about to end of a signal: nobody is to hear of that.
        guard !group.isKilled else { return SystemClock.sleep(.seconds(1)) }
        guard let child = children[index] else { return }
        let closing = closings.removeValue(forKey: index)
        children[index] = nil
        let burial = child.bury()
        let verdict = queue.fail(index)
        for id in verdict.inFlight { bodies.release(id) }
        readBodies()
        var what = complaint ?? Self.words(burial, wasAsked: !verdict.inFlight.isEmpty)
        var mustStop = verdict.isBroken
        if let closing, closing.late > 0, !closing.hadAnswered {
            what += "; it answers only at the end of its input: \(Self.flushing)"
            lateEnds += 1
            // One answer may have been late by chance.
            if closing.late > 1 || lateEnds > 1 { mustStop = true }
        }
        if !child.lastWords.isEmpty { what += "; it last said: '\(child.lastWords)'" }
        let about = self.about(verdict.inFlight)
        if case .surviving(let error) = burial {
            let why = error.map { " (\($0.explanation))" } ?? ""
            return halt(
                "The mapper's process \(child.process) cannot be ended\(why); \(about)it \(what)."
            )
        }
        words("\(about)it \(what)" + (mustStop ? "" : "; it is started again"))
        if let id = verdict.givenUp {
            requests.removeValue(forKey: id)?.continuation?.resume(
                returning: .error(reason: "the mapper \(what)", attempts: verdict.attempts)
            )
        }
        guard mustStop else { return }
        let again = verdict.isBroken ? "failed again and again. At last: " : "cannot go on: "
        halt("The mapper '\(command.shownLine)' \(again)\(about)it \(what).")
    }

    private static let flushing =
        "it must flush each line (print(…, flush=True), jq --unbuffered)"

    private static func words(_ burial: LineChild.Burial, wasAsked: Bool) -> String {
        let what: String
        if case .ended(let ending) = burial {
            what = ending.words
        } else {
            what = "closed its output"
        }
        return what + (wasAsked ? " instead of answering" : " before its input had ended")
    }

    /// What a process was asked about when it failed, to begin a sentence.
    private func about(_ inFlight: [MemoryID]) -> String {
        guard let first = inFlight.first, let input = requests[first]?.input else { return "" }
        return inFlight.count == 1
            ? "asked about '\(input.shown)', " : "asked about \(inFlight.count) memories, "
    }

    // MARK: The end

    /// Asks nothing more and ends all processes; `reason` is a full sentence.
    private mutating func halt(_ reason: String) {
        let stopped = MapperStopped(reason: reason)
        self.stopped = stopped
        for child in children { _ = child?.kill() }
        let deadline = SystemClock.monotonic() + LineChild.killTime
        for index in children.indices {
            if case .surviving? = children[index]?.bury(until: deadline) { tellOfSurvivor(index) }
            children[index] = nil
        }
        closings = [:]
        bodies = MapperBodies()
        queue = MapperQueue(timeout: .nanoseconds(queue.timeout))
        for (_, request) in requests { request.continuation?.resume(throwing: stopped) }
        requests = [:]
    }

    private func tellOfSurvivor(_ index: Int) {
        guard let process = children[index]?.process else { return }
        words("process \(process) cannot be ended; it is left behind")
    }

    /// Lets the processes end, and refuses whatever still comes.
    mutating func stop() {
        for message in shared.close() { _ = handle(message) }
        let asked = Set(children.indices.filter { queue.isAsked($0) })
        for (_, request) in requests {
            request.continuation?.resume(throwing: ProcessMapper.notBegun)
        }
        requests = [:]
        for child in children { child?.closeInput() }
        let deadline = SystemClock.monotonic() + Self.patience.wholeNanoseconds
        var late: [Int: [UInt8]] = [:]
        while children.contains(where: { $0?.hasEnded == false }),
            SystemClock.monotonic() < deadline
        {
            for index in children.indices { listenLast(to: index, &late) }
            SystemClock.sleep(.milliseconds(2))
        }
        for child in children where child?.hasEnded == false { _ = child?.kill() }
        let last = SystemClock.monotonic() + LineChild.killTime
        for index in children.indices {
            guard let child = children[index] else { continue }
            listenLast(to: index, &late)
            let burial = child.bury(until: last)
            if let line = late[index], !asked.contains(index) {
                words("it printed more than it was asked for: '\(MapperAnswer.shown(line))'")
            }
            switch burial {
            case .ended(.exited(0)): break
            case .ended(let ending): words("it \(ending.words) after its last answer")
            case .killed: words("it did not end at the end of its input, and was killed")
            case .surviving: tellOfSurvivor(index)
            }
            children[index] = nil
        }
    }

    /// Keeps the first line that comes after the last answer.
    private func listenLast(to index: Int, _ late: inout [Int: [UInt8]]) {
        guard let child = children[index] else { return }
        child.readErrors()
        guard let line = (try? child.readLines())?.first, late[index] == nil else { return }
        late[index] = line
    }
}

extension Errno {
    /// Whether what could not be done may be possible in a moment.
    fileprivate var isPassing: Bool {
        [.again, .outOfMemory, .tooManyOpenFiles, .tooManyOpenFilesInSystem, .textBusy]
            .contains(self)
    }
}

package import Linux
import Model
import Synchronization

/// A process that reads lines and answers with lines, and the pipes to it.
///
/// Nothing here waits for the process, but for `bury`, which has an end. For the thread that made
/// it: the process is killed when that thread ends.
package final class LineChild {
    /// Pieces of what a child prints are read so large.
    private static let pieceSize = 1 << 16
    /// Of a line that a child says, so many bytes are passed on.
    private static let wordsShown = 2000
    /// Of what a child said last, so much is kept.
    private static let wordsKept = 200

    private let child: Child
    private let group: ChildGroup
    private let pipes: Pipes
    private var outgoing: [UInt8] = []
    private var written = 0
    /// The beginning of a line that has not ended.
    private var begun: [UInt8] = []
    private var begunWords: [UInt8] = []
    private var piece = [UInt8](repeating: 0, count: LineChild.pieceSize)
    /// Where words go that it says on standard error.
    private let words: @Sendable (String) -> Void
    /// The last line that it said on standard error; empty before any.
    package private(set) var lastWords = ""
    /// It prints nothing more.
    package private(set) var isAtEnd = false
    /// It reads nothing more, or is to read nothing more.
    package private(set) var isInputClosed = false
    private var areErrorsAtEnd = false
    private var wasKilled = false
    /// How often it answered.
    package var answers = 0

    /// The parent's ends; closing one is forgetting it.
    private final class Pipes {
        let output: File
        let errors: File
        var input: One?
        /// Readable once the process has ended; nil where that could not be had.
        var end: One?

        init(_ input: consuming File, _ output: consuming File, _ errors: consuming File) {
            self.input = One(input)
            self.output = output
            self.errors = errors
        }
    }

    private final class One {
        let file: File

        init(_ file: consuming File) { self.file = file }
    }

    /// Starts the process, which `group` kills where this process is to end.
    package init(
        _ command: ChildCommand,
        _ group: ChildGroup,
        words: @escaping @Sendable (String) -> Void
    ) throws(Errno) {
        let input = try Pipe()
        let output = try Pipe()
        let errors = try Pipe()
        try input.writing.setNonBlocking()
        try output.reading.setNonBlocking()
        try errors.reading.setNonBlocking()
        child = try Child.spawn(
            Child.Command(
                executable: command.executable,
                arguments: command.arguments,
                descriptors: [
                    0: input.reading.descriptor,
                    1: output.writing.descriptor,
                    2: errors.writing.descriptor,
                ],
                endsWithThread: true
            )
        )
        group.add(child)
        self.group = group
        pipes = Pipes(input.takeWriting(), output.takeReading(), errors.takeReading())
        // Without it, whoever polls looks at the process now and then.
        pipes.end = try? Self.endNotice(of: child)
        self.words = words
    }

    private static func endNotice(of child: Child) throws(Errno) -> One {
        One(try child.endNotice())
    }

    /// The process's number.
    package var process: Int32 { child.id }

    // MARK: Polling

    /// What to wait for.
    package var interests: [(descriptor: Int32, events: Poll.Events)] {
        var interests: [(descriptor: Int32, events: Poll.Events)] = []
        if !isAtEnd { interests.append((pipes.output.descriptor, .readable)) }
        if !areErrorsAtEnd { interests.append((pipes.errors.descriptor, .readable)) }
        if let end = pipes.end { interests.append((end.file.descriptor, .readable)) }
        if written < outgoing.count, let input = pipes.input {
            interests.append((input.file.descriptor, .writable))
        }
        return interests
    }

    /// Whether its end is among what is waited for.
    package var announcesEnd: Bool { pipes.end != nil }

    // MARK: Writing

    package func send(_ line: [UInt8]) { outgoing += line }

    /// Writes what the pipe takes now.
    package func flush() {
        guard let input = pipes.input else { return }
        while written < outgoing.count {
            do throws(Errno) {
                written += try input.file.writePiece(outgoing, from: written)
            } catch .again {
                break
            } catch {
                // Usually a broken pipe; why it reads no more, its end will tell.
                return closeInput()
            }
        }
        if written > outgoing.count / 2 {
            // Less than half is moved, so that each byte is moved once on average.
            outgoing.removeFirst(written)
            written = 0
        }
    }

    /// Lets it see the end of its input.
    package func closeInput() {
        pipes.input = nil
        isInputClosed = true
        outgoing = []
        written = 0
    }

    // MARK: Reading

    /// The longest line that a child may print.
    package static let longestLine = 1 << 20

    /// A line was longer than that.
    package struct LineTooLong: Error {}

    /// The lines that are there now, without their ends and without empty ones.
    package func readLines() throws(LineTooLong) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        // A bound, so that one that prints without end does not keep the others waiting.
        for _ in 0..<16 where !isAtEnd {
            guard let bytes = read(pipes.output) else { break }
            if bytes.isEmpty {
                isAtEnd = true
                // A last line needs no end.
                if !begun.isEmpty { lines.append(begun) }
                begun = []
                break
            }
            Self.split(bytes, &begun) { lines.append($0) }
            if begun.count > Self.longestLine { throw LineTooLong() }
            if lines.contains(where: { $0.count > Self.longestLine }) {
                throw LineTooLong()
            }
        }
        return lines
    }

    /// Passes on what it said on standard error.
    package func readErrors() {
        for _ in 0..<16 where !areErrorsAtEnd {
            guard let bytes = read(pipes.errors) else { return }
            areErrorsAtEnd = bytes.isEmpty
            Self.split(bytes, &begunWords) { say($0) }
            let isWhole = areErrorsAtEnd || begunWords.count > Self.pieceSize
            guard isWhole, !begunWords.isEmpty else { continue }
            say(begunWords)
            begunWords = []
        }
    }

    private func say(_ line: [UInt8]) {
        lastWords = ShownText.shown(line, limit: Self.wordsKept)
        words(ShownText.shown(line, limit: Self.wordsShown))
    }

    /// What is there now; empty at the end, nil where nothing is there.
    private func read(_ file: borrowing File) -> [UInt8]? {
        do throws(Errno) {
            return Array(piece[..<(try file.readPiece(into: &piece))])
        } catch .again {
            return nil
        } catch {
            return []
        }
    }

    private static func split(
        _ bytes: [UInt8],
        _ begun: inout [UInt8],
        _ body: ([UInt8]) -> Void
    ) {
        var start = 0
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            begun += bytes[start..<end]
            if !begun.isEmpty { body(begun) }
            begun = []
            start = end + 1
        }
        begun += bytes[start...]
    }

    // MARK: The end

    /// How a process was got rid of.
    package enum Burial {
        /// It had ended by itself.
        case ended(Child.Ending)
        case killed
        /// It lives on: it cannot be killed.
        case surviving(Errno?)
    }

    /// How long a process may take to go once it was killed, in nanoseconds.
    package static let killTime: Int64 = 2_000_000_000

    /// Whether it has ended by itself, or was killed; it still has to be buried.
    package var hasEnded: Bool { (try? child.hasEnded()) != false }

    /// Kills it and all that it started, unless it has ended; then, what it started.
    ///
    /// Returns why it cannot be killed.
    @discardableResult
    package func kill() -> Errno? {
        if !hasEnded { wasKilled = true }
        try? child.signalGroup(Signals.kill)
        do throws(Errno) {
            // It may have left its group.
            if !hasEnded { try child.signal(Signals.kill) }
            return nil
        } catch {
            return error
        }
    }

    /// Kills it unless it has ended, and all that it started; waits until `deadline` for it to be
    /// gone.
    ///
    /// Call it once, as the last.
    package func bury(until deadline: Int64? = nil) -> Burial {
        closeInput()
        readErrors()
        let failure = kill()
        let deadline = deadline ?? SystemClock.monotonic() + Self.killTime
        while !hasEnded {
            guard SystemClock.monotonic() < deadline else { return .surviving(failure) }
            SystemClock.sleep(.milliseconds(2))
        }
        group.remove(child)
        // It has ended: this does not wait.
        let ending = try? child.wait()
        readErrors()
        guard !wasKilled, let ending else { return .killed }
        return .ended(ending)
    }
}

/// Child processes, to be killed from any thread when this process is to end.
package final class ChildGroup: Sendable {
    private struct State {
        var children: Set<Child> = []
        var isKilled = false
    }

    private let state = Mutex(State())

    package init() {}

    package func add(_ child: Child) {
        state.withLock { state in
            state.children.insert(child)
            if state.isKilled { Self.kill(child) }
        }
    }

    /// Forgets one before it is waited for: then its number may be another's.
    package func remove(_ child: Child) { _ = state.withLock { $0.children.remove(child) } }

    /// Whether this process is about to end.
    package var isKilled: Bool { state.withLock { $0.isKilled } }

    /// Kills them, what they started, and those that are still to come.
    package func kill() {
        state.withLock { state in
            state.isKilled = true
            for child in state.children { Self.kill(child) }
        }
    }

    private static func kill(_ child: Child) {
        try? child.signalGroup(Signals.kill)
        try? child.signal(Signals.kill)
    }
}

extension Child.Ending {
    /// For a sentence: "the mapper …".
    package var words: String {
        switch self {
        case .exited(let code): "ended with exit code \(code)"
        case .signaled(let signal): "was ended by signal \(signal)"
        }
    }
}

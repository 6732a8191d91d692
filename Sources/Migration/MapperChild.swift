import Linux
import Loci

/// One process of a mapper and the pipes to it.
///
/// Nothing here waits for the process, but for `bury`. For the thread that made it: the process is
/// killed when that thread ends.
final class MapperChild {
    /// Pieces of what a child prints are read so large.
    private static let pieceSize = 1 << 16
    /// Of what a child said last, so much is kept.
    private static let wordsKept = 200

    private let child: Child
    private let pipes: Pipes
    private var outgoing: [UInt8] = []
    private var written = 0
    /// The beginning of a line that has not ended.
    private var begun: [UInt8] = []
    private var begunWords: [UInt8] = []
    private var piece = [UInt8](repeating: 0, count: MapperChild.pieceSize)
    /// Where words go that it says on standard error.
    private let words: @Sendable (String) -> Void
    /// The last line that it said on standard error; empty before any.
    private(set) var lastWords = ""
    /// It prints nothing more.
    private(set) var isAtEnd = false
    /// It reads nothing more, or is to read nothing more.
    private(set) var isInputClosed = false
    private var areErrorsAtEnd = false

    /// The parent's ends; closing one is forgetting it.
    private final class Pipes {
        let output: File
        let errors: File
        var input: Input?

        init(_ input: consuming File, _ output: consuming File, _ errors: consuming File) {
            self.input = Input(input)
            self.output = output
            self.errors = errors
        }
    }

    private final class Input {
        let file: File

        init(_ file: consuming File) { self.file = file }
    }

    /// Starts the process.
    init(_ command: MapperCommand, words: @escaping @Sendable (String) -> Void) throws(Errno) {
        let input = try Pipe()
        let output = try Pipe()
        let errors = try Pipe()
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
        let pipes = Pipes(input.takeWriting(), output.takeReading(), errors.takeReading())
        try pipes.input?.file.setNonBlocking()
        try pipes.output.setNonBlocking()
        try pipes.errors.setNonBlocking()
        self.pipes = pipes
        self.words = words
    }

    // MARK: Polling

    /// What to wait for.
    var interests: [(descriptor: Int32, events: Poll.Events)] {
        var interests: [(descriptor: Int32, events: Poll.Events)] = []
        if !isAtEnd { interests.append((pipes.output.descriptor, .readable)) }
        if !areErrorsAtEnd { interests.append((pipes.errors.descriptor, .readable)) }
        if written < outgoing.count, let input = pipes.input {
            interests.append((input.file.descriptor, .writable))
        }
        return interests
    }

    // MARK: Writing

    func send(_ line: [UInt8]) { outgoing += line }

    /// Writes what the pipe takes now.
    func flush() {
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
        if written == outgoing.count || written > 1 << 20 {
            outgoing.removeFirst(written)
            written = 0
        }
    }

    /// Lets it see the end of its input.
    func closeInput() {
        pipes.input = nil
        isInputClosed = true
        outgoing = []
        written = 0
    }

    // MARK: Reading

    /// A line was longer than a mapper may print.
    struct LineTooLong: Error {}

    /// The lines that are there now, without their ends and without empty ones.
    func readLines() throws(LineTooLong) -> [[UInt8]] {
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
            if begun.count > MapperAnswer.longestLine { throw LineTooLong() }
            if lines.contains(where: { $0.count > MapperAnswer.longestLine }) {
                throw LineTooLong()
            }
        }
        return lines
    }

    /// Passes on what it said on standard error.
    func readErrors() {
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
        let text = Name.printable(line)
        lastWords = String(text.prefix(Self.wordsKept))
        words(text)
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

    /// Waits a little for it to end by itself, reading what it still says; then kills it and all
    /// that it started.
    ///
    /// Returns how it ended; nil where it had to be killed. Call it once, as the last.
    func bury(waiting patience: Duration) -> Child.Ending? {
        closeInput()
        let deadline = SystemClock.monotonic() + patience.wholeNanoseconds
        while (try? child.hasEnded()) == false, SystemClock.monotonic() < deadline {
            readErrors()
            SystemClock.sleep(.milliseconds(2))
        }
        readErrors()
        let hasEnded = (try? child.hasEnded()) != false
        try? child.signalGroup(Signals.kill)
        let ending = try? child.wait()
        readErrors()
        return hasEnded ? ending : nil
    }
}

extension Child.Ending {
    /// For a sentence: "the mapper …".
    var words: String {
        switch self {
        case .exited(let code): "ended with exit code \(code)"
        case .signaled(let signal): "was ended by signal \(signal)"
        }
    }
}

import Linux
import Loci
import Synchronization

/// Standard output, for data: gathered, and written in large pieces.
///
/// One thread at a time. A reader that went away (`EPIPE`) ends the process quietly, as `head`
/// wants it.
struct Output: ~Copyable {
    private var buffer: [UInt8] = []
    private let file: File

    init() {
        file = File.standardOutput
        buffer.reserveCapacity(1 << 16)
    }

    mutating func write(_ bytes: some Sequence<UInt8>) throws(LociError) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= 1 << 16 { try flush() }
    }

    mutating func write(_ text: String) throws(LociError) { try write(text.utf8) }

    mutating func line(_ text: String) throws(LociError) {
        try write(text)
        try write(CollectionOfOne(UInt8(ascii: "\n")))
    }

    /// One JSON value on a line of its own.
    mutating func line(_ value: JSON) throws(LociError) {
        try write(value.bytes())
        try write(CollectionOfOne(UInt8(ascii: "\n")))
    }

    /// A path with the end that scripts asked for: a line feed, or NUL with `-0`.
    mutating func path(_ path: NamePath, nul: Bool) throws(LociError) {
        try write(path.bytes)
        try write(CollectionOfOne(nul ? 0 : UInt8(ascii: "\n")))
    }

    mutating func flush() throws(LociError) {
        guard !buffer.isEmpty else { return }
        defer { buffer.removeAll(keepingCapacity: true) }
        do throws(Errno) {
            try file.write(buffer)
        } catch .brokenPipe {
            throw LociError(
                .cancelled,
                subject: "stdout",
                message: "Nobody reads the output any more."
            )
        } catch {
            throw LociError(
                .inputOutput,
                subject: "stdout",
                message: "The output cannot be written: \(error.explanation).",
                systemError: error.rawValue,
                cause: error
            )
        }
    }

    deinit { _ = file.descriptor }
}

extension File {
    /// Standard output, as a descriptor of its own.
    fileprivate static var standardOutput: File {
        (try? File(owning: 1).keepingOpen()) ?? File(owning: -1)
    }

    /// A second descriptor, while this one stays open for the rest of the process.
    consuming func keepingOpen() throws(Errno) -> File {
        do throws(Errno) {
            let copy = try duplicate(atLeast: 3)
            _ = release()
            return copy
        } catch {
            _ = release()
            throw error
        }
    }
}

/// Standard error, for words: each call is one write, at once.
enum Words {
    /// A line that rewrites itself is shown, and has no end.
    private static let isDrawn = Mutex(false)
    private static let erasing = "\r\u{1B}[K"

    /// Shows a line in place of the one that was drawn before.
    static func draw(_ text: String) {
        isDrawn.withLock { isDrawn in
            isDrawn = true
            write(erasing + text)
        }
    }

    /// Removes what was drawn.
    static func erase() { say("") }

    static func say(_ text: String) {
        isDrawn.withLock { isDrawn in
            write(isDrawn ? erasing + text : text)
            isDrawn = false
        }
    }

    private static func write(_ text: String) {
        guard !text.isEmpty else { return }
        let file = File(owning: 2)
        // Who closed standard error does not want to hear of it.
        try? file.write(Array(text.utf8))
        _ = file.release()
    }

    static func line(_ text: String) { say(text + "\n") }

    /// A sentence of ours.
    ///
    /// Names of files and processes and what people wrote stand in it: none may steer the terminal.
    static func note(_ text: String) { line("loci: " + Name.printable(text)) }
}

package import Linux
import Model

/// The file of `-o log=`: one line an event, with its time.
///
/// Never the content of a memory.
package final class MountLog: Sendable {
    private let file: FileBox?

    private final class FileBox: Sendable {
        let file: File

        init(_ file: consuming File) { self.file = file }
    }

    /// Opens the file; without a path nothing is written.
    package init(_ path: String?) throws(Errno) {
        guard let path else {
            file = nil
            return
        }
        file = FileBox(try File.open(path, [.writeOnly, .create, .append], mode: 0o644))
    }

    package func write(_ line: String) {
        guard let file else { return }
        let time = Timestamp(nanoseconds: SystemClock.realtime())
        // A log that cannot be written is no reason to fail a request.
        try? file.file.write(Array("\(time) \(line)\n".utf8))
    }
}

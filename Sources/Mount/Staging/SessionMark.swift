import Blobs
import Linux

/// A number in a file of a session's folder: it survives the process, for whoever takes over.
final class SessionMark: Sendable {
    private let file: File

    init(_ name: String, in session: StagingSession) throws(Errno) {
        file = try session.openNote(name)
    }

    /// What was written last; 0 where nothing was.
    var value: UInt64 {
        guard let bytes = try? file.read(count: 8, at: 0), bytes.count == 8 else { return 0 }
        return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Eight bytes in one page: a kill leaves the old or the new number.
    func write(_ value: UInt64) throws(Errno) {
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
        try file.write(bytes, at: 0)
    }
}

import Linux

/// What the conductor of an exercise tells its processes, by the content of a file.
enum Phase: String {
    /// Old paths must work; new ones may.
    case old
    /// New paths were seen or announced: both must work.
    case both
    /// The old layout is about to go: its paths may fail.
    case retiring
    /// Only new paths work.
    case new
    /// Write no more; what was written is still checked.
    case settle
    /// End, and report.
    case stop

    static func read(_ path: String) -> Phase {
        guard let bytes = try? File.open(path).readAll(limit: 64),
            let phase = Phase(rawValue: String(decoding: bytes.filter { $0 > 32 }, as: UTF8.self))
        else { return .old }
        return phase
    }

    var oldMustWork: Bool { self == .old || self == .both }
    var newMustWork: Bool { self != .old }
}

/// What one process did, as a line of `key=value`.
struct Tally {
    var reads = 0
    var writes = 0
    var creates = 0
    var edits = 0
    var moves = 0
    var deletes = 0
    var walks = 0
    var wrong = 0
    var failed = 0

    var line: String {
        "reads=\(reads) writes=\(writes) creates=\(creates) edits=\(edits) moves=\(moves) "
            + "deletes=\(deletes) walks=\(walks) wrong=\(wrong) failed=\(failed)"
    }

    /// Notes a failure and says it at once: the line in the log is what one looks for first.
    mutating func fail(_ what: String) {
        failed += 1
        complain("failed: \(what)")
    }

    mutating func wrong(_ what: String) {
        wrong += 1
        complain("WRONG BYTES: \(what)")
    }

    private func complain(_ what: String) {
        try? File(owning: 2).writeAndKeepOpen(Array((what + "\n").utf8))
    }
}

extension File {
    /// Writes to a descriptor that is not ours to close.
    consuming func writeAndKeepOpen(_ bytes: [UInt8]) throws(Errno) {
        do throws(Errno) {
            try write(bytes)
        } catch {
            _ = release()
            throw error
        }
        _ = release()
    }
}

/// Prints a line on standard output.
func say(_ line: String) {
    try? File(owning: 1).writeAndKeepOpen(Array((line + "\n").utf8))
}

import FUSE
import Model

// Requests that come again, because the daemon that had received them ended without an answer.
//
// What is asked of a file's bytes and looks can be done twice: the kernel says at which offset, to
// which size, and lets one such request of a file be under way at a time. What makes, moves or
// removes a name cannot. So each row of the change log, and each record of the staging journal, that
// does such a request has its number, written in one piece with what it did.
extension LociFileSystem {
    /// Whether an earlier daemon of this mount did what is asked.
    func isDone(_ request: borrowing Request) -> Bool {
        request.isResent && succession.requests.contains(request.number)
    }

    /// The answer to a request that made a name, where an earlier daemon did that; nil where it did
    /// not, or where somebody else took the name away since.
    func doneEntry(
        _ request: borrowing Request,
        _ name: RawSpan,
        in parent: NodeID,
        _ thread: ThreadReader
    ) throws -> KernelEntry? {
        guard isDone(request) else { return nil }
        let who = Asker(uid: request.uid, pid: request.pid)
        return try find(try Name(name), in: Place(parent), who, thread)
    }
}

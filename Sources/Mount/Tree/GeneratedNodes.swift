import Blobs
import FUSE
import Glibc
import Linux
import Model
import Synchronization

/// Files that Loci writes when they are looked up.
///
/// Each lookup makes a new node whose text never changes and whose size is true; the kernel's
/// FORGET drops it. With the kernel's caches a file that changes under one node would stay stale.
final class GeneratedNodes: Sendable {
    /// What writing a node does; its own text stays.
    enum Edit: Hashable, Sendable {
        case nothing
        /// Sets attributes of a memory, by its row.
        case memory(Int64)
        /// Is a command about the migration.
        case migration
    }

    /// What one node holds for its life.
    struct Content: Sendable {
        var bytes: [UInt8]
        /// Type and permissions.
        var mode: UInt32
        var uid: UInt32
        var gid: UInt32
        var mtime: Int64
        /// What writing it does.
        var edits = Edit.nothing
        /// What a directory holds.
        var children: [Child] = []
    }

    /// A file or link of a directory, which gets a node when it is looked up.
    struct Child: Sendable {
        var name: Name
        var bytes: [UInt8]
        /// Type and permissions.
        var mode: UInt32
    }

    private struct State {
        var next: UInt64
        /// Numbers below may be given out; the mark says so to whoever takes over.
        var end: UInt64
        var contents: [UInt64: Content] = [:]
    }

    /// Numbers that the mark is moved by at once.
    private static let block: UInt64 = 1024

    private let state: Mutex<State>
    private let mark: SessionMark

    /// Begins above all numbers that an earlier daemon of the same session may have given out: the
    /// kernel may know those yet.
    init(_ session: StagingSession) throws(LociError) {
        mark = try staged("generated") { () throws(Errno) in
            try SessionMark("generated", in: session)
        }
        let first = max(Place.firstGenerated, mark.value)
        state = Mutex(State(next: first, end: first))
    }

    /// How many nodes the kernel knows.
    var count: Int { state.withLock { $0.contents.count } }

    func add(_ content: Content) -> UInt64 {
        state.withLock { state in
            let number = state.next
            if number >= state.end || number < state.end - Self.block {
                state.end = number + Self.block
                // Where it cannot be written, a later daemon may give a number twice: a text that is
                // stale, for whoever has it open.
                try? mark.write(state.end)
            }
            // After 2³² lookups the numbers begin again; those still known are passed over.
            state.next += 1
            if state.next >= 1 << 32 { state.next = Place.firstGenerated }
            while state.contents[state.next] != nil { state.next += 1 }
            state.contents[number] = content
            return number
        }
    }

    func content(of number: UInt64) -> Content? { state.withLock { $0.contents[number] } }

    func drop(_ number: UInt64) {
        state.withLock { _ = $0.contents.removeValue(forKey: number) }
    }

    func appearance(of number: UInt64, _ content: Content) -> Attributes {
        Attributes(
            node: Place.generated(number).id,
            mode: content.mode,
            uid: content.uid,
            gid: content.gid,
            size: Int64(content.bytes.count),
            modified: content.mtime
        )
    }
}

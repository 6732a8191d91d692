import FUSE
import Glibc
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
    }

    private struct State {
        var next = Place.firstGenerated
        var contents: [UInt64: Content] = [:]
    }

    private let state = Mutex(State())

    /// How many nodes the kernel knows.
    var count: Int { state.withLock { $0.contents.count } }

    func add(_ content: Content) -> UInt64 {
        state.withLock { state in
            let number = state.next
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

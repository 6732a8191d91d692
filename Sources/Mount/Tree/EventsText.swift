import Loci
import Model
import Synchronization

/// The text of `.loci/events`: the newest changes as JSON Lines, the oldest of them first.
///
/// Each lookup of the name asks for it; it is made anew when there was a change.
final class EventsText: Sendable {
    /// How many changes it tells: some hundred kilobytes.
    private static let limit: Int64 = 1000

    private let kept = Mutex<(last: ChangeNumber, bytes: [UInt8])?>(nil)

    /// Who asks while it is made waits for it.
    func text(_ tenant: Tenant) throws(LociError) -> [UInt8] {
        try kept.withLock { kept throws(LociError) in
            let last = try tenant.lastChange()
            if let kept, kept.last == last { return kept.bytes }
            let first = ChangeNumber(max(0, last.rawValue - Self.limit))
            let changes = try tenant.changes(after: first, limit: Int(Self.limit))
            var bytes: [UInt8] = []
            for (change, path) in zip(changes, try tenant.paths(of: changes)) {
                bytes += change.event(path: path).bytes() + [UInt8(ascii: "\n")]
            }
            kept = (last, bytes)
            return bytes
        }
    }
}

import Linux
package import Model
import Synchronization

/// The texts of `.loci/migration`, each kept for a while: every lookup of a name asks for one.
///
/// A text is kept ten times as long as it took to make, at most a second: making them costs a
/// request thread a tenth of its time at most, and what is cheap is as it is now.
package final class MigrationTexts: Sendable {
    private struct Kept {
        let bytes: [UInt8]
        let until: Int64
    }

    private static let longest: Int64 = 1_000_000_000
    private static let factor: Int64 = 10

    private let clock: @Sendable () -> Int64
    private let kept = Mutex<[MigrationPanel.Report: Kept]>([:])

    /// `clock`: nanoseconds of a clock that never goes back.
    package init(clock: @escaping @Sendable () -> Int64 = { SystemClock.monotonic() }) {
        self.clock = clock
    }

    /// The text of a file: the one that is kept, else what `make` makes.
    ///
    /// Who asks while it is made waits for it.
    package func text(
        of report: MigrationPanel.Report,
        _ make: (MigrationPanel.Report) throws(LociError) -> [UInt8]
    ) throws(LociError) -> [UInt8] {
        try kept.withLock { kept throws(LociError) in
            let began = clock()
            if let text = kept[report], began < text.until { return text.bytes }
            let bytes = try make(report)
            let now = clock()
            let keep = min(Self.longest, max(0, now - began) * Self.factor)
            kept[report] = Kept(bytes: bytes, until: now + keep)
            return bytes
        }
    }

    /// Keeps none: they tell what was before a command.
    package func drop() { kept.withLock { $0 = [:] } }
}

import Linux

/// Has a polite mover rest while a mount's readers wait markedly longer than they do without it.
///
/// Times are looked at once a window. What a window without any move shows is the baseline; where
/// a window with moves shows more than twice that, or there is no baseline yet, the next one is
/// rest, and so shows a baseline of its own: what only looks like the mover's doing, such as readers that begin to read what is not
/// in memory, costs it no more than every other window.
///
/// A pure value: it reads no clock, and is told what readers met.
package struct ReaderCourtesy: Hashable, Sendable {
    /// What readers of a mount met between two looks.
    package struct Times: Hashable, Sendable {
        package let count: Int
        package let p99: Duration?

        package init(count: Int, p99: Duration?) {
            self.count = count
            self.p99 = p99
        }
    }

    /// Fewer requests than these say nothing of the hundredth.
    package static let enough = 200
    /// How much longer they may take than without moves.
    static let factor = 2

    private let window: Int64
    private var began: Int64
    private var hasMoved = false
    private var baseline: Duration?
    /// Whether moving rests until the window is over.
    package private(set) var isResting = false

    /// Begins with a window that tells nothing of moves.
    package init(window: Duration, now: Int64) {
        self.window = window.wholeNanoseconds
        began = now
    }

    /// Blobs were moved or removed in this window.
    package mutating func noteMove() { hasMoved = true }

    /// Looks at what readers met, where a window is over; returns whether rest begins.
    ///
    /// `now` is the monotonic clock's; `take` gives what was met since it was last called.
    package mutating func look(now: Int64, _ take: () -> Times) -> Bool {
        guard now - began >= window else { return false }
        let times = take()
        let p99 = times.count >= Self.enough ? times.p99 : nil
        defer {
            began = now
            hasMoved = false
        }
        isResting = false
        guard hasMoved else {
            if let p99 { baseline = p99 }
            return false
        }
        guard let p99 else { return false }
        // A mover that began amid moves never saw what readers meet without any.
        if let baseline, p99 <= baseline * Self.factor { return false }
        isResting = true
        return true
    }
}

package import Model
import Synchronization

/// What a daemon knows of those that served the same mount before it, and of who starts the next.
package struct Succession: Sendable {
    /// The process that starts this daemon again when it ends; nil where nobody does.
    package var keeper: Int32?
    /// When the mount began; nil where it begins now.
    package var began: Timestamp?
    /// How often a daemon of this mount was started again after its end.
    package var restarts = 0
    /// When and why the last one ended.
    package var lastDeath: String?
    /// Whether another daemon served this mount before.
    package var isTakeover = false
    /// The requests that earlier daemons did, by the kernel's numbers, as far as one of them may
    /// not have been answered.
    package var requests: Set<UInt64> = []

    package init() {}

    /// More changes than a mount makes while one request is done and not yet answered.
    static let changesLookedAt: Int64 = 20_000
}

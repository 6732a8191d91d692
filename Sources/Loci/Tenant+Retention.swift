import Catalog
import Linux
public import Model
import SQL

/// What retention let go.
public struct RetentionReport: Hashable, Sendable {
    /// Rows of past names, attributes and places.
    public var pastRows = 0
    /// Superseded revisions; their contents can be collected.
    public var revisions = 0
    /// Rows of the change log.
    public var changes = 0

    package init() {}
}

/// What a tenant keeps of its past, and for how long.
public struct HistorySummary: Hashable, Sendable {
    /// How long the past is kept.
    public let retention: Duration
    /// Since when every moment is whole; nil where all of the past is kept yet.
    public let wholeSince: Timestamp?
    /// Superseded revisions that are kept.
    public let revisions: Int
    /// The bytes of these.
    public let bytes: Int64
    /// How many snapshots hold what they need, however old.
    public let snapshots: Int
}

extension Tenant {
    /// What is kept of the past.
    ///
    /// Complexity: reads every revision's row.
    public func historySummary() throws(LociError) -> HistorySummary {
        let retention = try retention()
        return try read { reader in
            let totals = try reader.revisionTotals()
            return HistorySummary(
                retention: retention,
                wholeSince: try reader.setting(Setting.keptSinceTime).map {
                    Timestamp(nanoseconds: $0)
                },
                revisions: Int(totals.superseded),
                bytes: totals.supersededBytes,
                snapshots: try reader.snapshots().count
            )
        }
    }

    /// How long the past is kept where nobody said otherwise.
    public static let defaultRetention: Duration = .seconds(90 * 86_400)

    /// How long the past is kept: superseded revisions, former names and attributes, and the change
    /// log.
    public func retention() throws(LociError) -> Duration {
        try read { reader in try Self.retention(reader) }
    }

    static func retention(_ reader: CatalogReader) throws -> Duration {
        try reader.setting(Setting.retentionSeconds).map { .seconds($0) } ?? defaultRetention
    }

    /// Sets how long the past is kept.
    ///
    /// Throws `invalidArgument` for a negative time.
    public func setRetention(_ duration: Duration, origin: Origin) throws(LociError) {
        guard duration >= .zero else {
            throw .unreadable(
                "\(duration)",
                as: "a time to keep the past",
                remedy: "Give none or more."
            )
        }
        try catalog.write(.full, origin: origin) { tx in
            let seconds = JSON.integer(duration.components.seconds)
            try tx.setSetting(
                Setting.retentionSeconds,
                .integer(duration.components.seconds)
            )
            try tx.record(
                .setting,
                detail: JSON.object([.init(Setting.retentionSeconds, seconds)]).text()
            )
        }
    }

    /// Lets go of what neither the retention nor a snapshot needs, and of nodes that only a mount
    /// that is gone could have open.
    ///
    /// In short transactions, so that others get in between. The trash stays.
    public func applyRetention(origin: Origin) async throws(LociError) -> RetentionReport {
        try await work { [self] () throws(LociError) in
            // The index lets go of a former text by its revision.
            indexAllWaiting()
            var report = RetentionReport()
            let horizon = clock() - (try retention())
            if try mounts().isEmpty {
                try catalog.write(.full, origin: origin) { tx in
                    let rows = try tx.reader.sessions()
                    if try rows.allSatisfy({ try !self.isLive($0.id) }) {
                        try tx.deletePinnedNodes()
                    }
                }
            }
            var cursor: RetentionCursor = 0
            while true {
                let began = SystemClock.monotonic()
                let outcome = try catalog.write(.full, origin: origin) { tx in
                    try tx.applyRetention(horizon: horizon, limit: 500, after: cursor)
                }
                cursor = outcome.next ?? .max
                report.pastRows += outcome.pastRows
                report.revisions += outcome.revisions
                report.changes += outcome.changes
                if !outcome.isPartial { return report }
                // As long as the lock was held: else others hardly get it.
                SystemClock.sleep(.nanoseconds(SystemClock.monotonic() - began))
            }
        }
    }
}

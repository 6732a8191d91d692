package import Catalog
public import Model
import SQL

/// How much a tenant holds.
public struct TenantStatistics: Hashable, Sendable {
    /// Memories outside the trash.
    public let memories: Int64
    /// Memories in it.
    public let trashed: Int64
    /// Revisions that are kept, current ones among them.
    public let revisions: Int64
    /// Their bytes.
    public let bytes: Int64
    /// Revisions that no memory shows now.
    public let supersededRevisions: Int64
    /// Their bytes.
    public let supersededBytes: Int64
    /// Moments that were given a name.
    public let snapshots: Int
    /// How long the past is kept.
    public let retention: Duration
    /// Layouts whose paths open.
    public let layouts: Int

    /// Complexity: reads every revision's row.
    package init(_ reader: CatalogReader) throws {
        let counts = try reader.memoryCounts()
        let totals = try reader.revisionTotals()
        memories = counts.live
        trashed = counts.trashed
        revisions = totals.revisions
        bytes = totals.bytes
        supersededRevisions = totals.superseded
        supersededBytes = totals.supersededBytes
        snapshots = try reader.snapshots().count
        retention = try Tenant.retention(reader)
        layouts = try reader.layouts().liveLayouts.count
    }

    /// A word and a value for each, as `.loci/stats` and `loci stats` show them.
    package var lines: [(word: String, value: String)] {
        [
            ("memories", "\(memories)"), ("trashed", "\(trashed)"),
            ("revisions", "\(revisions)"), ("bytes", "\(bytes)"),
            ("superseded_revisions", "\(supersededRevisions)"),
            ("superseded_bytes", "\(supersededBytes)"), ("snapshots", "\(snapshots)"),
            ("retention", LociDuration.text(retention)), ("layouts", "\(layouts)"),
        ]
    }
}

/// A path, and how much is there.
public struct Amount: Hashable, Sendable {
    /// In the layout that is listed.
    public let path: NamePath
    /// Memories of a partition, or bytes of a memory.
    public let value: Int64
}

extension Tenant {
    /// How much there is.
    ///
    /// Complexity: reads every revision's row.
    public func statistics() throws(LociError) -> TenantStatistics {
        try read { reader in try TenantStatistics(reader) }
    }

    /// The directories that hold most memories themselves, the fullest first.
    ///
    /// Complexity: reads every name.
    public func fullestPartitions(limit: Int) throws(LociError) -> [Amount] {
        try read { reader in
            try reader.fullestDirectories(
                layout: reader.layouts().listed.bit,
                limit: limit
            ).compactMap { directory, memories in
                try reader.path(ofDirectory: directory).map {
                    Amount(path: NamePath($0.names), value: memories)
                }
            }
        }
    }

    /// The memories outside the trash whose current revision has most bytes, the largest first.
    ///
    /// Complexity: reads every memory's row.
    public func largestMemories(limit: Int) throws(LociError) -> [Amount] {
        try read { reader in
            let listed = try reader.layouts().listed
            return try reader.largestMemories(limit: limit).compactMap { memory, bytes in
                try reader.path(of: memory, in: listed).map {
                    Amount(path: NamePath($0), value: bytes)
                }
            }
        }
    }
}

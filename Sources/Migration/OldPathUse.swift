import Catalog
public import Loci

/// Who used names that only an unlisted layout has.
///
/// A layout is told of by a bounded number of these: where there were too many, further ones count
/// for one without a prefix, and at last for one of anybody.
public struct OldPathUse: Hashable, Sendable {
    /// The layout.
    public let layout: LayoutNumber
    /// The directory beneath which it was; nil of many together.
    public let prefix: String?
    /// The user, by number; nil of many together.
    public let user: UInt32?
    /// The command; nil of many together.
    public let process: String?
    /// The last process of that command.
    public let pid: Int32
    /// How often.
    public let count: Int64
    /// When first.
    public let first: Timestamp
    /// When last.
    public let last: Timestamp

    init(_ row: OldPathUseRow) {
        layout = row.key.layout
        prefix = row.key.prefix == OldPathUseRow.any ? nil : row.key.prefix
        user = row.key.uid == OldPathUseRow.anybody ? nil : row.key.uid
        process = row.key.process == OldPathUseRow.any ? nil : row.key.process
        pid = row.pid
        count = row.count
        first = row.first
        last = row.last
    }
}

extension Migrator {
    /// Who used names that only unlisted layouts have, the latest first.
    public func who(
        since: Timestamp = Timestamp(nanoseconds: .min),
        limit: Int = 1000
    ) throws(LociError) -> [OldPathUse] {
        try tenant.catalog.read { reader in
            try reader.oldPathUses(of: nil, since: since, limit: limit).map(OldPathUse.init)
        }
    }
}

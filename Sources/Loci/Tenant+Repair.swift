import Blobs
import Catalog
import Linux
public import Model
import SQL

/// Something that a repair did.
public struct Repair: Hashable, Sendable, CustomStringConvertible {
    /// The rule that was broken, by its number in the design's list.
    public let rule: Int
    /// The thing that it is about.
    public let subject: String
    /// What is so now.
    public let message: String

    /// The repair as a line.
    public var description: String { "rule \(rule): \(subject): \(message)" }

    init(_ mend: CatalogMend) {
        rule = mend.rule
        subject = mend.subject
        message = mend.message
    }
}

/// What a repair did, and what is left to do.
public struct RepairReport: Hashable, Sendable {
    /// What was mended.
    public var repairs: [Repair]
    /// What is still not as it must be, each with its remedy.
    public var left: [Finding]

    package init(repairs: [Repair], left: [Finding]) {
        self.repairs = repairs
        self.left = left
    }
}

extension Tenant {
    /// Mends what `check` finds, as far as that can be done without deleting content and without
    /// choosing between two truths; each repair is a row of the change log.
    ///
    /// Waits for no mount and works beside none: what a mount has told the kernel, and what it is
    /// writing, would contradict what is mended. Other commands go on. Ended in the middle, it is
    /// finished by the next call.
    ///
    /// `sources`: stores that may have what is missing here, such as backups; in each, the tenant of
    /// this one's id.
    /// `contents`: reads every content and compares its SHA-256, too.
    ///
    /// Throws `busy` while the tenant is mounted or a migration works.
    public func repair(
        from sources: [Store] = [],
        contents: Bool = true,
        origin: Origin,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> RepairReport {
        let others = try sources.map { store throws(LociError) in try store.tenant(id) }
        var repairs = try await work { [self] () throws(LociError) in
            try store.withoutUsers(self, locks: ["mover", "preparer"]) { () throws(LociError) in
                try store.owner.act { () throws(LociError) in
                    var repairer = Repairer(self, origin, contents: contents, others)
                    try repairer.run(progress)
                    return repairer.repairs
                }
            }
        }
        if let index = try await repairIndex(origin) { repairs.append(index) }
        let left = try await check(contents: contents, progress: progress)
        return RepairReport(repairs: repairs, left: left)
    }

    /// The search index holds nothing that is not elsewhere: it is built anew.
    private func repairIndex(_ origin: Origin) async throws(LociError) -> Repair? {
        let isWrong = try read { reader in try !CatalogCheck.isTextIndexRight(reader) }
        guard isWrong else { return nil }
        if try searchStatus().isOn {
            _ = try await reindex(origin: origin)
        } else {
            try endSearch(origin: origin)
        }
        return try catalog.write(.full, origin: origin) { tx in
            var mender = CatalogMender(tx, owner: (0, 0)) { _ in nil }
            try mender.note(9, "search index", "was built anew")
            return mender.mends.map { Repair($0) }.first
        }
    }
}

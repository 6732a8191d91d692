import Blobs
import Catalog
import Linux
public import Model
import SQL

// A backup is a store: what can be done with a store can be done with it, such as `fsck` and `cat`.
// Beside each tenant's catalog stands what it was made of.

extension Store {
    /// Nodes that the original may have made since its backup.
    private static let restoredNodeGap: UInt64 = 1 << 32

    /// Makes a backup of a tenant in a directory, as it is at one change, while others go on working;
    /// or brings one that is there up to date.
    ///
    /// No content is removed from the store meanwhile. Where a link can stand for a content it is not
    /// copied, so that only a backup on another disk survives the loss of this one. Others wait for
    /// some commits only. Durable when it returns.
    ///
    /// Throws `notEmpty`, `notAStore` where the directory has something else, `noSpace`.
    public func backUp(
        _ id: TenantID,
        to path: String,
        origin: Origin,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> CopyReport {
        let tenant = try tenant(id)
        return try await tenant.work { [self] () throws(LociError) in
            defer { progress?.finish() }
            try tenant.askMountsToCommit()
            let backup = try Self.openOrMake(path, environment)
            let hold = try BlobHold(tenant, origin)
            defer { hold.end() }
            let directory = backup.directory(of: id)
            var report = CopyReport()
            try backup.exclusively { () throws(LociError) in
                try backup.refuseOther(directory)
                // An earlier one may have been killed anywhere in it.
                try backup.makeDirectories(directory)
                let copy = TenantCopy(source: tenant, directory: directory, nodeGap: 0) {
                    () throws(LociError) in try hold.require()
                }
                report = try copy.run(progress)
            }
            return report
        }
    }

    private static func openOrMake(
        _ path: String,
        _ environment: StoreEnvironment
    ) throws(LociError) -> Store {
        let whole = try StoreFiles.absolute(path)
        if StoreFiles.exists(whole + "/" + Description.fileName) {
            return try open(at: whole, environment: environment)
        }
        return try make(at: whole, environment) { _ throws(LociError) in }
    }

    /// A tenant that people write into is no place for a backup.
    private func refuseOther(_ directory: String) throws(LociError) {
        guard StoreFiles.exists(directory + "/catalog.db") else { return }
        do throws(LociError) {
            _ = try BackupMark(of: directory)
        } catch  where error.code == .notAStore {
            throw LociError(
                .notEmpty,
                subject: directory,
                message: "\(directory) is a tenant, and no backup.",
                remedy: "Give another directory for the backup."
            )
        }
    }

    /// The tenants that have a backup here.
    ///
    /// Throws `notAStore` where there is none, or where one was begun and not finished.
    public func backups() throws(LociError) -> [TenantID] {
        let whole = try tenantIDs()
        let begun = try StoreFiles.names(in: path).filter { name in
            (try? TenantID(name)).map { !whole.contains($0) } == true
                && StoreFiles.isDirectory("\(path)/\(name)")
        }
        if let name = begun.min() {
            throw LociError(
                .notAStore,
                subject: "\(path)/\(name)",
                message: "The backup of \(name) in \(path) was not finished.",
                remedy: "Finish it with: loci backup create \(path)"
            )
        }
        guard !whole.isEmpty else {
            throw LociError(
                .notAStore,
                subject: path,
                message: "\(path) has no backup of any tenant.",
                remedy: "Make one with: loci backup create \(path)"
            )
        }
        return whole
    }

    /// Checks a tenant's backup: every rule that holds for a tenant, every content by its SHA-256, and
    /// that its change log is the one that it was made with.
    ///
    /// Returns what is wrong.
    public func checkBackup(
        _ id: TenantID,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> [Finding] {
        let tenant = try tenant(id)
        let mark = try BackupMark(of: tenant.directory)
        var findings = try await tenant.check(contents: true, progress: progress)
        let report = try await tenant.verifyAudit(
            expecting: (ChangeNumber(mark.head.number), Hex.text(mark.head.hash))
        )
        if let broken = report.broken, !findings.contains(where: { $0.rule == 7 }) {
            findings.append(
                Finding(rule: 7, subject: "change \(broken.number)", message: broken.reason)
            )
        }
        return findings
    }

    /// When a tenant's backup was made.
    ///
    /// Throws `notAStore` where it is none.
    public func backupTime(_ id: TenantID) throws(LociError) -> Timestamp {
        try BackupMark(of: try tenant(id).directory).created
    }

    /// Makes a tenant of its backup, in a store that is made where there is none.
    ///
    /// Its nodes get numbers that the original had not given out when it was backed up, nor for long
    /// after: no kernel takes a new file for one that it knew.
    ///
    /// Throws `tenantExists`, `notAStore` where this store is no backup.
    public func restoreBackup(
        _ id: TenantID,
        to path: String,
        as new: TenantID? = nil,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> CopyReport {
        let tenant = try tenant(id)
        _ = try BackupMark(of: tenant.directory)
        return try await tenant.work { [self] () throws(LociError) in
            defer { progress?.finish() }
            let store = try Self.openOrMake(path, environment)
            var report = CopyReport()
            try store.exclusively { () throws(LociError) in
                let name = new ?? id
                try store.requireAbsent(name)
                let making = "\(store.path)/\(Self.newPrefix)\(name)"
                try store.makeDirectories(making)
                let copy = TenantCopy(
                    source: tenant,
                    directory: making,
                    nodeGap: Self.restoredNodeGap
                ) { () throws(LociError) in }
                report = try copy.run(progress)
                try StoreFiles.naming(making) { () throws(Errno) in
                    try File.workingDirectory.unlink("\(making)/\(BackupMark.fileName)")
                }
                try store.finish(making, as: name)
            }
            return report
        }
    }
}

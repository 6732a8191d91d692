import Blobs
import Catalog
import Linux
public import Model
import SQL

// A backup is a store: what can be done with a store can be done with it, such as `fsck` and `cat`.
// Beside each tenant's catalog stands what it was made of.

extension Store {
    /// Makes a backup of a tenant in a directory, as it is at one change, while others go on working;
    /// or brings one that is there up to date.
    ///
    /// No content is removed from the store meanwhile. Where a link can stand for a content it is not
    /// copied, so that only a backup on another disk survives the loss of this one. Others wait for
    /// some commits only. What is damaged in the store is left out and reported. Durable when it
    /// returns.
    ///
    /// Throws `notEmpty`, `notAStore` where the directory has something else, `wrongState` where it
    /// has a backup of another tenant under this id, `readOnly` for a tenant that is a backup,
    /// `noSpace`.
    public func backUp(
        _ id: TenantID,
        to path: String,
        origin: Origin,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> CopyReport {
        let tenant = try tenant(id)
        try tenant.requireWritable()
        return try await tenant.work { [self] () throws(LociError) in
            defer { progress?.finish() }
            try tenant.askMountsToCommit()
            let backup = try Self.openOrMake(path, environment)
            let directory = backup.directory(of: id)
            var report = CopyReport()
            try backup.exclusively { () throws(LociError) in
                try backup.refuseOthers(than: tenant)
                let hold = try BlobHold(tenant, origin)
                defer { hold.end() }
                // An earlier one may have been killed anywhere in it.
                try backup.makeDirectories(directory)
                let copy = TenantCopy(source: tenant, directory: directory, purpose: .backup) {
                    () throws(LociError) in try hold.require()
                }
                report = try copy.run(progress)
                try BackupList.add(id, to: backup.path)
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

    /// A store that people write into is no place for a backup, nor is one that has another
    /// tenant's under this id.
    private func refuseOthers(than tenant: Tenant) throws(LociError) {
        for id in try tenantIDs() {
            let other = directory(of: id)
            guard StoreFiles.exists(other + "/catalog.db"), !BackupMark.exists(in: other) else {
                continue
            }
            throw LociError(
                .notEmpty,
                subject: other,
                message: "\(other) is a tenant, and no backup.",
                remedy: "Give another directory for the backup."
            )
        }
        let own = directory(of: tenant.id)
        guard BackupMark.exists(in: own) else { return }
        let mark = try BackupMark(of: own)
        if mark.store == tenant.store.id, mark.tenant == tenant.id,
            try tenant.read({ try $0.hadChange(mark.head) })
        {
            return
        }
        throw LociError(
            .wrongState,
            subject: own,
            message: "\(own) is the backup of another tenant: '\(mark.tenant)' of the store "
                + "\(mark.store) as it was at change \(mark.head.number). This one is "
                + "'\(tenant.id)' of the store \(tenant.store.id), and never had that change.",
            remedy: "Give another directory for this backup."
        )
    }

    // MARK: Checking

    /// The tenants that have a backup here, and those whose backup was taken away.
    ///
    /// Throws `notAStore` where there is none, or where one was begun and not finished.
    public func backups() throws(LociError) -> [TenantID] {
        let listed = try BackupList.read(path) ?? []
        let found = Set(try directoryIDs() + listed).sorted()
        for id in found where !listed.contains(id) { try requireCatalog(of: id) }
        guard !found.isEmpty else {
            throw LociError(
                .notAStore,
                subject: path,
                message: "\(path) has no backup of any tenant.",
                remedy: "Make one with: loci backup create \(path)"
            )
        }
        return found
    }

    /// Throws where a backup was begun and not finished, or taken away.
    private func requireCatalog(of id: TenantID) throws(LociError) {
        let own = directory(of: id)
        guard !StoreFiles.exists(own + "/catalog.db") else { return }
        let wasMade = try BackupList.read(path)?.contains(id) == true
        if !wasMade, !StoreFiles.exists(own) { return }
        throw LociError(
            wasMade ? .corrupt : .notAStore,
            subject: own,
            message: wasMade
                ? "\(Self.takenAway(id)) from \(path)."
                : "The backup of \(id) in \(path) was not finished.",
            remedy: "\(wasMade ? "Make it again" : "Finish it") with: loci backup create \(path)"
        )
    }

    private static func takenAway(_ id: TenantID) -> String {
        "The backup of \(id), or its catalog, was taken away"
    }

    /// Checks a tenant's backup: every rule that holds for a tenant, every content by its SHA-256, and
    /// that its change log ends where it did when it was made.
    ///
    /// Returns what is wrong.
    public func checkBackup(
        _ id: TenantID,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> [Finding] {
        do throws(LociError) { try requireCatalog(of: id) } catch  where error.code == .corrupt {
            let message = Self.takenAway(id) + "."
            return [Finding(rule: 1, subject: id.rawValue, message: message)]
        }
        let mark = try BackupMark(of: directory(of: id))
        do throws(LociError) {
            return try await findings(in: id, mark, progress)
        } catch  where error.code == .notAStore {
            // The database itself is damaged.
            return [Finding(rule: 7, subject: "catalog.db", message: error.message)]
        }
    }

    private func findings(
        in id: TenantID,
        _ mark: BackupMark,
        _ progress: ProgressFeed?
    ) async throws(LociError) -> [Finding] {
        let tenant = try tenant(id)
        var findings = try await tenant.check(contents: true, progress: progress)
        let damage = try await tenant.work { () throws(LociError) in
            try Self.damage(ofCatalog: tenant, mark)
        }
        if let damage, !findings.contains(where: { $0.rule == 7 }) { findings.append(damage) }
        return findings
    }

    /// What is wrong with a backup's catalog, first; nil where it is as it was made.
    private static func damage(
        ofCatalog tenant: Tenant,
        _ mark: BackupMark
    ) throws(LociError) -> Finding? {
        try tenant.read { reader in
            if let damage = try reader.damage() {
                return Finding(rule: 7, subject: "catalog.db", message: damage)
            }
            let log = try reader.verifyLog()
            if let broken = log.broken {
                return Finding(
                    rule: 7,
                    subject: "change \(broken.number)",
                    message: broken.message
                )
            }
            if mark.fits(log.head) { return nil }
            return Finding(
                rule: 7,
                subject: "change \(log.head.number)",
                message: "the newest change is not the one that the backup was made with, "
                    + "\(mark.head.number): somebody wrote into it"
            )
        }
    }

    /// When a tenant's backup was made; nil where it was taken away.
    ///
    /// Throws `notAStore` where it is none.
    public func backupTime(_ id: TenantID) throws(LociError) -> Timestamp? {
        guard StoreFiles.exists(directory(of: id) + "/catalog.db") else { return nil }
        return try BackupMark(of: directory(of: id)).created
    }

    // MARK: Restoring

    /// Makes a tenant of its backup, in a store that is made where there is none.
    ///
    /// Its nodes get numbers that the original had not given out when it was backed up, nor for long
    /// after: no kernel takes a new file for one that it knew. Every content is read back; what is
    /// damaged is left out and reported.
    ///
    /// Throws `tenantExists`, `notAStore` where this store is no backup, `corrupt` where its catalog is
    /// damaged, before anything is made; `readOnly` where the target is a backup.
    public func restoreBackup(
        _ id: TenantID,
        to path: String,
        as new: TenantID? = nil,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> CopyReport {
        try requireCatalog(of: id)
        let tenant = try tenant(id)
        let mark = try BackupMark(of: tenant.directory)
        return try await tenant.work { [self] () throws(LociError) in
            defer { progress?.finish() }
            if let damage = try Self.damage(ofCatalog: tenant, mark) {
                throw LociError(
                    .corrupt,
                    subject: tenant.directory,
                    message: "The backup of \(id) is damaged: \(damage).",
                    remedy: "See what else is with: loci backup verify \(self.path)"
                )
            }
            let store = try Self.openOrMake(path, environment)
            var report = CopyReport()
            try store.exclusively { () throws(LociError) in
                try store.requireNoBackups()
                let name = new ?? id
                try store.requireAbsent(name)
                let making = "\(store.path)/\(Self.newPrefix)\(name)"
                try store.makeDirectories(making)
                let copy = TenantCopy(source: tenant, directory: making, purpose: .restore) {
                    () throws(LociError) in
                }
                report = try copy.run(progress)
                try store.finish(making, as: name)
            }
            return report
        }
    }

    // MARK: Refusing

    /// Throws `readOnly` where this store is a place for backups: its tenants are what they were.
    func requireNoBackups() throws(LociError) {
        guard try BackupList.read(path) != nil else { return }
        throw Self.refusal(of: path, in: path)
    }

    /// What writing into a tenant's directory is refused with; nil where it is no backup.
    func refusal(of directory: String) -> LociError? {
        BackupMark.exists(in: directory) ? Self.refusal(of: directory, in: path) : nil
    }

    private static func refusal(of directory: String, in store: String) -> LociError {
        LociError(
            .readOnly,
            subject: directory,
            message: "\(directory) is a backup, which takes no changes.",
            remedy: "Restore it into a store with: loci backup restore \(store) STORE"
        )
    }
}

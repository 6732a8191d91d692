import Blobs
import Catalog
import Linux
public import Model

// A tenant is made beside the others, under a name that no tenant can have, and renamed when it is
// whole; deleting goes the other way. Both under the store's lock.

extension Store {
    /// The tenants, in order, also those that have lost their catalog: opening one of them throws.
    public func tenantIDs() throws(LociError) -> [TenantID] {
        try directoryIDs().filter { isTenant(directory(of: $0)) }
    }

    /// The directories whose names tenants can have, in order.
    func directoryIDs() throws(LociError) -> [TenantID] {
        try StoreFiles.names(in: path).compactMap { try? TenantID($0) }
            .filter { StoreFiles.isDirectory(directory(of: $0)) }.sorted()
    }

    /// Whether a directory has what only tenants have.
    private func isTenant(_ directory: String) -> Bool {
        StoreFiles.exists(directory + "/catalog.db")
            || (StoreFiles.isDirectory(directory + "/data")
                && StoreFiles.exists(directory + "/lock/writer"))
    }

    /// Opens a tenant.
    ///
    /// Throws `unknownTenant` naming the nearest, `corrupt` where its catalog is missing,
    /// `notPermitted`, `formatTooNew`.
    public func tenant(_ id: TenantID) throws(LociError) -> Tenant {
        try tenant(id, session: nil)
    }

    /// The same; `session`: that of an ended process whose work this one goes on with.
    package func tenant(_ id: TenantID, session former: String?) throws(LociError) -> Tenant {
        let directory = directory(of: id)
        try requireTenant(id)
        let session =
            if let former { former } else {
                "\(RunningProcess.current.id)-\(try Self.randomName(6))"
            }
        let blobs = try storing { () throws(BlobError) in
            environment.wrapBlobs(try DirectoryBlobStore(root: directory + "/data"))
        }
        let catalog = try owner.act { () throws(LociError) in
            try Catalog(
                directory: directory,
                session: session,
                clock: environment.clock,
                wrap: environment.wrapSQL,
                content: { TextSource.bytes(of: $0, in: blobs) },
                refusing: refusal(of: directory)
            )
        }
        return Tenant(
            id: id,
            store: self,
            catalog: catalog,
            blobs: blobs,
            directory: directory
        )
    }

    /// Makes a tenant, whose first layout is `scheme`.
    ///
    /// Durable when it returns.
    ///
    /// Throws `tenantExists`, `notPermitted`; `readOnly` where the store has backups.
    public func createTenant(
        _ id: TenantID,
        scheme: Scheme = .folders,
        origin: Origin
    ) throws(LociError) -> Tenant {
        try requireNoBackups()
        try exclusively { () throws(LociError) in
            try makeTenant(id, scheme: scheme, origin: origin)
        }
        return try tenant(id)
    }

    /// Gives a tenant another id.
    ///
    /// Throws `unknownTenant`, `tenantExists`, `busy` while it is mounted or being moved; `readOnly`
    /// where the store has backups.
    public func renameTenant(_ id: TenantID, to new: TenantID) throws(LociError) {
        try requireNoBackups()
        try exclusively { () throws(LociError) in
            try requireTenant(id)
            try requireAbsent(new)
            try withoutUsers(try tenant(id)) { () throws(LociError) in
                try StoreFiles.rename(directory(of: id), to: directory(of: new))
                try StoreFiles.syncDirectory(path)
            }
        }
    }

    /// Deletes a tenant with all its memories.
    ///
    /// It cannot be undone.
    ///
    /// Throws `unknownTenant`, `busy` while it is mounted or being moved; `readOnly` where the store
    /// has backups.
    public func deleteTenant(_ id: TenantID) throws(LociError) {
        try requireNoBackups()
        try exclusively { () throws(LociError) in
            try requireTenant(id)
            let grave = "\(path)/\(Self.deletedPrefix)\(try Self.randomName(8))"
            try withoutUsers(try tenant(id)) { () throws(LociError) in
                try StoreFiles.rename(directory(of: id), to: grave)
                try StoreFiles.syncDirectory(path)
            }
            try StoreFiles.removeTree(grave)
        }
    }

    // MARK: Parts

    func directory(of id: TenantID) -> String { "\(path)/\(id)" }

    private func requireTenant(_ id: TenantID) throws(LociError) {
        let directory = directory(of: id)
        if StoreFiles.exists(directory + "/catalog.db") { return }
        if isTenant(directory) {
            throw LociError(
                .corrupt,
                subject: id.rawValue,
                message: "The catalog of the tenant '\(id)' is missing: \(directory)/catalog.db.",
                remedy: "Move \(directory) away, and restore it from a backup with: "
                    + "loci backup restore BACKUP \(path)"
            )
        }
        let near = NearMiss.nearest(
            to: id.rawValue,
            in: try tenantIDs().map(\.rawValue)
        )
        throw LociError(
            .unknownTenant,
            subject: id.rawValue,
            message: "The store \(path) has no tenant '\(id)'.",
            remedy: near.map { "Did you mean '\($0)'?" }
                ?? "See which there are with: loci tenant list"
        )
    }

    func requireAbsent(_ id: TenantID) throws(LociError) {
        guard StoreFiles.exists(directory(of: id)) else { return }
        throw LociError(
            .tenantExists,
            subject: id.rawValue,
            message: "The store \(path) has a tenant '\(id)' already.",
            remedy: "Choose another id."
        )
    }

    /// Makes the directory of a tenant with all that is in it.
    func makeTenant(_ id: TenantID, scheme: Scheme, origin: Origin) throws(LociError) {
        try requireAbsent(id)
        let making = "\(path)/\(Self.newPrefix)\(id)"
        try StoreFiles.removeTree(making)
        try makeDirectories(making)
        try Catalog.create(
            directory: making,
            session: "init",
            scheme: scheme,
            origin: origin,
            clock: environment.clock
        )
        try finish(making, as: id)
    }

    /// A tenant's directory with all that is in it but the catalog; what is there of it stays.
    func makeDirectories(_ making: String) throws(LociError) {
        for path in [making] + ["data", "staging", "foreign", "lock"].map({ "\(making)/\($0)" })
        where !StoreFiles.exists(path) {
            try StoreFiles.makeDirectory(path, mode: 0o700)
        }
        for name in ["lock/writer", "lock/mover", "lock/preparer", "wake"] {
            try StoreFiles.naming("\(making)/\(name)") { () throws(Errno) in
                _ = try File.open("\(making)/\(name)", [.readWrite, .create], mode: 0o600)
            }
        }
    }

    /// A tenant's directory gets its name when it is whole.
    func finish(_ making: String, as id: TenantID) throws(LociError) {
        try StoreFiles.syncDirectory(making + "/lock")
        try StoreFiles.syncDirectory(making)
        try StoreFiles.rename(making, to: directory(of: id))
        try StoreFiles.syncDirectory(path)
    }

    /// Runs `body` under the store's lock, after removing what a crash left of others.
    func exclusively(_ body: () throws(LociError) -> Void) throws(LociError) {
        try owner.act { () throws(LociError) in
            let lock = try StoreFiles.naming(path + "/.lock") { () throws(Errno) in
                let lock = try FileLock(path: path + "/.lock", mode: 0o600)
                try lock.lock()
                return lock
            }
            defer { try? lock.unlock() }
            for name in try StoreFiles.names(in: path)
            where name.hasPrefix(Self.newPrefix) || name.hasPrefix(Self.deletedPrefix) {
                try StoreFiles.removeTree("\(path)/\(name)")
            }
            try body()
        }
    }

    /// Runs `body` while nobody mounts, moves or prepares the tenant, and no transaction runs.
    ///
    /// `locks`: those that are held meanwhile; without `writer` transactions go on.
    func withoutUsers<R>(
        _ tenant: Tenant,
        locks: [String] = ["mover", "preparer", "writer"],
        _ body: () throws(LociError) -> R
    ) throws(LociError) -> R {
        let id = tenant.id
        // Each mount begins with it.
        let recovery = try StoreFiles.naming(tenant.directory + "/staging") { () throws(Errno) in
            try tenant.staging.recoveryLock()
        }
        try Self.take(recovery, of: id, "staging/recovery")
        var held = [recovery]
        defer { for lock in held { try? lock.unlock() } }
        if let mount = try tenant.mounts().first {
            throw LociError(
                .busy,
                subject: id.rawValue,
                message: "The tenant '\(id)' is mounted at \(mount.mountPoint).",
                remedy: "Unmount it with: loci umount \(mount.mountPoint)"
            )
        }
        for name in locks {
            let lock = try tenant.lock(name)
            try Self.take(lock, of: id, "lock/\(name)")
            held.append(lock)
        }
        return try body()
    }

    private static func take(
        _ lock: FileLock,
        of id: TenantID,
        _ name: String
    ) throws(LociError) {
        let isTaken = try StoreFiles.naming(name) { () throws(Errno) in
            try lock.lock(timeout: .seconds(1))
        }
        if isTaken { return }
        throw LociError(
            .busy,
            subject: id.rawValue,
            message: "Another process works on the tenant '\(id)': it holds \(name).",
            remedy: "Wait until it is done, or end it."
        )
    }
}

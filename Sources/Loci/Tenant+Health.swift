import Blobs
import Catalog
package import Linux
package import Model
import SQL

/// The SQLite that this program runs with.
package enum DatabaseLibrary {
    /// As `3.40.1`.
    package static var version: String { SQLiteConnection.libraryVersion }
    /// Whether it can search texts.
    package static var hasTextSearch: Bool { SQLiteConnection.hasTextSearch }
}

/// What a mount left in staging whose process is gone.
package struct LeftStaging: Hashable, Sendable {
    package let session: String
    package let files: Int
}

/// Facts about a tenant that tell whether it is well, each found without changing anything.
extension Tenant {
    /// Bytes that wait to be brought into the database.
    package var logSize: Int64 { catalog.walSize }

    /// When the newest change was made; nil where the log is empty.
    package func newestChangeTime() throws(LociError) -> Timestamp? {
        try read { reader in
            try reader.changes(before: ChangeNumber(.max), limit: 1).first?.time
        }
    }

    /// Mounts that have a row though their process is gone.
    package func deadMounts() throws(LociError) -> [(mountPoint: String, process: Int32)] {
        let sessions = try read { reader in try reader.sessions() }
        var dead: [(mountPoint: String, process: Int32)] = []
        for session in sessions where try !isLive(session.id) {
            dead.append((session.mountPoint, session.pid))
        }
        return dead
    }

    /// What killed mounts left, for the next mount to commit.
    package func leftStaging() throws(LociError) -> [LeftStaging] {
        let folder = directory + "/staging"
        var left: [LeftStaging] = []
        for name in try StoreFiles.names(in: folder)
        where StoreFiles.isDirectory("\(folder)/\(name)") {
            guard try !isLive(name) else { continue }
            let files = try StoreFiles.names(in: "\(folder)/\(name)")
            let staged = files.count { UInt64($0) != nil }
            left.append(LeftStaging(session: name, files: staged))
        }
        return left
    }

    /// Who holds which of the tenant's locks at the moment.
    package func lockHolders() throws(LociError) -> [(lock: String, holder: FileLock.Holder?)] {
        var held: [(lock: String, holder: FileLock.Holder?)] = []
        for name in try StoreFiles.names(in: directory + "/lock").sorted() {
            let path = "\(directory)/lock/\(name)"
            try StoreFiles.naming(path) { () throws(Errno) in
                let lock = FileLock(try File.open(path, [.readWrite]))
                if try lock.isHeldElsewhere() { held.append((name, try lock.holder())) }
            }
        }
        return held
    }

    /// Files of the tenant that do not belong to the store's owner, who could not change them.
    package func foreignOwned() throws(LociError) -> [String] {
        var found: [String] = []
        for folder in ["", "/lock", "/staging"] {
            for name in try StoreFiles.names(in: directory + folder).sorted() {
                let path = "\(directory)\(folder)/\(name)"
                guard let status = try? File.status(of: path, .noFollow) else { continue }
                if status.user != store.owner.user { found.append(path) }
            }
        }
        return found
    }

    /// Whether others than the owner may look into the tenant's directory.
    package func isOpenToOthers() throws(LociError) -> Bool {
        try StoreFiles.naming(directory) { () throws(Errno) in
            try File.status(of: directory).permissions & 0o077 != 0
        }
    }

    /// Whether files without a name can be made where contents are staged.
    package func canStageNameless() -> Bool {
        (try? File.open(directory + "/staging", [.readWrite, .temporary], mode: 0o600)) != nil
    }
}

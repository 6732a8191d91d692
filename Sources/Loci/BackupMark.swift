import Catalog
import Linux
import Model
import SQL

/// What a backup knows of itself: `backup.json` beside its catalog.
struct BackupMark: Hashable, Sendable {
    static let fileName = "backup.json"
    private static let format: Int64 = 2

    /// The store that it was made of.
    let store: String
    /// Its tenant.
    let tenant: TenantID
    let created: Timestamp
    /// The newest change that it has, and its hash.
    let head: LogMark
    /// That of the backup that is about to take its place; nil once it has.
    var next: LogMark?

    /// Whether a catalog with this newest change is the one that the mark is of.
    func fits(_ head: LogMark) -> Bool { head == self.head || head == next }

    /// The same once the catalog with this newest change has taken its place.
    func following(_ head: LogMark) -> BackupMark {
        BackupMark(store: store, tenant: tenant, created: created, head: head)
    }

    private var json: JSON {
        var members: [JSON.Member] = [
            .init("format", .integer(Self.format)), .init("store", .string(store)),
            .init("tenant", .string(tenant.rawValue)),
            .init("created", .string(created.description)),
            .init("change", .integer(head.number)), .init("hash", .string(Hex.text(head.hash))),
        ]
        if let next {
            members.append(.init("nextChange", .integer(next.number)))
            members.append(.init("nextHash", .string(Hex.text(next.hash))))
        }
        return .object(members)
    }

    func write(to directory: String) throws(LociError) {
        try StoreFiles.write(
            json.bytes(.pretty) + [UInt8(ascii: "\n")],
            to: "\(directory)/\(Self.fileName)"
        )
    }

    init(store: String, tenant: TenantID, created: Timestamp, head: LogMark) {
        self.store = store
        self.tenant = tenant
        self.created = created
        self.head = head
    }

    /// Whether a tenant's directory is that of a backup.
    static func exists(in directory: String) -> Bool {
        StoreFiles.exists("\(directory)/\(fileName)")
    }

    /// Reads that of a tenant's directory.
    ///
    /// Throws `notAStore` where there is none.
    init(of directory: String) throws(LociError) {
        guard Self.exists(in: directory) else {
            throw LociError(
                .notAStore,
                subject: directory,
                message: "\(directory) is not a backup: it has no \(Self.fileName).",
                remedy: "Give the directory that loci backup create made."
            )
        }
        let json = try StoreFiles.backupJSON(directory)
        guard let json, json["format"]?.integerValue == Self.format,
            let store = json["store"]?.stringValue,
            let tenant = json["tenant"]?.stringValue.flatMap({ try? TenantID($0) }),
            let created = json["created"]?.stringValue.flatMap({ try? Timestamp($0) }),
            let head = Self.change(json["change"], json["hash"])
        else { throw StoreFiles.strange("\(directory)/\(Self.fileName)") }
        self.init(store: store, tenant: tenant, created: created, head: head)
        next = Self.change(json["nextChange"], json["nextHash"])
    }

    private static func change(_ number: JSON?, _ hash: JSON?) -> LogMark? {
        guard let number = number?.integerValue,
            let bytes = hash?.stringValue.flatMap({ Hex.bytes($0) })
        else { return nil }
        return LogMark(number: number, hash: bytes)
    }
}

/// The tenants that a store has backups of: `backup.json` beside its `loci.json`.
///
/// A tenant that it names and that is not there was taken away.
enum BackupList {
    /// Nil where the store is no place for backups.
    static func read(_ store: String) throws(LociError) -> [TenantID]? {
        let path = "\(store)/\(BackupMark.fileName)"
        guard StoreFiles.exists(path) else { return nil }
        guard let json = try StoreFiles.backupJSON(store), json["format"]?.integerValue == 1,
            let names = json["tenants"]?.arrayValue?.compactMap(\.stringValue)
        else { throw StoreFiles.strange(path) }
        return names.compactMap { try? TenantID($0) }
    }

    /// Adds a tenant; durable when it returns.
    static func add(_ tenant: TenantID, to store: String) throws(LociError) {
        var tenants = try read(store) ?? []
        if tenants.contains(tenant) { return }
        tenants.append(tenant)
        let json: JSON = [
            "format": .integer(1),
            "tenants": .array(tenants.sorted().map { .string($0.rawValue) }),
        ]
        try StoreFiles.write(
            json.bytes(.pretty) + [UInt8(ascii: "\n")],
            to: "\(store)/\(BackupMark.fileName)"
        )
    }
}

extension StoreFiles {
    /// What stands in a directory's `backup.json`; nil where it is no JSON.
    fileprivate static func backupJSON(_ directory: String) throws(LociError) -> JSON? {
        let path = "\(directory)/\(BackupMark.fileName)"
        let bytes = try naming(path) { () throws(Errno) in
            try File.open(path).readAll(limit: 1 << 20)
        }
        return try? JSON(parsing: bytes)
    }

    fileprivate static func strange(_ path: String) -> LociError {
        LociError(
            .formatUnknown,
            subject: path,
            message: "\(path) is not what loci backup create writes.",
            remedy: "Make the backup again, into another directory."
        )
    }
}

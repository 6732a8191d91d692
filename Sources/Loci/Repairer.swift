import Blobs
import Catalog
import Linux
import Model
import SQL

/// One run of a repair, while no mount, mover or preparer works on the tenant.
///
/// ```
///  ① rows that counters, the log or other rows contradict       a transaction for each kind
///  ② revisions whose row is gone: their bytes, found by the      placed, then a transaction
///     SHA-256 that the log has
///  ③ rows that build on what revisions there are                 a transaction for each kind
///  ④ names that are not where attributes put them                a transaction for each page
///  ⑤ contents that are missing or have another SHA-256           kept aside, placed, a transaction
///  ⑥ files under data/ that nobody names                         kept aside, a transaction
///  ⑦ files of tools that are missing                             a transaction, then copied
/// ```
///
/// No step deletes bytes that are nowhere else: what is taken out of `data/` stands in `lost+found/`
/// first, durable, under the key that it had. There, and not as memories: nobody knows what they are,
/// and what is a memory is searched, exported and listed.
///
/// Each step finds what it has to do by the same questions as the check: one that a crash ended in
/// the middle is finished by the next run.
struct Repairer {
    let tenant: Tenant
    let origin: Origin
    let contents: Bool
    /// May have what is missing here.
    let sources: [Tenant]
    private(set) var repairs: [Repair] = []

    init(_ tenant: Tenant, _ origin: Origin, contents: Bool, _ sources: [Tenant]) {
        self.tenant = tenant
        self.origin = origin
        self.contents = contents
        self.sources = sources
    }

    mutating func run(_ progress: ProgressFeed?) throws(LociError) {
        for step in CatalogMender.Step.beforeRevisions { try mend { try $0.run(step) } }  // ①
        // Without layouts nothing has a place, and nothing more can be told.
        guard (try? tenant.read { reader in try reader.layouts() }) != nil else { return }
        try reviveRevisions()  // ②
        for step in CatalogMender.Step.afterRevisions { try mend { try $0.run(step) } }  // ③
        try mendPlaces()  // ④
        try mendContents(progress)  // ⑤
        try keepUnknownAside()  // ⑥
        try mendForeign()  // ⑦
    }

    /// Mends something in one transaction.
    mutating func mend(
        _ body: (inout CatalogMender) throws -> Void
    ) throws(LociError) {
        let directory = tenant.directory
        let owner = tenant.store.owner
        repairs += try tenant.catalog.write(.full, origin: origin) { tx in
            var mender = CatalogMender(tx, owner: (owner.user, owner.group)) { number in
                Self.node(ofForeign: number, in: directory)
            }
            try body(&mender)
            return mender.mends.map { Repair($0) }
        }
    }

    /// What the file of a tool says of its node.
    private static func node(ofForeign number: NodeNumber, in directory: String) -> Node? {
        let path = "\(directory)/foreign/\(number)"
        guard let status = try? File.status(of: path, .noFollow) else { return nil }
        let type: UInt32 = status.kind == .symbolicLink ? 0o120000 : 0o100000
        return Node(
            number: number,
            kind: .foreign,
            size: status.size,
            mode: type | status.permissions,
            uid: status.user,
            gid: status.group,
            mtime: status.modificationTime,
            ctime: status.changeTime
        )
    }

    // MARK: ④ Names

    private mutating func mendPlaces() throws(LociError) {
        var wrong: [Int64] = []
        try tenant.forEachPage { reader, page in
            for memory in page where try !reader.isInPlace(memory) { wrong.append(memory.row) }
        }
        for start in stride(from: 0, to: wrong.count, by: Tenant.batchSize) {
            let page = wrong[start..<min(start + Tenant.batchSize, wrong.count)]
            try mend { mender in
                for row in page { try mender.mendPlaces(ofMemory: row) }
            }
        }
    }

    // MARK: ⑦ Files of tools

    /// From a backup of this tenant only: its numbers mean nothing in another one.
    private mutating func mendForeign() throws(LociError) {
        var backups: [Tenant] = []
        for source in sources where try isBackupOfThis(source) { backups.append(source) }
        for (number, name) in backups.isEmpty ? [] : try tenant.missingForeign() {
            let to = "\(tenant.directory)/foreign/\(number)"
            let from = backups.map { "\($0.directory)/foreign/\(number)" }
                .first(where: StoreFiles.exists)
            guard let from else { continue }
            try mend { mender in
                try mender.note(2, name.description, "its bytes are put back from the backup")
            }
            try StoreFiles.naming(to) { () throws(Errno) in
                try TenantCopy.copyFile(from, to)
                try File.open(StoreFiles.parent(of: to), [.readOnly, .directory]).syncFileSystem()
            }
        }
    }

    /// Whether the newest change that a backup has is one of this tenant's, by number and hash.
    private func isBackupOfThis(_ backup: Tenant) throws(LociError) -> Bool {
        guard let mark = try? BackupMark(of: backup.directory) else { return false }
        return try tenant.read { reader in try reader.hasChange(mark.head) }
    }
}

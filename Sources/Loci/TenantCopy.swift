import Blobs
import Catalog
import Linux
import Model
import SQL

/// What a backup knows of itself: `backup.json` beside its catalog.
struct BackupMark: Hashable, Sendable {
    static let fileName = "backup.json"

    let created: Timestamp
    /// The newest change that it has, and its hash.
    let head: LogMark
    /// Node numbers below were given out when it was made.
    let nextNode: UInt64

    var json: JSON {
        [
            "format": .integer(1), "created": .string(created.description),
            "change": .integer(head.number), "hash": .string(Hex.text(head.hash)),
            "nextNode": .integer(Int64(nextNode)),
        ]
    }

    init(created: Timestamp, head: LogMark, nextNode: UInt64) {
        self.created = created
        self.head = head
        self.nextNode = nextNode
    }

    /// Reads that of a tenant's directory.
    ///
    /// Throws `notAStore` where there is none.
    init(of directory: String) throws(LociError) {
        let path = "\(directory)/\(Self.fileName)"
        guard StoreFiles.exists(path) else {
            throw LociError(
                .notAStore,
                subject: directory,
                message: "\(directory) is not a backup: it has no \(Self.fileName).",
                remedy: "Give the directory that loci backup create made."
            )
        }
        let bytes = try StoreFiles.naming(path) { () throws(Errno) in
            try File.open(path).readAll(limit: 64 << 10)
        }
        guard let json = try? JSON(parsing: bytes), json["format"]?.integerValue == 1,
            let created = json["created"]?.stringValue.flatMap({ try? Timestamp($0) }),
            let change = json["change"]?.integerValue, let next = json["nextNode"]?.integerValue,
            let hash = json["hash"]?.stringValue.flatMap({ Hex.bytes($0) })
        else {
            throw LociError(
                .formatUnknown,
                subject: path,
                message: "\(path) is not what loci backup create writes.",
                remedy: "Make the backup again, into another directory."
            )
        }
        self.init(
            created: created,
            head: LogMark(number: change, hash: hash),
            nextNode: UInt64(next)
        )
    }
}

/// What a copy of a tenant brought.
public struct CopyReport: Hashable, Sendable {
    /// Contents that the copy has.
    public var contents = 0
    /// Contents that were there already, from an earlier backup.
    public var kept = 0
    /// Bytes of all of them.
    public var bytes: Int64 = 0
    /// Files that tools keep.
    public var foreign = 0
    /// Contents of an earlier backup that are no longer in it.
    public var removed = 0
    /// The newest change that it has.
    public var change = ChangeNumber(0)

    package init() {}
}

/// Copies a tenant as it is at one change into a directory, while others go on working.
///
/// ```
///  ① the catalog, into catalog.db.new      ② contents under its keys: links, else synced copies
///  ③ foreign files, copied                 ④ all of it durable; catalog.db.new becomes catalog.db
///  ⑤ backup.json                           ⑥ contents that it does not name go
/// ```
///
/// Until ④ an earlier backup in the directory is whole, and its mark is true of the next one too. A
/// first one gets its mark before its catalog: a catalog without a mark is a tenant that people write
/// into. Done again after a crash it begins anew, and finds what is there already.
struct TenantCopy {
    let source: Tenant
    let directory: String
    /// Added to the numbers of nodes that come: whoever knew those of the original meets no other.
    let nodeGap: UInt64
    /// Called between contents: throws where the source may have removed some.
    let keepHold: () throws(LociError) -> Void

    func run(_ progress: ProgressFeed?) throws(LociError) -> CopyReport {
        let new = "\(directory)/catalog.db.new"
        try remove(new)
        var report = CopyReport()
        let target = try storing { () throws(BlobError) in
            try DirectoryBlobStore(root: directory + "/data")
        }
        let (mark, keys) = try copyRows(to: new, target, &report, progress)
        try storing { () throws(BlobError) in try target.syncAll() }
        let isFirst = !StoreFiles.exists("\(directory)/catalog.db")
        if isFirst { try write(mark) }
        try remove("\(directory)/catalog.db", but: "\(directory)/catalog.db")
        try StoreFiles.naming(new) { () throws(Errno) in
            try File.open(new).sync()
            try File.workingDirectory.rename(
                new,
                to: File.workingDirectory,
                directory + "/catalog.db"
            )
        }
        try StoreFiles.syncDirectory(directory)
        if !isFirst { try write(mark) }
        try prune(target, but: keys, &report)
        return report
    }

    private func write(_ mark: BackupMark) throws(LociError) {
        try StoreFiles.write(
            mark.json.bytes(.pretty) + [UInt8(ascii: "\n")],
            to: "\(directory)/\(BackupMark.fileName)"
        )
    }

    /// A database with its log; `but`: a file that stays.
    private func remove(_ path: String, but kept: String? = nil) throws(LociError) {
        for name in [path, path + "-wal", path + "-shm"] where name != kept {
            try StoreFiles.naming(name) { () throws(Errno) in
                do throws(Errno) { try File.workingDirectory.unlink(name) } catch .noSuchFile {}
            }
        }
    }

    /// ① to ③.
    private func copyRows(
        to path: String,
        _ target: DirectoryBlobStore,
        _ report: inout CopyReport,
        _ progress: ProgressFeed?
    ) throws(LociError) -> (BackupMark, Set<String>) {
        let copy = try CatalogCopy(of: source.catalog.path, to: path)
        let keys = try copyContents(copy, target, &report, progress)
        let gone = try copyForeign(copy, &report)
        let next = try copy.nextNode()
        try copy.finish(withoutForeign: gone, nextNode: next + nodeGap)
        for name in [path + "-wal", path + "-shm"] { try remove(name) }
        report.change = ChangeNumber(copy.head.number)
        let mark = BackupMark(created: source.clock(), head: copy.head, nextNode: next)
        return (mark, keys)
    }

    /// ② Contents under the keys that they had then.
    private func copyContents(
        _ copy: CatalogCopy,
        _ target: DirectoryBlobStore,
        _ report: inout CopyReport,
        _ progress: ProgressFeed?
    ) throws(LociError) -> Set<String> {
        var keys: Set<String> = []
        var cursor: Int64 = 0
        let total = try read(copy) { reader in try reader.revisionCount() }
        while true {
            let page = try read(copy) { reader in
                try reader.revisions(afterMemory: cursor, limit: Tenant.batchSize)
            }
            guard let last = page.last else { return keys }
            try keepHold()
            for revision in page {
                let key = try storing { () throws(BlobError) in try BlobKey(revision.blobKey) }
                if try storing({ () throws(BlobError) in try target.size(of: key) })
                    == revision.size
                {
                    report.kept += 1
                } else {
                    try storing { () throws(BlobError) in
                        try target.remove(key)
                        try target.place(try source.blobs.open(key), at: key)
                    }
                }
                keys.insert(revision.blobKey)
                report.contents += 1
                report.bytes += revision.size
            }
            cursor = last.memory
            progress?.report(Int64(report.contents), of: total)
        }
    }

    /// ③ Files of tools, which are written in place: never linked.
    ///
    /// Returns those that were removed since.
    private func copyForeign(
        _ copy: CatalogCopy,
        _ report: inout CopyReport
    ) throws(LociError) -> [NodeNumber] {
        var gone: [NodeNumber] = []
        for (node, _) in try read(copy, { reader in try reader.foreignFiles() }) {
            let from = "\(source.directory)/foreign/\(node)"
            let to = "\(directory)/foreign/\(node)"
            do throws(Errno) {
                try Self.copyFile(from, to)
                report.foreign += 1
            } catch .noSuchFile {
                gone.append(node)
            } catch {
                throw LociError(errno: error, subject: from)
            }
        }
        return gone
    }

    private static func copyFile(_ from: String, _ to: String) throws(Errno) {
        let status = try File.status(of: from, .noFollow)
        let partial = to + ".new"
        do throws(Errno) { try File.workingDirectory.unlink(partial) } catch .noSuchFile {}
        if status.kind == .symbolicLink {
            try File.workingDirectory.makeSymbolicLink(
                partial,
                to: try File.workingDirectory.readSymbolicLink(from)
            )
        } else {
            let target = try File.open(partial, [.writeOnly, .create, .exclusive], mode: 0o600)
            _ = try File.open(from).copyContents(to: target)
            try target.setPermissions(status.permissions)
        }
        try File.workingDirectory.rename(partial, to: File.workingDirectory, to)
    }

    /// ⑥ What an earlier backup had and this one does not name.
    private func prune(
        _ target: DirectoryBlobStore,
        but keys: Set<String>,
        _ report: inout CopyReport
    ) throws(LociError) {
        report.removed = try storing { () throws(BlobError) in
            var unknown: [BlobKey] = []
            try target.walk { item in
                if case .blob(let key, _) = item, !keys.contains(key.text) { unknown.append(key) }
            }
            for key in unknown { try target.remove(key) }
            try target.removeEmptyDirectories(above: unknown)
            return unknown.count
        }
    }

    private func read<R>(
        _ copy: CatalogCopy,
        _ body: (CatalogReader) throws -> R
    ) throws(LociError) -> R {
        do {
            return try body(copy.reader)
        } catch {
            throw LociError(catalogError: error, subject: copy.path)
        }
    }
}

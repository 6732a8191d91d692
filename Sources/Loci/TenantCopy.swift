import Blobs
import Catalog
import Linux
public import Model
import SQL

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
    /// How much it does not have as it should be.
    public var damagedCount = 0
    /// What that is: the first of them.
    public var damaged: [CopyDamage] = []

    /// Who reads more than so many lines looks at all of the store.
    private static let listed = 1000

    package init() {}

    mutating func add(_ damage: CopyDamage) {
        damagedCount += 1
        if damaged.count < Self.listed { damaged.append(damage) }
    }
}

/// A content, or a file of a tool, that a copy does not have as it should be.
public struct CopyDamage: Hashable, Sendable, CustomStringConvertible {
    /// The path of the memory, or the name of the file; nil for a memory in the trash.
    public let path: NamePath?
    /// The memory and its revision; nil for a file.
    public let memory: MemoryID?
    /// See `memory`.
    public let revision: RevisionNumber?
    /// What is wrong.
    public let reason: String

    /// The damage as a line.
    public var description: String {
        let names = [path?.description, memory?.description].compactMap(\.self)
        let text = names.joined(separator: ", ") + (revision.map { ", revision \($0)" } ?? "")
        return "\(text): \(reason)"
    }
}

/// Copies a tenant as it is at one change into a directory, while others go on working.
///
/// ```
///  ① the catalog, into catalog.db.new      ② contents under its keys: links, else synced copies
///  ③ foreign files, copied                 ④ all of it durable; catalog.db.new becomes catalog.db
///  ⑤ backup.json                           ⑥ contents that it does not name go
/// ```
///
/// Until ④ an earlier backup in the directory is whole, and before ④ its mark says which one comes
/// next. A first one gets its mark before its catalog: a catalog without a mark is a tenant that people
/// write into. Done again after a crash it begins anew, and finds what is there already.
///
/// A restore has no mark, and no earlier one; it reads all contents back.
///
/// What is damaged in the source is left out and told; all else is copied.
struct TenantCopy {
    enum Purpose {
        case backup
        case restore
    }

    let source: Tenant
    let directory: String
    let purpose: Purpose
    /// Called before each content: throws where the source may have removed some.
    let requireHold: () throws(LociError) -> Void

    /// Nodes that the original may have made since its backup: whoever knew them meets no other.
    private var nodeGap: UInt64 { purpose == .restore ? 1 << 32 : 0 }

    func run(_ progress: ProgressFeed?) throws(LociError) -> CopyReport {
        let new = "\(directory)/catalog.db.new"
        try remove(new)
        var report = CopyReport()
        let target = try storing { () throws(BlobError) in
            try DirectoryBlobStore(root: directory + "/data")
        }
        let (mark, keys) = try copyRows(to: new, target, &report, progress)
        try storing { () throws(BlobError) in try target.syncAll() }
        try announce(mark)
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
        guard purpose == .backup else { return report }
        try mark.write(to: directory)
        try prune(target, but: keys, &report)
        return report
    }

    /// Says in the mark which catalog comes next.
    private func announce(_ mark: BackupMark) throws(LociError) {
        guard purpose == .backup else { return }
        guard StoreFiles.exists("\(directory)/catalog.db") else {
            return try mark.write(to: directory)
        }
        var earlier = try BackupMark(of: directory)
        // One that was killed after ④ may have left its catalog with the mark before it.
        if let head = try? earlierCatalog()?.logHead(), head == earlier.next {
            earlier = earlier.following(head)
        }
        earlier.next = mark.head
        try earlier.write(to: directory)
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
        // A power cut must not take from the source what its copy has.
        try source.catalog.sync()
        let keys = try copyContents(copy, target, &report, progress)
        let gone = try copyForeign(copy, &report)
        try copy.finish(withoutForeign: gone, nextNode: try copy.nextNode() + nodeGap)
        for name in [path + "-wal", path + "-shm"] { try remove(name) }
        report.change = ChangeNumber(copy.head.number)
        let mark = BackupMark(
            store: source.store.id,
            tenant: source.id,
            created: source.clock(),
            head: copy.head
        )
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
        let earlier = earlierCatalog()
        let total = try read(copy) { reader in try reader.revisionCount() }
        while true {
            let page = try read(copy) { reader in
                try reader.revisions(afterMemory: cursor, limit: Tenant.batchSize)
            }
            guard let last = page.last else { return keys }
            for revision in page {
                try requireHold()
                if let problem = try bring(revision, to: target, earlier, &report) {
                    report.add(try damage(of: revision, problem, copy))
                    continue
                }
                keys.insert(revision.blobKey)
                report.contents += 1
                report.bytes += revision.size
            }
            cursor = last.memory
            progress?.report(Int64(report.contents), of: total)
        }
    }

    /// The catalog of the backup that is there; nil where none is, or none that can be read.
    private func earlierCatalog() -> CatalogReader? {
        let path = "\(directory)/catalog.db"
        guard StoreFiles.exists(path),
            let connection = try? SQLiteConnection(path: path, access: .read)
        else { return nil }
        return CatalogReader(connection)
    }

    /// Brings one content.
    ///
    /// Returns what is wrong with it; it is not in the copy then.
    private func bring(
        _ revision: RevisionRow,
        to target: DirectoryBlobStore,
        _ earlier: CatalogReader?,
        _ report: inout CopyReport
    ) throws(LociError) -> String? {
        do throws(BlobError) {
            let key = try BlobKey(revision.blobKey)
            if try hasContent(of: revision, key, target, earlier) {
                report.kept += 1
                return nil
            }
            let size = try source.blobs.size(of: key)
            guard let size else { return "the content is missing" }
            guard size == revision.size else {
                return "the content has \(size) bytes, not \(revision.size)"
            }
            try target.remove(key)
            try target.place(try source.blobs.open(key), at: key)
            guard purpose == .restore, try target.hash(key).sha256 != revision.hash.bytes else {
                return nil
            }
            try target.remove(key)
            return "the content has another SHA-256"
        } catch {
            switch error {
            case .notFound: return "the content is missing"
            case .invalidKey, .corruptCopy, .failed(.inputOutput, _): return "\(error)"
            case .occupied, .noSpace, .failed: throw LociError(blob: error)
            }
        }
    }

    /// Whether what stands under a key is this revision's content: a size says too little, since a
    /// key may have been used again.
    private func hasContent(
        of revision: RevisionRow,
        _ key: BlobKey,
        _ target: DirectoryBlobStore,
        _ earlier: CatalogReader?
    ) throws(BlobError) -> Bool {
        guard try target.size(of: key) == revision.size else { return false }
        if let hash = try? earlier?.hash(ofBlob: key.text), hash == revision.hash { return true }
        let there = try? target.open(key).status().identity
        let own = try? source.blobs.open(key).status().identity
        if let there, there == own { return true }
        return try target.hash(key).sha256 == revision.hash.bytes
    }

    private func damage(
        of revision: RevisionRow,
        _ reason: String,
        _ copy: CatalogCopy
    ) throws(LociError) -> CopyDamage {
        try read(copy) { reader in
            let memory = try reader.memory(row: revision.memory)
            let layout = try reader.layouts().listed
            return CopyDamage(
                path: try memory.flatMap { try reader.path(of: $0, in: layout) }
                    .map { NamePath($0) },
                memory: memory?.id,
                revision: revision.number,
                reason: reason
            )
        }
    }

    /// ③ Files of tools, which are written in place: never linked.
    ///
    /// Returns those whose bytes are gone: they were removed since, or are damage.
    private func copyForeign(
        _ copy: CatalogCopy,
        _ report: inout CopyReport
    ) throws(LociError) -> [NodeNumber] {
        var gone: [NodeNumber] = []
        for (node, name) in try read(copy, { reader in try reader.foreignFiles() }) {
            let from = "\(source.directory)/foreign/\(node)"
            let to = "\(directory)/foreign/\(node)"
            do throws(Errno) {
                try Self.copyFile(from, to)
                report.foreign += 1
            } catch .noSuchFile {
                gone.append(node)
                let isNamed = try source.read { reader in
                    try !reader.entries(of: node, layouts: LayoutSet(rawValue: .max)).isEmpty
                }
                guard isNamed else { continue }
                report.add(
                    CopyDamage(
                        path: NamePath([name]),
                        memory: nil,
                        revision: nil,
                        reason: "foreign/\(node), which has its bytes, is missing"
                    )
                )
            } catch {
                throw LociError(errno: error, subject: from)
            }
        }
        return gone
    }

    static func copyFile(_ from: String, _ to: String) throws(Errno) {
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

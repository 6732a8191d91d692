import Blobs
import Catalog
import Linux
public import Model
import SQL
import Synchronization

/// Something that is not as it must be.
public struct Finding: Hashable, Sendable, CustomStringConvertible {
    /// The rule that it breaks, by its number in the design's list.
    public let rule: Int
    /// The thing that it is about.
    public let subject: String
    /// What is wrong.
    public let message: String

    /// The finding as a line.
    public var description: String { "rule \(rule): \(subject): \(message)" }

    package init(rule: Int, subject: String, message: String) {
        self.rule = rule
        self.subject = subject
        self.message = message
    }

    init(_ finding: CatalogCheck.Finding) {
        self.init(rule: finding.rule, subject: finding.subject, message: finding.message)
    }
}

extension Tenant {
    /// Checks everything that must always hold, while others go on working.
    ///
    /// `contents`: reads every content and compares its SHA-256, too.
    ///
    /// Returns what is wrong; nothing where all is well.
    ///
    /// Complexity: reads every row once or twice and the status of every file; with `contents`
    /// every byte.
    public func check(
        contents: Bool = false,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> [Finding] {
        try await work { [self] () throws(LociError) in
            defer { progress?.finish() }
            var findings = try read { reader in
                try CatalogCheck.findings(reader).map { Finding($0) }
            }
            findings += try checkPlaces()
            findings += try checkRevisions(contents: contents, progress)
            findings += try checkFiles()
            findings += try checkForeign()
            return findings
        }
    }

    /// Rule 2: every memory stands where its attributes put it, in every live layout.
    private func checkPlaces() throws(LociError) -> [Finding] {
        var findings: [Finding] = []
        var cursor: Int64 = 0
        while true {
            let page = try read { reader in
                let layouts = try reader.layouts().liveLayouts
                let rows = try reader.memories(after: cursor, limit: Self.batchSize)
                for memory in rows {
                    let fields = try reader.fields(of: memory)
                    for layout in layouts {
                        // That a name is missing, another question finds.
                        guard let path = try reader.path(of: memory, in: layout) else { continue }
                        let belongs = try layout.scheme.render(fields)
                        guard Array(path.dropLast()) != belongs else { continue }
                        findings.append(
                            Finding(
                                rule: 2,
                                subject: memory.id.description,
                                message: "stands in \"/\(NamePath(Array(path.dropLast())))\" of "
                                    + "layout \(layout.number), and belongs in "
                                    + "\"/\(NamePath(belongs))\""
                            )
                        )
                    }
                }
                return rows
            }
            guard let last = page.last else { return findings }
            cursor = last.row
        }
    }

    /// Rule 1: the blob of every kept revision exists with its size and, where asked, its hash.
    private func checkRevisions(
        contents: Bool,
        _ progress: ProgressFeed?
    ) throws(LociError) -> [Finding] {
        let findings = Mutex<[Finding]>([])
        let total = try read { reader in try reader.revisionCount() }
        var done: Int64 = 0
        var cursor: Int64 = 0
        while true {
            let page = try read { reader in
                try reader.revisions(afterMemory: cursor, limit: Self.batchSize)
            }
            guard let last = page.last else { return findings.withLock(\.self) }
            let found = Slots<Finding>(count: page.count)
            try Parallel.forEach(page.count) { [self] (index) throws(LociError) in
                if let finding = try check(page[index], contents: contents) {
                    found.put(finding, at: index)
                }
            }
            findings.withLock { $0 += found.all }
            cursor = last.memory
            done += Int64(page.count)
            progress?.report(done, of: total)
        }
    }

    private func check(
        _ revision: RevisionRow,
        contents: Bool
    ) throws(LociError) -> Finding? {
        guard let problem = try problem(with: revision, contents: contents) else { return nil }
        // Moved or let go meanwhile: what counts is what its row says now.
        let now = try read { reader in try reader.revision(of: revision.memory, revision.number) }
        guard let now else { return nil }
        if now.blobKey == revision.blobKey {
            return Finding(rule: 1, subject: revision.blobKey, message: problem)
        }
        return try self.problem(with: now, contents: contents).map {
            Finding(rule: 1, subject: now.blobKey, message: $0)
        }
    }

    private func problem(
        with revision: RevisionRow,
        contents: Bool
    ) throws(LociError) -> String? {
        guard let key = try? BlobKey(revision.blobKey) else { return "is no key of a blob" }
        do throws(BlobError) {
            guard let size = try blobs.size(of: key) else { return "the content is missing" }
            guard size == revision.size else {
                return "the content has \(size) bytes, not \(revision.size)"
            }
            guard contents else { return nil }
            return try blobs.hash(key).sha256 == revision.hash.bytes
                ? nil : "the content has another SHA-256"
        } catch {
            if case .notFound = error { return "the content is missing" }
            throw LociError(blob: error)
        }
    }

    /// Rule 3: every file under `data/` is named by a revision, or may be collected.
    private func checkFiles() throws(LociError) -> [Finding] {
        var unknown: [BlobKey] = []
        var findings: [Finding] = []
        try read { reader in
            try self.walkBlobs { (item) throws(LociError) in
                switch item {
                case .blob(let key, _):
                    if try !self.isAccounted(key, reader) { unknown.append(key) }
                case .stray(let path):
                    findings.append(
                        Finding(
                            rule: 3,
                            subject: String(decoding: path, as: UTF8.self),
                            message: "is something else than a blob, under data/"
                        )
                    )
                }
            }
        }
        // What came while the walk went on is in a newer state of the catalog.
        try read { reader in
            for key in unknown where try !self.isAccounted(key, reader) {
                if try self.blobs.size(of: key) == nil { continue }
                findings.append(
                    Finding(
                        rule: 3,
                        subject: key.text,
                        message: "no revision names it, and it is not to be collected"
                    )
                )
            }
        }
        return findings
    }

    private func walkBlobs(
        _ visit: (KeptItem) throws(LociError) -> Void
    ) throws(LociError) {
        var failure: LociError?
        try storing { () throws(BlobError) in
            try blobs.walk { (item) throws(BlobError) in
                guard failure == nil else { return }
                do throws(LociError) {
                    try visit(item)
                } catch {
                    failure = error
                }
            }
        }
        if let failure { throw failure }
    }

    private func isAccounted(
        _ key: BlobKey,
        _ reader: CatalogReader
    ) throws(LociError) -> Bool {
        do {
            if try reader.size(ofBlob: key.text) != nil { return true }
            if try reader.use(ofBlobKey: key.text).isCollectable { return true }
            guard key.lastComponent.starts(with: DirectoryBlobStore.partialPrefix) else {
                return false
            }
            // Half written: accounted for by the key that it was to get.
            let folder = key.directory.isEmpty ? [] : key.directory + [UInt8(ascii: "/")]
            let prefix = String(decoding: folder, as: UTF8.self)
            return try reader.hasCollectable(in: prefix, reason: .placing)
                || reader.hasCollectable(in: prefix, reason: .moving)
        } catch {
            throw LociError(catalogError: error, subject: key.text)
        }
    }

    /// Rule 2, for files that tools keep: each that has a name has its bytes.
    private func checkForeign() throws(LociError) -> [Finding] {
        try read { reader in
            try reader.foreignFiles().compactMap { number, name in
                let path = "\(self.directory)/foreign/\(number)"
                if StoreFiles.exists(path) { return nil }
                return Finding(
                    rule: 2,
                    subject: name.description,
                    message: "foreign/\(number), which has its bytes, is missing"
                )
            }
        }
    }
}

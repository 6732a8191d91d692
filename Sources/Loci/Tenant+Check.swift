import Blobs
import Catalog
import Linux
public import Model
import SQL

/// Something that is not as it must be.
public struct Finding: Hashable, Sendable, CustomStringConvertible {
    /// The rule that it breaks, by its number in the design's list.
    public let rule: Int
    /// The thing that it is about.
    public let subject: String
    /// What is wrong.
    public let message: String
    /// What to do where a repair cannot mend it.
    public let remedy: String

    /// The finding as a line.
    public var description: String { "rule \(rule): \(subject): \(message)" }

    package init(
        rule: Int,
        subject: String,
        message: String,
        remedy: String = CatalogCheck.restoring
    ) {
        self.rule = rule
        self.subject = subject
        self.message = message
        self.remedy = remedy
    }

    init(_ finding: CatalogCheck.Finding) {
        self.init(
            rule: finding.rule,
            subject: finding.subject,
            message: finding.message,
            remedy: finding.remedy
        )
    }

    /// What is wrong with the content of a revision.
    init(_ damaged: DamagedRevision) {
        self.init(
            rule: 1,
            subject: damaged.revision.blobKey,
            message: damaged.problem,
            remedy: "give a backup that has it: loci fsck --repair --yes --from BACKUP; or go back "
                + "to another revision: loci restore PATH --revision N; one that is not current goes "
                + "with the past that is kept no longer: loci retention"
        )
    }
}

/// A revision whose content is not what its row says.
struct DamagedRevision: Sendable {
    let revision: RevisionRow
    let problem: String
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
            // Without a listed layout or a target no place can be told; that was found above.
            let hasLayouts = (try? read { reader in try reader.layouts() }) != nil
            if hasLayouts { findings += try checkPlaces() }
            findings += try damagedRevisions(contents: contents, progress).map { Finding($0) }
            findings += try checkFiles()
            findings += try missingForeign().map { number, name in
                Finding(
                    rule: 2,
                    subject: name.description,
                    message: "foreign/\(number), which has its bytes, is missing",
                    remedy: "give a backup of this tenant that has it: "
                        + "loci fsck --repair --yes --from BACKUP; or remove its name in a mount"
                )
            }
            return findings
        }
    }

    /// Rule 2: every memory stands where its attributes put it, in every live layout.
    private func checkPlaces() throws(LociError) -> [Finding] {
        var findings: [Finding] = []
        try forEachPage { reader, page in
            for memory in page {
                findings += try reader.misplacements(of: memory).map {
                    Finding(rule: 2, subject: memory.id.description, message: $0)
                }
            }
        }
        return findings
    }

    /// Hands over the memories that are not in the trash, a page and a state of the catalog at a time.
    func forEachPage(
        _ body: (CatalogReader, [MemoryRow]) throws -> Void
    ) throws(LociError) {
        var cursor: Int64 = 0
        while true {
            let page = try read { reader in
                let rows = try reader.memories(after: cursor, limit: Self.batchSize)
                try body(reader, rows)
                return rows
            }
            guard let last = page.last else { return }
            cursor = last.row
        }
    }

    /// Rule 1: the blob of every kept revision exists with its size and, where asked, its hash.
    func damagedRevisions(
        contents: Bool,
        _ progress: ProgressFeed?
    ) throws(LociError) -> [DamagedRevision] {
        var damaged: [DamagedRevision] = []
        let total = try read { reader in try reader.revisionCount() }
        var done: Int64 = 0
        var cursor: Int64 = 0
        while true {
            let page = try read { reader in
                try reader.revisions(afterMemory: cursor, limit: Self.batchSize)
            }
            guard let last = page.last else { return damaged }
            let found = Slots<DamagedRevision>(count: page.count)
            try Parallel.forEach(page.count) { [self] (index) throws(LociError) in
                if let one = try check(page[index], contents: contents) {
                    found.put(one, at: index)
                }
            }
            damaged += found.all
            cursor = last.memory
            done += Int64(page.count)
            progress?.report(done, of: total)
        }
    }

    private func check(
        _ revision: RevisionRow,
        contents: Bool
    ) throws(LociError) -> DamagedRevision? {
        guard let problem = try problem(with: revision, contents: contents) else { return nil }
        // Moved or let go meanwhile: what counts is what its row says now.
        let now = try read { reader in try reader.revision(of: revision.memory, revision.number) }
        guard let now else { return nil }
        if now.blobKey == revision.blobKey {
            return DamagedRevision(revision: now, problem: problem)
        }
        return try self.problem(with: now, contents: contents).map {
            DamagedRevision(revision: now, problem: $0)
        }
    }

    private func problem(
        with revision: RevisionRow,
        contents: Bool
    ) throws(LociError) -> String? {
        guard let key = try? BlobKey(revision.blobKey) else { return "is no key of a blob" }
        do throws(BlobError) {
            guard let size = try blobs.size(of: key) else { return missing(key) }
            guard size == revision.size else {
                return "the content has \(size) bytes, not \(revision.size)"
            }
            guard contents else { return nil }
            return try blobs.hash(key).sha256 == revision.hash.bytes
                ? nil : "the content has another SHA-256"
        } catch {
            if case .notFound = error { return missing(key) }
            throw LociError(blob: error)
        }
    }

    /// What was not what its row says, a repair has kept aside under the same key.
    private func missing(_ key: BlobKey) -> String {
        let aside = "\(Self.lostAndFound)/\(key)"
        return StoreFiles.exists("\(directory)/\(aside)")
            ? "the content is missing; what was there is at \(aside)" : "the content is missing"
    }

    /// Rule 3: every file under `data/` is named by a revision, or may be collected.
    private func checkFiles() throws(LociError) -> [Finding] {
        let (blobs, strays) = try unknownFiles()
        return strays.map { path in
            Finding(
                rule: 3,
                subject: String(decoding: path, as: UTF8.self),
                message: "is something else than a blob, under data/",
                remedy: "move it to another place by hand"
            )
        }
            + blobs.map { key in
                Finding(
                    rule: 3,
                    subject: key.text,
                    message: "no revision names it, and it is not to be collected",
                    remedy: "move it to another place by hand"
                )
            }
    }

    /// What lies under `data/` without belonging there: blobs that nobody names, and what is none.
    func unknownFiles() throws(LociError) -> (blobs: [BlobKey], strays: [[UInt8]]) {
        var unknown: [BlobKey] = []
        var strays: [[UInt8]] = []
        try read { reader in
            try self.walkBlobs { (item) throws(LociError) in
                switch item {
                case .blob(let key, _):
                    if try !self.isAccounted(key, reader) { unknown.append(key) }
                case .stray(let path): strays.append(path)
                }
            }
        }
        // What came while the walk went on is in a newer state of the catalog.
        let still = try read { reader in
            try unknown.filter { key in
                try !self.isAccounted(key, reader)
                    && storing { () throws(BlobError) in try self.blobs.exists(key) }
            }
        }
        return (still, strays)
    }

    /// Blobs that no revision names, whatever else accounts for them.
    func unnamedBlobs() throws(LociError) -> [BlobKey] {
        try read { reader in
            var unnamed: [BlobKey] = []
            try self.walkBlobs { (item) throws(LociError) in
                guard case .blob(let key, _) = item else { return }
                if try self.size(ofNamed: key, reader) == nil { unnamed.append(key) }
            }
            return unnamed
        }
    }

    private func size(
        ofNamed key: BlobKey,
        _ reader: CatalogReader
    ) throws(LociError) -> Int64? {
        do {
            return try reader.size(ofBlob: key.text)
        } catch {
            throw LociError(catalogError: error, subject: key.text)
        }
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

    /// Rule 2, for files that tools keep: those that have a name and no bytes.
    func missingForeign() throws(LociError) -> [(number: NodeNumber, name: Name)] {
        try read { reader in
            try reader.foreignFiles().filter { number, _ in
                !StoreFiles.exists("\(self.directory)/foreign/\(number)")
            }
        }
    }
}

import Blobs
import Catalog
import Linux
import Model
import SQL

// Bytes come to a row in the way in which all bytes do: placed under a key of their own, durable, then
// named in the transaction that records it. So what is put back never writes over what is there.
extension Repairer {
    // MARK: ② Revisions without a row

    mutating func reviveRevisions() throws(LociError) {
        let lost = try tenant.read { reader in
            try reader.memoriesWithoutRevision().compactMap { memory in
                try reader.logged(memory.revision, of: memory.row).map { (memory, $0) }
            }
        }
        let copies = try ContentCopies(tenant, sources, of: Set(lost.map(\.1.hash)))
        for (memory, logged) in lost {
            guard let copy = copies[logged.hash],
                let placed = try place(copy, logged.hash, memory.row, memory.revision)
            else { continue }
            try mend { [tenant] mender in
                let content = try tenant.confirm(placed.content, for: placed.fields, in: mender.tx)
                try mender.revive(memory, logged, content)
            }
        }
    }

    // MARK: ⑤ Contents

    private struct Damage {
        let revision: RevisionRow
        /// What stands under its key; nil where nothing does.
        let found: BlobDigest?
        /// What the log says that its content was; nil where it is silent.
        let logged: ContentHash?
    }

    mutating func mendContents(_ progress: ProgressFeed?) throws(LociError) {
        var damages: [Damage] = []
        for damaged in try tenant.damagedRevisions(contents: contents, progress) {
            let damage = try look(at: damaged.revision)
            if try !correct(damage) { damages.append(damage) }
        }
        let copies = try ContentCopies(
            tenant,
            sources,
            of: Set(damages.flatMap { [$0.revision.hash] + ($0.logged.map { [$0] } ?? []) })
        )
        for damage in damages { try putBack(damage, copies) }
    }

    private func look(at revision: RevisionRow) throws(LociError) -> Damage {
        var found: BlobDigest?
        if let key = try? BlobKey(revision.blobKey) {
            do throws(BlobError) {
                found = try tenant.blobs.hash(key)
            } catch {
                guard case .notFound = error else { throw LociError(blob: error) }
            }
        }
        let logged = try tenant.read { reader in
            try reader.logged(revision.number, of: revision.memory)?.hash
        }
        return Damage(revision: revision, found: found, logged: logged)
    }

    /// Where the bytes are those of the row or of the log, it is the row that is wrong.
    private mutating func correct(_ damage: Damage) throws(LociError) -> Bool {
        guard let found = damage.found else { return false }
        let hashes = [damage.revision.hash] + (damage.logged.map { [$0] } ?? [])
        guard let hash = hashes.first(where: { $0.bytes == found.sha256 }) else { return false }
        var isDone = false
        try mend { mender in
            isDone = try mender.correct(damage.revision, size: found.size, hash: hash)
        }
        return isDone
    }

    private mutating func putBack(
        _ damage: Damage,
        _ copies: ContentCopies
    ) throws(LociError) {
        let revision = damage.revision
        let key = try? BlobKey(revision.blobKey)
        var aside: String?
        if damage.found != nil, let key { aside = try keepAside(key) }
        let hashes = [revision.hash] + (damage.logged.map { [$0] } ?? [])
        if let hash = hashes.first(where: { copies[$0] != nil }), let copy = copies[hash],
            let placed = try place(copy, hash, revision.memory, revision.number)
        {
            return try mend { [tenant] mender in
                let content = try tenant.confirm(placed.content, for: placed.fields, in: mender.tx)
                _ = try mender.putBack(
                    revision,
                    content,
                    from: copy.place,
                    givingUpKey: key != nil
                )
            }
        }
        guard let aside, let key else { return }
        // Else whoever reads it would take it for what was written.
        try mend { [tenant] mender in
            guard try mender.isStill(revision) else { return }
            try mender.note(
                1,
                revision.blobKey,
                "what was there is not what was written, and is kept at \(aside): reading fails now",
                memory: revision.memory
            )
            try storing { () throws(BlobError) in _ = try tenant.blobs.remove(key) }
        }
    }

    /// Puts bytes under a key of the target's layout, durable.
    ///
    /// Returns nil where they are not those any more, or where the memory is not there.
    private func place(
        _ copy: ContentCopies.Copy,
        _ hash: ContentHash,
        _ row: Int64,
        _ number: RevisionNumber
    ) throws(LociError) -> (content: PlacedContent, fields: MemoryFields)? {
        let known = try tenant.read { reader in
            try reader.memory(row: row).map { ($0.name, try reader.fields(of: $0)) }
        }
        guard let (name, fields) = known else { return nil }
        let pending = PendingContent(copy.source, fields: fields, name: name, revision: number)
        let placed = try tenant.place([pending], origin: origin)[0]
        return placed.hash == hash ? (placed, fields) : nil
    }

    // MARK: ⑥ Files that nobody names

    mutating func keepUnknownAside() throws(LociError) {
        let (unknown, strays) = try tenant.unknownFiles()
        let kept = unknown.isEmpty ? [:] : try keptContents()
        for key in unknown { try keepUnknown(key, kept) }
        for path in strays { try keepStray(path) }
    }

    /// Where each content is that a revision has.
    private func keptContents() throws(LociError) -> [ContentHash: String] {
        try tenant.read { reader in
            var kept: [ContentHash: String] = [:]
            try reader.eachContent { key, hash in kept[hash] = key }
            return kept
        }
    }

    /// Its key is given up once what it holds is elsewhere: in a revision, or aside.
    private mutating func keepUnknown(
        _ key: BlobKey,
        _ kept: [ContentHash: String]
    ) throws(LociError) {
        let digest = try storing { () throws(BlobError) in try tenant.blobs.hash(key) }
        let twin = kept[try ContentHash(bytes: digest.sha256)].flatMap { try? BlobKey($0) }
        let message: String
        if let twin, try storing({ () throws(BlobError) in try tenant.blobs.hash(twin) }) == digest
        {
            message =
                "no revision names it; its bytes are those of \(twin), and it can be collected"
        } else {
            message = "no revision names it; it is kept at \(try keepAside(key))"
        }
        try mend { mender in
            guard try mender.giveUp(key.text) else { return }
            try mender.note(3, key.text, message)
        }
    }

    /// Keeps a blob in `lost+found/`, durable, under its key or one beside it.
    ///
    /// Returns where, from the tenant's directory on.
    private func keepAside(_ key: BlobKey) throws(LociError) -> String {
        let folder = try lostAndFound()
        let aside = try storing { () throws(BlobError) in
            tenant.store.environment.wrapBlobs(try DirectoryBlobStore(root: folder))
        }
        var attempt = 0
        while true {
            let place = try storing { () throws(BlobError) in
                attempt == 0 ? key : try BlobKey("\(key)~\(attempt)")
            }
            do throws(BlobError) {
                try aside.place(try tenant.blobs.open(key), at: place)
                try aside.makeDurable([place])
                return "\(Tenant.lostAndFound)/\(place)"
            } catch {
                guard case .occupied = error else { throw LociError(blob: error) }
            }
            attempt += 1
        }
    }

    /// Makes the folder where it is missing.
    private func lostAndFound() throws(LociError) -> String {
        let folder = "\(tenant.directory)/\(Tenant.lostAndFound)"
        if !StoreFiles.exists(folder) {
            try StoreFiles.makeDirectory(folder, mode: 0o700)
            try StoreFiles.syncDirectory(tenant.directory)
        }
        return folder
    }

    /// A link, a socket, a file whose name is no key: it is moved as it is.
    private mutating func keepStray(_ path: [UInt8]) throws(LociError) {
        let slash = UInt8(ascii: "/")
        let last = path.lastIndex(of: slash)
        let directory = last.map { Array(path[..<$0]) } ?? [UInt8(ascii: ".")]
        let name = Array(path[(last.map { $0 + 1 } ?? 0)...])
        let subject = String(decoding: path, as: UTF8.self)
        let folder = try lostAndFound()
        try mend { mender in
            try mender.note(3, subject, "is no blob; it is in \(Tenant.lostAndFound)/ now")
        }
        try StoreFiles.naming(subject) { [tenant] () throws(Errno) in
            let data = try File.open(tenant.directory + "/data", [.readOnly, .directory])
            let source = try data.openBeneath(directory, [.readOnly, .directory])
            let target = try File.open(folder, [.readOnly, .directory])
            var attempt = 0
            while true {
                let suffix = attempt == 0 ? [] : Array("~\(attempt)".utf8)
                do throws(Errno) {
                    try source.rename(name, to: target, name + suffix, .noReplace)
                    return try target.sync()
                } catch .exists {
                    attempt += 1
                }
            }
        }
    }
}

extension Tenant {
    /// The folder of what no row names, for people to look into; nothing else reads or removes it.
    static let lostAndFound = "lost+found"
}

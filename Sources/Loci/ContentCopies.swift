import Blobs
import Catalog
import Digest
import Linux
import Model
import SQL

/// Where bytes are, beside the keys that their rows name: found by their SHA-256, each read to its end.
///
/// Looks at other revisions, at files under `data/` that no row names, in `lost+found/`, at what mounts
/// that were killed left in staging, and in other stores.
struct ContentCopies {
    struct Copy {
        let source: PendingContent.Source
        /// For people.
        let place: String
    }

    private var found: [ContentHash: Copy] = [:]
    private var wanted: Set<ContentHash>

    subscript(hash: ContentHash) -> Copy? { found[hash] }

    /// Looks for contents; reads nothing where none is wanted.
    init(
        _ tenant: Tenant,
        _ others: [Tenant],
        of wanted: Set<ContentHash>
    ) throws(LociError) {
        self.wanted = wanted
        guard !wanted.isEmpty else { return }
        try lookAtRevisions(of: tenant) { key, size in
            Copy(source: .blob(key, size: size), place: key.text)
        }
        try lookAtFiles(of: tenant)
        for other in others {
            try lookAtRevisions(of: other) { key, _ in
                let path = "\(other.directory)/data/\(key)"
                return Copy(source: .copy(Array(path.utf8)), place: path)
            }
        }
    }

    private var isDone: Bool { wanted.isEmpty }

    private mutating func take(_ hash: ContentHash, _ copy: Copy) {
        found[hash] = copy
        wanted.remove(hash)
    }

    /// Rows say where to look; bytes say whether it is so.
    private mutating func lookAtRevisions(
        of tenant: Tenant,
        _ copy: (BlobKey, Int64) -> Copy
    ) throws(LociError) {
        guard !isDone else { return }
        let wanted = self.wanted
        let named = try tenant.read { reader in
            var named: [(BlobKey, ContentHash)] = []
            try reader.eachContent { key, hash in
                if wanted.contains(hash), let key = try? BlobKey(key) { named.append((key, hash)) }
            }
            return named
        }
        for (key, hash) in named where self.wanted.contains(hash) {
            guard let digest = try Self.digest(key, tenant.blobs), digest.sha256 == hash.bytes
            else {
                continue
            }
            take(hash, copy(key, digest.size))
        }
    }

    private mutating func lookAtFiles(of tenant: Tenant) throws(LociError) {
        guard !isDone else { return }
        for key in try tenant.unnamedBlobs() where !isDone {
            guard let digest = try Self.digest(key, tenant.blobs) else { continue }
            let hash = try ContentHash(bytes: digest.sha256)
            guard wanted.contains(hash) else { continue }
            take(hash, Copy(source: .blob(key, size: digest.size), place: key.text))
        }
        let folders = [tenant.directory + "/" + Tenant.lostAndFound, tenant.directory + "/staging"]
        for folder in folders where !isDone && StoreFiles.exists(folder) {
            let store = try storing { () throws(BlobError) in
                try DirectoryBlobStore(root: folder)
            }
            var keys: [BlobKey] = []
            try storing { () throws(BlobError) in
                try store.walk { item in if case .blob(let key, _) = item { keys.append(key) } }
            }
            for key in keys where !isDone {
                guard let digest = try Self.digest(key, store) else { continue }
                let hash = try ContentHash(bytes: digest.sha256)
                guard wanted.contains(hash) else { continue }
                let path = "\(folder)/\(key)"
                take(hash, Copy(source: .copy(Array(path.utf8)), place: path))
            }
        }
    }

    private static func digest(
        _ key: BlobKey,
        _ blobs: any BlobStore
    ) throws(LociError) -> BlobDigest? {
        do throws(BlobError) {
            return try blobs.hash(key)
        } catch {
            if case .notFound = error { return nil }
            throw LociError(blob: error)
        }
    }
}

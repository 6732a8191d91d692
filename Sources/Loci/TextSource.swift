import Blobs
import Catalog
import Digest
import Linux
import Model

/// The bytes of revisions, for the text index.
enum TextSource {
    /// The bytes of a revision that could be text, if all of them are what they were.
    ///
    /// Nil where they are more than the index takes, cannot be read, or have another SHA-256: what
    /// is taken out of the index must be what was put in.
    static func bytes(of revision: RevisionRow, in blobs: any BlobStore) -> [UInt8]? {
        guard revision.size <= TextIndex.largestText,
            let key = try? BlobKey(revision.blobKey),
            let file = try? blobs.open(key),
            let bytes = try? file.readAll(limit: Int(TextIndex.largestText)),
            ContentHasher.hash(bytes) == revision.hash.bytes
        else { return nil }
        return bytes
    }
}

package import Blobs
import Catalog
package import Model

extension LociError {
    /// What the store of blobs said, in Loci's words.
    package init(blob error: BlobError) {
        switch error {
        case .notFound(let key):
            self.init(
                .corrupt,
                subject: key.text,
                message: "The content at data/\(key) is missing.",
                remedy: "Put it back from wherever its bytes still are, with: "
                    + "loci fsck --repair --yes --from BACKUP",
                cause: error
            )
        case .occupied(let key), .corruptCopy(let key):
            self.init(
                .corrupt,
                subject: key.text,
                message: "In data/, \(error).",
                remedy: "See what else is with: loci fsck",
                cause: error
            )
        case .invalidKey(let text, _):
            self.init(
                .corrupt,
                subject: text,
                message: "\(error).",
                remedy: "Run: loci fsck",
                cause: error
            )
        case .noSpace(let key):
            self.init(
                .noSpace,
                subject: key?.text ?? "data",
                message: "No space is left where contents are kept.",
                remedy: "Free space there, then do it again.",
                cause: error
            )
        case .failed(let number, let key):
            self.init(errno: number, subject: key.map { "data/\($0)" } ?? "data")
        }
    }
}

/// Turns what the store of blobs throws into what a tenant throws.
func storing<R: ~Copyable>(_ body: () throws(BlobError) -> R) throws(LociError) -> R {
    do throws(BlobError) {
        return try body()
    } catch {
        throw LociError(blob: error)
    }
}

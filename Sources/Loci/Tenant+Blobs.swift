import Blobs
package import Catalog
package import Linux
package import Model
import SQL

extension Tenant {
    /// Opens the content that a node shows: its pinned revision, else the memory's current one.
    ///
    /// The mover may take a blob away between the row and the file: then the row is read once more,
    /// outside the reader's transaction, which begins again. Nothing else opens blobs by their rows.
    ///
    /// Throws `notFound` where the node shows no revision, `corrupt` where the blob is missing.
    package func openBlob(
        shownBy node: NodeNumber,
        reader: CatalogReader
    ) throws(LociError) -> File {
        try open("node \(node)", reader) { try reader.revision(shownBy: node) }
    }

    /// Opens the content of one revision, in the same way.
    package func openBlob(
        of memory: Int64,
        revision: RevisionNumber,
        reader: CatalogReader
    ) throws(LociError) -> File {
        try open("revision \(revision)", reader) {
            try reader.revision(of: memory, revision)
        }
    }

    private func open(
        _ subject: String,
        _ reader: CatalogReader,
        _ row: () throws -> RevisionRow?
    ) throws(LociError) -> File {
        var isSecond = false
        while true {
            let found: RevisionRow?
            do { found = try row() } catch {
                throw LociError(catalogError: error, subject: subject)
            }
            guard let found else {
                throw LociError(
                    .notFound,
                    subject: subject,
                    message: "There is no \(subject)."
                )
            }
            do throws(BlobError) {
                return try blobs.open(try BlobKey(found.blobKey))
            } catch {
                guard case .notFound = error, !isSecond else { throw LociError(blob: error) }
            }
            isSecond = true
            try Self.renew(reader)
        }
    }

    /// Lets a reader see the newest state.
    private static func renew(_ reader: CatalogReader) throws(LociError) {
        guard reader.connection.isInTransaction else { return }
        reader.end()
        do { try reader.begin() } catch {
            throw LociError(catalogError: error, subject: "catalog")
        }
    }
}

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
        try open("node \(node)", reader) { try reader.content(shownBy: node)?.blobKey }
    }

    /// Opens content that was found just now, if that waits for nothing.
    ///
    /// Nil is no failure: `openBlob` may open it, or tells why not.
    package func openWithoutWaiting(_ content: ShownContent) -> File? {
        guard let key = try? BlobKey(bytes: content.blobKey) else { return nil }
        return blobs.openWithoutWaiting(key)
    }

    /// Opens the content of one revision, in the same way.
    package func openBlob(
        of memory: Int64,
        revision: RevisionNumber,
        reader: CatalogReader
    ) throws(LociError) -> File {
        try open("revision \(revision)", reader) {
            try reader.revision(of: memory, revision).map { Array($0.blobKey.utf8) }
        }
    }

    private func open(
        _ subject: @autoclosure () -> String,
        _ reader: CatalogReader,
        _ key: () throws -> [UInt8]?
    ) throws(LociError) -> File {
        var isSecond = false
        while true {
            let found: [UInt8]?
            do { found = try key() } catch {
                throw LociError(catalogError: error, subject: subject())
            }
            guard let found, !found.isEmpty else {
                throw LociError(
                    .notFound,
                    subject: subject(),
                    message: "There is no \(subject())."
                )
            }
            do throws(BlobError) {
                return try blobs.open(try BlobKey(bytes: found))
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

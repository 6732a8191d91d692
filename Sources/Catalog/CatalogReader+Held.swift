package import Model
package import SQL

// While a backup is made no blob is removed, so that each that its catalog names is still there when
// it comes to it. Each backup has a row of its own.

extension CatalogReader {
    /// Whether no blob may be removed at a time.
    package func areBlobsHeld(at time: Timestamp) throws(SQLError) -> Bool {
        try statement(
            """
            SELECT 1 FROM setting
            WHERE key > 'blobs_held:' AND key < 'blobs_held;' AND value > ? LIMIT 1
            """
        ).first(.integer(time.nanoseconds)) { _ throws(SQLError) in true } ?? false
    }
}

extension CatalogTransaction {
    /// No blob is removed until a time; what backups left that ended long ago goes.
    package func holdBlobs(for backup: String, until time: Timestamp) throws(SQLError) {
        try run(
            """
            DELETE FROM setting WHERE key > 'blobs_held:' AND key < 'blobs_held;' AND value <= ?
            """,
            .integer(now.nanoseconds)
        )
        try setSetting(Setting.blobsHeld(by: backup), .integer(time.nanoseconds))
    }

    /// Blobs may be removed again, as far as this backup goes.
    package func releaseBlobs(for backup: String) throws(SQLError) {
        try removeSetting(Setting.blobsHeld(by: backup))
    }
}

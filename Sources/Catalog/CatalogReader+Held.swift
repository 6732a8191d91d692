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

    /// Whether this catalog had a change, as far back as its log goes; true before that.
    package func hadChange(_ mark: LogMark) throws(SQLError) -> Bool {
        let anchor = try logAnchor()
        if mark.number < anchor.number { return true }
        if mark.number == anchor.number { return mark == anchor }
        return try statement("SELECT 1 FROM change WHERE seq = ? AND hash = ?")
            .first(.integer(mark.number), .blob(mark.hash)) { _ throws(SQLError) in true } ?? false
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

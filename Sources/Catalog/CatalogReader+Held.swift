package import Model
package import SQL

// While a backup is made no blob is removed, so that each that its catalog names is still there when
// it comes to it.

extension CatalogReader {
    /// Whether no blob may be removed at a time.
    package func areBlobsHeld(at time: Timestamp) throws(SQLError) -> Bool {
        try (setting(Setting.blobsHeldUntil) ?? 0) > time.nanoseconds
    }
}

extension CatalogTransaction {
    /// No blob is removed until a time, or a later one that another backup asked for.
    ///
    /// Returns what `releaseBlobs` wants.
    package func holdBlobs(until time: Timestamp) throws(SQLError) -> Int64 {
        let until = max(time.nanoseconds, try reader.setting(Setting.blobsHeldUntil) ?? 0)
        try setSetting(Setting.blobsHeldUntil, .integer(until))
        return until
    }

    /// Blobs may be removed again, unless another backup holds them by now.
    package func releaseBlobs(_ until: Int64) throws(SQLError) {
        guard try reader.setting(Setting.blobsHeldUntil) == until else { return }
        try removeSetting(Setting.blobsHeldUntil)
    }
}

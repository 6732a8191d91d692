package import Blobs
package import Model

/// Content that wants a key: the bytes of a revision that has no row yet.
package struct PendingContent: Sendable {
    package enum Source: Sendable {
        case bytes([UInt8])
        /// A finished file, open for reading, which nobody writes any more.
        ///
        /// It gets its key by a link where that works. The descriptor stays the caller's, open
        /// until `place` returns.
        case file(descriptor: Int32)
        /// A file to be copied, by its absolute path.
        case copy([UInt8])
        /// What is kept under another key already.
        case blob(BlobKey, size: Int64)
    }

    package var source: Source
    /// nil: it is computed.
    ///
    /// A blob comes with the hash that its row has.
    package var hash: ContentHash?
    /// What the key is rendered from.
    package var fields: MemoryFields
    package var name: Name
    /// The number that the revision will probably have; the key shows it, nothing depends on it.
    package var revision: RevisionNumber

    package init(
        _ source: Source,
        hash: ContentHash? = nil,
        fields: MemoryFields,
        name: Name,
        revision: RevisionNumber
    ) {
        self.source = source
        self.hash = hash
        self.fields = fields
        self.name = name
        self.revision = revision
    }
}

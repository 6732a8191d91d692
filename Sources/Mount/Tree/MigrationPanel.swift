package import Model

/// What `.loci/migration` shows, and what writing its `ctl` does.
///
/// A mount knows nothing of migrations: whoever starts it hands this in.
///
/// Both are called on request threads, so that they must ask nothing of the mount that a request
/// would have to answer. `control` is called for one writer at a time and may wait for its step.
package struct MigrationPanel: Sendable {
    /// One file.
    package enum Report: String, Hashable, Sendable, CaseIterable {
        case status
        case statusJSON = "status.json"
        case who
        case errors
    }

    /// The text of a file, as it is now.
    package let text: @Sendable (Report) throws(LociError) -> [UInt8]
    /// Does what one command line says.
    ///
    /// Throws `invalidArgument` where it is none, and what the step throws.
    package let control: @Sendable (String, Origin) throws(LociError) -> Void

    package init(
        text: @escaping @Sendable (Report) throws(LociError) -> [UInt8],
        control: @escaping @Sendable (String, Origin) throws(LociError) -> Void
    ) {
        self.text = text
        self.control = control
    }
}

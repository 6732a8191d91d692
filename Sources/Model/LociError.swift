/// A failure, told as a fact: what failed, on which thing, and how to mend it.
///
/// Which errno or exit code a code becomes is decided once in the mount and once in the command
/// line, never here.
public struct LociError: Error, Sendable, CustomStringConvertible {
    /// The fact; programs decide by it.
    public let code: Code
    /// The thing that the failure is about: a path, a name, a scheme, an id.
    public let subject: String
    /// What failed, as a full sentence.
    public let message: String
    /// The command or step that mends it, as a full sentence, where there is one.
    public let remedy: String?
    /// The `errno` of the system call that failed, where one did.
    public let systemError: Int32?
    /// The error underneath, where there is one.
    public let cause: (any Error)?

    /// Makes an error; `message` and `remedy` are full sentences.
    public init(
        _ code: Code,
        subject: String,
        message: String,
        remedy: String? = nil,
        systemError: Int32? = nil,
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.subject = subject
        self.message = message
        self.remedy = remedy
        self.systemError = systemError
        self.cause = cause
    }

    /// The message and, where there is one, the remedy.
    public var description: String {
        guard let remedy else { return message }
        return message + " " + remedy
    }
}

extension LociError {
    /// One case for each fact that a caller may want to tell from others.
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// An option, a number, a time or a size that cannot be read.
        case invalidArgument
        /// Bytes that cannot be the name of a file.
        case invalidName
        /// A path component of more than 255 bytes.
        case nameTooLong
        /// Text that must be UTF-8 and is not.
        case notUTF8
        /// JSON that is not well formed.
        case malformedJSON
        /// A scheme that does not follow the grammar.
        case malformedScheme
        /// Two schemes that could both claim one path.
        case schemesDispute
        /// A scheme that would drop what only paths carry.
        case schemeLosesData
        /// A path that the scheme cannot have made.
        case pathDoesNotFit
        /// A path or a field that claims a time that is still to come.
        case futureDate
        /// A change of `id` or `created`, which never change.
        case immutableField
        /// No store where one was named.
        case storeNotFound
        /// A store where a new one was wanted.
        case storeExists
        /// A directory or database that is not ours.
        case notAStore
        /// A store that a newer version wrote.
        case formatTooNew
        /// A store of a format that this version cannot read.
        case formatUnknown
        /// Data that contradicts itself or its hash.
        case corrupt
        /// A tenant that the store does not hold.
        case unknownTenant
        /// A tenant of that id is there already.
        case tenantExists
        /// No memory, path, layout or row of that name.
        case notFound
        /// Another memory or directory has that name.
        case nameTaken
        /// A directory that still has entries.
        case notEmpty
        /// A directory where a memory was wanted.
        case isADirectory
        /// Something else where a directory was wanted.
        case notADirectory
        /// The memory has another current revision than the caller expected.
        case revisionConflict
        /// Another process holds the lock.
        case lockHeld
        /// The thing is in use, or the work is too large for this way.
        case busy
        /// The migration or layout is in a state that does not allow this.
        case wrongState
        /// Paths of the layout to be retired were used within the quiet period.
        case oldPathsInUse
        /// Two memories would get one path in a new layout.
        case collision
        /// The store, mount, snapshot or directory takes no changes.
        case readOnly
        /// The user may not do this.
        case notPermitted
        /// The disk or quota is full.
        case noSpace
        /// The system failed to read or write.
        case inputOutput
        /// Something is mounted there.
        case mountPointInUse
        /// The mount point has entries of its own.
        case mountPointNotEmpty
        /// The mount point lies inside the store, or the store inside it.
        case mountPointInsideStore
        /// A mount whose daemon is gone.
        case deadMount
        /// `/dev/fuse` or fusermount3 cannot be used.
        case fuseUnavailable
        /// The daemon of a mount does not answer.
        case daemonUnreachable
        /// What cannot be undone was asked for without `--yes`.
        case needsConfirmation
        /// Some of the work was done; what failed is listed.
        case partlyDone
        /// The scheme, mapper or options are not those of the run.
        case schemeMismatch
        /// The mapper failed.
        case mapperFailed
        /// The embedder failed.
        case embedderFailed
        /// The tenant's vectors are another embedder's.
        case embedderMismatch
        /// The caller cancelled the work.
        case cancelled
        /// No snapshot of that name.
        case snapshotNotFound
        /// This version or system cannot do it.
        case unsupported
    }
}

extension LociError {
    /// An argument that cannot be read: "'10XB' is not a size.
    ///
    /// Write …".
    package static func unreadable(_ text: String, as what: String, remedy: String) -> LociError {
        LociError(
            .invalidArgument,
            subject: text,
            message: "'\(text)' is not \(what).",
            remedy: remedy
        )
    }
}

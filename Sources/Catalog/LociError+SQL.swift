package import Linux
package import Model
package import SQL

extension LociError {
    /// What the engine said, in Loci's words.
    package init(sql error: SQLError, subject: String) {
        let (code, message, remedy): (Code, String, String?) =
            switch error.kind {
            case .busy:
                (.lockHeld, "Another process has the catalog for too long", "Try again")
            case .full:
                (
                    .noSpace, "No space is left where the catalog is",
                    "Free space there, then do it again"
                )
            case .notADatabase:
                (
                    .notAStore, "The catalog is not a database, or it is damaged",
                    "Restore it from a backup"
                )
            case .cannotOpen:
                (.storeNotFound, "The catalog cannot be opened", "Check the path of the store")
            case .readOnly:
                (.readOnly, "The catalog cannot be written", nil)
            case .constraint:
                (
                    .corrupt, "A rule of the catalog refused the change: \(error.message)",
                    "Run: loci fsck"
                )
            case .inputOutput, .other:
                (.inputOutput, "The catalog failed: \(error.message)", nil)
            }
        self.init(
            code,
            subject: subject,
            message: message,
            remedy: remedy,
            systemError: error.systemError == 0 ? nil : error.systemError,
            cause: error
        )
    }

    /// What the system said, in Loci's words.
    package init(errno error: Errno, subject: String) {
        let code: Code =
            switch error {
            case .noSpace, .quotaExceeded: .noSpace
            case .noSuchFile: .notFound
            case .notPermitted, .accessDenied: .notPermitted
            case .readOnlyFileSystem: .readOnly
            case .exists: .nameTaken
            case .directoryNotEmpty: .notEmpty
            case .notDirectory: .notADirectory
            case .isDirectory: .isADirectory
            case .busy: .busy
            case .nameTooLong: .nameTooLong
            default: .inputOutput
            }
        self.init(
            code,
            subject: subject,
            message: "\(subject): \(error.explanation)",
            remedy: code == .noSpace ? "Free space where the store is." : nil,
            systemError: error.rawValue,
            cause: error
        )
    }
}

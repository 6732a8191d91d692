import Linux
package import Model

/// Who owns a store.
///
/// Root acts as the owner, so that nothing it makes there is out of the owner's reach; any other
/// user gets what the permissions of the files give.
package struct StoreOwner: Hashable, Sendable {
    package let user: UInt32
    package let group: UInt32

    init(of path: String) throws(LociError) {
        do throws(Errno) {
            let status = try File.status(of: path)
            user = status.user
            group = status.group
        } catch {
            throw LociError(store: error, at: path)
        }
    }

    /// Runs `body` with the owner's rights, where this process is root.
    ///
    /// The calling thread only. Whatever makes files in a store goes through here.
    package func act<R>(_ body: () throws(LociError) -> R) throws(LociError) -> R {
        try EffectiveUser.actingOnFiles(as: user, group: group, body)
    }
}

extension LociError {
    /// What the system said about a store or one of its files.
    init(store error: Errno, at path: String) {
        switch error {
        case .noSuchFile:
            self.init(
                .storeNotFound,
                subject: path,
                message: "There is no store at \(path).",
                remedy: "Give the directory of a store, or make one with: loci init \(path)",
                systemError: error.rawValue,
                cause: error
            )
        case .notDirectory:
            self.init(
                .notAStore,
                subject: path,
                message: "\(path) is not a directory.",
                remedy: "Give the directory of a store.",
                systemError: error.rawValue,
                cause: error
            )
        case .accessDenied, .notPermitted:
            self.init(
                .notPermitted,
                subject: path,
                message: "This user may not use \(path).",
                remedy: "Act as the owner of the store, or as root.",
                systemError: error.rawValue,
                cause: error
            )
        default:
            self.init(errnoOf: error, at: path)
        }
    }

    private init(errnoOf error: Errno, at path: String) {
        let code: Code =
            switch error {
            case .noSpace, .quotaExceeded: .noSpace
            case .readOnlyFileSystem: .readOnly
            case .exists: .storeExists
            case .directoryNotEmpty: .notEmpty
            case .nameTooLong: .nameTooLong
            default: .inputOutput
            }
        self.init(
            code,
            subject: path,
            message: "\(path): \(error.explanation).",
            systemError: error.rawValue,
            cause: error
        )
    }
}

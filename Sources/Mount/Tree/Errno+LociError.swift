import Catalog
import FUSE
import Glibc
import Linux
package import Model

// The only place that chooses an errno. EIO is for what nobody who calls can help.
extension LociError.Code {
    /// What a system call on the mount fails with.
    package var errno: Int32 {
        switch self {
        case .invalidArgument, .invalidName, .malformedJSON, .malformedScheme, .schemesDispute,
            .schemeLosesData, .pathDoesNotFit, .futureDate, .wrongState, .schemeMismatch,
            .embedderMismatch, .needsConfirmation:
            EINVAL
        case .nameTooLong: ENAMETOOLONG
        case .notUTF8: EILSEQ
        case .immutableField, .notPermitted: EPERM
        case .storeNotFound, .unknownTenant, .notFound, .snapshotNotFound: ENOENT
        case .storeExists, .tenantExists, .nameTaken, .collision: EEXIST
        case .notEmpty, .mountPointNotEmpty: ENOTEMPTY
        case .isADirectory: EISDIR
        case .notADirectory: ENOTDIR
        case .revisionConflict, .lockHeld, .busy, .oldPathsInUse, .mountPointInUse: EBUSY
        case .mountPointInsideStore: EINVAL
        case .readOnly: EROFS
        case .noSpace: ENOSPC
        case .cancelled: EINTR
        case .unsupported: EOPNOTSUPP
        case .deadMount, .daemonUnreachable: ENOTCONN
        case .fuseUnavailable: ENODEV
        case .notAStore, .formatTooNew, .formatUnknown, .corrupt, .inputOutput, .partlyDone,
            .mapperFailed, .embedderFailed:
            EIO
        }
    }
}

extension LociError {
    /// What a call fails with: what the system said, where it was the system, else by the code.
    package var errnoValue: Int32 {
        if code == .inputOutput, let systemError { return systemError }
        return code.errno
    }
}

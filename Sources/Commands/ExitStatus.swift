import Loci

/// What a process of ours ends with.
///
/// The one place where a failure becomes a number.
package enum ExitStatus: Int32, Error, Hashable, Sendable {
    /// Done, yes, clean.
    case done = 0
    /// No: no match, differences, unhealthy.
    case no = 1
    /// Usage, configuration, or refused without `--yes`.
    case usage = 2
    /// The store or daemon cannot be reached.
    case unreachable = 3
    case notFound = 4
    case notPermitted = 5
    /// Name taken, lease held, wrong state, busy.
    case conflict = 6
    /// Partly done; what failed is listed.
    case partlyDone = 7
    case readOnly = 8
    case failed = 9
    /// Format or scheme mismatch.
    case mismatch = 10

    /// The status for a failure.
    init(_ code: LociError.Code) {
        switch code {
        case .invalidArgument, .invalidName, .nameTooLong, .notUTF8, .malformedJSON,
            .malformedScheme, .futureDate, .isADirectory, .notADirectory, .mountPointInsideStore,
            .needsConfirmation, .unsupported:
            self = .usage
        case .storeNotFound, .deadMount, .fuseUnavailable, .daemonUnreachable:
            self = .unreachable
        case .unknownTenant, .notFound, .snapshotNotFound:
            self = .notFound
        case .notPermitted, .immutableField:
            self = .notPermitted
        case .storeExists, .tenantExists, .nameTaken, .notEmpty, .revisionConflict, .lockHeld,
            .busy, .wrongState, .oldPathsInUse, .collision, .mountPointInUse, .mountPointNotEmpty:
            self = .conflict
        case .partlyDone, .cancelled:
            self = .partlyDone
        case .readOnly:
            self = .readOnly
        case .corrupt, .noSpace, .inputOutput, .mapperFailed, .embedderFailed:
            self = .failed
        case .notAStore, .formatTooNew, .formatUnknown, .schemesDispute, .schemeLosesData,
            .pathDoesNotFit, .schemeMismatch, .embedderMismatch:
            self = .mismatch
        }
    }
}

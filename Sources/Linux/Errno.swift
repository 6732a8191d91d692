import CLinux
import Glibc

/// The number with which a system call failed.
///
/// Every function of this module throws it and nothing else, and every function calls again
/// when a signal interrupted it, so `EINTR` never leaves this module.
package struct Errno: Error, Hashable, Sendable, RawRepresentable {
    package let rawValue: Int32

    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    /// The number's name, as in `ENOSPC`.
    package var name: String {
        guard let name = unsafe clinux_errno_name(rawValue) else { return "errno \(rawValue)" }
        return unsafe String(cString: name)
    }

    /// The C library's sentence about it, as in `No space left on device`.
    package var explanation: String {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
            guard let start = buffer.baseAddress else { return name }
            unsafe clinux_errno_description(rawValue, start, buffer.count)
            return unsafe String(cString: start)
        }
    }
}

extension Errno {
    /// What the system call before failed with.
    static var last: Errno { Errno(rawValue: errno) }
}

extension Errno: CustomStringConvertible {
    package var description: String { "\(explanation) (\(name))" }
}

extension Errno {
    package static let notPermitted = Errno(rawValue: EPERM)
    package static let noSuchFile = Errno(rawValue: ENOENT)
    package static let noSuchProcess = Errno(rawValue: ESRCH)
    package static let noSuchAddress = Errno(rawValue: ENXIO)
    package static let interrupted = Errno(rawValue: EINTR)
    package static let inputOutput = Errno(rawValue: EIO)
    package static let noExecutable = Errno(rawValue: ENOEXEC)
    package static let argumentsTooLong = Errno(rawValue: E2BIG)
    package static let badDescriptor = Errno(rawValue: EBADF)
    package static let noChild = Errno(rawValue: ECHILD)
    package static let again = Errno(rawValue: EAGAIN)
    package static let outOfMemory = Errno(rawValue: ENOMEM)
    package static let accessDenied = Errno(rawValue: EACCES)
    package static let busy = Errno(rawValue: EBUSY)
    package static let exists = Errno(rawValue: EEXIST)
    package static let crossDevice = Errno(rawValue: EXDEV)
    package static let noSuchDevice = Errno(rawValue: ENODEV)
    package static let notDirectory = Errno(rawValue: ENOTDIR)
    package static let isDirectory = Errno(rawValue: EISDIR)
    package static let invalidArgument = Errno(rawValue: EINVAL)
    package static let tooManyOpenFiles = Errno(rawValue: EMFILE)
    package static let tooManyOpenFilesInSystem = Errno(rawValue: ENFILE)
    package static let fileTooLarge = Errno(rawValue: EFBIG)
    package static let noSpace = Errno(rawValue: ENOSPC)
    package static let illegalSeek = Errno(rawValue: ESPIPE)
    package static let readOnlyFileSystem = Errno(rawValue: EROFS)
    package static let tooManyLinks = Errno(rawValue: EMLINK)
    package static let brokenPipe = Errno(rawValue: EPIPE)
    package static let outOfRange = Errno(rawValue: ERANGE)
    package static let wouldDeadlock = Errno(rawValue: EDEADLK)
    package static let textBusy = Errno(rawValue: ETXTBSY)
    package static let nameTooLong = Errno(rawValue: ENAMETOOLONG)
    package static let notImplemented = Errno(rawValue: ENOSYS)
    package static let directoryNotEmpty = Errno(rawValue: ENOTEMPTY)
    package static let symlinkLoop = Errno(rawValue: ELOOP)
    package static let noData = Errno(rawValue: ENODATA)
    package static let illegalSequence = Errno(rawValue: EILSEQ)
    package static let notSupported = Errno(rawValue: EOPNOTSUPP)
    package static let timedOut = Errno(rawValue: ETIMEDOUT)
    package static let stale = Errno(rawValue: ESTALE)
    package static let quotaExceeded = Errno(rawValue: EDQUOT)
    package static let canceled = Errno(rawValue: ECANCELED)
    package static let notConnected = Errno(rawValue: ENOTCONN)
}

/// Calls until no signal interrupts; -1 becomes the thrown `Errno`.
@discardableResult
func retrying<Result: FixedWidthInteger>(_ call: () -> Result) throws(Errno) -> Result {
    while true {
        let result = call()
        if result != -1 { return result }
        let number = errno
        if number != EINTR { throw Errno(rawValue: number) }
    }
}

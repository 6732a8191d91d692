internal import Glibc

/// A system call or libfuse call about a mount that failed.
package struct FUSEError: Error, Hashable, CustomStringConvertible {
    /// What was being done, as a verb phrase: "mount", "read the mount table".
    package let operation: String
    /// The mount point or file it was done to; empty when there is none.
    package let subject: String
    /// The `errno` value.
    package let code: Int32

    package init(_ operation: String, _ subject: String = "", code: Int32) {
        self.operation = operation
        self.subject = subject
        self.code = code
    }

    package var description: String {
        let reason = unsafe String(cString: strerror(code))
        return subject.isEmpty
            ? "cannot \(operation): \(reason)" : "cannot \(operation) \(subject): \(reason)"
    }
}

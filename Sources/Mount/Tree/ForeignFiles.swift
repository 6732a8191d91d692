import Linux
import Model

/// The bytes of what tools keep beside memories: `STORE/<tenant>/foreign/<node number>`.
final class ForeignFiles: Sendable {
    private let directory: File
    /// Held while a file has other permissions than its own: see `openClosed`.
    private let lock = Lock()

    init(directory path: String) throws(LociError) {
        do throws(Errno) {
            do throws(Errno) {
                try File.workingDirectory.makeDirectory(path, mode: 0o755)
            } catch .exists {}
            directory = try File.open(path, [.readOnly, .directory])
        } catch {
            throw LociError(
                .inputOutput,
                subject: path,
                message: "\(path): \(error.explanation)",
                systemError: error.rawValue,
                cause: error
            )
        }
    }

    private func name(_ node: NodeNumber) -> String { String(node.rawValue) }

    func status(of node: NodeNumber) throws(Errno) -> FileStatus {
        try lock.withLock { () throws(Errno) in
            try directory.status(of: name(node), .noFollow)
        }
    }

    /// Opens a file for what the kernel has checked already.
    func open(_ node: NodeNumber, _ flags: OpenFlags) throws(Errno) -> File {
        do throws(Errno) {
            return try directory.openBeneath(name(node), flags)
        } catch .accessDenied {
            return try openClosed(node, flags)
        }
    }

    /// Opens a file whose mode shuts out its owner, who serves this mount: whoever opened it before
    /// the mode was so, or made it so, may write to it.
    ///
    /// Nobody sees the mode that it has meanwhile.
    private func openClosed(_ node: NodeNumber, _ flags: OpenFlags) throws(Errno) -> File {
        try lock.withLock { () throws(Errno) in
            let permissions = try directory.status(of: name(node), .noFollow).permissions
            try directory.setPermissions(of: name(node), permissions | 0o600)
            defer { try? directory.setPermissions(of: name(node), permissions) }
            return try directory.openBeneath(name(node), flags)
        }
    }

    func setPermissions(of node: NodeNumber, _ permissions: UInt32) throws(Errno) {
        try directory.setPermissions(of: name(node), permissions)
    }

    func setOwner(of node: NodeNumber, user: UInt32?, group: UInt32?) throws(Errno) {
        try directory.setOwner(of: name(node), user: user, group: group)
    }

    func setTimes(of node: NodeNumber, access: Int64?, modification: Int64?) throws(Errno) {
        try directory.setTimes(of: name(node), access: access, modification: modification)
    }

    /// Makes the file of a new node.
    func create(_ node: NodeNumber) throws(Errno) -> File {
        try directory.openBeneath(
            name(node),
            [.readWrite, .create, .exclusive],
            mode: 0o600
        )
    }

    /// Makes the names of the files survive a power cut.
    func syncNames() throws(Errno) { try directory.sync() }

    /// Sets a file's change time to now: its name changed, which the file here does not notice.
    func noteChange(of node: NodeNumber) {
        // Where that cannot be done, the time is an older one; nothing else depends on it.
        guard let status = try? status(of: node) else { return }
        try? setPermissions(of: node, status.permissions)
    }

    /// Open files keep their bytes, like everywhere.
    func remove(_ node: NodeNumber) {
        // One that is gone already is what was wanted.
        try? directory.unlink(name(node))
    }
}

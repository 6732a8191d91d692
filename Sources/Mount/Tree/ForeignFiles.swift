import Linux
import Model

/// The bytes of what tools keep beside memories: `STORE/<tenant>/foreign/<node number>`.
final class ForeignFiles: Sendable {
    private let directory: File

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
        try directory.status(of: name(node), .noFollow)
    }

    func open(_ node: NodeNumber, _ flags: OpenFlags) throws(Errno) -> File {
        try directory.openBeneath(name(node), flags)
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
        guard let file = try? open(node, [.readOnly, .noFollow]), let status = try? file.status()
        else { return }
        try? file.setPermissions(status.permissions)
    }

    /// Open files keep their bytes, like everywhere.
    func remove(_ node: NodeNumber) {
        // One that is gone already is what was wanted.
        try? directory.unlink(name(node))
    }
}

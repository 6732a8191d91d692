import Catalog
package import FUSE
import Linux
import Loci
package import Model

/// The directory that a tenant is to be mounted on.
enum MountPoint {
    /// The type that `/proc/self/mountinfo` has for mounts of ours.
    static let type = "fuse.loci"

    /// Checks that a tenant can be mounted there, and clears a dead mount of ours away first.
    ///
    /// Returns the absolute path without symbolic links.
    /// Throws `deadMount`, `mountPointInUse`, `mountPointNotEmpty`, `mountPointInsideStore`,
    /// `notFound`, `notADirectory`.
    static func prepare(_ path: String, store: String) throws(LociError) -> String {
        if MountTable.isDeadMount(path) { try clearDead(path) }
        do throws(LociError) {
            return try examine(path, store: store)
        } catch  where MountTable.isDeadMount(path) {
            // Its daemon was on its way out a moment ago.
            try clearDead(path)
            return try examine(path, store: store)
        }
    }

    private static func examine(_ path: String, store: String) throws(LociError) -> String {
        do {
            let directory = try File.open(path, [.readOnly, .directory])
            let real = try realPath(of: directory)
            let storePath = try realPath(of: try File.open(store, [.readOnly, .directory]))
            try refuseOverlap(real, storePath)
            try refuseMounted(real)
            var names = DirectoryStream(directory)
            guard try names.read() == nil else {
                throw LociError(
                    .mountPointNotEmpty,
                    subject: path,
                    message: "\(path) is not empty, and its files would be hidden",
                    remedy: "Choose an empty directory, or move what is in it away"
                )
            }
            return real
        } catch {
            throw LociError(catalogError: error, subject: path)
        }
    }

    private static func realPath(of directory: borrowing File) throws(Errno) -> String {
        let link = "/proc/self/fd/\(directory.descriptor)"
        return String(
            decoding: try File.workingDirectory.readSymbolicLink(link),
            as: UTF8.self
        )
    }

    private static func refuseOverlap(_ path: String, _ store: String) throws(LociError) {
        guard isWithin(path, store) || isWithin(store, path) else { return }
        throw LociError(
            .mountPointInsideStore,
            subject: path,
            message: path == store || isWithin(path, store)
                ? "\(path) lies inside the store" : "The store lies inside \(path)",
            remedy: "Choose a directory that neither holds the store nor lies in it"
        )
    }

    private static func isWithin(_ path: String, _ other: String) -> Bool {
        path == other || path.hasPrefix(other == "/" ? "/" : other + "/")
    }

    private static func refuseMounted(_ path: String) throws(LociError) {
        guard let entry = try table().last(where: { $0.mountPoint == path }) else { return }
        throw LociError(
            .mountPointInUse,
            subject: path,
            message: "\(entry.source) is mounted on \(path) already",
            remedy: "Unmount it first: umount \(path)"
        )
    }

    private static func table() throws(LociError) -> [MountTable.Entry] {
        do throws(FUSEError) {
            return try MountTable.entries()
        } catch {
            throw LociError(fuse: error, subject: "/proc/self/mountinfo")
        }
    }

    /// Unmounts what a killed daemon left; anybody else's is refused.
    private static func clearDead(_ path: String) throws(LociError) {
        var wanted = path
        while wanted.count > 1, wanted.hasSuffix("/") { wanted.removeLast() }
        let found = try table().last { $0.mountPoint == wanted }
        guard let found, found.type == type else {
            throw LociError(
                .deadMount,
                subject: path,
                message: "\(path) is a dead mount, and not one of Loci's",
                remedy: "Unmount it first: umount -l \(path)"
            )
        }
        do throws(FUSEError) {
            try MountTable.unmount(wanted, lazy: true)
        } catch {
            throw LociError(fuse: error, subject: path)
        }
    }
}

extension LociError {
    /// What FUSE said, in Loci's words.
    package init(fuse error: FUSEError, subject: String) {
        let code: Code =
            switch Errno(rawValue: error.code) {
            case .noSuchFile, .noSuchDevice: .fuseUnavailable
            case .notPermitted, .accessDenied: .notPermitted
            case .busy: .busy
            default: .inputOutput
            }
        self.init(
            code,
            subject: subject,
            message: "\(error)",
            remedy: code == .fuseUnavailable
                ? "Load FUSE (modprobe fuse) and see that /dev/fuse can be opened" : nil,
            systemError: error.code,
            cause: error
        )
    }
}

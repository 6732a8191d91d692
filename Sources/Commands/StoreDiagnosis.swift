import FUSE
import Linux
import Loci

/// Looks at where a store is kept.
struct StoreDiagnosis {
    private let path: String
    private var found = Diagnoses(of: "store")

    private init(_ path: String) { self.path = path }

    static func look(at store: Store) -> [Diagnosis] {
        var diagnosis = StoreDiagnosis(store.path)
        diagnosis.fileSystem()
        diagnosis.space()
        diagnosis.owner(store)
        return diagnosis.found.all
    }

    /// SQLite's locks and shared memory do not reach over a network.
    private static let remote: Set<String> = [
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "gpfs",
        "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.juicefs", "fuse.gcsfuse",
    ]
    /// A content keeps its bytes when it gets another key by a link.
    private static let withoutLinks: Set<String> = ["vfat", "msdos", "exfat", "fuse.loci"]

    private mutating func fileSystem() {
        found.look(at: "file system") { [path] found in
            let type = try Self.type(of: path)
            if Self.remote.contains(type) {
                found.fail(
                    "file system",
                    "\(type): SQLite's locks do not work across machines.",
                    "Move the store to a disk of this machine."
                )
            } else if Self.withoutLinks.contains(type) {
                found.fail(
                    "file system",
                    "\(type) has no hard links.",
                    "Move the store to another file system, such as ext4, XFS or Btrfs."
                )
            } else if type == "tmpfs" || type == "ramfs" {
                found.warn(
                    "file system",
                    "\(type): the store is gone when the machine restarts.",
                    "Keep it on a disk."
                )
            } else {
                found.ok("file system", "\(type).")
            }
        }
    }

    /// Of the mounts that a path lies in the innermost, and of those on one path the last.
    private static func type(of path: String) throws -> String {
        let fitting = try MountTable.entries().filter { entry in
            let point = entry.mountPoint
            return point == "/" || path == point || path.hasPrefix(point + "/")
        }
        return fitting.max { $0.path.count < $1.path.count || $0.path.count == $1.path.count }?
            .type ?? "unknown"
    }

    private mutating func space() {
        found.look(at: "space") { [path] found in
            let space = try File.open(path, [.readOnly, .directory]).space()
            let free = ByteCount(Int64(clamping: space.available))
            let remedy =
                "Free some there, or let old history go: loci retention, then: loci gc --delete"
            if space.available < 16 << 20 {
                found.fail("space", "\(free) are free.", remedy)
            } else if space.available < space.total / 20 {
                found.warn("space", "\(free) are free, less than a twentieth.", remedy)
            } else {
                found.ok("space", "\(free) are free.")
            }
            // Some file systems make inodes as they need them, and have no count.
            guard space.totalFiles > 0 else { return }
            if space.freeFiles < 1000 {
                found.fail("inodes", "\(space.freeFiles) are free.", remedy)
            } else if space.freeFiles < space.totalFiles / 20 {
                found.warn("inodes", "\(space.freeFiles) are free, less than a twentieth.", remedy)
            } else {
                found.ok("inodes", "\(Grouped.text(space.freeFiles)) are free.")
            }
        }
    }

    private mutating func owner(_ store: Store) {
        found.look(at: "owner") { [path] found in
            let status = try File.status(of: path)
            guard status.permissions & 0o022 == 0 else {
                return found.warn(
                    "owner",
                    "Others than user \(status.user) may put files beside the tenants.",
                    "chmod go-w \(path)"
                )
            }
            found.ok("owner", "User \(status.user).")
        }
    }
}

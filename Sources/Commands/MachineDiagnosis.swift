import FUSE
import Linux
import Loci

/// Looks at what Loci needs of a machine.
struct MachineDiagnosis {
    private var found = Diagnoses(of: "machine")

    static func look() -> [Diagnosis] {
        var diagnosis = MachineDiagnosis()
        diagnosis.kernel()
        diagnosis.device()
        diagnosis.helper()
        diagnosis.sharing()
        diagnosis.libraries()
        diagnosis.mounts()
        return diagnosis.found.all
    }

    // MARK: Kernel and FUSE

    /// `openat2` is of 5.6; that a mount outlives its daemon takes a notification of 6.9.
    private mutating func kernel() {
        let text = Self.text("/proc/sys/kernel/osrelease") ?? "unknown"
        let version = Self.version(text)
        if version.lexicographicallyPrecedes([5, 6]) {
            found.fail("kernel", "Linux \(text) is too old.", "Use Linux 5.6 or newer.")
        } else if version.lexicographicallyPrecedes([6, 9]) {
            found.warn(
                "kernel",
                "Linux \(text): a mount ends when its daemon dies.",
                "Use Linux 6.9 or newer for mounts that go on."
            )
        } else {
            found.ok("kernel", "Linux \(text).")
        }
    }

    private mutating func device() {
        let path = FUSELibrary.device
        do throws(Errno) {
            _ = try File.open(path, [.readWrite])
            found.ok("fuse device", "\(path) can be opened.")
        } catch .noSuchFile {
            found.fail(
                "fuse device",
                "\(path) is missing.",
                "Load FUSE (modprobe fuse); give a container --device \(path) --cap-add SYS_ADMIN."
            )
        } catch {
            found.fail(
                "fuse device",
                "\(path) cannot be opened: \(error.explanation).",
                "Make it open to all (chmod 666 \(path)); give a container --device \(path)."
            )
        }
    }

    /// Root mounts without it.
    private mutating func helper() {
        let name = "fusermount3"
        let isRoot = EffectiveUser.id == 0
        let directories = (Terminal.environment("PATH") ?? "/usr/bin:/bin").split(separator: ":")
        let status = directories.lazy.compactMap { try? File.status(of: "\($0)/\(name)") }.first
        guard let status else {
            let message = "\(name) is not in PATH."
            let remedy = "Install the package fuse3."
            if isRoot {
                found.warn(name, message + " Root can do without it.", remedy)
            } else {
                found.fail(name, message, remedy)
            }
            return
        }
        let isSetUser = status.permissions & 0o4000 != 0 && status.user == 0
        if isSetUser || isRoot {
            found.ok(name, "Is there.")
        } else {
            found.fail(
                name,
                "Has not root's rights, which mounting takes.",
                "Install the package fuse3 again, or: chmod u+s, as root."
            )
        }
    }

    private mutating func sharing() {
        let path = "/etc/fuse.conf"
        let lines = (Self.text(path) ?? "").split(separator: "\n").map { line in
            line.filter { $0 != " " && $0 != "\t" }
        }
        if lines.contains("user_allow_other") {
            found.ok("allow_other", "Anybody may mount for others too.")
        } else if EffectiveUser.id == 0 {
            found.ok("allow_other", "Only root may mount for others.")
        } else {
            found.warn(
                "allow_other",
                "Your mounts are yours alone.",
                "For others to see them, put user_allow_other into \(path)."
            )
        }
    }

    // MARK: Libraries

    private mutating func libraries() {
        let fuse = FUSELibrary.version
        if Self.version(fuse).lexicographicallyPrecedes([3, 12]) {
            found.fail("libfuse3", "Version \(fuse) is too old.", "Install 3.12 or newer.")
        } else {
            found.ok("libfuse3", "Version \(fuse).")
        }
        let database = DatabaseLibrary.version
        if Self.version(database).lexicographicallyPrecedes([3, 38]) {
            found.fail("SQLite", "Version \(database) is too old.", "Install 3.38 or newer.")
        } else if !DatabaseLibrary.hasTextSearch {
            found.fail(
                "SQLite",
                "Version \(database) was built without FTS5.",
                "Install one with FTS5, as distributions have it."
            )
        } else {
            found.ok("SQLite", "Version \(database), with FTS5.")
        }
    }

    // MARK: Mounts

    private mutating func mounts() {
        found.look(at: "mounts") { found in
            let paths = try OurMounts.all()
            var live = 0
            for (path, answer) in zip(paths, MountProbe.ask(paths)) {
                switch answer {
                case .status: live += 1
                case .dead:
                    found.fail(
                        "mounts",
                        "The daemon of \(path) is gone.",
                        "Mount it again, or remove it with: loci umount \(path)"
                    )
                case .silent:
                    found.fail(
                        "mounts",
                        "The daemon of \(path) does not answer.",
                        "Detach it with: loci umount --lazy \(path)"
                    )
                }
            }
            if live == paths.count { found.ok("mounts", "\(live) here, and all answer.") }
        }
    }

    // MARK: Texts

    private static func text(_ path: String) -> String? {
        guard var bytes = try? File.open(path).readAll(limit: 1 << 20) else { return nil }
        while bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The numbers that a version begins with.
    static func version(_ text: String) -> [Int] {
        text.split(separator: ".", omittingEmptySubsequences: false)
            .map { Int($0.prefix { $0.isASCII && $0.isNumber }) ?? 0 }
    }
}

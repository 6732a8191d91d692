internal import Glibc

/// How a session is mounted.
///
/// `default_permissions` is always set: as opens are not seen, nobody else would check.
package struct MountOptions: Hashable, Sendable {
    /// What the mount table shows as the source.
    package var source: String
    /// The mount table's type is `fuse.` and this.
    package var subtype = "loci"
    /// Users other than the mounting one may use the mount (`allow_other`).
    package var allowOther = false
    package var readOnly = false
    package var noAccessTimes = true
    /// Ignore set-user-id bits; only root may turn it off.
    package var noSetUserID = true
    /// Ignore device nodes; only root may turn it off.
    package var noDevices = true
    package var noExecution = false
    /// Pass extended attributes to the file system; else they cost one request per mount.
    package var extendedAttributes = false
    /// Further `-o` options for libfuse and the kernel, such as `context=…`.
    package var extra: [String] = []

    package init(source: String) {
        self.source = source
    }

    /// The arguments of `-o`, one each; libfuse takes `\` and `,` only when escaped.
    var arguments: [String] {
        var list = [
            "fsname=" + Self.escape(source), "subtype=" + Self.escape(subtype),
            "default_permissions", "max_read=\(RequestThread.replyCapacity)",
            noSetUserID ? "nosuid" : "suid", noDevices ? "nodev" : "dev",
        ]
        if allowOther { list.append("allow_other") }
        if readOnly { list.append("ro") }
        if noAccessTimes { list.append("noatime") }
        if noExecution { list.append("noexec") }
        return list + extra
    }

    private static func escape(_ text: String) -> String {
        String(text.flatMap { $0 == "," || $0 == "\\" ? ["\\", $0] : [$0] })
    }
}

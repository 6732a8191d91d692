package import Model

/// What `-o` says of a mount.
///
/// `_` and `-` are the same in the name of an option. What only the system's mount tables know
/// (`nofail`, `_netdev`, `x-…`) is accepted and ignored.
package struct MountOptions: Hashable, Sendable {
    /// What happens to tools' files.
    package enum Foreign: String, Hashable, Sendable, CaseIterable {
        /// Dot files, editors' files, and what is below a dot directory are kept.
        case dot
        /// They are refused.
        case deny
        /// What fits no layout is kept too.
        case all
    }

    package var readOnly = false
    package var tenant: TenantID?
    /// List and parse by this layout, also after a cut-over.
    package var layout: LayoutNumber?
    /// Show only this directory; pins its layout.
    package var subdirectory: NamePath?
    package var allowOther = false
    package var uid: UInt32?
    package var gid: UInt32?
    package var umask: UInt32?
    package var extendedAttributes = false
    package var foreign = Foreign.dot
    /// Writes that pause for so long are over.
    package var quiet = Duration.milliseconds(100)
    package var actor: String?
    package var reason: String?
    /// Whether this mount may move blobs.
    package var migrate = true
    /// Whether uses of old paths are counted.
    package var usage = true
    package var log: String?
    /// Whether processors without work poll while requests come fast, where the system allows it.
    package var lowLatency = true
    /// How often in a minute a daemon that died is started again.
    package var restarts = 4
    /// The options as they were given, but for those that were ignored.
    package private(set) var text = ""

    package init() {}

    /// Reads the value of `-o`, options separated by commas; several values add up.
    ///
    /// Throws `invalidArgument`, naming the nearest option where one is unknown.
    package init(parsing texts: [String]) throws(LociError) {
        var kept: [String] = []
        for option in texts.flatMap({ $0.split(separator: ",") }) {
            let parts = option.split(separator: "=", maxSplits: 1)
            let name = String(parts[0]).replacing("-", with: "_")
            let value = parts.count == 2 ? String(parts[1]) : nil
            if Self.isIgnored(name) { continue }
            try set(name, value, option: String(option))
            kept.append(String(option))
        }
        text = kept.joined(separator: ",")
    }

    package static let names = [
        "ro", "rw", "tenant", "layout", "subdir", "allow_other", "uid", "gid", "umask", "xattr",
        "foreign", "quiet", "actor", "reason", "migrate", "usage", "restarts", "log", "latency",
    ]
    private static let ignored: Set<String> = [
        "nofail", "noauto", "auto", "_netdev", "user", "nouser", "users", "defaults",
    ]

    private static func isIgnored(_ name: String) -> Bool {
        ignored.contains(name) || name.hasPrefix("x_")
    }

    private mutating func set(
        _ name: String,
        _ value: String?,
        option: String
    ) throws(LociError) {
        switch name {
        case "ro": readOnly = true
        case "rw": readOnly = false
        case "allow_other": allowOther = true
        case "xattr": extendedAttributes = true
        case "tenant", "layout", "subdir", "uid", "gid", "umask", "foreign", "quiet", "actor",
            "reason", "migrate", "usage", "restarts", "log", "latency":
            guard let value, !value.isEmpty else {
                throw LociError(
                    .invalidArgument,
                    subject: option,
                    message: "The mount option \(name) needs a value.",
                    remedy: "Write \(name)=…"
                )
            }
            try set(name, value)
        default:
            throw LociError(
                .invalidArgument,
                subject: option,
                message: "There is no mount option '\(name)'.",
                remedy: NearMiss.nearest(to: name, in: Self.names)
                    .map { "Did you mean \($0)?" }
                    ?? "There are: \(Self.names.joined(separator: ", "))."
            )
        }
    }

    private mutating func set(_ name: String, _ value: String) throws(LociError) {
        switch name {
        case "tenant": tenant = try TenantID(value)
        case "layout": layout = LayoutNumber(Int(try number(name, value, radix: 10)))
        case "subdir": subdirectory = try NamePath(value)
        case "uid": uid = try number(name, value, radix: 10)
        case "gid": gid = try number(name, value, radix: 10)
        case "umask": umask = try number(name, value, radix: 8) & 0o777
        case "foreign":
            guard let kind = Foreign(rawValue: value) else {
                throw .unreadable(
                    value,
                    as: "a value of foreign",
                    remedy: "Write dot, deny or all."
                )
            }
            foreign = kind
        case "quiet": quiet = try Self.milliseconds(value)
        case "actor": actor = value
        case "reason": reason = value
        case "migrate": migrate = try flag(name, value)
        case "usage": usage = try flag(name, value)
        case "latency":
            guard ["low", "normal"].contains(value) else {
                throw .unreadable(value, as: "a value of latency", remedy: "Write low or normal.")
            }
            lowLatency = value == "low"
        case "restarts": restarts = Int(try number(name, value, radix: 10))
        default: log = value
        }
    }

    private func number(
        _ name: String,
        _ value: String,
        radix: Int
    ) throws(LociError) -> UInt32 {
        guard let number = UInt32(value, radix: radix) else {
            throw .unreadable(
                value,
                as: "a value of \(name)",
                remedy: radix == 8 ? "Write an octal number." : "Write a number."
            )
        }
        return number
    }

    private func flag(_ name: String, _ value: String) throws(LociError) -> Bool {
        switch value {
        case "on": return true
        case "off": return false
        default: throw .unreadable(value, as: "a value of \(name)", remedy: "Write on or off.")
        }
    }

    /// Durations as everywhere, and milliseconds, which only this option needs.
    private static func milliseconds(_ value: String) throws(LociError) -> Duration {
        if value.hasSuffix("ms"), let count = Int(value.dropLast(2)), count >= 0 {
            return .milliseconds(count)
        }
        return try LociDuration.parse(value)
    }
}

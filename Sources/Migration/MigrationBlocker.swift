import Linux
public import Loci

/// Somebody who would lose paths if a layout were retired.
public struct MigrationBlocker: Hashable, Sendable {
    /// How they use the layout.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// They used its paths within the quiet period.
        case use
        /// A process works in a directory that only it has.
        case workingDirectory = "working-directory"
        /// A process has such a directory open.
        case openDirectory = "open-directory"
        /// A mount is pinned to it.
        case mount
    }

    /// How they use it.
    public let kind: Kind
    /// The process; of a use the last one, which may have ended.
    public let pid: Int32?
    /// Its command.
    public let command: String?
    /// Its user, by number.
    public let user: UInt32?
    /// The directory, or the mount point; of a use what is beneath the root.
    public let path: String
    /// When it was used last, or when the mount began; nil where it is so now.
    public let at: Timestamp?
    /// How often it was used; nil for all but uses.
    public let count: Int64?
}

extension MigrationBlocker {
    /// Who it is and what they do, for a refusal.
    package var sentence: String {
        // A process calls itself what it likes, and directories have any name.
        var who = command.map { Name.printable($0) } ?? "several commands"
        let path = Name.printable(path)
        if let pid { who += " (process \(pid)" }
        if let user { who += "\(pid == nil ? " (" : ", ")user \(UserName.text(of: user))" }
        if pid != nil || user != nil { who += ")" }
        let last = at.map { ", last \($0)" } ?? ""
        return switch kind {
        case .use: "\(who) used '\(path)' \(count ?? 0) time\(count == 1 ? "" : "s")\(last)"
        case .workingDirectory: "\(who) works in \(path)"
        case .openDirectory: "\(who) has \(path) open"
        case .mount: "the mount at \(path), process \(pid ?? 0), is pinned to it"
        }
    }
}

/// What stands behind an error with the code `oldPathsInUse`: each one who is in the way.
public struct MigrationBlockers: Error, Hashable, Sendable {
    /// The first of them; `total` tells how many there are.
    public let blockers: [MigrationBlocker]
    /// How many there are.
    public let total: Int

    /// `total`: how many there are, of which `found` may be the first.
    init(_ found: [MigrationBlocker], total: Int) {
        blockers = Array(found.prefix(Self.kept))
        self.total = total
    }

    /// So many are kept.
    static let kept = 256
    /// So many are named in a sentence.
    static let named = 16

    /// One sentence.
    package var sentence: String {
        let more = total - min(Self.named, blockers.count)
        return blockers.prefix(Self.named).map(\.sentence).joined(separator: "; ")
            + (more > 0 ? "; and \(more) more" : "")
    }
}

import Linux

/// Where a mount differs from a plain directory on purpose.
///
/// All of it stands here, and nowhere else.
///
/// What a mount refuses is asked of the mount alone, and must be refused:
/// - anything at the top but directories called `user=…`: the layout is `user={user}/{folder...}`
/// - a partition that would become a tool's directory, and the reverse
/// - two names that change places where one is a memory's and the other is not
/// - hard links; symbolic links that are not tools' files
///
/// What is left out:
/// - a save whose temporary name is a symbolic link, which cannot be renamed to a memory's name:
///   half of it would be done
/// - two partitions that change places: which names fit where is the layout's to say
/// - things of two kinds that change places: a tool's directory may get a partition's name
///
/// What is not compared:
/// - looks of directories but kind, mode, owner and time, and link counts: they are 1
/// - the order of names, blocks, times of access and of change, birth times
/// - where holes are: a mount may say that there are bytes; they must be zeros
/// - inode numbers themselves: but one file here is one file there, for life
/// - which moment a time is, within the operation that set it
struct DifferentialRules {
    typealias Operation = DifferentialOperation

    /// The kind of what a path names on the plain side; nil where there is nothing.
    let kind: (String) -> FileStatus.Kind?

    /// Whether a mount refuses what a plain directory might do.
    func isRefused(_ operation: Operation) -> Bool {
        switch operation {
        case .hardLink: return true
        case .symbolicLink(let path, _): return !Self.isForeign(path, asDirectory: false)
        case .rename(let old, let new, let manner):
            guard old != new, let kind = kind(old) else { return false }
            if manner == .exchange {
                let areForeign = [old, new].map { path in
                    Self.isForeign(path, asDirectory: self.kind(path) == .directory)
                }
                let areMemories = [old, new].allSatisfy { self.kind($0) == .file }
                return areForeign[0] != areForeign[1] || !areForeign[0] && !areMemories
            }
            return refusesRename(of: kind, old, new)
        default: return false
        }
    }

    /// Whether an operation is not done at all.
    func isLeftOut(_ operation: Operation) -> Bool {
        switch operation {
        case .save(let path, let temporary, _, _):
            kind(temporary) == .symbolicLink && !Self.isForeign(path, asDirectory: false)
        case .rename(let old, let new, .exchange):
            kind(old) != kind(new)
                || [old, new].contains {
                    kind($0) == .directory && !Self.isForeign($0, asDirectory: true)
                }
        default: false
        }
    }

    private func refusesRename(of kind: FileStatus.Kind, _ old: String, _ new: String) -> Bool {
        if kind != .directory, !new.contains("/") { return true }
        return switch kind {
        case .directory:
            Self.isForeign(old, asDirectory: true) != Self.isForeign(new, asDirectory: true)
        case .symbolicLink: !Self.isForeign(new, asDirectory: false)
        default: !new.contains("/")
        }
    }

    /// What a refusal may say: the layout's or the tree's own reason.
    static func isRefusal(_ outcome: DifferentialSide.Outcome) -> Bool {
        guard case .failed(let errno) = outcome else { return false }
        return [
            .invalidArgument, .notPermitted, .noSuchFile, .notDirectory, .isDirectory,
            .directoryNotEmpty, .exists, .symlinkLoop,
        ].contains(errno)
    }

    /// The rules of Loci for what tools keep, a second time: this program must be able to disagree.
    static func isForeign(_ path: String, asDirectory: Bool) -> Bool {
        let parts = path.split(separator: "/")
        guard let name = parts.last else { return false }
        if parts.dropLast().contains(where: { $0.hasPrefix(".") }) || name.hasPrefix(".") {
            return true
        }
        if asDirectory { return false }
        return name.hasSuffix("~") || name == "4913"
            || name.count > 2 && name.hasPrefix("#") && name.hasSuffix("#")
            || [".swp", ".swo", ".swx"].contains(where: { name.hasSuffix($0) })
    }

    /// Whether two outcomes of one operation say the same.
    static func isSame(
        _ plain: DifferentialSide.Outcome,
        _ mount: DifferentialSide.Outcome,
        of operation: Operation
    ) -> Bool {
        if case .seek = operation, case .number = plain, case .number = mount { return true }
        // Nothing but a hole follows: a mount may say that there are bytes.
        if case .seek(_, _, toHole: false) = operation, plain == .failed(.noSuchAddress) {
            return true
        }
        return plain == mount
    }
}

import ArgumentParser
import Loci

/// As of when a command reads; every verb that reads has it.
struct MomentOptions: ParsableArguments {
    @Option(
        name: .long,
        parsing: .unconditional,
        help: ArgumentHelp(
            "As it was then: a time such as 2024-02-29 or -2h, a change, or a snapshot.",
            valueName: "moment"
        )
    )
    var at: String?

    /// The moment; nil for now.
    func moment(_ tenant: Tenant) throws(LociError) -> PastMoment? {
        guard let at else { return nil }
        return try PastMoment(at, now: tenant.clock())
    }
}

extension Tenant {
    /// Names of a directory now, or as they were.
    func entries(of path: NamePath, at moment: PastMoment?) throws(LociError) -> [DirectoryEntry] {
        guard let moment else { return try entries(of: path) }
        return try entries(of: path, when: moment)
    }

    /// The memory at a path now, or the one that was there.
    func memory(at path: NamePath, at moment: PastMoment?) throws(LociError) -> Memory {
        guard let moment else { return try memory(at: path) }
        return try memory(at: path, when: moment)
    }
}

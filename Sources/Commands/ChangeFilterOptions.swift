import ArgumentParser
import Loci

/// Which changes are shown; for `audit` and `watch`.
struct ChangeFilterOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("Only what they did; may be repeated.", valueName: "who")
    )
    var actor: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp("Only this, such as edit or purge; may be repeated.", valueName: "op")
    )
    var op: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp("Only what was below it, in any layout.", valueName: "path")
    )
    var under: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Only this memory, by its path or its id.", valueName: "path")
    )
    var memory: String?

    @Option(
        name: .long,
        parsing: .unconditional,
        help: ArgumentHelp("Not before: 10m ago, or a time.", valueName: "time")
    )
    var since: String?

    @Option(
        name: .long,
        parsing: .unconditional,
        help: ArgumentHelp("Not after it.", valueName: "time")
    )
    var until: String?

    @OptionGroup var place: StoreOptions

    /// The tenant, and what is to be shown of it.
    func resolve() throws(LociError) -> (tenant: Tenant, filter: ChangeFilter) {
        let (tenant, path) = try StoreFinder.place(under ?? ".", place)
        var filter = ChangeFilter()
        filter.actors = Set(actor)
        filter.operations = Set(try op.map { (word) throws(LociError) in try Self.operation(word) })
        if under != nil { filter.path = path }
        if let memory { filter.memory = try id(of: memory, in: tenant) }
        let now = tenant.clock()
        filter.since = try since.map { (text) throws(LociError) in try Moment.read(text, now: now) }
        filter.until = try until.map { (text) throws(LociError) in try Moment.read(text, now: now) }
        return (tenant, filter)
    }

    private static func operation(_ word: String) throws(LociError) -> Operation {
        if let operation = Operation(rawValue: word) { return operation }
        let all = Operation.allCases.map(\.rawValue)
        let near = NearMiss.nearest(to: word, in: all)
        throw LociError(
            .invalidArgument,
            subject: word,
            message: "No change is called '\(word)'"
                + (near.map { "; did you mean '\($0)'?" } ?? "."),
            remedy: "There are: \(all.joined(separator: ", "))"
        )
    }

    /// Also of a memory that is in the trash, or of which the log alone knows.
    private func id(of text: String, in tenant: Tenant) throws(LociError) -> MemoryID {
        if let id = try? MemoryID(text) { return id }
        let path = try StoreFinder.place(text, place).path
        return try tenant.trashed(at: path).id
    }
}

/// A time as people give it: `10m` is ten minutes ago; all else is a time.
enum Moment {
    static func read(_ text: String, now: Timestamp) throws(LociError) -> Timestamp {
        if let duration = try? LociDuration.parse(text) { return now - duration }
        return try Timestamp(text, now: now)
    }
}

import ArgumentParser
import Loci

struct RestoreVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "restore",
            abstract: "Bring memories back: from the trash, or to what they were.",
            discussion: """
                --revision brings a content back. --at and --snapshot bring back all that a memory \
                was: content, attributes, place; with --under all below a path, and what came \
                there later goes to the trash or where it was.
                """
        )
    }

    @Argument(help: "The memory, by its path before it was deleted, or by its id.")
    var path: String?
    @Option(name: .long, help: ArgumentHelp("Go back to this revision.", valueName: "n"))
    var revision: Int?
    @Option(
        name: .long,
        parsing: .unconditional,
        help: ArgumentHelp("Go back to this moment: a time or a change.", valueName: "moment")
    )
    var at: String?
    @Option(name: .long, help: ArgumentHelp("Go back to this snapshot.", valueName: "name"))
    var snapshot: String?
    @Option(name: .long, help: ArgumentHelp("All below it.", valueName: "path"))
    var under: String?
    @Option(
        name: .long,
        parsing: .unconditional,
        help: ArgumentHelp(
            "With --under: only what was deleted since then, such as 10m.",
            valueName: "time"
        )
    )
    var since: String?
    @Flag(name: .long, help: "With --under: only tell what would come back.")
    var dryRun = false
    @OptionGroup var place: StoreOptions
    @OptionGroup var who: OriginOptions
    @OptionGroup var speech: SpeechOptions
    @OptionGroup var paths: PathOptions

    func validate() throws {
        if (path == nil) == (under == nil) {
            throw ValidationError("Give either a PATH or --under PATH.")
        }
        if under != nil, [since, at, snapshot].compactMap({ $0 }).count != 1 {
            throw ValidationError("--under needs one of --since, --at and --snapshot.")
        }
        if under == nil, dryRun || since != nil {
            throw ValidationError("--since and --dry-run go with --under.")
        }
        if [revision.map(String.init), at, snapshot].compactMap({ $0 }).count > 1 {
            throw ValidationError("Give one of --revision, --at and --snapshot.")
        }
    }

    func run() async throws {
        if let under { return try await restoreAll(under) }
        let (tenant, path) = try StoreFinder.place(path ?? ".", place)
        Mounts.askToCommit(tenant)
        if let moment = try moment(tenant) {
            let memory = try Self.memory(path, at: moment, in: tenant)
            let restored = try await tenant.restore(memory, to: moment, origin: who.origin)
            return try speech.print(result: restored, nul: paths.nul)
        }
        if let memory = try? tenant.memory(at: path) {
            guard let revision else {
                throw LociError(
                    .nameTaken,
                    subject: path.description,
                    message: "'\(path)' is not in the trash: a memory of that path is there.",
                    remedy: "Name a revision with --revision N; loci log \(path) lists changes."
                )
            }
            let restored = try await tenant.restore(
                memory.id,
                revision: RevisionNumber(revision),
                origin: who.origin
            )
            return try speech.print(result: restored, nul: paths.nul)
        }
        let trashed = try tenant.trashed(at: path)
        var restored = try await tenant.restore(trashed.id, to: nil, origin: who.origin)
        if let revision {
            restored = try await tenant.restore(
                restored.id,
                revision: RevisionNumber(revision),
                origin: who.origin
            )
        }
        try speech.print(result: restored, nul: paths.nul)
    }

    /// The moment that the options name.
    private func moment(_ tenant: Tenant) throws(LociError) -> PastMoment? {
        if let snapshot { return .snapshot(snapshot) }
        return try at.map { (text) throws(LociError) in try PastMoment(text, now: tenant.clock()) }
    }

    /// The memory that had a path then, else the one that has it now or had it before it was
    /// deleted.
    private static func memory(
        _ path: NamePath,
        at moment: PastMoment,
        in tenant: Tenant
    ) throws(LociError) -> MemoryID {
        _ = try tenant.change(at: moment)
        if let then = try? tenant.memory(at: path, when: moment) { return then.id }
        if let now = try? tenant.memory(at: path) { return now.id }
        return try tenant.trashed(at: path).id
    }

    private func restoreAll(_ under: String) async throws {
        let (tenant, path) = try StoreFinder.place(under, place)
        Mounts.askToCommit(tenant)
        let report: RestoreReport
        if let moment = try moment(tenant) {
            report = try await showing("restoring", speech) { feed in
                try await tenant.restore(
                    under: path,
                    to: moment,
                    dryRun: dryRun,
                    origin: who.origin,
                    progress: feed
                )
            }
        } else {
            report = try await tenant.restore(
                under: path,
                since: try Moment.read(since ?? "", now: tenant.clock()),
                dryRun: dryRun,
                origin: who.origin
            )
        }
        try speech.print(report.sentence(dryRun: dryRun)) { report.json }
        try report.throwIfPartial()
    }
}

extension RestoreReport {
    func sentence(dryRun: Bool) -> String {
        let verb = dryRun ? "Would bring" : "Brought"
        var text = "\(verb) back \(Grouped.text(untrashed)) from the trash"
        if trashed > 0 { text += ", put \(Grouped.text(trashed)) into it" }
        if contents > 0 { text += ", contents of \(Grouped.text(contents))" }
        if places > 0 { text += ", attributes and places of \(Grouped.text(places))" }
        text += "."
        for path in paths.prefix(Self.kept) { text += "\n\(path)" }
        let more = untrashed + places - paths.count
        if more > 0 { text += "\n… and \(Grouped.text(more)) more" }
        return text
    }

    var json: JSON {
        [
            "untrashed": .integer(Int64(untrashed)), "trashed": .integer(Int64(trashed)),
            "contents": .integer(Int64(contents)), "places": .integer(Int64(places)),
            "paths": .array(paths.map { JSON(path: $0) }),
            "failed": .integer(Int64(failureCount)),
            "failures": .array(
                failures.map {
                    ["id": .string($0.memory.description), "reason": .string($0.reason)]
                }
            ),
        ]
    }

    /// Lists what could not be restored, and ends with its exit status.
    func throwIfPartial() throws {
        guard failureCount > 0 else { return }
        for failure in failures { Words.note("\(failure.memory): \(failure.reason)") }
        throw LociError(
            .partlyDone,
            subject: "restore",
            message: "\(Grouped.text(failureCount)) memories could not be restored."
        )
    }
}

extension Tenant {
    /// The memory in the trash that had a path in the listed layout: of several the one that was
    /// deleted last, or the one that `name~id` names.
    ///
    /// `onlyOne`: throws `wrongState` where it is not the only one, since what follows cannot be undone.
    func trashed(at path: NamePath, onlyOne: Bool = false) throws(LociError) -> Memory {
        if path.names.count == 1, let text = path.last?.utf8String,
            let id = try? MemoryID(text)
        {
            return try memory(id)
        }
        let scheme = try listedLayout().scheme
        var found: (memory: Memory, deleted: ChangeNumber)?
        var all: [MemoryID] = []
        var cursor: ListCursor?
        repeat {
            let page = try listTrash(after: cursor)
            for memory in page.memories where try isNamed(memory, path, scheme) {
                all.append(memory.id)
                let changes = try history(of: memory.id, limit: 1)
                let deleted = changes.first?.number ?? ChangeNumber(0)
                if deleted > found?.deleted ?? ChangeNumber(-1) { found = (memory, deleted) }
            }
            cursor = page.next
        } while cursor != nil
        if onlyOne, all.count > 1 || (!all.isEmpty && (try? memory(at: path)) != nil) {
            throw LociError(
                .wrongState,
                subject: path.description,
                message: "Several memories had or have the path '\(path)'; in the trash are "
                    + all.map(\.description).joined(separator: ", ") + ".",
                remedy: "Name the one that is meant by its id."
            )
        }
        if let found { return found.memory }
        // Neither there nor in the trash: the error of a path that is not there fits.
        return try memory(at: path)
    }

    private func isNamed(
        _ memory: Memory,
        _ path: NamePath,
        _ scheme: Scheme
    ) throws(LociError) -> Bool {
        guard let last = path.last else { return false }
        let exact = memory.name == last
        let byID = last.bytes == memory.name.bytes + [ASCII.tilde] + memory.id.text
        guard exact || byID else { return false }
        let fields = MemoryFields(
            id: memory.id,
            created: memory.created,
            attributes: memory.attributes
        )
        return try scheme.render(fields) == path.parent.names
    }
}

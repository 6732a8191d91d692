import ArgumentParser
import Loci

struct WatchVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "watch",
            abstract: "Print the changes in order, each with the cursor to go on from.",
            discussion: """
                Each change comes once, in the order in which it was made, whichever process made \
                it. Keep the cursor of the last line and give it to --from: what follows has no gap \
                and no repeat, also when mounts and watchers were started again in between. Where \
                retention has let go of what comes next, it ends with exit 4 instead.
                """
        )
    }

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Begin after it; without it from the first change that is kept, with --follow from now.",
            valueName: "cursor"
        )
    )
    var from: Int64?
    @Flag(name: .long, help: "Go on as changes are made.") var follow = false
    @OptionGroup var filter: ChangeFilterOptions
    @OptionGroup var speech: SpeechOptions

    func validate() throws {
        if let from, from < 0 { throw ValidationError("--from is the cursor of a line.") }
    }

    func run() async throws {
        let (tenant, wanted) = try filter.resolve()
        var cursor = try start(tenant)
        while true {
            let page = try tenant.feed(after: cursor)
            if let last = page.last {
                try show(try tenant.passing(page, wanted), tenant)
                cursor = last.number
            } else if follow {
                // The page after the wait begins with what it waited for.
                var feed = tenant.changes(following: cursor).makeAsyncIterator()
                guard try await feed.next() != nil else { return }
            } else {
                return
            }
        }
    }

    private func start(_ tenant: Tenant) throws(LociError) -> ChangeNumber {
        if let from { return ChangeNumber(from) }
        return follow ? try tenant.lastChange() : try tenant.logBegins()
    }

    private func show(_ changes: [Change], _ tenant: Tenant) throws(LociError) {
        guard !speech.quiet else { return }
        var output = Output()
        for (change, path) in zip(changes, try tenant.paths(of: changes)) {
            if speech.json {
                try output.line(change.event(path: path))
            } else {
                let cells = [
                    change.number.description, change.time.description, change.origin.actor,
                    change.operation?.rawValue ?? "?",
                    path?.description ?? change.memory?.description ?? "",
                ]
                try output.line(cells.map { Name.printable($0) }.joined(separator: "\t"))
            }
        }
        try output.flush()
    }
}

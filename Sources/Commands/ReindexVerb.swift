import ArgumentParser
import Loci

struct ReindexVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "reindex",
            abstract: "Build the search index anew, beside the one that answers until then.",
            discussion: "Interrupted, it goes on where it was when it is run again."
        )
    }

    @Option(
        name: .long,
        help: ArgumentHelp(
            "All, or only the memories below a directory, within the index that there is.",
            valueName: "all|path"
        )
    )
    var scope = "all"
    @Flag(name: .long, help: "Remove the index and keep none, until it is built again.")
    var off = false
    @OptionGroup var place: StoreOptions
    @OptionGroup var who: OriginOptions
    @OptionGroup var speech: SpeechOptions

    func validate() throws {
        guard !off || scope == "all" else {
            throw ValidationError("--off is for the whole index: leave --scope out.")
        }
    }

    func run() async throws {
        let isWhole = scope == "all"
        let (tenant, path) = try StoreFinder.place(isWhole ? "." : scope, place)
        if off {
            try tenant.endSearch(origin: who.origin)
            return try speech.print("The tenant \(tenant.id) keeps no search index any more.") {
                ["tenant": .string(tenant.id.rawValue), "search": .bool(false)]
            }
        }
        let origin = who.origin
        let count = try await showing("indexing \(tenant.id)", speech) { feed in
            isWhole
                ? try await tenant.reindex(origin: origin, progress: feed)
                : try await tenant.reindex(under: path, origin: origin, progress: feed)
        }
        let status = try tenant.searchStatus()
        try speech.print(
            "Indexed \(Grouped.counted(count, "memory", plural: "memories")); "
                + "\(Grouped.text(status.left)) are not searched."
        ) {
            .object(
                [
                    .init("tenant", .string(tenant.id.rawValue)),
                    .init("indexed", .integer(count)),
                ] + status.members
            )
        }
    }
}

extension SearchStatus {
    /// What `--json` tells of it.
    var members: [JSON.Member] {
        [
            .init("search", .bool(isOn)), .init("searched", .integer(indexed)),
            .init("notText", .integer(notText)), .init("tooLarge", .integer(tooLarge)),
            .init("unread", .integer(unread)), .init("waiting", .integer(waiting)),
        ]
    }
}

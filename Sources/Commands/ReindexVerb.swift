import ArgumentParser
import Loci

struct ReindexVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "reindex",
            abstract: "Build the search index anew, beside the one that answers until then; "
                + "with --embedder, the vectors for a search by meaning.",
            discussion: """
                Interrupted, it goes on where it was when it is run again. With --embedder it \
                makes the vectors that are missing and leaves the words alone; --scope all makes \
                all anew, also with another embedder, beside those that answer until then. It is the \
                option that does so: LOCI_EMBEDDER alone changes nothing here.

                """ + EmbedderOptions.discussion
        )
    }

    @Option(
        name: .long,
        help: ArgumentHelp(
            "All, or only the memories below a directory, within the index that there is.",
            valueName: "all|path"
        )
    )
    var scope: String?
    @Flag(name: .long, help: "Remove index and vectors and keep none, until they are built again.")
    var off = false
    @OptionGroup var meaning: EmbedderOptions
    @OptionGroup var place: StoreOptions
    @OptionGroup var who: OriginOptions
    @OptionGroup var speech: SpeechOptions

    func validate() throws {
        guard !off || scope == nil || scope == "all" else {
            throw ValidationError("--off is for the whole index: leave --scope out.")
        }
        guard !off || meaning.embedder == nil else {
            throw ValidationError("--off needs no --embedder: it removes the vectors, too.")
        }
    }

    func run() async throws {
        let directory = scope == "all" ? nil : scope
        let (tenant, path) = try StoreFinder.place(directory ?? ".", place)
        if off {
            try tenant.endSearch(origin: who.origin)
            return try speech.print("The tenant \(tenant.id) keeps no search index any more.") {
                ["tenant": .string(tenant.id.rawValue), "search": .bool(false)]
            }
        }
        let origin = who.origin
        if meaning.embedder != nil {
            return try await embed(directory == nil ? nil : path, tenant, origin)
        }
        let count = try await showing("indexing \(tenant.id)", speech) { feed in
            directory == nil
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

    private func embed(_ path: NamePath?, _ tenant: Tenant, _ origin: Origin) async throws {
        let embedder = try meaning.embedder(for: "--embedder", speech)
        let scope: Tenant.EmbeddingScope =
            path.map { .under($0) } ?? (scope == "all" ? .all : .missing)
        let count = try await showing("embedding \(tenant.id)", speech) { feed in
            try await tenant.embed(scope, with: embedder, origin: origin, progress: feed)
        }
        let status = try tenant.embeddingStatus()
        try speech.print(
            "Looked at \(Grouped.counted(count, "memory", plural: "memories")): "
                + "\(Grouped.text(status.embedded)) of the tenant have a vector of "
                + "\(status.model?.description ?? "no embedder"), "
                + "\(Grouped.text(status.left)) have none."
        ) {
            .object(
                [
                    .init("tenant", .string(tenant.id.rawValue)),
                    .init("lookedAt", .integer(count)),
                    .init("vectors", status.json),
                ]
            )
        }
    }
}

extension EmbeddingStatus {
    /// Memories that cannot be found by meaning, and do not wait.
    var left: Int64 { notText + tooLarge + unread + refused }

    /// What `--json` tells of it.
    var json: JSON {
        [
            "embedder": model.map { .string($0.id) } ?? .null,
            "dimensions": model.map { .integer(Int64($0.dimensions)) } ?? .null,
            "embedded": .integer(embedded), "waiting": .integer(waiting),
            "notText": .integer(notText), "tooLarge": .integer(tooLarge),
            "unread": .integer(unread), "refused": .integer(refused),
        ]
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

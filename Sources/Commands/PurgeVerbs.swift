import ArgumentParser
import Loci

struct PurgeVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "purge",
            abstract: "Remove memories of the trash for good: contents, history, every trace.",
            discussion: """
                A memory is named by its path before it was deleted, or by its id; one that is not in \
                the trash is removed with loci rm first. The change log keeps a stub: that there \
                was a memory of that id, who did what, and when. A snapshot that holds a memory keeps \
                it from being purged, exit 7. What deleted rows leave in the database's file goes \
                with: loci gc --delete
                """
        )
    }

    @Argument(help: "The memories.") var paths: [String]
    @OptionGroup var place: StoreOptions
    @OptionGroup var who: OriginOptions
    @OptionGroup var confirmation: ConfirmOptions
    @OptionGroup var speech: SpeechOptions

    func run() async throws {
        var tenant: Tenant?
        var ids: [MemoryID] = []
        for path in paths {
            let (found, id) = try Self.find(path, place)
            if let tenant, tenant.directory != found.directory {
                throw LociError(
                    .invalidArgument,
                    subject: path,
                    message: "'\(path)' is in another tenant than '\(paths[0])'.",
                    remedy: "Purge each tenant's memories with a command of its own."
                )
            }
            tenant = found
            if !ids.contains(id) { ids.append(id) }
        }
        guard let tenant else { return }
        try confirmation.confirm(
            "\(Grouped.counted(ids.count, "memory", "memories")) would be removed for good.",
            subject: "purge"
        )
        try await Self.purge(ids, tenant, who.origin, speech)
    }

    private static func find(
        _ argument: String,
        _ place: StoreOptions
    ) throws(LociError) -> (tenant: Tenant, id: MemoryID) {
        let (tenant, path) = try StoreFinder.place(argument, place)
        let memory = try tenant.trashed(at: path, onlyOne: true)
        guard memory.isTrashed else {
            throw LociError(
                .wrongState,
                subject: argument,
                message: "'\(argument)' is not in the trash.",
                remedy: "Put it there first with: loci rm \(memory.shownPath)"
            )
        }
        return (tenant, memory.id)
    }

    static func purge(
        _ ids: [MemoryID],
        _ tenant: Tenant,
        _ origin: Origin,
        _ speech: SpeechOptions
    ) async throws {
        let report = try await showing("purging", speech) { feed in
            try await tenant.purge(ids, origin: origin, progress: feed)
        }
        try speech.print(report.sentence) { report.json }
        guard report.heldCount > 0 else { return }
        for hold in report.held { Words.note("\(hold.memory) was not purged: \(hold.reason).") }
        throw LociError(
            .partlyDone,
            subject: "purge",
            message: Grouped.counted(report.heldCount, "memory was", "memories were")
                + " not purged.",
            remedy: "Delete the snapshots that hold them, or leave them in the trash: "
                + "loci snapshot list"
        )
    }
}

struct TrashVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "trash",
            abstract: "List what was deleted, or remove all of it for good.",
            subcommands: [List.self, Empty.self]
        )
    }

    struct List: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "list",
                abstract: "List the memories in the trash by the paths that they would go back to."
            )
        }

        @OptionGroup var place: StoreOptions
        @OptionGroup var speech: SpeechOptions
        @OptionGroup var paths: PathOptions

        func run() async throws {
            let tenant = try StoreFinder.tenant(place)
            Mounts.askToCommit(tenant)
            let scheme = try tenant.listedLayout().scheme
            var table = Table("DELETED", "ACTOR", "ID", "PATH")
            var output = Output()
            var cursor: ListCursor?
            repeat {
                let page = try tenant.listTrash(after: cursor)
                for memory in page.memories where !speech.quiet {
                    let path = try memory.formerPath(scheme)
                    if paths.nul {
                        try output.path(path, nul: true)
                        continue
                    }
                    let deletion = try tenant.history(of: memory.id).first {
                        $0.operation == .delete
                    }
                    if speech.json {
                        try output.line(Self.json(memory, path, deletion))
                    } else {
                        table.append(
                            deletion?.time.description ?? "",
                            deletion?.origin.actor ?? "",
                            memory.id.description,
                            Name.printable(path.description)
                        )
                    }
                }
                cursor = page.next
            } while cursor != nil
            if !speech.json, !paths.nul { try speech.print(table, []) }
            try output.flush()
        }

        private static func json(_ memory: Memory, _ path: NamePath, _ deletion: Change?) -> JSON {
            guard case .object(var members) = memory.json else { return .null }
            members.append(.init("formerPath", JSON(path: path)))
            members.append(
                .init("deleted", deletion.map { .string($0.time.description) } ?? .null)
            )
            members.append(.init("by", deletion.map { .string($0.origin.actor) } ?? .null))
            return .object(members)
        }
    }

    struct Empty: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "empty",
                abstract: "Purge everything in the trash; see loci purge --help."
            )
        }

        @OptionGroup var place: StoreOptions
        @OptionGroup var who: OriginOptions
        @OptionGroup var confirmation: ConfirmOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let tenant = try StoreFinder.tenant(place)
            let ids = try tenant.trashedIDs()
            if !ids.isEmpty {
                try confirmation.confirm(
                    Grouped.counted(ids.count, "memory", "memories")
                        + " in the trash would be removed for good.",
                    subject: "trash"
                )
            }
            try await PurgeVerb.purge(ids, tenant, who.origin, speech)
        }
    }
}

extension Memory {
    /// Where a layout would put it.
    fileprivate func formerPath(_ scheme: Scheme) throws(LociError) -> NamePath {
        let fields = MemoryFields(id: id, created: created, attributes: attributes)
        return NamePath(try scheme.render(fields) + [name])
    }
}

extension PurgeReport {
    fileprivate var sentence: String {
        var text = "Purged \(Grouped.counted(purged, "memory", "memories"))"
        if contents > 0 { text += ", removed \(Grouped.counted(contents, "content", "contents"))" }
        if waiting > 0 {
            text +=
                "; \(Grouped.counted(waiting, "content", "contents")) will be removed by who "
                + "moves the blobs"
        }
        return text + "."
    }

    fileprivate var json: JSON {
        [
            "purged": .integer(Int64(purged)), "contents": .integer(Int64(contents)),
            "bytes": .integer(bytes), "waiting": .integer(Int64(waiting)),
            "heldCount": .integer(Int64(heldCount)),
            "held": .array(
                held.map { ["id": .string($0.memory.description), "reason": .string($0.reason)] }
            ),
        ]
    }
}

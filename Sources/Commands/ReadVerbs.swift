import ArgumentParser
import Loci

struct ListVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "ls", abstract: "List what a directory holds.")
    }

    @Argument(help: "A directory or a memory; without it the root.") var path: String?
    @Flag(name: .customShort("l"), help: "Sizes and times too.") var long = false
    @Flag(name: [.customShort("R"), .long], help: "All memories below it, by their paths.")
    var recursive = false
    @OptionGroup var when: MomentOptions
    @OptionGroup var place: StoreOptions
    @OptionGroup var speech: SpeechOptions
    @OptionGroup var paths: PathOptions

    func run() async throws {
        let (tenant, path) = try StoreFinder.place(path ?? ".", place)
        Mounts.askToCommit(tenant)
        let moment = try when.moment(tenant)
        if !path.isRoot, let memory = try? tenant.memory(at: path, at: moment) {
            try speech.print(result: memory, nul: paths.nul)
        } else if recursive {
            try listAll(tenant, path, moment)
        } else {
            try list(try tenant.entries(of: path, at: moment), in: path)
        }
    }

    private func list(_ entries: [DirectoryEntry], in path: NamePath) throws(LociError) {
        guard !speech.quiet else { return }
        if long && !speech.json && !paths.nul {
            var table = Table("KIND", "SIZE", "MODIFIED", "NAME")
            for entry in entries {
                table.append(
                    entry.kind.rawValue,
                    "\(entry.size)",
                    entry.modified.description,
                    entry.shownName
                )
            }
            return try speech.print(table, [])
        }
        var output = Output()
        for entry in entries {
            if speech.json {
                try output.line(entry.json(in: path))
            } else {
                try output.path(NamePath([entry.name]), nul: paths.nul)
            }
        }
        try output.flush()
    }

    private func listAll(
        _ tenant: Tenant,
        _ path: NamePath,
        _ moment: PastMoment?
    ) throws(LociError) {
        guard !speech.quiet else { return }
        if let moment { return try listAll(tenant, path, of: moment) }
        var output = Output()
        var cursor: ListCursor?
        repeat {
            let page = try tenant.list(under: path, after: cursor)
            for memory in page.memories {
                if speech.json {
                    try output.line(memory.json)
                } else {
                    try output.path(memory.shownPath, nul: paths.nul)
                }
            }
            cursor = page.next
        } while cursor != nil
        try output.flush()
    }
}

extension ListVerb {
    /// In one walk: a page of the past costs as much as all of it.
    private func listAll(
        _ tenant: Tenant,
        _ path: NamePath,
        of moment: PastMoment
    ) throws(LociError) {
        var output = Output()
        do {
            let tree = try TreeReader(tenant)
            try tree.walk(at: moment, under: path) { item in
                guard item.kind == .memory else { return }
                if speech.json {
                    try output.line(try tenant.memory(at: item.path, when: moment).json)
                } else {
                    try output.path(item.path, nul: paths.nul)
                }
            }
        } catch {
            throw Failure.wrapped(error)
        }
        try output.flush()
    }
}

extension DirectoryEntry {
    /// The name for people: directories end with a slash.
    var shownName: String { kind == .directory ? "\(name)/" : name.description }

    func json(in directory: NamePath) -> JSON {
        [
            "name": JSON(name: name),
            "path": JSON(path: directory.appending(name)),
            "kind": .string(kind.rawValue),
            "size": .integer(size),
            "modified": .string(modified.description),
            "id": memory.map { .string($0.description) } ?? .null,
        ]
    }
}

struct CatVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "cat", abstract: "Print the content of memories.")
    }

    @Argument(help: "The memories.") var paths: [String]
    @Option(name: .long, help: ArgumentHelp("An earlier revision.", valueName: "n"))
    var revision: Int?
    @OptionGroup var when: MomentOptions
    @OptionGroup var place: StoreOptions
    @OptionGroup var speech: SpeechOptions

    func validate() throws {
        guard revision != nil, when.at != nil else { return }
        throw ValidationError("Give --revision or --at, not both.")
    }

    func run() async throws {
        var output = Output()
        for path in paths {
            let found = try MemoryReference(path, place, when)
            let content = try await found.tenant.content(
                of: found.memory.id,
                revision: revision.map { RevisionNumber($0) } ?? found.memory.revision
            )
            guard !speech.quiet else { continue }
            if speech.json {
                try output.line(json(found.memory, content))
            } else {
                try output.write(content)
            }
        }
        try output.flush()
    }

    private func json(_ memory: Memory, _ content: [UInt8]) -> JSON {
        let text = String(validating: content, as: UTF8.self)
        return [
            "path": JSON(path: memory.shownPath),
            "id": .string(memory.id.description),
            "revision": .integer(Int64(revision ?? memory.revision.rawValue)),
            "content": text.map { .string($0) } ?? ["bytes": .string(Hex.text(content))],
        ]
    }
}

struct StatVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "stat",
            abstract: "Show what is known of memories, and all their paths."
        )
    }

    @Argument(help: "The memories, by a path of any live layout or by their ids.")
    var paths: [String]
    @OptionGroup var when: MomentOptions
    @OptionGroup var place: StoreOptions
    @OptionGroup var speech: SpeechOptions

    func run() async throws {
        for path in paths {
            let found = try MemoryReference(path, place, when)
            let others = try found.allPaths()
            guard !speech.quiet else { continue }
            var output = Output()
            if speech.json {
                try output.line(json(found.memory, others))
            } else {
                for line in lines(found.memory, others) { try output.line(line) }
            }
            try output.flush()
        }
    }

    private func lines(
        _ memory: Memory,
        _ paths: [(layout: LayoutInfo, path: NamePath)]
    ) -> [String] {
        var lines = ["\(memory.shownPath)", "  id        \(memory.id)"]
        for key in memory.attributes.keys.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) })
        {
            lines.append("  attribute \(key)=\(memory.attributes[key] ?? "")")
        }
        lines.append("  created   \(memory.created)")
        lines.append("  updated   \(memory.updated)")
        lines.append("  revision  \(memory.revision)")
        lines.append("  size      \(memory.size)")
        lines.append("  sha256    \(memory.hash)")
        if memory.isTrashed { lines.append("  in the trash") }
        for (layout, path) in paths {
            lines.append("  layout \(layout.number)  \(path)" + (layout.isListed ? "  listed" : ""))
        }
        return lines
    }

    private func json(
        _ memory: Memory,
        _ paths: [(layout: LayoutInfo, path: NamePath)]
    ) -> JSON {
        guard case .object(var members) = memory.json else { return .null }
        let places = paths.map { (layout, path) -> JSON in
            [
                "layout": .integer(Int64(layout.number.rawValue)), "path": JSON(path: path),
                "listed": .bool(layout.isListed),
            ]
        }
        members.append(.init("paths", .array(places)))
        return .object(members)
    }
}

extension MemoryReference {
    /// The paths in all live layouts; of the past the one in the layout that was listed then.
    func allPaths() throws(LociError) -> [(layout: LayoutInfo, path: NamePath)] {
        if let moment {
            let listed = try tenant.listedLayout(at: moment)
            return memory.path.map { [(listed, $0)] } ?? []
        }
        var paths: [(layout: LayoutInfo, path: NamePath)] = []
        for layout in try tenant.layouts() where layout.status == .live {
            guard let path = try tenant.path(of: memory.id, in: layout.number) else { continue }
            paths.append((layout, path))
        }
        return paths
    }
}

struct LogVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "log",
            abstract: "Show one memory's history, the newest change first."
        )
    }

    @Argument(help: "The memory.") var path: String
    @Option(name: .shortAndLong, help: ArgumentHelp("At most so many.", valueName: "count"))
    var number = 1000
    @OptionGroup var when: MomentOptions
    @OptionGroup var place: StoreOptions
    @OptionGroup var speech: SpeechOptions

    func run() async throws {
        let found = try MemoryReference(path, place, when)
        let id = found.memory.id
        let changes =
            if let moment = found.moment {
                try found.tenant.history(of: id, until: moment, limit: number)
            } else {
                try found.tenant.history(of: id, limit: number)
            }
        var table = Table("CHANGE", "TIME", "ACTOR", "WHAT", "REASON")
        for change in changes {
            table.append(
                change.number.description,
                change.time.description,
                change.origin.actor,
                change.operation?.rawValue ?? "?",
                change.origin.reason ?? ""
            )
        }
        try speech.print(table, changes.map(\.json))
    }
}

import ArgumentParser
import Loci

struct SetVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "set",
            abstract: "Set attributes of a memory; its places follow.",
            discussion: "'key=' with nothing behind it removes the attribute."
        )
    }

    @Argument(help: "The memory.") var path: String
    @Argument(help: ArgumentHelp("What to set.", valueName: "k=v")) var assignments: [Assignment]
    @OptionGroup var conditions: ConditionOptions
    @OptionGroup var place: StoreOptions
    @OptionGroup var who: OriginOptions
    @OptionGroup var speech: SpeechOptions
    @OptionGroup var paths: PathOptions

    func run() async throws {
        let attributes = try assignments.checked()
        let found = try MemoryReference(path, place)
        if conditions.ifAbsent,
            let taken = attributes.keys.first(where: { found.memory.attributes[$0] != nil })
        {
            throw LociError(
                .nameTaken,
                subject: taken,
                message: "'\(found.memory.shownPath)' has the attribute '\(taken)' already.",
                remedy: "Leave --if-absent out to change it."
            )
        }
        let memory = try await found.tenant.set(
            found.memory.id,
            attributes: attributes,
            ifRevision: conditions.expected,
            origin: who.origin
        )
        try speech.print(result: memory, nul: paths.nul)
    }
}

struct MoveVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "mv",
            abstract: "Move a memory or a directory; attributes follow the new path."
        )
    }

    @Argument(help: "The memory or directory.") var from: String
    @Argument(help: "Where it goes; into it, where it is a directory that exists.") var to: String
    @OptionGroup var place: StoreOptions
    @OptionGroup var who: OriginOptions
    @OptionGroup var speech: SpeechOptions
    @OptionGroup var paths: PathOptions

    func run() async throws {
        let (tenant, old) = try StoreFinder.place(from, place)
        let target = try StoreFinder.place(to, place)
        guard target.tenant.id == tenant.id, target.tenant.store.path == tenant.store.path else {
            throw LociError(
                .invalidArgument,
                subject: to,
                message: "'\(from)' and '\(to)' are of different tenants.",
                remedy: "Use export and import to bring memories from one tenant to another."
            )
        }
        Mounts.askToCommit(tenant)
        var new = target.path
        if let last = old.last, (try? tenant.entries(of: new)) != nil,
            try !tenant.isMoving(from: old, to: new)
        {
            new = new.appending(last)
        }
        if let memory = try? tenant.memory(called: old) {
            let moved = try await tenant.move(memory.id, to: new, origin: who.origin)
            return try speech.print(result: moved, nul: paths.nul)
        }
        let count = try await showing("moving", speech) { feed in
            try await tenant.moveDirectory(from: old, to: new, origin: who.origin, progress: feed)
        }
        try speech.print("Moved \(Grouped.text(count)) memories to \(new).") {
            ["path": JSON(path: new), "moved": .integer(Int64(count))]
        }
    }
}

struct RemoveVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "rm",
            abstract: "Put memories into the trash; loci restore brings them back."
        )
    }

    @Argument(help: "The memories.") var targets: [String]
    @Flag(name: [.customShort("r"), .long], help: "Directories with all that is below them.")
    var recursive = false
    @Option(
        name: .long,
        help: ArgumentHelp("Only if this is the current revision; else exit 6.", valueName: "n")
    )
    var ifRevision: Int?
    @Flag(name: .long, help: "A path that is absent is no failure.")
    var ifAbsent = false
    @OptionGroup var place: StoreOptions
    @OptionGroup var who: OriginOptions
    @OptionGroup var speech: SpeechOptions
    @OptionGroup var paths: PathOptions

    func run() async throws {
        for target in targets {
            do {
                try await remove(target)
            } catch let error as LociError where ifAbsent && error.code == .notFound {
                continue
            }
        }
    }

    private func remove(_ target: String) async throws {
        let (tenant, path) = try StoreFinder.place(target, place)
        Mounts.askToCommit(tenant)
        guard let memory = try find(path, in: tenant) else {
            return try await removeAll(path, in: tenant)
        }
        try await tenant.delete(
            memory.id,
            ifRevision: ifRevision.map { RevisionNumber($0) },
            origin: who.origin
        )
        try speech.print(result: memory, nul: paths.nul)
    }

    /// Nil for a directory that may be removed.
    private func find(_ path: NamePath, in tenant: Tenant) throws(LociError) -> Memory? {
        do throws(LociError) {
            return try tenant.memory(called: path)
        } catch {
            guard error.code == .isADirectory else { throw error }
            if recursive, !path.isRoot { return nil }
            throw LociError(
                .isADirectory,
                subject: path.description,
                message: "'\(path)' is a directory.",
                remedy: path.isRoot
                    ? "Name the directories below it."
                    : "Remove it with all that is below with:  loci rm -r \(path)"
            )
        }
    }

    private func removeAll(_ path: NamePath, in tenant: Tenant) async throws {
        var removed = 0
        var line = ProgressLine("removing", json: speech.json, quiet: speech.quiet)
        while true {
            // Always the first page: what was removed is not in it any more.
            let page = try tenant.list(under: path)
            guard !page.memories.isEmpty else { break }
            for memory in page.memories {
                try await tenant.delete(memory.id, ifRevision: nil, origin: who.origin)
                removed += 1
                line.update(done: Int64(removed), total: nil)
            }
        }
        try tenant.removeDirectories(under: path, origin: who.origin)
        line.finish()
        try speech.print("Put \(Grouped.text(removed)) memories into the trash.") {
            ["path": JSON(path: path), "removed": .integer(Int64(removed))]
        }
    }
}

import ArgumentParser
import Loci

struct AddVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "add",
            abstract: "Add a memory, from a file or standard input."
        )
    }

    @Argument(help: "The file to read; '-' or nothing reads standard input.")
    var file: String?

    @Option(name: .long, help: "Its name; without it the name of the file.")
    var name: String?

    @Option(name: .long, help: ArgumentHelp("An attribute; may be repeated.", valueName: "k=v"))
    var set: [Assignment] = []

    @OptionGroup var conditions: ConditionOptions
    @OptionGroup var place: StoreOptions
    @OptionGroup var who: OriginOptions
    @OptionGroup var speech: SpeechOptions
    @OptionGroup var paths: PathOptions

    func run() async throws {
        let name = try chosenName()
        var attributes: [String: String] = [:]
        for (key, value) in try set.checked() { attributes[key] = value ?? "" }
        let tenant = try StoreFinder.tenant(place)
        let content = try InputBytes.read(file)
        let memory: Memory
        if let expected = conditions.expected {
            let path = try tenant.path(of: name, attributes)
            let existing = try tenant.memory(at: path)
            memory = try await tenant.edit(
                existing.id,
                content: content,
                ifRevision: expected,
                origin: who.origin
            )
        } else {
            memory = try await tenant.append(
                content,
                name: name,
                attributes: attributes,
                origin: who.origin
            )
        }
        try speech.print(result: memory, nul: paths.nul)
    }

    private func chosenName() throws(LociError) -> Name {
        if let name { return try Name(validating: RawArguments.bytes(name)) }
        if let file, file != "-" {
            let path = try NamePath(parsing: StoreFinder.absolute(RawArguments.bytes(file)))
            if let last = path.last { return last }
        }
        throw LociError(
            .invalidArgument,
            subject: "--name",
            message: "The memory has no name.",
            remedy: "Add --name NAME."
        )
    }
}

extension Tenant {
    /// The path that the listed layout gives to a memory that is made now.
    func path(
        of name: Name,
        _ attributes: [String: String]
    ) throws(LociError) -> NamePath {
        let now = Timestamp(nanoseconds: clock().nanoseconds)
        var generator = SystemRandomNumberGenerator()
        let fields = MemoryFields(
            id: MemoryID(time: now, using: &generator),
            created: now,
            attributes: attributes
        )
        return NamePath(try listedLayout().scheme.render(fields) + [name])
    }
}

struct EditVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "edit",
            abstract: "Give a memory new content, from $EDITOR, a file or standard input.",
            discussion: "A path that does not exist yet becomes a new memory."
        )
    }

    @Argument(help: "The memory.") var path: String

    @Argument(help: "The file to read, or '-'; on a terminal nothing opens $EDITOR.")
    var file: String?

    @OptionGroup var conditions: ConditionOptions
    @OptionGroup var place: StoreOptions
    @OptionGroup var who: OriginOptions
    @OptionGroup var speech: SpeechOptions
    @OptionGroup var paths: PathOptions

    func run() async throws {
        let (tenant, path) = try StoreFinder.place(path, place)
        Mounts.askToCommit(tenant)
        let existing = try find(tenant, path)
        if conditions.ifAbsent, existing != nil {
            throw LociError(
                .nameTaken,
                subject: path.description,
                message: "'\(path)' is there already.",
                remedy: "Leave --if-absent out to give it new content."
            )
        }
        if let existing, let expected = conditions.expected, existing.revision != expected {
            throw Self.conflict(existing, expected)
        }
        let content = try await newContent(of: existing, in: tenant)
        guard let content else {
            Words.note("nothing was changed.")
            return
        }
        let memory: Memory
        if let existing {
            memory = try await tenant.edit(
                existing.id,
                content: content,
                ifRevision: conditions.expected,
                origin: who.origin
            )
        } else {
            memory = try await tenant.append(
                content,
                at: path,
                attributes: [:],
                origin: who.origin
            )
        }
        try speech.print(result: memory, nul: paths.nul)
    }

    private func find(_ tenant: Tenant, _ path: NamePath) throws(LociError) -> Memory? {
        do throws(LociError) {
            return try tenant.memory(called: path)
        } catch {
            if error.code == .notFound, conditions.expected == nil { return nil }
            throw error
        }
    }

    /// Nil where an editor left everything as it was.
    private func newContent(
        of memory: Memory?,
        in tenant: Tenant
    ) async throws -> [UInt8]? {
        guard file == nil, Terminal.inputIsTerminal, Terminal.outputIsTerminal else {
            return try InputBytes.read(file)
        }
        var old: [UInt8] = []
        if let memory { old = try await tenant.content(of: memory.id) }
        let name = memory?.name ?? Name(unchecked: Array("memory.md".utf8))
        let new = try Editor.edit(old, name: name)
        return new == old && memory != nil ? nil : new
    }

    static func conflict(_ memory: Memory, _ expected: RevisionNumber) -> LociError {
        LociError(
            .revisionConflict,
            subject: memory.shownPath.description,
            message: "'\(memory.shownPath)' has revision \(memory.revision), not \(expected).",
            remedy: "Read it again, and repeat with --if-revision \(memory.revision)."
        )
    }
}

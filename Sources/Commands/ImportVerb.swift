import ArgumentParser
import Linux
import Loci

struct ImportVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "import",
            abstract: "Bring a tree of files in; the tree itself is never touched.",
            discussion: """
                A second run skips what is equal and lists what differs (exit 7), unless --update. \
                Dot files and what is below dot directories come in as foreign files. '.git', \
                symbolic links and sockets are skipped and counted. An archive (a file that \
                loci export --format jsonl wrote, - for stdin, or a tree that was exported with \
                --history) comes in with ids, attributes, times and revisions.
                """
        )
    }

    @Argument(help: ArgumentHelp("The tree, or an archive.", valueName: "dir")) var directory:
        String
    @Option(
        name: .long,
        help: ArgumentHelp("How its directories tell attributes.", valueName: "scheme")
    )
    var schemeOfSource = "{folder...}"
    @Option(name: .long, help: ArgumentHelp("An attribute for all.", valueName: "k=v"))
    var set: [Assignment] = []
    @Option(
        name: .long,
        help: ArgumentHelp(
            "With '_': files too shallow for the scheme come in without the fields.",
            valueName: "_"
        )
    )
    var missing: String?
    @Option(
        name: .long,
        help: ArgumentHelp("With 'read': attributes from YAML too.", valueName: "read")
    )
    var frontMatter: String?
    @Flag(name: .long, help: "Give memories that differ the new content.") var update = false
    @Flag(name: .long, help: "Only tell what would come in.") var dryRun = false
    @Option(
        name: .long,
        help: ArgumentHelp("Only files of such names; may be repeated.", valueName: "pattern")
    )
    var include: [String] = []
    @Option(name: .long, help: ArgumentHelp("Only files up to this size.", valueName: "size"))
    var maxSize: String?
    @OptionGroup var place: StoreOptions
    @OptionGroup var who: OriginOptions
    @OptionGroup var speech: SpeechOptions

    func validate() throws {
        if let missing, missing != "_" {
            throw ValidationError("--missing takes '_' and nothing else.")
        }
        if let frontMatter, frontMatter != "read" {
            throw ValidationError("--front-matter takes 'read' and nothing else.")
        }
    }

    func run() async throws {
        if let archive = try archive() { return try await bring(archive) }
        let source = try Scheme(schemeOfSource)
        var attributes: [String: String] = [:]
        for (key, value) in try set.checked() { attributes[key] = value }
        let filter = SourceFilter(
            include: include,
            maximumSize: try maxSize.map { try ByteCount(parsing: $0).rawValue }
        )
        let path = StoreFinder.absolute(RawArguments.bytes(directory))
        let tenant = try StoreFinder.tenant(place)
        try StoreFinder.requireApart(path, from: tenant.store)
        Mounts.askToCommit(tenant)
        let plan = ImportPlan(
            source: source,
            listed: try tenant.listedLayout().scheme,
            set: attributes,
            fillsMissing: missing != nil,
            now: tenant.clock()
        )
        try plan.check()
        let run = try ImportRun(
            tenant: tenant,
            root: path,
            plan: plan,
            options: ImportRun.Options(
                readsFrontMatter: frontMatter != nil,
                updates: update,
                isDry: dryRun,
                origin: who.origin
            ),
            line: ProgressLine("importing", json: speech.json, quiet: speech.quiet)
        )
        let report = try await run.run(
            SourceWalk(path, filter: filter)
        )
        try speech.print(report.text(dryRun: dryRun)) { report.json }
        try report.throwIfPartial()
    }
    // MARK: Archives

    /// The archive that the argument names, or that the tree of that name holds; nil for a plain
    /// tree.
    private func archive() throws(LociError) -> [UInt8]? {
        if directory == "-" { return Array("/dev/stdin".utf8) }
        let path = StoreFinder.absolute(RawArguments.bytes(directory))
        guard let status = try? File.status(of: path) else { return nil }
        if status.kind == .file { return path }
        let inside = path + [ASCII.slash] + ExportRun.archiveName.bytes
        return (try? File.status(of: inside))?.kind == .file ? inside : nil
    }

    private func bring(_ path: [UInt8]) async throws {
        guard set.isEmpty, include.isEmpty, maxSize == nil, missing == nil, frontMatter == nil,
            !update
        else {
            throw LociError(
                .invalidArgument,
                subject: "archive",
                message: "An archive comes in as it is, without options that change or choose.",
                remedy: "Leave out all but --dry-run."
            )
        }
        let tenant = try StoreFinder.tenant(place)
        Mounts.askToCommit(tenant)
        let file: File
        do throws(Errno) {
            file = try File.open(path)
        } catch {
            throw InputBytes.failure(error, path, "read")
        }
        var lines = ArchiveLines(file, name: path)
        var run = ArchiveImport(tenant: tenant, isDry: dryRun, origin: who.origin)
        var progress = ProgressLine("importing", json: speech.json, quiet: speech.quiet)
        var number = 0
        while let line = try lines.next() {
            number += 1
            try await run.take(line, line: number)
            progress.update(done: Int64(run.report.added + run.report.equal), total: nil)
        }
        progress.finish()
        try await run.finish()
        try speech.print(run.report.text(dryRun: dryRun)) { run.report.json }
        try run.report.throwIfPartial()
    }
}

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
                loci export --format jsonl wrote, or - for stdin) comes in with ids, attributes, \
                times and revisions. So does a tree that was exported with --history, if asked by \
                --history: memories come from the archive in it, and foreign files and empty \
                directories from the tree.
                """
        )
    }

    @Argument(help: ArgumentHelp("The tree, or an archive.", valueName: "dir")) var directory:
        String
    @Option(
        name: .long,
        help: ArgumentHelp("How its directories tell attributes.", valueName: "scheme")
    )
    var schemeOfSource: String?
    @Flag(name: .long, help: "Memories come from the archive that the tree holds.")
    var history = false
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
        if history || isArchive { return try await bringArchive() }
        let source = try Scheme(schemeOfSource ?? "{folder...}")
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

    /// Whether the argument names an archive, not a tree.
    ///
    /// One that lies in a tree is never taken unasked: anybody may have put it there.
    private var isArchive: Bool {
        if directory == "-" { return true }
        let path = StoreFinder.absolute(RawArguments.bytes(directory))
        return (try? File.status(of: path))?.kind == .file
    }

    private func bringArchive() async throws {
        try checkArchiveOptions()
        let tenant = try StoreFinder.tenant(place)
        let path = StoreFinder.absolute(RawArguments.bytes(directory))
        let file: File
        if history {
            try StoreFinder.requireApart(path, from: tenant.store)
            file = try Self.archive(inTree: path)
        } else {
            let archive = directory == "-" ? Array("/dev/stdin".utf8) : path
            do throws(Errno) {
                file = try File.open(archive)
            } catch {
                throw InputBytes.failure(error, archive, "read")
            }
        }
        Mounts.askToCommit(tenant)
        var run = ArchiveImport(tenant: tenant, isDry: dryRun, origin: who.origin)
        try await bring(ArchiveLines(file, name: path), &run)
        var report = run.report
        if history, let scheme = run.scheme {
            report.beside = try await bringForeign(path, scheme, tenant)
        }
        try speech.print(report.text(dryRun: dryRun)) { report.json }
        try report.throwIfPartial()
    }

    private func checkArchiveOptions() throws(LociError) {
        guard set.isEmpty, include.isEmpty, maxSize == nil, missing == nil, frontMatter == nil,
            schemeOfSource == nil, !update
        else {
            throw LociError(
                .invalidArgument,
                subject: "archive",
                message: "An archive comes in as it is, without options that change or choose.",
                remedy: "Leave out all but --dry-run."
            )
        }
        guard history, isArchive else { return }
        throw LociError(
            .invalidArgument,
            subject: "--history",
            message: "--history is for a tree that holds an archive, and this is an archive.",
            remedy: "Leave it out."
        )
    }

    private static func archive(inTree path: [UInt8]) throws(LociError) -> File {
        let inside = path + [ASCII.slash] + ExportRun.archiveName.bytes
        guard (try? File.status(of: inside, .noFollow))?.kind == .file else {
            let shown = String(decoding: path, as: UTF8.self)
            throw LociError(
                .notFound,
                subject: shown,
                message: "'\(shown)' holds no archive: there is no file "
                    + "\(ExportRun.archiveName).",
                remedy: "Leave --history out, or export with --history."
            )
        }
        do throws(Errno) {
            return try File.open(inside, [.readOnly, .noFollow])
        } catch {
            throw InputBytes.failure(error, inside, "read")
        }
    }

    private func bring(
        _ source: consuming ArchiveLines,
        _ run: inout ArchiveImport
    ) async throws {
        var lines = source
        var progress = ProgressLine("importing", json: speech.json, quiet: speech.quiet)
        while let line = try lines.next() {
            try await run.take(line, line: lines.count)
            progress.update(done: Int64(run.report.added + run.report.equal), total: nil)
        }
        progress.finish()
        do {
            try await run.finish()
        } catch {
            run.report.list()
            throw error
        }
    }

    /// What a tree holds beside its archive: foreign files and empty directories.
    private func bringForeign(
        _ path: [UInt8],
        _ source: Scheme,
        _ tenant: Tenant
    ) async throws -> ImportReport {
        let run = try ImportRun(
            tenant: tenant,
            root: path,
            plan: ImportPlan(
                source: source,
                listed: try tenant.listedLayout().scheme,
                set: [:],
                fillsMissing: false,
                now: tenant.clock()
            ),
            options: ImportRun.Options(
                readsFrontMatter: false,
                updates: false,
                isDry: dryRun,
                origin: who.origin,
                leavesMemories: true
            ),
            line: ProgressLine("importing", json: speech.json, quiet: speech.quiet)
        )
        return try await run.run(SourceWalk(path, filter: SourceFilter()))
    }
}

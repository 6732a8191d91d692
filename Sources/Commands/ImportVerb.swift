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
                symbolic links and sockets are skipped and counted.
                """
        )
    }

    @Argument(help: ArgumentHelp("The tree.", valueName: "dir")) var directory: String
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
}

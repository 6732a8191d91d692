import ArgumentParser
import Linux
import Loci

/// What an export is written as.
enum ExportFormat: String, CaseIterable, ExpressibleByArgument {
    case tree
    case tar
    case jsonl
}

struct ExportVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "export",
            abstract: "Write a tenant out as plain files, byte for byte.",
            discussion: """
                A tree and a tar show the files of one layout; jsonl is an archive for any tool, and \
                loci import  reads it with ids, attributes, times and revisions. With --history a \
                tree or a tar holds that archive too, as .loci-export.jsonl, and  loci import \
                --history  of the tree reads it. What cannot be read is listed, with exit 7.
                """
        )
    }

    @Argument(
        help: ArgumentHelp(
            "A directory that is empty or missing, a file that is missing, or - for stdout.",
            valueName: "target"
        )
    )
    var directory: String
    @Option(
        name: .long,
        help: ArgumentHelp("tree, tar or jsonl; else tar for -, and tree.", valueName: "format")
    )
    var format: ExportFormat?
    @Flag(name: .long, help: "All kept revisions and the trash too.") var history = false
    @Option(
        name: .long,
        help: ArgumentHelp("By this layout; else by the listed one.", valueName: "n")
    )
    var layout: Int?
    @Option(
        name: .long,
        help: ArgumentHelp("Write ids and attributes there, as JSON Lines.", valueName: "file")
    )
    var attributes: String?
    @Option(
        name: .long,
        help: ArgumentHelp("Write checksums there, for sha256sum -c.", valueName: "file")
    )
    var manifest: String?
    @OptionGroup var when: MomentOptions
    @OptionGroup var place: StoreOptions
    @OptionGroup var speech: SpeechOptions

    private var chosen: ExportFormat { format ?? (directory == "-" ? .tar : .tree) }

    func validate() throws {
        if chosen == .tree, directory == "-" {
            throw ValidationError("A tree goes to a directory; give --format tar or jsonl for -.")
        }
        if layout != nil, when.at != nil {
            throw ValidationError("--at shows the layout that was listed then; leave --layout out.")
        }
        if chosen == .jsonl, layout != nil || attributes != nil || manifest != nil {
            throw ValidationError(
                "An archive has attributes and checksums in it, and no layout: leave --layout, "
                    + "--attributes and --manifest out."
            )
        }
    }

    func run() async throws {
        let path = StoreFinder.absolute(RawArguments.bytes(directory))
        let lists = [attributes, manifest].map { list in
            list.map { StoreFinder.absolute(RawArguments.bytes($0)) }
        }
        let tenant = try StoreFinder.tenant(place)
        for path in lists.compactMap({ $0 }) + (directory == "-" ? [] : [path]) {
            try StoreFinder.requireApart(path, from: tenant.store)
            try StoreFinder.requireOutsideMounts(path, of: tenant)
        }
        Mounts.askToCommit(tenant)
        let moment = try when.moment(tenant)
        if chosen == .jsonl { return try writeArchive(tenant, path, moment) }
        let target: any ExportTarget =
            chosen == .tree
            ? try DirectoryTarget(path)
            : try TarTarget(directory == "-" ? nil : path, now: tenant.clock())
        let run = try ExportRun(
            tenant: tenant,
            to: target,
            ExportRun.Options(
                layout: layout.map { LayoutNumber($0) },
                moment: moment,
                history: history,
                attributes: lists[0],
                manifest: lists[1]
            ),
            line: ProgressLine("exporting", json: speech.json, quiet: speech.quiet)
        )
        try run.run()
        try tell(run.report)
    }

    private func tell(_ report: ExportRun.Report) throws {
        var text =
            "Exported \(Grouped.text(report.memories)) memories, \(ByteCount(report.bytes))"
            + (report.foreign > 0 ? ", \(Grouped.text(report.foreign)) foreign" : "")
        if history { text += ", \(Grouped.counted(report.revisions, "revision"))" }
        try say(text + ".") {
            [
                "exported": .integer(Int64(report.memories)), "bytes": .integer(report.bytes),
                "foreign": .integer(Int64(report.foreign)),
                "foreignElsewhere": .integer(Int64(report.foreignElsewhere)),
                "escaped": .integer(Int64(report.escaped)),
                "revisions": .integer(Int64(report.revisions)),
                "leftOut": report.leftOut.json,
            ]
        }
        if report.foreignElsewhere > 0 {
            let files = Grouped.counted(report.foreignElsewhere, "file")
            Words.note(
                "not in the export: \(files) that tools keep in directories of other layouts. "
                    + "--layout N exports those of a live one, .loci/foreign of a mount shows what "
                    + "ended ones left, and loci backup create copies all."
            )
        }
        if report.escaped > 0 {
            Words.note(
                "\(report.escaped) directories keep their escaped names: two would have met in "
                    + "one."
            )
        }
        try report.leftOut.throwIfAny()
    }

    /// Where the data goes to standard output, words do not.
    private func say(_ sentence: String, _ object: () -> JSON) throws(LociError) {
        guard directory == "-" else { return try speech.print(sentence, object) }
        if !speech.quiet { Words.note(sentence) }
    }

    private func writeArchive(
        _ tenant: Tenant,
        _ path: [UInt8],
        _ moment: PastMoment?
    ) throws {
        var archive = ArchiveExport()
        let scheme = try ExportRun.scheme(tenant, ExportRun.Options(moment: moment))
        if directory == "-" {
            var output = Output()
            try archive.run(tenant, scheme: scheme, history: history, at: moment) {
                try output.write($0)
            }
            try output.flush()
        } else {
            let file = try TarTarget.create(path)
            do {
                try archive.run(tenant, scheme: scheme, history: history, at: moment) {
                    try file.write($0)
                }
            } catch let error as Errno {
                throw InputBytes.failure(error, path, "written")
            }
        }
        let text =
            "Exported \(Grouped.text(archive.memories)) memories, "
            + "\(Grouped.counted(archive.revisions, "revision"))."
        var leftOut = LeftOut()
        for gap in archive.gaps { leftOut.note(gap) }
        try say(text) {
            [
                "exported": .integer(Int64(archive.memories)),
                "revisions": .integer(Int64(archive.revisions)),
                "leftOut": leftOut.json,
            ]
        }
        try leftOut.throwIfAny()
    }
}

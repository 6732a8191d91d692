import ArgumentParser
import Linux
import Loci

struct ExportVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "export",
            abstract: "Write a tenant out as plain files, byte for byte."
        )
    }

    @Argument(help: ArgumentHelp("A directory that is empty or missing.", valueName: "dir"))
    var directory: String
    @Option(
        name: .long,
        help: ArgumentHelp(
            "By this layout; else by the listed one.",
            valueName: "n"
        )
    )
    var layout: Int?
    @Option(
        name: .long,
        help: ArgumentHelp("Write ids and attributes there, as JSON Lines.", valueName: "file")
    )
    var attributes: String?
    @OptionGroup var place: StoreOptions
    @OptionGroup var speech: SpeechOptions

    func run() async throws {
        let target = StoreFinder.absolute(RawArguments.bytes(directory))
        let list = attributes.map { StoreFinder.absolute(RawArguments.bytes($0)) }
        let tenant = try StoreFinder.tenant(place)
        try StoreFinder.requireApart(target, from: tenant.store)
        Mounts.askToCommit(tenant)
        let number = layout.map { LayoutNumber($0) }
        let run = try ExportRun(
            tenant: tenant,
            layout: number,
            target: target,
            attributes: list,
            line: ProgressLine("exporting", json: speech.json, quiet: speech.quiet)
        )
        try run.run()
        let report = run.report
        let text =
            "Exported \(Grouped.text(report.memories)) memories, \(ByteCount(report.bytes))"
            + (report.foreign > 0 ? ", \(Grouped.text(report.foreign)) foreign" : "") + "."
        try speech.print(text) {
            [
                "exported": .integer(Int64(report.memories)), "bytes": .integer(report.bytes),
                "foreign": .integer(Int64(report.foreign)),
                "escaped": .integer(Int64(report.escaped)),
            ]
        }
        if report.escaped > 0 {
            Words.note(
                "\(report.escaped) directories keep their escaped names: two would have met in "
                    + "one."
            )
        }
    }
}

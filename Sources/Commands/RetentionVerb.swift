import ArgumentParser
import Loci

struct RetentionVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "retention",
            abstract: "Show what is kept of the past, or set for how long.",
            discussion: """
                What is older can go with the next  loci gc --delete.  What a snapshot needs stays, \
                and so does what is current or in the trash.
                """
        )
    }

    @Argument(help: ArgumentHelp("How long from now on, such as 90d.", valueName: "duration"))
    var duration: String?
    @OptionGroup var place: StoreOptions
    @OptionGroup var who: OriginOptions
    @OptionGroup var confirmation: ConfirmOptions
    @OptionGroup var speech: SpeechOptions

    func run() async throws {
        let tenant = try StoreFinder.tenant(place)
        if let duration {
            let wanted = try LociDuration.parse(duration)
            if wanted < (try tenant.retention()) {
                try confirmation.confirm(
                    "The past older than \(duration) could go for good with the next gc.",
                    subject: "retention"
                )
            }
            try tenant.setRetention(wanted, origin: who.origin)
        }
        let summary = try tenant.historySummary()
        try speech.print(summary.sentence) { summary.json }
    }
}

extension HistorySummary {
    /// What history holds, for people.
    var sentence: String {
        let since = wholeSince.map { "every moment since \($0)" } ?? "every moment"
        return "Keeps the past for \(LociDuration.text(retention)): \(since)"
            + (snapshots > 0 ? ", \(Grouped.counted(snapshots, "snapshot"))" : "")
            + "; \(Grouped.counted(revisions, "superseded revision")), \(ByteCount(bytes))."
    }

    var json: JSON {
        [
            "retentionSeconds": .integer(retention.components.seconds),
            "wholeSince": wholeSince.map { .string($0.description) } ?? .null,
            "revisions": .integer(Int64(revisions)), "bytes": .integer(bytes),
            "snapshots": .integer(Int64(snapshots)),
        ]
    }
}

import ArgumentParser
import Loci

struct StatsVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "stats",
            abstract: "Tell how much tenants hold, and where most of it is.",
            discussion: "Partitions and memories are named by their paths in the listed layout."
        )
    }

    @Option(name: .long, help: ArgumentHelp("How many to name of each.", valueName: "n"))
    var top = 10
    @OptionGroup var place: TenantsOptions
    @OptionGroup var speech: SpeechOptions

    func validate() throws {
        guard top < 0 else { return }
        throw ValidationError("--top is none or more.")
    }

    func run() async throws {
        let (store, ids) = try StoreFinder.tenants(place)
        try await EachTenant.run(ids, speech) { id in
            let tenant = try store.tenant(id)
            let numbers = try tenant.statistics()
            let partitions = try tenant.fullestPartitions(limit: top)
            let largest = try tenant.largestMemories(limit: top)
            guard !speech.quiet else { return }
            if speech.json {
                try speech.print("") { Self.json(id, numbers, partitions, largest) }
            } else {
                var table = Table("TENANT", "WHAT", "VALUE")
                for line in numbers.lines { table.append(id.rawValue, line.word, line.value) }
                for one in partitions {
                    table.append(id.rawValue, "memories in \(Self.shown(one))", "\(one.value)")
                }
                for one in largest {
                    table.append(id.rawValue, "bytes of \(Self.shown(one))", "\(one.value)")
                }
                try speech.print(table, [])
            }
        }
    }

    private static func shown(_ amount: Amount) -> String {
        "/" + Name.printable(amount.path.description)
    }

    private static func json(
        _ id: TenantID,
        _ numbers: TenantStatistics,
        _ partitions: [Amount],
        _ largest: [Amount]
    ) -> JSON {
        let list = { (amounts: [Amount], key: String) -> JSON in
            .array(amounts.map { ["path": JSON(path: $0.path), key: .integer($0.value)] })
        }
        return [
            "tenant": .string(id.rawValue), "memories": .integer(numbers.memories),
            "trashed": .integer(numbers.trashed), "revisions": .integer(numbers.revisions),
            "bytes": .integer(numbers.bytes),
            "supersededRevisions": .integer(numbers.supersededRevisions),
            "supersededBytes": .integer(numbers.supersededBytes),
            "snapshots": .integer(Int64(numbers.snapshots)),
            "retentionSeconds": .integer(numbers.retention.components.seconds),
            "layouts": .integer(Int64(numbers.layouts)),
            "partitions": list(partitions, "memories"), "largest": list(largest, "bytes"),
        ]
    }
}

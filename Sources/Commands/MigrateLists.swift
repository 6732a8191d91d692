import ArgumentParser
import Loci
import Migration

extension MigrateVerb {
    struct Who: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "who",
                abstract: "List who still uses paths of unlisted layouts."
            )
        }

        @OptionGroup var place: TenantsOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            var table = Table(
                "TENANT",
                "LAYOUT",
                "PREFIX",
                "USER",
                "PROCESS",
                "PID",
                "USES",
                "LAST"
            )
            var objects: [JSON] = []
            let outcome = try await MigrateVerb.each(place) { tenant, _ in
                for use in try Migrator(tenant).who() {
                    table.append(
                        tenant.id.rawValue,
                        use.layout.description,
                        use.prefix,
                        "\(use.user)",
                        use.process,
                        "\(use.pid)",
                        "\(use.count)",
                        use.last.description
                    )
                    objects.append(use.json(of: tenant.id))
                }
            }
            try speech.print(table, objects)
            try outcome.finish(speech)
        }
    }
}

extension OldPathUse {
    fileprivate func json(of tenant: TenantID) -> JSON {
        [
            "tenant": .string(tenant.rawValue), "layout": .integer(Int64(layout.rawValue)),
            "prefix": .string(prefix), "user": .integer(Int64(user)),
            "process": .string(process), "pid": .integer(Int64(pid)), "count": .integer(count),
            "first": .string(first.description), "last": .string(last.description),
        ]
    }
}

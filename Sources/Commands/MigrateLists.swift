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

    struct Errors: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "errors",
                abstract: "List the memories that the newest run stumbled on."
            )
        }

        @OptionGroup var place: TenantsOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            var table = Table("TENANT", "ID", "NAME", "STEP", "TIMES", "REASON")
            var objects: [JSON] = []
            let outcome = try await MigrateVerb.each(place) { tenant, _ in
                var cursor: ListCursor?
                repeat {
                    let page = try Migrator(tenant).errors(after: cursor)
                    for failure in page.failures {
                        table.append(
                            tenant.id.rawValue,
                            failure.memory.description,
                            failure.name.description,
                            failure.step.rawValue,
                            "\(failure.attempts)",
                            failure.reason
                        )
                        objects.append(failure.json(of: tenant.id))
                    }
                    cursor = page.next
                } while cursor != nil
            }
            try speech.print(table, objects)
            try outcome.finish(speech)
        }
    }

    struct History: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "history",
                abstract: "List all migrations, the newest first."
            )
        }

        @OptionGroup var place: TenantsOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            var table = Table(
                "TENANT",
                "RUN",
                "FROM",
                "TO",
                "STARTED",
                "ACTOR",
                "OUTCOME",
                "SCHEME"
            )
            var objects: [JSON] = []
            let outcome = try await MigrateVerb.each(place) { tenant, _ in
                for run in try Migrator(tenant).history() {
                    table.append(
                        tenant.id.rawValue,
                        "\(run.id)",
                        run.from.description,
                        run.to.description,
                        run.started.description,
                        run.actor,
                        run.outcome?.rawValue ?? "",
                        run.toScheme.text
                    )
                    objects.append(run.json(of: tenant.id))
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

extension MigrationFailure {
    fileprivate func json(of tenant: TenantID) -> JSON {
        [
            "tenant": .string(tenant.rawValue), "id": .string(memory.description),
            "name": JSON(name: name), "step": .string(step.rawValue),
            "reason": .string(reason), "attempts": .integer(Int64(attempts)),
            "time": .string(time.description),
        ]
    }
}

extension MigrationRun {
    fileprivate func json(of tenant: TenantID) -> JSON {
        [
            "tenant": .string(tenant.rawValue), "run": .integer(id),
            "from": .integer(Int64(from.rawValue)), "fromScheme": .string(fromScheme.text),
            "to": .integer(Int64(to.rawValue)), "toScheme": .string(toScheme.text),
            "actor": .string(actor), "reason": reason.map { .string($0) } ?? .null,
            "mapper": mapper.map { .string($0) } ?? .null,
            "snapshot": snapshot.map { .string($0) } ?? .null,
            "started": .string(started.description),
            "live": live.map { .string($0.description) } ?? .null,
            "listed": listed.map { .string($0.description) } ?? .null,
            "ended": ended.map { .string($0.description) } ?? .null,
            "outcome": outcome.map { .string($0.rawValue) } ?? .null,
            "total": .integer(total), "moved": .integer(moved), "inPlace": .integer(inPlace),
            "skipped": .integer(skipped),
        ]
    }
}

import ArgumentParser
import Linux
import Loci
import Migration

extension MigrateVerb {
    struct History: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "history",
                abstract:
                    "List all migrations, the newest first: who, when, why, and what came of it."
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
                "LIVE AFTER",
                "LASTED",
                "MEMORIES",
                "MOVED",
                "SKIPPED",
                "ERRORS",
                "SCHEME",
                "OPTIONS",
                "MAPPER",
                "REASON"
            )
            var objects: [JSON] = []
            let outcome = try await MigrateVerb.each(place) { tenant, _ in
                let migrator = Migrator(tenant)
                var newest: Int64?
                repeat {
                    let runs = try migrator.history(before: newest)
                    for run in runs {
                        table.append([tenant.id.rawValue] + run.cells)
                        objects.append(run.json(of: tenant.id))
                    }
                    newest = runs.last?.id
                } while newest != nil
            }
            try speech.print(table, objects)
            try outcome.finish(speech)
        }
    }
}

extension MigrationRun {
    /// What came of it, in a word; the state's facts where it has not ended.
    private var outcomeWord: String {
        outcome?.rawValue ?? (listed != nil ? "complete" : live != nil ? "live" : "preparing")
    }

    private var optionWords: String {
        var words: [String] = []
        if options.onCollision == .suffix { words.append("suffix") }
        if options.leaveUnmapped { words.append("leave-unmapped") }
        if options.apart { words.append("apart") }
        if options.verify == .full { words.append("verify") }
        return words.joined(separator: ",")
    }

    fileprivate var cells: [String] {
        [
            "\(id)", from.description, to.description, started.description,
            Name.printable(actor), outcomeWord,
            live.map { LociDuration.text(Self.shown($0 - started)) } ?? "",
            ended.map { LociDuration.text(Self.shown($0 - started)) } ?? "",
            Grouped.text(total), Grouped.text(moved), Grouped.text(skipped), Grouped.text(errors),
            toScheme.text, optionWords,
            shownMapper.map { Name.printable($0) } ?? "", Name.printable(reason ?? ""),
        ]
    }

    /// Whole seconds of what took longer than one, else milliseconds.
    private static func shown(_ duration: Duration) -> Duration {
        duration < .seconds(1)
            ? .milliseconds(duration.wholeNanoseconds / 1_000_000)
            : .seconds(duration.components.seconds)
    }

    fileprivate func json(of tenant: TenantID) -> JSON {
        [
            "tenant": .string(tenant.rawValue), "run": .integer(id),
            "from": .integer(Int64(from.rawValue)), "fromScheme": .string(fromScheme.text),
            "to": .integer(Int64(to.rawValue)), "toScheme": .string(toScheme.text),
            "actor": .string(actor), "reason": reason.map { .string($0) } ?? .null,
            "mapper": mapper.map { .string($0) } ?? .null,
            "options": [
                "onCollision": .string(options.onCollision.rawValue),
                "leaveUnmapped": .bool(options.leaveUnmapped),
                "apart": .bool(options.apart),
                "verify": .string(options.verify.rawValue),
            ],
            "snapshot": snapshot.map { .string($0) } ?? .null,
            "started": .string(started.description),
            "live": live.map { .string($0.description) } ?? .null,
            "listed": listed.map { .string($0.description) } ?? .null,
            "ended": ended.map { .string($0.description) } ?? .null,
            "liveSeconds": Self.seconds(live.map { $0 - started }),
            "listedSeconds": Self.seconds(listed.map { $0 - started }),
            "seconds": Self.seconds(ended.map { $0 - started }),
            "outcome": outcome.map { .string($0.rawValue) } ?? .null,
            "total": .integer(total), "prepared": .integer(prepared), "moved": .integer(moved),
            "movedBytes": .integer(movedBytes), "inPlace": .integer(inPlace),
            "skipped": .integer(skipped), "errors": .integer(errors),
        ]
    }

    private static func seconds(_ duration: Duration?) -> JSON {
        duration.map { .number(Double($0.wholeNanoseconds / 1_000_000) / 1000) } ?? .null
    }
}

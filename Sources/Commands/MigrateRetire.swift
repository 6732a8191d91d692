import ArgumentParser
import Linux
import Loci
import Migration

extension MigrateVerb {
    struct Retire: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "retire",
                abstract: "End the old layout's paths, for good.",
                discussion: """
                    Refused while they were used within the quiet period, while a process works in \
                    a directory that only the old layout has or has one open, and while a mount is \
                    pinned to it (-o layout=, subdir=); each is named. Refused too while a mount \
                    does not answer, since whom it saw is not known. With --json they are the \
                    array 'blockers'. --force ends it all the same, which 'history' shows.
                    """
            )
        }

        @Argument(
            help: ArgumentHelp(
                "A layout; else the newest migration's old one.",
                valueName: "n"
            )
        )
        var layout: Int?
        @Flag(name: .long, help: "End them though they are in use; recorded.") var force = false
        @Option(name: .long, help: ArgumentHelp("Unused for how long.", valueName: "time"))
        var quietPeriod = "24h"
        @OptionGroup var confirmation: ConfirmOptions
        @OptionGroup var step: StepOptions

        func run() async throws {
            let period = try LociDuration.parse(quietPeriod)
            let number = layout.map { LayoutNumber($0) }
            let check = Migrator.Check.retire(number, quietPeriod: period, force: force)
            if step.check { return try await tell(check, number, period) }
            // Of several tenants once for all of them, and before the first.
            let asksOnce = step.place.maySayMany
            if asksOnce { try confirm() }
            try await step.run(check, "The old layout is retired.") { migrator, origin in
                // What is refused anyway needs no confirmation first.
                try migrator.check(check)
                if !asksOnce { try confirm() }
                try migrator.retire(number, force: force, quietPeriod: period, origin: origin)
            }
        }

        /// Whether it could be done, and whom it would override.
        private func tell(
            _ check: Migrator.Check,
            _ number: LayoutNumber?,
            _ period: Duration
        ) async throws {
            let outcome = try await MigrateVerb.each(step.place) { tenant, several in
                let migrator = Migrator(tenant)
                try migrator.check(check)
                let found = try migrator.blockers(of: number, quietPeriod: period)
                let text =
                    found.total == 0
                    ? "Nothing is in the way."
                    : "With --force nothing is in the way. It would override "
                        + "\(Grouped.text(found.total)): \(found.sentence)."
                let status = try migrator.status().json
                try step.speech.print(MigrateVerb.named(text, tenant, several)) {
                    .object(
                        (status.objectValue ?? []) + [
                            .init("blockers", .array(found.blockers.map(\.json)))
                        ]
                    )
                }
            }
            try outcome.finish(step.speech)
        }

        private func confirm() throws(LociError) {
            try confirmation.confirm(
                "The paths of the old layout would end for good.",
                subject: layout.map { "layout \($0)" } ?? "the old layout"
            )
        }
    }
}

extension MigrationBlocker {
    /// Who is in the way, as `--json` tells it.
    var json: JSON {
        [
            "kind": .string(kind.rawValue),
            "pid": pid.map { .integer(Int64($0)) } ?? .null,
            "command": command.map { .string($0) } ?? .null,
            "user": user.map { .integer(Int64($0)) } ?? .null,
            "userName": user.flatMap { UserName.of($0) }.map { .string($0) } ?? .null,
            "path": .string(path),
            "at": at.map { .string($0.description) } ?? .null,
            "count": count.map { .integer($0) } ?? .null,
        ]
    }
}

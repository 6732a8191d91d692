import ArgumentParser
import Loci
import Migration

extension MigrateVerb {
    struct Pause: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "pause",
                abstract: "Stop preparing and moving; paths stay as they are."
            )
        }

        @OptionGroup var place: TenantsOptions
        @OptionGroup var who: OriginOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            try await MigrateVerb.control(place, speech, "Paused.") { migrator in
                let origin = who.origin
                try migrator.pause(reason: origin.reason, origin: origin)
            }
        }
    }

    struct Resume: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "resume", abstract: "Go on after a pause.")
        }

        @OptionGroup var place: TenantsOptions
        @OptionGroup var who: OriginOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            try await MigrateVerb.control(place, speech, "Resumed.") { migrator in
                try migrator.resume(origin: who.origin)
            }
        }
    }

    struct Throttle: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "throttle",
                abstract: "Set how fast blobs may move."
            )
        }

        @Argument(help: "Moves a second, 'polite' (the default), or 'none'.") var rate: String
        @OptionGroup var place: TenantsOptions
        @OptionGroup var who: OriginOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let rate = try MoveRate(rate)
            try await MigrateVerb.control(place, speech, "Throttle: \(rate).") { migrator in
                try migrator.throttle(rate, origin: who.origin)
            }
        }
    }

    struct Cutover: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "cutover",
                abstract: "List the new layout; old paths stay open. Need not wait for the blobs."
            )
        }

        @Option(name: .long, help: "What old paths allow then: rw or nodelete.")
        var oldPaths = "rw"
        @OptionGroup var step: StepOptions

        func validate() throws {
            if OldPaths(rawValue: oldPaths) == nil {
                throw ValidationError("--old-paths takes rw or nodelete.")
            }
        }

        func run() async throws {
            let kind = OldPaths(rawValue: oldPaths) ?? .rw
            try await step.run(.cutover, "The new layout is listed; old paths: \(kind.rawValue).") {
                migrator,
                origin in
                try migrator.cutover(oldPaths: kind, origin: origin)
            }
        }
    }

    struct Revert: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "revert",
                abstract: "List the old layout again; new paths stay open."
            )
        }

        @OptionGroup var step: StepOptions

        func run() async throws {
            try await step.run(.revert, "The old layout is listed again.") { migrator, origin in
                try migrator.revert(origin: origin)
            }
        }
    }

    struct Abort: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "abort",
                abstract: "Give the new layout up; its paths end."
            )
        }

        @OptionGroup var step: StepOptions

        func run() async throws {
            try await step.run(.abort, "The migration is given up.") { migrator, origin in
                try migrator.abort(origin: origin)
            }
        }
    }

    struct Retire: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "retire",
                abstract: "End the old layout's paths, for good.",
                discussion: "Refused while they were used within the quiet period."
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
            let check = Migrator.Check.retire(number, quietPeriod: force ? .zero : period)
            // Of several tenants once for all of them, and before the first.
            let asksOnce = step.place.maySayMany && !step.check
            if asksOnce { try confirm() }
            try await step.run(check, "The old layout is retired.") { migrator, origin in
                // What is refused anyway needs no confirmation first.
                try migrator.check(check)
                if !asksOnce { try confirm() }
                try migrator.retire(number, force: force, quietPeriod: period, origin: origin)
            }
        }

        private func confirm() throws(LociError) {
            try confirmation.confirm(
                "The paths of the old layout would end for good.",
                subject: layout.map { "layout \($0)" } ?? "the old layout"
            )
        }
    }

    /// What the steps that are one commit have in common.
    struct StepOptions: ParsableArguments {
        @Flag(name: .long, help: "Only tell whether it could be done: exit 0, or 6 and why not.")
        var check = false
        @OptionGroup var place: TenantsOptions
        @OptionGroup var who: OriginOptions
        @OptionGroup var speech: SpeechOptions

        func run(
            _ question: Migrator.Check,
            _ sentence: String,
            _ body: (Migrator, Origin) throws -> Void
        ) async throws {
            let text = check ? "Nothing is in the way." : sentence
            try await MigrateVerb.control(place, speech, text) { migrator in
                if check { return try migrator.check(question) }
                Mounts.askToCommit(migrator.tenant)
                try body(migrator, who.origin)
            }
        }
    }

    /// Does something at once for each tenant, and tells the state that results.
    static func control(
        _ place: TenantsOptions,
        _ speech: SpeechOptions,
        _ sentence: String,
        _ body: (Migrator) throws -> Void
    ) async throws {
        let outcome = try await each(place) { tenant, several in
            let migrator = Migrator(tenant)
            try body(migrator)
            let status = try migrator.status()
            try speech.print(named(sentence, tenant, several)) { status.json }
        }
        try outcome.finish(speech)
    }
}

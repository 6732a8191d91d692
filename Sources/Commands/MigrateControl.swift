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
                abstract: "Set how fast blobs may move.",
                discussion: """
                    'polite' rests as long as it kept other writers waiting, and while readers of \
                    the mount that moves wait markedly longer with it than without; so does a \
                    number. After --for, the rate that was set without it counts again.
                    """
            )
        }

        @Argument(help: "Moves a second, 'polite' (the default), or 'none'.") var rate: String
        @Option(
            name: .customLong("for"),
            help: ArgumentHelp("Only for so long: 15m, 8h.", valueName: "time")
        )
        var duration: String?
        @OptionGroup var place: TenantsOptions
        @OptionGroup var who: OriginOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let rate = try MoveRate(rate)
            let duration = try duration.map { try LociDuration.parse($0) }
            try await MigrateVerb.control(place, speech, told: Self.sentence) { migrator in
                try migrator.throttle(rate, for: duration, origin: who.origin)
            }
        }

        private static func sentence(_ migrator: Migrator) throws(LociError) -> String {
            "Throttle: \(StatusText.throttle(try migrator.status()))."
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
                abstract: "Give the new layout up; its paths end.",
                discussion: """
                    Old paths and contents are as before. Fields that a mapper found stay with \
                    their memories, as attributes; --forget-mapped takes back those that nobody \
                    changed since, also later.
                    """
            )
        }

        @Flag(name: .long, help: "Take back the fields that its mapper found, too.")
        var forgetMapped = false
        @OptionGroup var step: StepOptions

        func run() async throws {
            let ends = "The migration is given up"
            let sentence = forgetMapped ? "\(ends), and what its mapper found with it." : "\(ends)."
            try await step.run(.abort, sentence) { migrator, origin in
                // What is given up already is not in the way of forgetting.
                let isGivenUp = try forgetMapped && migrator.status().state == .aborted
                if !isGivenUp { try migrator.abort(origin: origin) }
                guard forgetMapped else { return }
                let kept = try migrator.forgetMapped(origin: origin).kept
                guard kept > 0, !step.speech.quiet else { return }
                Words.note(
                    "\(Grouped.text(kept)) keep what the mapper found: without, their place would be "
                        + "another's."
                )
            }
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
        try await control(place, speech, told: { (_) throws(LociError) in sentence }, body)
    }

    static func control(
        _ place: TenantsOptions,
        _ speech: SpeechOptions,
        told sentence: (Migrator) throws(LociError) -> String,
        _ body: (Migrator) throws -> Void
    ) async throws {
        let outcome = try await each(place) { tenant, several in
            let migrator = Migrator(tenant)
            try body(migrator)
            // The state is asked for where it is told: it counts all revisions.
            try speech.print(try named(sentence(migrator), tenant, several)) {
                () throws(LociError) in try migrator.status().json
            }
        }
        try outcome.finish(speech)
    }
}

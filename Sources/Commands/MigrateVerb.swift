import ArgumentParser
import Loci
import Migration

struct MigrateVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "migrate",
            abstract: "Move tenants to a new layout while they are read and written.",
            discussion: """
                plan, start, cutover, retire, in this order. Readers and writers go on by old path \
                and by new path all the while; nothing ends by itself.
                """,
            subcommands: [
                Plan.self, Start.self, Status.self, Wait.self, Pause.self, Resume.self,
                Throttle.self, Run.self, Cutover.self, Revert.self, Abort.self, Retire.self,
                Who.self, Errors.self, History.self,
            ]
        )
    }

    /// Runs something for each of the tenants that the options name.
    static func each(
        _ options: TenantsOptions,
        _ body: (Tenant, _ several: Bool) async throws -> Void
    ) async throws -> EachTenant.Outcome {
        let (store, ids) = try StoreFinder.tenants(options)
        return try await EachTenant.failures(ids) { id in
            try await body(try store.tenant(id), ids.count > 1)
        }
    }

    /// A sentence, with the tenant in front where there are several.
    static func named(_ text: String, _ tenant: Tenant, _ several: Bool) -> String {
        several ? "\(tenant.id): \(text)" : text
    }
}

extension MigrateVerb {
    struct Plan: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "plan",
                abstract: "Tell what a migration would do; change nothing."
            )
        }

        @Argument(help: "The new scheme, such as 'topic={topic}/user={user}'.") var scheme: String
        @Flag(name: .long, help: "Each layout whole under .loci/layouts, for schemes in dispute.")
        var apart = false
        @OptionGroup var place: TenantsOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let scheme = try Scheme(scheme)
            let outcome = try await MigrateVerb.each(place) { tenant, several in
                Mounts.askToCommit(tenant)
                let plan = try await showing("planning", speech) { feed in
                    try await Migrator(tenant).plan(to: scheme, apart: apart, progress: feed)
                }
                let text = PlanText.lines(plan).joined(separator: "\n")
                try speech.print(several ? "\(tenant.id)\n\(text)" : text) {
                    plan.json(of: tenant.id)
                }
                var options = MigrationOptions()
                options.apart = apart
                options.onCollision = .suffix
                if let refusal = plan.refusal(options) { throw refusal }
            }
            try outcome.finish(speech)
        }
    }

    struct Start: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "start",
                abstract: "Make the new layout, and make it live; killed, the same command goes on."
            )
        }

        @Argument(help: "The new scheme.") var scheme: String
        @Option(name: .long, help: "Where two memories would get one path: fail or suffix.")
        var onCollision = "fail"
        @Flag(name: .long, help: "Go live though a mapper's errors leave fields missing.")
        var leaveUnmapped = false
        @Flag(name: .long, help: "Each layout whole under .loci/layouts, for schemes in dispute.")
        var apart = false
        @Option(
            name: .long,
            help: ArgumentHelp("With 'full', every content is hashed first.", valueName: "full")
        )
        var verify: String?
        @Flag(name: .long, help: "Take no snapshot first.") var noSnapshot = false
        @OptionGroup var place: TenantsOptions
        @OptionGroup var who: OriginOptions
        @OptionGroup var speech: SpeechOptions

        func validate() throws {
            if CollisionChoice(rawValue: onCollision) == nil {
                throw ValidationError("--on-collision takes fail or suffix.")
            }
            if let verify, verify != "full" { throw ValidationError("--verify takes full.") }
        }

        func run() async throws {
            let scheme = try Scheme(scheme)
            var options = MigrationOptions()
            options.onCollision = CollisionChoice(rawValue: onCollision) ?? .fail
            options.leaveUnmapped = leaveUnmapped
            options.apart = apart
            options.verify = verify == nil ? .links : .full
            options.takeSnapshotFirst = !noSnapshot
            let outcome = try await MigrateVerb.each(place) { [options] tenant, several in
                Mounts.askToCommit(tenant)
                let status = try await showing("preparing", speech) { feed in
                    try await Migrator(tenant).start(
                        to: scheme,
                        mapper: nil,
                        options: options,
                        origin: who.origin,
                        progress: feed
                    )
                }
                let text =
                    status.worker.map { "Started. Moved by \($0.command), process \($0.process)." }
                    ?? (status.misplaced == 0
                        ? "Started. Nothing has to be moved."
                        : "Started. No worker: mount the tenant, or run  loci migrate run")
                try speech.print(MigrateVerb.named(text, tenant, several)) { status.json }
            }
            try outcome.finish(speech)
        }
    }

    struct Run: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "run",
                abstract: "Move here, where no mount does, until everything is in its place.",
                discussion: "Ctrl-C stops it; the same command, or a mount, goes on."
            )
        }

        @OptionGroup var place: TenantsOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let outcome = try await MigrateVerb.each(place) { tenant, several in
                var line = ProgressLine(
                    "moving \(tenant.id)",
                    json: speech.json,
                    quiet: speech.quiet
                )
                for try await status in MigrationWorker(tenant).runUntilReady(collecting: true) {
                    line.update(done: status.moved, total: status.revisions)
                }
                line.finish()
                let status = try Migrator(tenant).status()
                let text = "Everything is in its place: \(Grouped.text(status.revisions)) contents."
                try speech.print(MigrateVerb.named(text, tenant, several)) { status.json }
            }
            try outcome.finish(speech)
        }
    }
}

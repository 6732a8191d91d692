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
                Who.self, Errors.self, Retry.self, History.self,
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
                abstract: "Tell what a migration would do; change nothing.",
                discussion: """
                    With --mapper, which is looked at and not run, memories that lack a field are \
                    counted apart: where they will be only the mapper knows.
                    """
            )
        }

        @Argument(help: "The new scheme, such as 'topic={topic}/user={user}'.") var scheme: String
        @Option(name: .long, help: "Where two memories would get one path: fail or suffix.")
        var onCollision = CollisionWord.fail
        @Flag(name: .long, help: "Each layout whole under .loci/layouts, for schemes in dispute.")
        var apart = false
        @OptionGroup var mapping: MapperOptions
        @Flag(name: .long, help: "Read every text, and count relative links that would break.")
        var links = false
        @OptionGroup var place: TenantsOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let scheme = try Scheme(scheme)
            var options = MigrationOptions()
            options.apart = apart
            options.onCollision = onCollision.choice
            let mapper = try mapping.mapper(speech)
            let outcome = try await MigrateVerb.each(place) { [options] tenant, several in
                Mounts.askToCommit(tenant)
                let migrator = Migrator(tenant)
                let plan = try await showing("planning", speech) { feed in
                    try await migrator.plan(
                        to: scheme,
                        apart: apart,
                        links: links,
                        mapper: mapper,
                        progress: feed
                    )
                }
                let refusal = await Self.refusal(migrator, plan, mapper, options)
                let lines = PlanText.lines(
                    plan,
                    options,
                    isMapping: mapper != nil,
                    isRefused: refusal != nil
                )
                let text = lines.joined(separator: "\n")
                try speech.print(several ? "\(tenant.id)\n\(text)" : text) {
                    plan.json(of: tenant.id, refusal: refusal)
                }
                if let refusal { throw refusal }
            }
            try outcome.finish(speech, hasObjects: true)
        }

        private static func refusal(
            _ migrator: Migrator,
            _ plan: MigrationPlan,
            _ mapper: (any Mapper)?,
            _ options: MigrationOptions
        ) async -> LociError? {
            do throws(LociError) {
                try await migrator.checkStart(
                    to: plan.toScheme,
                    mapper: mapper,
                    options: options,
                    plan: plan
                )
                return nil
            } catch {
                return error
            }
        }
    }

    struct Start: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "start",
                abstract:
                    "Make the new layout, and make it live; killed, the same command goes on.",
                discussion: MapperOptions.discussion
            )
        }

        @Argument(help: "The new scheme.") var scheme: String
        @Option(name: .long, help: "Where two memories would get one path: fail or suffix.")
        var onCollision = CollisionWord.fail
        @OptionGroup var mapping: MapperOptions
        @Flag(name: .long, help: "Go live though a mapper's errors leave fields missing.")
        var leaveUnmapped = false
        @Flag(name: .long, help: "Each layout whole under .loci/layouts, for schemes in dispute.")
        var apart = false
        @Option(
            name: .long,
            help: ArgumentHelp(
                "With 'full', every content is hashed before its old place is given up.",
                valueName: "full"
            )
        )
        var verify: String?
        @Flag(name: .long, help: "Take no snapshot first.") var noSnapshot = false
        @Flag(name: .long, help: "Only tell whether it could be done: exit 0, or 6 and why not.")
        var check = false
        @OptionGroup var place: TenantsOptions
        @OptionGroup var who: OriginOptions
        @OptionGroup var speech: SpeechOptions

        func validate() throws {
            if let verify, verify != "full" { throw ValidationError("--verify takes full.") }
        }

        func run() async throws {
            let scheme = try Scheme(scheme)
            var options = MigrationOptions()
            options.onCollision = onCollision.choice
            options.leaveUnmapped = leaveUnmapped
            options.apart = apart
            options.verify = verify == nil ? .links : .full
            options.takeSnapshotFirst = !noSnapshot
            let mapper = try mapping.mapper(speech)
            if !check { MapperOptions.endWithSignals(mapper, speech) }
            let outcome = try await MigrateVerb.each(place) { [options] tenant, several in
                Mounts.askToCommit(tenant)
                if check {
                    try await Self.check(Migrator(tenant), scheme, mapper, options)
                    let text = MigrateVerb.named("Nothing is in the way.", tenant, several)
                    let status = try Migrator(tenant).status()
                    return try speech.print(text) { status.json }
                }
                // One command for many tenants is given again until all have it.
                if several, let status = try Self.started(tenant, scheme) {
                    let text = "It is live already. " + StatusText.movers(status)
                    return try speech.print("\(tenant.id): \(text)") { status.json }
                }
                let status = try await showing("preparing", speech) { feed in
                    try await Migrator(tenant).start(
                        to: scheme,
                        mapper: mapper,
                        options: options,
                        origin: who.origin,
                        progress: feed
                    )
                }
                let passed =
                    "The mapper passed over \(Grouped.text(status.skipped)), see: "
                    + "loci migrate errors --skipped. "
                let text =
                    "Started. " + (status.skipped > 0 ? passed : "") + StatusText.movers(status)
                try speech.print(MigrateVerb.named(text, tenant, several)) { status.json }
            }
            try outcome.finish(speech)
        }

        /// The state of a tenant whose newest migration made the scheme's layout live.
        private static func started(
            _ tenant: Tenant,
            _ scheme: Scheme
        ) throws(LociError) -> MigrationStatus? {
            let status = try Migrator(tenant).status()
            let isLive = [.moving, .ready, .complete].contains(status.state)
            return isLive && status.run?.toScheme == scheme ? status : nil
        }

        /// What a plan finds, as the one answer that `--check` gives: no, and why.
        private static func check(
            _ migrator: Migrator,
            _ scheme: Scheme,
            _ mapper: (any Mapper)?,
            _ options: MigrationOptions
        ) async throws(LociError) {
            do throws(LociError) {
                try await migrator.checkStart(to: scheme, mapper: mapper, options: options)
            } catch {
                guard [.schemesDispute, .nameTooLong, .schemeMismatch].contains(error.code) else {
                    throw error
                }
                throw LociError(
                    .wrongState,
                    subject: error.subject,
                    message: error.message,
                    remedy: error.remedy
                )
            }
        }
    }
}

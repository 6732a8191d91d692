import ArgumentParser
import Loci
import Migration

extension MigrateVerb {
    struct Errors: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "errors",
                abstract: "List the memories that the newest migration could not map or place.",
                discussion: """
                    Each with the step that failed: 'map' (its mapper), 'place' (its path in the new \
                    layout) or 'verify' (its content is not what its SHA-256 says). What a mapper \
                    passed over is no error; --skipped lists it. Exit 0, whether there are any or \
                    not. Try them again with: loci migrate retry
                    """
            )
        }

        @Flag(name: .long, help: "List what the mapper passed over instead.") var skipped = false
        @OptionGroup var place: TenantsOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            var report = FailureReport(speech)
            let steps: Set<MigrationFailure.Step> = skipped ? [.skip] : [.map, .place, .verify]
            var passedOver: Int64 = 0
            let outcome = try await MigrateVerb.each(place) { tenant, _ in
                let migrator = Migrator(tenant)
                try report.append(migrator, steps)
                passedOver += try migrator.status().skipped
            }
            try report.finish()
            if !skipped, passedOver > 0, !speech.quiet {
                Words.note(
                    "the mapper passed over \(Grouped.text(passedOver)) more; they are listed by: "
                        + "loci migrate errors --skipped"
                )
            }
            try outcome.finish(speech)
        }
    }

    struct Retry: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "retry",
                abstract: "Try again what the newest migration failed on, and go on with it.",
                discussion: """
                    While the new layout is being prepared, the mapper is asked again about what it \
                    failed on, and what had no place is placed; where nothing is left, the layout \
                    goes live. The mapper must be given again: Loci runs no command because a store \
                    says so. It may be a mended one, which the migration then goes on with. Later, \
                    contents that failed --verify full are hashed again. Exit 7 where some failed \
                    again.
                    """
            )
        }

        @Argument(
            help: ArgumentHelp("Only these memories, by path or id.", valueName: "path")
        )
        var paths: [String] = []
        @OptionGroup var mapping: MapperOptions
        @OptionGroup var place: TenantsOptions
        @OptionGroup var who: OriginOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let mapper = try mapping.mapper(speech)
            MapperOptions.endWithSignals(mapper, speech)
            guard paths.isEmpty else { return try await retryChosen(mapper) }
            let outcome = try await MigrateVerb.each(place) { tenant, several in
                Mounts.askToCommit(tenant)
                try await retry(tenant, several, nil, mapper)
            }
            try outcome.finish(speech)
        }

        /// Memories by their paths, all of one tenant.
        private func retryChosen(_ mapper: ProcessMapper?) async throws {
            guard !place.allTenants, place.tenant.count <= 1 else {
                throw LociError(
                    .invalidArgument,
                    subject: "--tenant",
                    message: "Paths are of one tenant, and several are named.",
                    remedy: "Name one tenant, or leave the paths out."
                )
            }
            var options = StoreOptions()
            options.store = place.store
            options.tenant = place.tenant.first
            var chosen: Set<MemoryID> = []
            var tenant: Tenant?
            for path in paths {
                let found = try MemoryReference(path, options)
                if let tenant, tenant.id != found.tenant.id {
                    throw LociError(
                        .invalidArgument,
                        subject: path,
                        message: "'\(path)' is of another tenant than the paths before it.",
                        remedy: "Give the paths of one tenant."
                    )
                }
                tenant = found.tenant
                chosen.insert(found.memory.id)
            }
            guard let tenant else { return }
            try await retry(tenant, false, chosen, mapper)
        }

        private func retry(
            _ tenant: Tenant,
            _ several: Bool,
            _ chosen: Set<MemoryID>?,
            _ mapper: ProcessMapper?
        ) async throws {
            let report = try await showing("preparing", speech) { feed in
                try await Migrator(tenant).retry(
                    chosen,
                    mapper: mapper,
                    origin: who.origin,
                    progress: feed
                )
            }
            try speech.print(MigrateVerb.named(Self.sentence(report), tenant, several)) {
                report.json
            }
            if report.failed > 0 {
                let failed =
                    report.failed == 1
                    ? "1 memory failed again." : "\(report.failed) memories failed again."
                throw LociError(
                    .partlyDone,
                    subject: tenant.id.rawValue,
                    message: report.hindrance.map { "\(failed) \($0.message)" } ?? failed,
                    remedy: "See why with:  loci migrate errors"
                )
            }
            if let hindrance = report.hindrance { throw hindrance }
        }

        private static func sentence(_ report: RetryReport) -> String {
            var text =
                report.tried == 0
                ? "There was nothing to try again."
                : "Tried \(Grouped.text(report.tried)) again: "
                    + "\(Grouped.text(report.tried - report.failed)) done, "
                    + "\(Grouped.text(report.failed)) failed."
            switch report.status.state {
            case .preparing:
                if report.undecided > 0 {
                    let were = report.undecided == 1 ? "was" : "were"
                    text += " \(Grouped.text(report.undecided)) \(were) not prepared yet."
                }
                text += " The layout is not live yet."
            case .moving, .ready: text += " The layout is live. " + StatusText.movers(report.status)
            default: break
            }
            return text
        }
    }
}

/// Rows about memories that failed, printed some at a time: there may be very many.
private struct FailureReport {
    private let speech: SpeechOptions
    private var table = FailureReport.header
    private var objects: [JSON] = []

    private static var header: Table { Table("TENANT", FailureTable.header) }

    init(_ speech: SpeechOptions) { self.speech = speech }

    mutating func append(_ migrator: Migrator, _ steps: Set<MigrationFailure.Step>) throws {
        var cursor: ListCursor?
        repeat {
            let page = try migrator.errors(at: steps, after: cursor)
            for failure in page.failures { append(failure, of: migrator.tenant.id) }
            cursor = page.next
            // Only an aligned table has to know all rows.
            if !speech.isAligned || speech.json { try finish() }
        } while cursor != nil
    }

    private mutating func append(_ failure: MigrationFailure, of tenant: TenantID) {
        if speech.json { return objects.append(failure.json(of: tenant)) }
        table.append([tenant.rawValue] + FailureTable.cells(failure))
    }

    mutating func finish() throws {
        if !objects.isEmpty || !table.isEmpty { try speech.print(table, objects) }
        objects = []
        table = Self.header
    }
}

/// A memory that failed, in columns.
enum FailureTable {
    static let header = ["PATH", "ID", "STEP", "TIMES", "LAST", "REASON"]

    static func cells(_ failure: MigrationFailure) -> [String] {
        [
            Name.printable(failure.path?.bytes ?? failure.name.bytes), failure.memory.description,
            failure.step.rawValue, "\(failure.attempts)", failure.time.description,
            Name.printable(Array(failure.reason.utf8)),
        ]
    }
}

extension MigrationFailure {
    fileprivate func json(of tenant: TenantID) -> JSON {
        [
            "tenant": .string(tenant.rawValue), "id": .string(memory.description),
            "path": path.map { JSON(path: $0) } ?? .null,
            "name": JSON(name: name), "step": .string(step.rawValue),
            "reason": .string(reason), "attempts": .integer(Int64(attempts)),
            "time": .string(time.description),
        ]
    }
}

extension RetryReport {
    fileprivate var json: JSON {
        [
            "tenant": .string(status.tenant.rawValue),
            "tried": .integer(Int64(tried)),
            "done": .integer(Int64(tried - failed)),
            "failed": .integer(Int64(failed)),
            "state": .string(status.state.rawValue),
            "errors": .integer(status.errors),
            "undecided": .integer(undecided),
            "hindrance": hindrance.map { .string($0.message) } ?? .null,
        ]
    }
}

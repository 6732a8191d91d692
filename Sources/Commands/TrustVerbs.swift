import ArgumentParser
import Loci

struct CollectVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "gc",
            abstract: "Show, and with --delete remove, what nobody needs."
        )
    }

    @Flag(name: .long, help: "Remove it.") var delete = false
    @OptionGroup var place: TenantsOptions
    @OptionGroup var who: OriginOptions
    @OptionGroup var confirmation: ConfirmOptions
    @OptionGroup var speech: SpeechOptions

    func run() async throws {
        let (store, ids) = try StoreFinder.tenants(place)
        if delete {
            try confirmation.confirm(
                "Contents that nothing names any more would be removed for good.",
                subject: "gc"
            )
        }
        var table = Table("TENANT", "BLOBS", "BYTES", "WAITING", "DELETED")
        var objects: [JSON] = []
        let outcome = try await EachTenant.failures(ids) { id in
            let tenant = try store.tenant(id)
            if delete { _ = try await tenant.applyRetention(origin: who.origin) }
            let report = try await showing("collecting \(id)", speech) { feed in
                try await tenant.collect(delete: delete, origin: who.origin, progress: feed)
            }
            table.append(
                id.rawValue,
                "\(report.blobs)",
                "\(report.bytes)",
                "\(report.waiting)",
                delete ? "yes" : "no"
            )
            objects.append([
                "tenant": .string(id.rawValue), "blobs": .integer(Int64(report.blobs)),
                "bytes": .integer(report.bytes), "waiting": .integer(Int64(report.waiting)),
                "deleted": .bool(delete), "traces": .bool(report.hasTraces),
            ])
            if report.hasTraces, !speech.quiet { Words.note(Self.traces(id, delete)) }
        }
        try speech.print(table, objects)
        try outcome.finish(speech)
    }

    private static func traces(_ id: TenantID, _ delete: Bool) -> String {
        "the database of \(id) may still hold traces of what was purged; "
            + (delete
                ? "readers or contents that wait were in the way: try again in a moment"
                : "they go with: loci gc --delete --yes")
    }
}

/// Runs something for several tenants: one that fails does not stop the others.
enum EachTenant {
    struct Outcome {
        fileprivate var failures: [(tenant: TenantID, error: LociError)] = []
        fileprivate let count: Int

        /// Takes what failed in a second pass over the same tenants.
        mutating func add(_ other: Outcome) { failures += other.failures }

        /// Throws the failure of the only tenant, or `partlyDone` where some of several failed.
        ///
        /// Of several each that failed has its own line of words, and with `--json` one object
        /// unless it `hasObjects` already.
        func finish(_ speech: SpeechOptions, hasObjects: Bool = false) throws {
            guard let first = failures.first else { return }
            if count == 1 { throw first.error }
            for (tenant, error) in failures {
                Words.note("\(tenant): \(Failure.sentence(error))")
                guard speech.json, !hasObjects else { continue }
                try speech.print("") {
                    .object(
                        [.init("tenant", .string(tenant.rawValue))]
                            + (Failure.json(error).objectValue ?? [])
                    )
                }
            }
            throw LociError(
                .partlyDone,
                subject: "tenants",
                message: "\(failures.count) of \(count) tenants failed."
            )
        }
    }

    static func failures(
        _ ids: [TenantID],
        _ body: (TenantID) async throws -> Void
    ) async throws -> Outcome {
        var outcome = Outcome(count: ids.count)
        for id in ids {
            do {
                try await body(id)
            } catch let error as LociError {
                outcome.failures.append((id, error))
            }
        }
        return outcome
    }

    static func run(
        _ ids: [TenantID],
        _ speech: SpeechOptions,
        _ body: (TenantID) async throws -> Void
    ) async throws {
        try await failures(ids, body).finish(speech)
    }
}

import ArgumentParser
import Loci
import Migration

extension MigrateVerb {
    struct Run: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "run",
                abstract: "Move here, where no mount does, until everything is in its place.",
                discussion: """
                    Ctrl-C stops it; the same command, or a mount, goes on. Of several tenants all \
                    are moved first, and then what they left behind is collected.
                    """
            )
        }

        @OptionGroup var place: TenantsOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let (store, ids) = try StoreFinder.tenants(place)
            let several = ids.count > 1
            var moved: [TenantID] = []
            var outcome = try await EachTenant.failures(ids) { id in
                let tenant = try store.tenant(id)
                try await work(tenant, "moving \(id)", collecting: !several)
                moved.append(id)
                try report(tenant, several)
            }
            if several {
                // The grace time of each passed while the others were moved.
                let collected = try await EachTenant.failures(moved) { id in
                    try await collect(store.tenant(id))
                }
                outcome.add(collected)
            }
            try outcome.finish(speech)
        }

        private func work(_ tenant: Tenant, _ label: String, collecting: Bool) async throws {
            var line = ProgressLine(label, json: speech.json, quiet: speech.quiet)
            defer { line.finish() }
            let worker = MigrationWorker(tenant)
            for try await status in worker.runUntilReady(collecting: collecting) {
                line.update(done: status.moved, total: status.revisions)
            }
        }

        /// Who took the lock meanwhile collects.
        private func collect(_ tenant: Tenant) async throws {
            do {
                try await work(tenant, "collecting \(tenant.id)", collecting: true)
            } catch let error as LociError where error.code == .lockHeld {
                return
            }
        }

        /// One row; contents that are not what they were are moved, and no success.
        private func report(_ tenant: Tenant, _ several: Bool) throws {
            let migrator = Migrator(tenant)
            let status = try migrator.status()
            let text = "Everything is in its place: \(Grouped.text(status.revisions)) contents."
            try speech.print(MigrateVerb.named(text, tenant, several)) { status.json }
            let damaged = try migrator.damagedCount()
            guard damaged > 0 else { return }
            throw LociError(
                .partlyDone,
                subject: tenant.id.rawValue,
                message: "\(Grouped.text(damaged)) memories have a content that is not what its "
                    + "SHA-256 says.",
                remedy: "See them with:  loci migrate errors"
            )
        }
    }
}

/// What `--on-collision` takes.
enum CollisionWord: String, CaseIterable, ExpressibleByArgument, Sendable {
    case fail
    case suffix

    var choice: CollisionChoice {
        switch self {
        case .fail: .fail
        case .suffix: .suffix
        }
    }
}

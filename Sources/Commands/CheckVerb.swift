import ArgumentParser
import Loci

struct CheckVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "fsck",
            abstract: "Check everything that must always hold, and mend it.",
            discussion: """
                Exit 0 when all is well, 1 when something is not; with --repair 7 when something is \
                left, which is listed with what to do about it.

                --repair deletes no content and does not choose between two truths. A content that is \
                gone or is not what was written is put back from wherever the same bytes still are; \
                what nobody names is kept in lost+found/ in the tenant's directory. Each repair is in \
                the change log. The tenant must not be mounted.
                """
        )
    }

    @Flag(name: .long, help: "Do not read the contents: only whether they are there.")
    var quick = false
    @Flag(name: .long, help: "Mend what can be mended.") var repair = false
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Put back what is missing from this store too, such as a backup; may be repeated.",
            valueName: "dir"
        )
    )
    var from: [String] = []
    @OptionGroup var place: TenantsOptions
    @OptionGroup var who: OriginOptions
    @OptionGroup var confirmation: ConfirmOptions
    @OptionGroup var speech: SpeechOptions

    func validate() throws {
        guard !from.isEmpty, !repair else { return }
        throw ValidationError("--from is for --repair.")
    }

    func run() async throws {
        let (store, ids) = try StoreFinder.tenants(place)
        if repair {
            try confirmation.confirm(
                "What breaks a rule would be changed in \(store.path), as far as it can be mended.",
                subject: "fsck"
            )
        }
        let sources = try from.map { path throws(LociError) in try Store.open(at: path) }
        var isClean = true
        try await EachTenant.run(ids, speech) { id in
            let tenant = try store.tenant(id)
            Mounts.askToCommit(tenant)
            let report = try await showing("checking \(id)", speech) { feed in
                try await check(tenant, sources, feed)
            }
            if !report.left.isEmpty { isClean = false }
            try tell(report, id)
        }
        if !isClean { throw repair ? ExitStatus.partlyDone : ExitStatus.no }
    }

    private func check(
        _ tenant: Tenant,
        _ sources: [Store],
        _ feed: ProgressFeed
    ) async throws(LociError) -> RepairReport {
        guard repair else {
            let findings = try await tenant.check(contents: !quick, progress: feed)
            return RepairReport(repairs: [], left: findings)
        }
        return try await tenant.repair(
            from: sources,
            contents: !quick,
            origin: who.origin,
            progress: feed
        )
    }

    private func tell(_ report: RepairReport, _ id: TenantID) throws(LociError) {
        guard !speech.quiet else { return }
        var output = Output()
        if speech.json {
            try output.line(json(report, id))
        } else {
            for repair in report.repairs {
                try output.line(Name.printable("\(id): done: \(repair)"))
            }
            for finding in report.left {
                try output.line(Name.printable("\(id): \(finding)"))
                if repair { try output.line("    to do: \(finding.remedy)") }
            }
            try output.line("\(id): \(summary(report))")
        }
        try output.flush()
    }

    private func summary(_ report: RepairReport) -> String {
        let left =
            report.left.isEmpty
            ? "clean" : Grouped.counted(report.left.count, "finding") + (repair ? " left" : "")
        guard repair else { return left }
        return "\(Grouped.counted(report.repairs.count, "repair")), \(left)"
    }

    private func json(_ report: RepairReport, _ id: TenantID) -> JSON {
        var members: [JSON.Member] = [
            .init("tenant", .string(id.rawValue)), .init("clean", .bool(report.left.isEmpty)),
        ]
        if repair {
            let repairs = report.repairs.map { repair in
                Self.members(repair.rule, repair.subject, repair.message)
            }
            members.append(.init("repairs", .array(repairs.map { .object($0) })))
        }
        let findings = report.left.map { finding in
            Self.members(finding.rule, finding.subject, finding.message)
                + (repair ? [.init("remedy", .string(finding.remedy))] : [])
        }
        members.append(.init("findings", .array(findings.map { .object($0) })))
        return .object(members)
    }

    private static func members(
        _ rule: Int,
        _ subject: String,
        _ message: String
    ) -> [JSON.Member] {
        [
            .init("rule", .integer(Int64(rule))), .init("subject", .string(subject)),
            .init("message", .string(message)),
        ]
    }
}

import ArgumentParser
import Loci
import Migration

struct StatusVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "status",
            abstract: "Tell how tenants are: memories, mounts, migration."
        )
    }

    @OptionGroup var place: TenantsOptions
    @OptionGroup var speech: SpeechOptions

    func run() async throws {
        var table = Table(
            "TENANT",
            "MEMORIES",
            "TRASHED",
            "FOREIGN",
            "STATE",
            "MOUNTS",
            "HISTORY",
            "SCHEME"
        )
        var objects: [JSON] = []
        let outcome = try await MigrateVerb.each(place) { tenant, _ in
            let counts = try tenant.counts()
            let foreign = try tenant.foreignCount()
            let mounts = try tenant.mounts()
            let given = try tenant.givenUpMounts()
            let listed = try tenant.listedLayout()
            let history = try tenant.historySummary()
            let conflicts = try tenant.conflictCount()
            let state = try Migrator(tenant).status().state.rawValue
            table.append(
                tenant.id.rawValue,
                "\(counts.live)",
                "\(counts.trashed)",
                "\(foreign)",
                state,
                mounts.map(\.mountPoint).joined(separator: ","),
                "\(LociDuration.text(history.retention)), \(ByteCount(history.bytes))",
                listed.scheme.text
            )
            objects.append([
                "tenant": .string(tenant.id.rawValue), "store": .string(tenant.store.path),
                "memories": .integer(Int64(counts.live)),
                "trashed": .integer(Int64(counts.trashed)), "foreign": .integer(Int64(foreign)),
                "conflicts": .integer(Int64(conflicts)),
                "state": .string(state), "layout": .integer(Int64(listed.number.rawValue)),
                "scheme": .string(listed.scheme.text), "history": history.json,
                "search": .object(try tenant.searchStatus().members),
                "vectors": try tenant.embeddingStatus().json,
                "mounts": .array(mounts.map(Self.json)),
                "givenUp": .array(
                    given.map {
                        [
                            "mountPoint": .string($0.mountPoint),
                            "time": .string($0.time.description), "reason": .string($0.reason),
                        ]
                    }
                ),
            ])
            guard !speech.quiet else { return }
            for mount in given { Words.note(Self.words(mount)) }
            if conflicts > 0 { Words.note(Self.words(conflicts, tenant.id)) }
        }
        try speech.print(table, objects)
        try outcome.finish(speech)
    }

    private static func words(_ conflicts: Int, _ tenant: TenantID) -> String {
        "\(tenant): two writers wrote \(Grouped.counted(conflicts, "memory", "memories")) at once, "
            + "and both contents are kept. See which with: loci audit --op conflict; compare them "
            + "with: loci diff PATH REV REV; the next edit settles it."
    }

    private static func json(_ mount: MountInfo) -> JSON {
        [
            "mountPoint": .string(mount.mountPoint),
            "pid": .integer(Int64(mount.pid)),
            "keeper": mount.keeper.map { .integer(Int64($0)) } ?? .null,
            "restarts": .integer(Int64(mount.restarts)),
            "lastDeath": mount.lastDeath.map { .string($0) } ?? .null,
            "options": .string(mount.options),
            "started": .string(mount.started.description),
        ]
    }

    private static func words(_ mount: GivenUpMount) -> String {
        "The daemon of \(mount.mountPoint) was given up on at \(mount.time): \(mount.reason). "
            + "Mount it again."
    }
}

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
        var table = Table("TENANT", "MEMORIES", "TRASHED", "FOREIGN", "STATE", "MOUNTS", "SCHEME")
        var objects: [JSON] = []
        let outcome = try await MigrateVerb.each(place) { tenant, _ in
            let counts = try tenant.counts()
            let foreign = try tenant.foreignCount()
            let mounts = try tenant.mounts()
            let given = try tenant.givenUpMounts()
            let listed = try tenant.listedLayout()
            let state = try Migrator(tenant).status().state.rawValue
            table.append(
                tenant.id.rawValue,
                "\(counts.live)",
                "\(counts.trashed)",
                "\(foreign)",
                state,
                mounts.map(\.mountPoint).joined(separator: ","),
                listed.scheme.text
            )
            objects.append([
                "tenant": .string(tenant.id.rawValue), "store": .string(tenant.store.path),
                "memories": .integer(Int64(counts.live)),
                "trashed": .integer(Int64(counts.trashed)), "foreign": .integer(Int64(foreign)),
                "state": .string(state), "layout": .integer(Int64(listed.number.rawValue)),
                "scheme": .string(listed.scheme.text),
                "search": .object(try tenant.searchStatus().members),
                "mounts": .array(
                    mounts.map {
                        [
                            "mountPoint": .string($0.mountPoint),
                            "pid": .integer(Int64($0.pid)),
                            "keeper": $0.keeper.map { .integer(Int64($0)) } ?? .null,
                            "restarts": .integer(Int64($0.restarts)),
                            "lastDeath": $0.lastDeath.map { .string($0) } ?? .null,
                            "options": .string($0.options),
                            "started": .string($0.started.description),
                        ]
                    }
                ),
                "givenUp": .array(
                    given.map {
                        [
                            "mountPoint": .string($0.mountPoint),
                            "time": .string($0.time.description), "reason": .string($0.reason),
                        ]
                    }
                ),
            ])
            if !speech.quiet { for mount in given { Words.note(Self.words(mount)) } }
        }
        try speech.print(table, objects)
        try outcome.finish(speech)
    }

    private static func words(_ mount: GivenUpMount) -> String {
        "The daemon of \(mount.mountPoint) was given up on at \(mount.time): \(mount.reason). "
            + "Mount it again."
    }
}

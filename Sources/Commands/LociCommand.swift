import ArgumentParser
import Loci

/// `loci`: the verbs, in the groups that help shows.
struct LociCommand: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "loci",
            abstract: "Keeps memories, mounts them as directories, and moves them to new layouts.",
            version: Version.text,
            groupedSubcommands: [
                CommandGroup(name: "START", subcommands: [InitVerb.self, TenantVerb.self]),
                CommandGroup(
                    name: "USE",
                    subcommands: [
                        AddVerb.self, ListVerb.self, CatVerb.self, StatVerb.self, EditVerb.self,
                        MoveVerb.self, RemoveVerb.self, RestoreVerb.self, SetVerb.self,
                        LogVerb.self, DiffVerb.self, SearchVerb.self, TrashVerb.self,
                        PurgeVerb.self,
                    ]
                ),
                CommandGroup(name: "BRING", subcommands: [ImportVerb.self, ExportVerb.self]),
                CommandGroup(
                    name: "MOUNT",
                    subcommands: [
                        MountVerb.self, UnmountVerb.self, MountsVerb.self, StatusVerb.self,
                        MountStatusVerb.self,
                    ]
                ),
                CommandGroup(name: "MOVE", subcommands: [MigrateVerb.self, LayoutVerb.self]),
                CommandGroup(name: "TIME", subcommands: [SnapshotVerb.self, RetentionVerb.self]),
                CommandGroup(
                    name: "TRUST",
                    subcommands: [
                        CheckVerb.self, CollectVerb.self, AuditVerb.self, WatchVerb.self,
                        BackupVerb.self, ReindexVerb.self, DoctorVerb.self, StatsVerb.self,
                    ]
                ),
            ]
        )
    }
}

/// What `loci --version` says.
enum Version {
    static let text = "loci 0.1.0"
}

import ArgumentParser
import Loci

struct SnapshotVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "snapshot",
            abstract: "Take, list, compare, restore and delete snapshots.",
            subcommands: [
                Create.self, List.self, Show.self, SnapshotDiff.self, Restore.self, Delete.self,
            ]
        )
    }

    struct Create: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "create", abstract: "Take a snapshot.")
        }

        @Argument(help: "Its name.") var name: String
        @OptionGroup var place: StoreOptions
        @OptionGroup var who: OriginOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let tenant = try StoreFinder.tenant(place)
            let made = try await tenant.takeSnapshot(name, origin: who.origin) { silent in
                for mount in silent {
                    Words.note(
                        "the mount at \(mount.mountPoint) is still writing; what it has not "
                            + "committed is not in the snapshot."
                    )
                }
            }
            try speech.print("Took snapshot \(made.name) at change \(made.number).") { made.json }
        }
    }

    struct List: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "list", abstract: "List the snapshots.")
        }

        @OptionGroup var place: StoreOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let snapshots = try StoreFinder.tenant(place).snapshots()
            var table = Table("NAME", "CHANGE", "TAKEN", "ACTOR", "REASON")
            for snapshot in snapshots { table.append(snapshot.cells) }
            try speech.print(table, snapshots.map(\.json))
        }
    }

    struct Show: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "show", abstract: "Show one snapshot.")
        }

        @Argument(help: "Its name.") var name: String
        @OptionGroup var place: StoreOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let tenant = try StoreFinder.tenant(place)
            let all = try tenant.snapshots()
            guard let snapshot = all.first(where: { $0.name == name }) else {
                throw SnapshotVerb.unknown(name, all.map(\.name))
            }
            let since = try tenant.lastChange().rawValue - snapshot.number.rawValue
            guard case .object(var members) = snapshot.json else { return }
            members.append(.init("changesSince", .integer(since)))
            let reason = snapshot.reason.map { ": \($0)" } ?? ""
            try speech.print(
                "\(snapshot.name)  change \(snapshot.number)  \(snapshot.created)  by "
                    + "\(snapshot.actor)\(reason)  \(Grouped.text(since)) changes since"
            ) { .object(members) }
        }
    }

    struct Restore: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "restore",
                abstract: "Set the tenant back: contents, attributes, places and trash."
            )
        }

        @Argument(help: "Its name.") var name: String
        @OptionGroup var place: StoreOptions
        @OptionGroup var who: OriginOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let tenant = try StoreFinder.tenant(place)
            Mounts.askToCommit(tenant)
            let report = try await showing("restoring", speech) { feed in
                try await tenant.restoreSnapshot(name, origin: who.origin, progress: feed)
            }
            try speech.print(report.sentence(dryRun: false)) { report.json }
            try report.throwIfPartial()
        }
    }

    struct Delete: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "delete",
                abstract: "Delete a snapshot; what only it held can go."
            )
        }

        @Argument(help: "Its name.") var name: String
        @OptionGroup var place: StoreOptions
        @OptionGroup var who: OriginOptions
        @OptionGroup var confirmation: ConfirmOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let tenant = try StoreFinder.tenant(place)
            let all = try tenant.snapshots().map(\.name)
            guard all.contains(name) else { throw SnapshotVerb.unknown(name, all) }
            try confirmation.confirm(
                "Snapshot \(name) would be deleted for good.",
                subject: name
            )
            try await tenant.deleteSnapshot(name, origin: who.origin)
            try speech.print("Deleted snapshot \(name).") { ["snapshot": .string(name)] }
        }
    }

    static func unknown(_ name: String, _ all: [String]) -> LociError {
        let near = NearMiss.nearest(to: name, in: all)
        return LociError(
            .snapshotNotFound,
            subject: name,
            message: "There is no snapshot '\(name)'"
                + (near.map { "; did you mean '\($0)'?" } ?? "."),
            remedy: "List them with:  loci snapshot list"
        )
    }
}

extension Snapshot {
    fileprivate var cells: [String] {
        [name, number.description, created.description, actor, reason ?? ""]
    }

    fileprivate var json: JSON {
        [
            "snapshot": .string(name), "seq": .integer(number.rawValue),
            "created": .string(created.description), "actor": .string(actor),
            "reason": reason.map { .string($0) } ?? .null,
        ]
    }
}

import ArgumentParser
import Loci

struct BackupVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "backup",
            abstract: "Make, check and restore backups of tenants that are in use.",
            subcommands: [Create.self, Verify.self, Restore.self]
        )
    }

    struct Create: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "create",
                abstract: "Make a backup, or bring one up to date.",
                discussion: """
                    The directory is a store of its own, which other commands can read. Each tenant \
                    is in it as it was at one change. Where the file system allows, contents are \
                    links to those of the store: then only a backup on another disk survives the \
                    loss of this one. What is purged later stays in backups that were made before.
                    """
            )
        }

        @Argument(help: "A directory: new, empty, or an earlier backup.") var directory: String
        @OptionGroup var place: TenantsOptions
        @OptionGroup var who: OriginOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let (store, ids) = try StoreFinder.tenants(place)
            try StoreFinder.requirePlaceForCopies(directory, from: store)
            try await EachTenant.run(ids, speech) { id in
                let report = try await showing("backing up \(id)", speech) { feed in
                    try await store.backUp(id, to: directory, origin: who.origin, progress: feed)
                }
                try speech.print(report.sentence(id)) { report.json(id) }
                try report.throwIfPartial("Look at the store with: loci fsck")
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "verify",
                abstract: "Read all of a backup and compare every content with its SHA-256.",
                discussion: "Exit 0 when all is well, 1 when something is not."
            )
        }

        @Argument(help: "The directory of the backup.") var directory: String
        @Option(name: .long, help: ArgumentHelp("Only this tenant.", valueName: "id"))
        var tenant: String?
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let backup = try StoreFinder.open(directory)
            var isClean = true
            for id in try tenant.map({ [try TenantID($0)] }) ?? backup.backups() {
                let findings = try await showing("checking \(id)", speech) { feed in
                    try await backup.checkBackup(id, progress: feed)
                }
                let made = try backup.backupTime(id)?.description
                if !findings.isEmpty { isClean = false }
                let lines =
                    findings.map { "\(id): \($0)" } + [
                        "\(id): \(made.map { "made \($0), " } ?? "")"
                            + (findings.isEmpty
                                ? "clean" : Grouped.counted(findings.count, "finding"))
                    ]
                try speech.print(lines.joined(separator: "\n")) {
                    [
                        "tenant": .string(id.rawValue), "made": made.map { .string($0) } ?? .null,
                        "clean": .bool(findings.isEmpty),
                        "findings": .array(findings.map { .string($0.description) }),
                    ]
                }
            }
            if !isClean { throw ExitStatus.no }
        }
    }

    struct Restore: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "restore",
                abstract: "Make tenants of their backups, in a store that has none of their names.",
                discussion: """
                    Every content is read back and compared with its SHA-256. What is damaged is \
                    listed and left out, and the exit is 7; where a catalog is damaged nothing is \
                    made.
                    """
            )
        }

        @Argument(help: "The directory of the backup.") var directory: String
        @Argument(help: "The store; it is made where there is none.") var target: String
        @Option(name: .long, help: ArgumentHelp("Only this tenant.", valueName: "id"))
        var tenant: String?
        @Option(
            name: .long,
            help: ArgumentHelp("The id that it gets there; with --tenant.", valueName: "id")
        )
        var `as`: String?
        @OptionGroup var speech: SpeechOptions

        func validate() throws {
            guard `as` != nil, tenant == nil else { return }
            throw ValidationError("--as names one tenant: give --tenant too.")
        }

        func run() async throws {
            let backup = try StoreFinder.open(directory)
            try StoreFinder.requirePlaceForCopies(target, from: backup)
            let name = try `as`.map { text in try TenantID(text) }
            let ids = try tenant.map { [try TenantID($0)] } ?? backup.backups()
            try await EachTenant.run(ids, speech) { id in
                let report = try await showing("restoring \(id)", speech) { feed in
                    try await backup.restoreBackup(id, to: target, as: name, progress: feed)
                }
                try speech.print(report.sentence(name ?? id)) { report.json(name ?? id) }
                try report.throwIfPartial(
                    "See what else is with: loci backup verify \(directory)"
                )
            }
        }
    }
}

extension CopyReport {
    fileprivate func sentence(_ tenant: TenantID) -> String {
        var text = "\(tenant): \(Grouped.counted(contents, "content")) at change \(change)"
        if kept > 0 { text += ", \(Grouped.text(kept)) of them there already" }
        if removed > 0 { text += ", \(Grouped.text(removed)) of an earlier backup removed" }
        if foreign > 0 { text += ", \(Grouped.counted(foreign, "file")) of tools" }
        if damagedCount > 0 { text += ", \(Grouped.text(damagedCount)) left out as damaged" }
        return text + "."
    }

    fileprivate func json(_ tenant: TenantID) -> JSON {
        [
            "tenant": .string(tenant.rawValue), "contents": .integer(Int64(contents)),
            "kept": .integer(Int64(kept)), "bytes": .integer(bytes),
            "removed": .integer(Int64(removed)), "foreign": .integer(Int64(foreign)),
            "change": .integer(change.rawValue), "damagedCount": .integer(Int64(damagedCount)),
            "damaged": .array(
                damaged.map { one in
                    [
                        "path": one.path.map { JSON(path: $0) } ?? .null,
                        "memory": one.memory.map { .string($0.description) } ?? .null,
                        "revision": one.revision.map { .integer(Int64($0.rawValue)) } ?? .null,
                        "reason": .string(one.reason),
                    ]
                }
            ),
        ]
    }

    /// Lists what is damaged, and ends with its exit status.
    fileprivate func throwIfPartial(_ remedy: String) throws {
        guard damagedCount > 0 else { return }
        for one in damaged { Words.note(one.description) }
        throw LociError(
            .partlyDone,
            subject: "backup",
            message: "\(Grouped.text(damagedCount)) of the contents and files are damaged and were "
                + "left out.",
            remedy: remedy
        )
    }
}

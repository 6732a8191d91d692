import ArgumentParser
import Linux
import Loci
import Migration

extension MigrateVerb {
    struct Who: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "who",
                abstract: "List who still uses paths of unlisted layouts.",
                discussion: """
                    By the topmost directory, user and command; the process is the last one. A \
                    layout has a bounded number of rows: '*' brings together what was too much.
                    """
            )
        }

        @OptionGroup var place: TenantsOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            var table = Table("TENANT", WhoTable.header)
            var objects: [JSON] = []
            var names = UserNames()
            let outcome = try await MigrateVerb.each(place) { tenant, _ in
                // Mounts write down once a second whom they saw, and before they answer.
                Mounts.askToCommit(tenant)
                for use in try Migrator(tenant).who(limit: .max) {
                    table.append([tenant.id.rawValue] + WhoTable.cells(use, &names))
                    objects.append(use.json(of: tenant.id, &names))
                }
            }
            try speech.print(table, objects)
            try outcome.finish(speech)
        }
    }
}

/// Who used old paths, in columns.
enum WhoTable {
    static let header = ["LAYOUT", "PREFIX", "USER", "COMMAND", "PID", "USES", "LAST"]

    static func cells(_ use: OldPathUse, _ names: inout UserNames) -> [String] {
        let user = use.user.map { user in
            names.name(of: user).map { "\($0) (\(user))" } ?? String(user)
        }
        return [
            use.layout.description, printable(use.prefix), user ?? "*", printable(use.process),
            "\(use.pid)", "\(use.count)", use.last.description,
        ]
    }

    /// What many rows were brought together as is a star.
    private static func printable(_ text: String?) -> String {
        text.map { Name.printable($0) } ?? "*"
    }
}

/// What users are called, each asked for once: a look can mean a question to a server.
struct UserNames {
    private var known: [UInt32: String?] = [:]

    /// The name; nil where the number has none.
    mutating func name(of user: UInt32) -> String? {
        if let name = known[user] { return name }
        let name = UserName.of(user)
        known[user] = .some(name)
        return name
    }
}

extension OldPathUse {
    fileprivate func json(of tenant: TenantID, _ names: inout UserNames) -> JSON {
        let userName = user.flatMap { names.name(of: $0) }
        return [
            "tenant": .string(tenant.rawValue), "layout": .integer(Int64(layout.rawValue)),
            "prefix": prefix.map { .string($0) } ?? .null,
            "user": user.map { .integer(Int64($0)) } ?? .null,
            "userName": userName.map { .string($0) } ?? .null,
            "process": process.map { .string($0) } ?? .null,
            "pid": .integer(Int64(pid)), "count": .integer(count),
            "first": .string(first.description), "last": .string(last.description),
        ]
    }
}

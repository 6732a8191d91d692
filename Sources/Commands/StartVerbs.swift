import ArgumentParser
import Loci

struct InitVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "init", abstract: "Make a store with one tenant.")
    }

    @Argument(help: ArgumentHelp("A directory that is empty or missing.", valueName: "store"))
    var path: String

    @Option(name: .long, help: ArgumentHelp("The first tenant.", valueName: "id"))
    var tenant = "main"

    @Option(name: .long, help: "How its paths are made; {folder...} takes any tree as it stands.")
    var scheme = "{folder...}"

    @OptionGroup var who: OriginOptions
    @OptionGroup var speech: SpeechOptions

    func run() async throws {
        let scheme = try Scheme(scheme)
        let id = try TenantID(tenant)
        let absolute = StoreFinder.absolute(RawArguments.bytes(path))
        let store = try Store.create(
            at: String(decoding: absolute, as: UTF8.self),
            tenant: id,
            scheme: scheme,
            origin: who.origin
        )
        try speech.print("Made \(store.path) with tenant \(id), scheme \(scheme).") {
            [
                "store": .string(store.path), "tenant": .string(id.rawValue),
                "scheme": .string(scheme.text),
            ]
        }
    }
}

struct TenantVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "tenant",
            abstract: "Make, list, rename and delete tenants.",
            subcommands: [Create.self, List.self, Rename.self, Delete.self]
        )
    }

    /// Tenants are named as arguments; only the store is an option.
    struct StoreOnly: ParsableArguments {
        @Option(
            name: .long,
            help: ArgumentHelp(
                "The store, or a path inside a mount ($LOCI_STORE).",
                valueName: "dir"
            )
        )
        var store: String?
    }

    struct Create: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "create", abstract: "Make a tenant.")
        }

        @Argument(help: ArgumentHelp("Its id.", valueName: "id")) var id: String
        @Option(name: .long, help: "How its paths are made.") var scheme = "{folder...}"
        @OptionGroup var place: StoreOnly
        @OptionGroup var who: OriginOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let id = try TenantID(id)
            let scheme = try Scheme(scheme)
            let store = try StoreFinder.find(place.store).store
            _ = try store.createTenant(id, scheme: scheme, origin: who.origin)
            try speech.print("Made tenant \(id), scheme \(scheme).") {
                ["tenant": .string(id.rawValue), "scheme": .string(scheme.text)]
            }
        }
    }

    struct List: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "list", abstract: "List the tenants of a store.")
        }

        @OptionGroup var place: StoreOnly
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let store = try StoreFinder.find(place.store).store
            var table = Table("TENANT", "MEMORIES", "TRASHED", "SCHEME")
            var objects: [JSON] = []
            let outcome = try await EachTenant.failures(try store.tenantIDs()) { id in
                let tenant = try store.tenant(id)
                let counts = try tenant.counts()
                let scheme = try tenant.listedLayout().scheme.text
                table.append(id.rawValue, "\(counts.live)", "\(counts.trashed)", scheme)
                objects.append([
                    "tenant": .string(id.rawValue), "memories": .integer(Int64(counts.live)),
                    "trashed": .integer(Int64(counts.trashed)), "scheme": .string(scheme),
                ])
            }
            try speech.print(table, objects)
            try outcome.finish(speech)
        }
    }

    struct Rename: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "rename",
                abstract: "Give a tenant that is not mounted another id."
            )
        }

        @Argument(help: "Its id.") var old: String
        @Argument(help: "The id that it gets.") var new: String
        @OptionGroup var place: StoreOnly
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let (from, to) = (try TenantID(old), try TenantID(new))
            try StoreFinder.find(place.store).store.renameTenant(from, to: to)
            try speech.print("Renamed tenant \(from) to \(to).") {
                ["tenant": .string(to.rawValue), "from": .string(from.rawValue)]
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "delete",
                abstract: "Delete a tenant and everything in it, for good."
            )
        }

        @Argument(help: ArgumentHelp("Its id.", valueName: "id")) var id: String
        @OptionGroup var place: StoreOnly
        @OptionGroup var confirmation: ConfirmOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let id = try TenantID(id)
            let store = try StoreFinder.find(place.store).store
            let counts = try store.tenant(id).counts()
            try confirmation.confirm(
                "Tenant \(id) with \(Grouped.text(counts.live)) memories would be deleted for "
                    + "good.",
                subject: id.rawValue
            )
            try store.deleteTenant(id)
            try speech.print("Deleted tenant \(id).") { ["tenant": .string(id.rawValue)] }
        }
    }
}

extension Tenant {
    /// The layout that listings show.
    func listedLayout() throws(LociError) -> LayoutInfo {
        for layout in try layouts() where layout.isListed { return layout }
        throw LociError(
            .corrupt,
            subject: id.rawValue,
            message: "Tenant \(id) lists no layout.",
            remedy: "Run:  loci fsck"
        )
    }
}

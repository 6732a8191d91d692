import ArgumentParser
import Loci

struct AuditVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "audit",
            abstract: "Tell who did what, when and why; or whether the log still stands.",
            subcommands: [List.self, Verify.self],
            defaultSubcommand: List.self
        )
    }

    struct List: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "list",
                abstract: "Show the changes, the newest first.",
                discussion: "With --json each has before and after: what differs, of each side."
            )
        }

        @OptionGroup var filter: ChangeFilterOptions
        @Option(name: .long, help: ArgumentHelp("At most so many.", valueName: "count"))
        var limit: Int?
        @OptionGroup var speech: SpeechOptions

        func validate() throws {
            if let limit, limit < 0 { throw ValidationError("--limit counts from 0.") }
        }

        func run() async throws {
            let (tenant, wanted) = try filter.resolve()
            var left = limit ?? .max
            var cursor: ChangeNumber?
            var table = Table(
                "CHANGE",
                ["TIME", "ACTOR", "UID", "PROCESS", "WHAT", "PATH", "REASON"]
            )
            var output = Output()
            while left > 0 {
                let page = try tenant.audit(wanted, before: cursor, limit: min(left, 1000))
                left -= page.changes.count
                for found in page.changes {
                    if speech.quiet { continue }
                    if speech.json {
                        try output.line(found.json)
                    } else {
                        table.append(found.cells)
                    }
                }
                cursor = page.next
                if cursor == nil { break }
            }
            if !speech.json { try speech.print(table, []) }
            try output.flush()
        }
    }

    struct Verify: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "verify",
                abstract: "Find the first change that was edited, removed, inserted or moved.",
                discussion: """
                    Exit 0 when the log is as it was written, 1 when it is not. Keep the number and \
                    the hash that it prints somewhere else, and give them to --expect later: then \
                    a log that was written anew as a whole is found, too.
                    """
            )
        }

        @Option(
            name: .long,
            help: ArgumentHelp("What an earlier verify printed.", valueName: "number:hash")
        )
        var expect: String?
        @OptionGroup var place: TenantsOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let (store, ids) = try StoreFinder.tenants(place)
            let mark = try expect.map { text in try Self.mark(text) }
            if expect != nil, ids.count != 1 {
                throw LociError(
                    .invalidArgument,
                    subject: "--expect",
                    message:
                        "--expect is the mark of one tenant's log, and \(ids.count) are meant.",
                    remedy: "Name the tenant with --tenant."
                )
            }
            var isWhole = true
            try await EachTenant.run(ids, speech) { id in
                let report = try await store.tenant(id).verifyAudit(expecting: mark)
                if report.broken != nil { isWhole = false }
                try speech.print(report.sentence(id)) { report.json(id) }
            }
            if !isWhole { throw ExitStatus.no }
        }

        private static func mark(
            _ text: String
        ) throws(LociError) -> (number: ChangeNumber, hash: String) {
            let parts = text.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let number = Int64(parts[0]), number > 0,
                (try? ContentHash(hex: String(parts[1]))) != nil
            else {
                throw .unreadable(
                    text,
                    as: "a change and its hash",
                    remedy: "It is written as number:hash, as loci audit verify prints it."
                )
            }
            return (ChangeNumber(number), String(parts[1]))
        }
    }
}

extension AuditReport {
    fileprivate func sentence(_ tenant: TenantID) -> String {
        if let broken {
            return "\(tenant): change \(broken.number) does not fit: \(broken.reason). "
                + "What is below it is as it was written."
        }
        var text = "\(tenant): \(Grouped.counted(changes, "change")) as they were written"
        if stubs > 0 { text += ", \(Grouped.text(stubs)) of them stubs of purged memories" }
        if begins.rawValue > 0 { text += "; those up to \(begins) are kept no longer" }
        return text + "\n\(tenant): \(head):\(hash)"
    }

    fileprivate func json(_ tenant: TenantID) -> JSON {
        [
            "tenant": .string(tenant.rawValue), "whole": .bool(broken == nil),
            "changes": .integer(Int64(changes)), "stubs": .integer(Int64(stubs)),
            "begins": .integer(begins.rawValue), "head": .integer(head.rawValue),
            "hash": .string(hash),
            "broken": broken.map {
                ["seq": .integer($0.number.rawValue), "reason": .string($0.reason)]
            } ?? .null,
        ]
    }
}

extension AuditedChange {
    fileprivate var cells: [String] {
        [
            change.number.description, change.time.description, change.origin.actor,
            "\(change.origin.uid)", change.origin.process ?? "",
            change.operation?.rawValue ?? "?",
            path?.description ?? change.memory?.description ?? "", change.origin.reason ?? "",
        ].map { Name.printable($0) }
    }

    fileprivate var json: JSON { change.json(path: path) }
}

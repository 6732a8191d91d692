import ArgumentParser
import Loci

struct LayoutVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "layout",
            abstract: "List layouts, and translate paths between them.",
            subcommands: [List.self, Show.self, Translate.self]
        )
    }

    struct List: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "list", abstract: "List all layouts there ever were.")
        }

        @OptionGroup var place: StoreOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let layouts = try StoreFinder.tenant(place).layouts()
            var table = Table("LAYOUT", "STATE", "LISTED", "TARGET", "SCHEME")
            for layout in layouts {
                table.append(
                    layout.number.description,
                    layout.status.rawValue,
                    layout.isListed ? "listed" : "-",
                    layout.isTarget ? "target" : "-",
                    layout.scheme.text
                )
            }
            try speech.print(table, layouts.map(\.json))
        }
    }

    struct Show: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "show", abstract: "Show one layout.")
        }

        @Argument(help: ArgumentHelp("Its number; else the listed one.", valueName: "n"))
        var number: Int?
        @OptionGroup var place: StoreOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let tenant = try StoreFinder.tenant(place)
            let layout = try tenant.layout(number)
            var text = "layout \(layout.number)  \(layout.scheme)  \(layout.status.rawValue)"
            if layout.isListed { text += "  listed" }
            if layout.isTarget { text += "  target" }
            if layout.isApart { text += "  apart" }
            try speech.print(text) { layout.json }
        }
    }

    struct Translate: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "translate",
                abstract: "Tell what paths of one layout are called in another.",
                discussion: "Exit 7 where some paths have no memory."
            )
        }

        @Argument(help: "Paths; '-' or none reads them from standard input, one a line.")
        var paths: [String] = []
        @Option(
            name: .long,
            help: ArgumentHelp("The paths are of this layout.", valueName: "n")
        )
        var from: Int?
        @Option(
            name: .long,
            help: ArgumentHelp(
                "Into this layout; else the listed one.",
                valueName: "n"
            )
        )
        var to: Int?
        @OptionGroup var place: StoreOptions
        @OptionGroup var speech: SpeechOptions
        @OptionGroup var ends: PathOptions

        func run() async throws {
            let tenant = try StoreFinder.tenant(place)
            let target = try tenant.layout(to)
            let source = try from.map { try tenant.layout($0) }
            var output = Output()
            var failures = 0
            for bytes in try input() {
                do throws(LociError) {
                    let path = try NamePath(parsing: bytes)
                    let new = try tenant.translate(path, from: source, to: target)
                    if speech.json {
                        try output.line(["from": JSON(path: path), "to": JSON(path: new)])
                    } else if !speech.quiet {
                        try output.path(new, nul: ends.nul)
                    }
                } catch {
                    failures += 1
                    Words.note(Failure.sentence(error))
                }
            }
            try output.flush()
            guard failures > 0 else { return }
            throw LociError(
                .partlyDone,
                subject: "translate",
                message: "\(failures) paths could not be translated."
            )
        }

        private func input() throws(LociError) -> [[UInt8]] {
            if !paths.isEmpty, paths != ["-"] { return paths.map(RawArguments.bytes) }
            let end: UInt8 = ends.nul ? 0 : UInt8(ascii: "\n")
            return try InputBytes.standardInput().split(separator: end).map { Array($0) }
        }
    }
}

extension Tenant {
    /// A layout by its number, or the listed one.
    func layout(_ number: Int?) throws(LociError) -> LayoutInfo {
        guard let number else { return try listedLayout() }
        let all = try layouts()
        for layout in all where layout.number.rawValue == number { return layout }
        throw LociError(
            .notFound,
            subject: "layout \(number)",
            message: "There is no layout \(number).",
            remedy: "List them with:  loci layout list"
        )
    }

    /// What a memory's path in one layout is in another; without `source` the path may be of any.
    func translate(
        _ path: NamePath,
        from source: LayoutInfo?,
        to target: LayoutInfo
    ) throws(LociError) -> NamePath {
        let memory = try memory(at: path)
        if let source, try self.path(of: memory.id, in: source.number) != path {
            throw LociError(
                .notFound,
                subject: path.description,
                message: "'\(path)' is no path of layout \(source.number)."
            )
        }
        guard let new = try self.path(of: memory.id, in: target.number) else {
            throw LociError(
                .notFound,
                subject: path.description,
                message: "Layout \(target.number) has no path for '\(path)'.",
                remedy: "List the live layouts with:  loci layout list"
            )
        }
        return new
    }
}

extension LayoutInfo {
    var json: JSON {
        [
            "layout": .integer(Int64(number.rawValue)), "scheme": .string(scheme.text),
            "state": .string(status.rawValue), "listed": .bool(isListed),
            "target": .bool(isTarget), "apart": .bool(isApart),
        ]
    }
}

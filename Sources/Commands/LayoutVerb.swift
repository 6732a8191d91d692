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
            let isListed = paths.isEmpty || paths == ["-"]
            let (tenant, given) = isListed ? (try StoreFinder.tenant(place), []) : try arguments()
            var translation = Translation(
                translator: try PathTranslator(
                    tenant,
                    from: from.map { LayoutNumber($0) },
                    to: to.map { LayoutNumber($0) }
                ),
                speech: speech,
                nul: ends.nul
            )
            if isListed {
                var lines = try InputLines(end: ends.nul ? 0 : UInt8(ascii: "\n"))
                while let some = try lines.next() { try translation.translate(some) }
            } else {
                try translation.translate(given.map(\.bytes))
            }
            try translation.finish()
        }

        /// The paths that were given, which may lie in a mount.
        private func arguments() throws(LociError) -> (tenant: Tenant, paths: [NamePath]) {
            var found: (tenant: Tenant, paths: [NamePath])?
            for argument in paths {
                let (tenant, path) = try StoreFinder.place(argument, place)
                if found == nil { found = (tenant, []) }
                found?.paths.append(path)
                guard let first = found?.tenant, first.directory == tenant.directory else {
                    throw LociError(
                        .invalidArgument,
                        subject: argument,
                        message: "The paths are of several tenants.",
                        remedy: "Translate those of one tenant at a time."
                    )
                }
            }
            guard let found else { preconditionFailure("there is an argument") }
            return found
        }
    }

    /// Translates paths as they come, and tells of each that it cannot.
    private struct Translation: ~Copyable {
        let translator: PathTranslator
        let speech: SpeechOptions
        let nul: Bool
        private var output = Output()
        private var failures = 0

        init(translator: PathTranslator, speech: SpeechOptions, nul: Bool) {
            self.translator = translator
            self.speech = speech
            self.nul = nul
        }

        mutating func translate(_ lines: [[UInt8]]) throws(LociError) {
            let read = lines.map { line in
                Result { () throws(LociError) in try NamePath(parsing: line) }
            }
            let paths = read.compactMap { try? $0.get() }
            var answers = try translator.translate(paths).makeIterator()
            for (line, path) in zip(lines, read) {
                do throws(LociError) {
                    let from = try path.get()
                    if let answer = answers.next() { try put(from, try answer.get()) }
                } catch {
                    if error.code == .cancelled { throw error }
                    try fail(line, error)
                }
            }
            try output.flush()
        }

        private mutating func put(_ from: NamePath, _ to: NamePath) throws(LociError) {
            if speech.json {
                try output.line(["from": JSON(path: from), "to": JSON(path: to)])
            } else if !speech.quiet {
                try output.path(to, nul: nul)
            }
        }

        private mutating func fail(_ line: [UInt8], _ error: LociError) throws(LociError) {
            failures += 1
            Words.note(Failure.sentence(error))
            guard speech.json else { return }
            let from = JSON.string(String(decoding: line, as: UTF8.self))
            try output.line(["from": from, "error": Failure.json(error)["error"] ?? .null])
        }

        mutating func finish() throws(LociError) {
            try output.flush()
            guard failures > 0 else { return }
            throw LociError(
                .partlyDone,
                subject: "translate",
                message: "\(Grouped.text(failures)) paths could not be translated."
            )
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

import ArgumentParser
import Loci

struct SearchVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "search",
            abstract: "Find memories by the words or the meaning of their texts, the best first.",
            discussion: """
                token rotation         both words        "token rotation"   one after the other
                rotat*                 begins so         token OR key       either
                'token -expired', or token NOT expired   the first without the second
                Letters are compared without case and accents. A pipe gets PATH:LINE:TEXT.
                Exit 1 when nothing matches.

                --semantic takes the query as it stands, and finds the texts that mean something \
                near it, whatever their words; --hybrid joins both lists, best places first. Both \
                need the embedder that loci reindex --embedder made the vectors with.
                """
        )
    }

    @Argument(help: "Words, phrases in quotes, beginnings of words.") var query: [String]
    @Flag(name: .long, help: "By meaning.") var semantic = false
    @Flag(name: .long, help: "By words and by meaning.") var hybrid = false
    @Option(
        name: .customLong("where"),
        help: ArgumentHelp("Only memories with this attribute; repeats.", valueName: "key=value")
    )
    var attributes: [Assignment] = []
    @Option(
        name: .long,
        help: ArgumentHelp("Only below a directory, of any live layout.", valueName: "path")
    )
    var under: String?
    @Option(
        name: .long,
        parsing: .unconditional,
        help: ArgumentHelp("Only what changed since then, or so long ago.", valueName: "time")
    )
    var since: String?
    @Option(name: [.customShort("n"), .long], help: "At most so many.") var limit = 20
    @Option(name: .long, help: "Leave out so many before them.") var offset = 0
    @Flag(name: [.customShort("l"), .long], help: "Paths only; so does -0.") var paths = false
    @OptionGroup var meaning: EmbedderOptions
    @OptionGroup var place: StoreOptions
    @OptionGroup var speech: SpeechOptions
    @OptionGroup var ends: PathOptions

    func validate() throws {
        guard limit > 0, offset >= 0 else {
            throw ValidationError("--limit is 1 or more, --offset 0 or more.")
        }
        guard attributes.allSatisfy({ $0.value != nil }) else {
            throw ValidationError("--where needs a value, such as --where topic=auth.")
        }
        guard !semantic || !hybrid else {
            throw ValidationError("--hybrid has what --semantic finds: give one of them.")
        }
        guard ranking != nil || meaning.embedder == nil else {
            throw ValidationError("--embedder goes with --semantic or --hybrid.")
        }
    }

    /// Nil for words alone.
    private var ranking: SearchRanking? { semantic ? .meaning : hybrid ? .both : nil }

    func run() async throws {
        let text = query.joined(separator: " ")
        let query = semantic ? try SearchQuery(meaning: text) : try SearchQuery(text)
        let (tenant, path) = try StoreFinder.place(under ?? ".", place)
        Mounts.askToCommit(tenant)
        var request = SearchRequest(
            query,
            attributes: try attributes.checked().compactMapValues(\.self),
            under: under == nil ? nil : path,
            since: try since.map { try Moment.read($0, now: tenant.clock()) },
            limit: limit
        )
        request.offset = offset
        if !semantic {
            try await showing("indexing", speech) { feed in
                _ = try await tenant.catchUp(progress: feed)
            }
        }
        let page = try await search(request, tenant)
        try print(page)
        if !speech.quiet { try tell(page, tenant) }
        if page.hits.isEmpty { throw ExitStatus.no }
    }

    private func search(_ request: SearchRequest, _ tenant: Tenant) async throws -> SearchPage {
        if let ranking {
            return try await tenant.search(
                request,
                by: ranking,
                with: meaning.embedder(for: hybrid ? "--hybrid" : "--semantic", speech)
            )
        }
        var page = try tenant.search(request)
        // One call ranks so many at once.
        while let next = page.next, page.hits.count < limit {
            var rest = request
            rest.cursor = next
            rest.offset = 0
            rest.limit = limit - page.hits.count
            page = page.followed(by: try tenant.search(rest))
        }
        return page
    }

    private func print(_ page: SearchPage) throws(LociError) {
        guard !speech.quiet else { return }
        var output = Output()
        for hit in page.hits {
            if speech.json {
                try output.line(hit.json)
            } else if paths || ends.nul {
                try output.path(hit.memory.shownPath, nul: ends.nul)
            } else if speech.isAligned {
                try output.line(hit.title(color: speech.hasColor))
                try output.line(hit.shownLine(color: speech.hasColor))
            } else {
                try output.line(hit.line)
            }
        }
        try output.flush()
    }

    /// What the hits are of, and what was not looked at.
    private func tell(_ page: SearchPage, _ tenant: Tenant) throws(LociError) {
        if Terminal.errorIsTerminal, page.next != nil, !page.hits.isEmpty {
            let total = page.total.map { " of \(Grouped.text($0))" } ?? ""
            Words.note(
                "\(offset + 1) to \(offset + page.hits.count)\(total); "
                    + "more with --offset \(offset + page.hits.count)"
            )
        }
        let status = try tenant.searchStatus()
        if status.unread > 0 {
            Words.note(
                "\(Grouped.counted(status.unread, "memory", plural: "memories")) could not be "
                    + "read for the index, and may be missing here; run: loci reindex"
            )
        }
        if page.unembedded > 0 {
            Words.note(
                "\(Grouped.counted(page.unembedded, "memory", plural: "memories")) have no vector "
                    + "of their current text, and may be missing here; run: "
                    + "loci reindex --embedder CMD"
            )
        }
        if page.waiting > 0 {
            Words.note(
                "\(Grouped.counted(page.waiting, "memory", plural: "memories")) are not indexed "
                    + "yet, and may be missing here."
            )
        }
        if Terminal.errorIsTerminal, page.hits.isEmpty, status.left > 0 {
            Words.note(
                "\(Grouped.counted(status.left, "memory", plural: "memories")) are not searched: "
                    + "\(Grouped.text(status.notText)) are no text, "
                    + "\(Grouped.text(status.tooLarge)) are larger than "
                    + "\(ByteCount(SearchStatus.largestText))"
            )
        }
    }
}

extension SearchHit {
    /// `path:line:text`, as grep writes it.
    var line: String { "\(memory.shownPath):\(excerpt.line):\(excerpt.shownText)" }

    func title(color: Bool) -> String {
        let path = Name.printable(memory.shownPath.description)
        return color ? "\u{1B}[1m\(path)\u{1B}[0m" : path
    }

    func shownLine(color: Bool) -> String {
        let text = color ? excerpt.coloredText : Name.printable(excerpt.text)
        return "  \(excerpt.line): \(text)"
    }

    var json: JSON {
        guard case .object(var members) = memory.json else { return .null }
        let matches = excerpt.matches.map { range -> JSON in
            .array([.integer(Int64(range.lowerBound)), .integer(Int64(range.upperBound))])
        }
        members.append(.init("score", .number(score)))
        members.append(.init("line", .integer(Int64(excerpt.line))))
        members.append(.init("text", .string(excerpt.text)))
        members.append(.init("matches", .array(matches)))
        return .object(members)
    }
}

extension SearchExcerpt {
    /// What people wrote must not steer a terminal.
    var coloredText: String {
        let bytes = Array(text.utf8)
        var colored = ""
        var end = 0
        for match in matches {
            colored += Self.printable(bytes[end..<match.lowerBound])
            colored += "\u{1B}[1;31m" + Self.printable(bytes[match]) + "\u{1B}[0m"
            end = match.upperBound
        }
        return colored + Self.printable(bytes[end...])
    }

    private static func printable(_ bytes: ArraySlice<UInt8>) -> String {
        Name.printable(String(decoding: bytes, as: UTF8.self))
    }

    /// The line as data: nothing in it ends it.
    var shownText: String { text.replacing("\r", with: " ") }
}

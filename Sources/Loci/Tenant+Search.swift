package import Catalog
import Linux
public import Model
import SQL

extension Tenant {
    /// So many matches are ranked at once, those whose content changed last; those before come
    /// after them, again so many at once.
    ///
    /// A word that half the memories have tells little of any of them, and ranking all would take
    /// as long as there are memories: one match costs 2 to 4 µs.
    package static let rankedAtOnce = 1000

    /// Searches the current texts of the memories outside the trash; the best hits come first.
    ///
    /// What is committed is found: what waits for the index is indexed first. After a large batch
    /// that takes a while, which `catchUp` tells the progress of. What a mount holds uncommitted is
    /// not found.
    ///
    /// Throws `wrongState` where the tenant keeps no index, `notFound` where the directory is none.
    ///
    /// Complexity: milliseconds without filters, however often the words occur. Filters that few of
    /// the matches pass have all matches looked at, some microseconds each.
    public func search(_ request: SearchRequest) throws(LociError) -> SearchPage {
        indexAllWaiting()
        return try read { reader in try self.search(request, reader) }
    }

    /// The same on a reader's state of the catalog, and only among memories that `isShown`.
    package func search(
        _ request: SearchRequest,
        _ reader: CatalogReader,
        _ isShown: (MemoryRow) throws -> Bool = { _ in true }
    ) throws -> SearchPage {
        var (before, skipped) = (request.cursor?.before ?? .max, request.offset)
        skipped += request.cursor?.skipping ?? 0
        var found = try window(request, before: before, reader, isShown)
        while !found.isWhole, skipped >= found.matches.count {
            skipped -= found.matches.count
            before = found.end
            found = try window(request, before: before, reader, isShown)
        }
        let page = found.matches.dropFirst(skipped).prefix(max(0, request.limit))
        var words = try SearchWords(request.query.phrases, reader.connection)
        let hits = try page.map { match in
            SearchHit(
                memory: try value(of: match.memory, reader),
                score: match.score,
                excerpt: try excerpt(of: match.memory, &words, reader)
            )
        }
        return SearchPage(
            hits: hits,
            next: found.next(after: skipped + page.count, before: before),
            total: found.isWhole && before == .max ? found.matches.count : nil,
            waiting: try reader.waitingCount(upTo: .max)
        )
    }

    /// How many memories are searched, and how many are not.
    public func searchStatus() throws(LociError) -> SearchStatus {
        try read { reader in
            let counts = try reader.textCounts()
            return SearchStatus(
                isOn: try reader.setting(Setting.search) != 0,
                indexed: counts.indexed,
                notText: counts.notText,
                tooLarge: counts.tooLarge,
                unread: counts.unread,
                waiting: counts.waiting
            )
        }
    }

    // MARK: Parts

    /// The matches that are ranked together, the best first.
    struct Window {
        var matches: [TextMatch] = []
        var isWhole = true

        /// Where the matches begin that come after these.
        var end: Int64 { matches.lazy.map(\.row).min() ?? 0 }

        func next(after count: Int, before: Int64) -> SearchCursor? {
            if count < matches.count { return SearchCursor(before: before, skipping: count) }
            return isWhole ? nil : SearchCursor(before: end, skipping: 0)
        }
    }

    func window(
        _ request: SearchRequest,
        before: Int64,
        _ reader: CatalogReader,
        _ isShown: (MemoryRow) throws -> Bool
    ) throws -> Window {
        guard try reader.setting(Setting.search) != 0 else { throw Self.isNotSearched }
        guard let expression = request.query.expression else {
            throw SearchQuery.wrong(
                request.query.text,
                "names no words",
                remedy: "Search for it by its meaning: loci search --semantic"
            )
        }
        let place = try SearchPlace.find(request, reader)
        var window = Window()
        try reader.search(
            expression,
            before: before,
            since: request.since ?? .distantPast,
            attributes: request.attributes.map { ($0.key, $0.value) }
        ) { match in
            if let place, try !place.has(match.memory, reader) { return true }
            guard try isShown(match.memory) else { return true }
            guard window.matches.count < Self.rankedAtOnce else {
                window.isWhole = false
                return false
            }
            window.matches.append(match)
            return true
        }
        window.matches.sort { ($1.score, $1.row) < ($0.score, $0.row) }
        return window
    }

    static let isNotSearched = LociError(
        .wrongState,
        subject: "search",
        message: "This tenant keeps no search index.",
        remedy: "Make one with: loci reindex"
    )

    /// Says so in its place where a content cannot be read: the other hits are right.
    func excerpt(
        of memory: MemoryRow,
        _ words: inout SearchWords,
        _ reader: CatalogReader
    ) throws -> SearchExcerpt {
        do {
            let file = try openBlob(of: memory.row, revision: memory.revision, reader: reader)
            let text = try file.readAll(limit: Int(TextIndex.largestText))
            return try words.excerpt(of: text, reader.connection)
        } catch let error as LociError {
            return SearchExcerpt(line: 1, text: "(\(error.message))", matches: [])
        } catch let error as Errno {
            return SearchExcerpt(line: 1, text: "(unreadable: \(error))", matches: [])
        }
    }
}

/// The memories below a directory.
final class SearchPlace {
    private let directory: NodeNumber
    private let layouts: [Layout]
    /// Of directories that were asked for: whether they are at or below it.
    private var known: [NodeNumber: Bool]

    /// What a request asks for; nil where that is everything.
    static func find(_ request: SearchRequest, _ reader: CatalogReader) throws -> SearchPlace? {
        let table = try reader.layouts()
        if let node = request.node { return SearchPlace(node, table.liveLayouts) }
        guard let path = request.directory, !path.isRoot else { return nil }
        guard
            let entry = try reader.resolve(
                path.names,
                from: table.listed.root,
                layouts: table.resolvable
            ),
            let node = try reader.node(entry.node), node.kind == .directory
        else {
            throw LociError(
                .notFound,
                subject: path.description,
                message: "There is no directory \"/\(path)\".",
                remedy: "See what there is with: loci ls"
            )
        }
        return SearchPlace(
            node.number,
            table.liveLayouts.filter { entry.layouts.contains($0.bit) }
        )
    }

    private init(_ directory: NodeNumber, _ layouts: [Layout]) {
        self.directory = directory
        self.layouts = layouts
        known = [:]
        for layout in layouts { known[layout.root] = false }
        known[directory] = true
    }

    func has(_ memory: MemoryRow, _ reader: CatalogReader) throws -> Bool {
        for layout in layouts {
            for entry in try reader.entries(of: memory.node, layouts: layout.bit)
            where try isBelow(entry.directory, reader) {
                return true
            }
        }
        return false
    }

    private func isBelow(_ number: NodeNumber, _ reader: CatalogReader) throws -> Bool {
        var passed: [NodeNumber] = []
        var current: NodeNumber? = number
        var answer = false
        while let step = current {
            if let known = known[step] {
                answer = known
                break
            }
            passed.append(step)
            let all = LayoutSet(rawValue: .max)
            current = try reader.entries(of: step, layouts: all).first?.directory
        }
        for step in passed { known[step] = answer }
        return answer
    }
}

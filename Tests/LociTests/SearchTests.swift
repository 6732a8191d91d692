import Model
import Testing

@testable import Loci

@Suite("A search")
struct SearchTests {
    let origin = TemporaryStore.origin
    let made: TemporaryStore
    let tenant: Tenant

    init() throws {
        made = try TemporaryStore(scheme: try Scheme("user={user}/topic={topic}"))
        tenant = try made.tenant()
    }

    @discardableResult
    func add(_ path: String, _ text: String) async throws -> Memory {
        try await tenant.append(bytes(text), at: NamePath(path), origin: origin)
    }

    func search(
        _ query: String,
        attributes: [String: String] = [:],
        under: String? = nil,
        since: Timestamp? = nil
    ) throws -> [SearchHit] {
        let request = SearchRequest(
            try SearchQuery(query),
            attributes: attributes,
            under: try under.map { try NamePath($0) },
            since: since
        )
        return try tenant.search(request).hits
    }

    /// The names of what matches, in order of their bytes.
    func names(_ query: String) throws -> [String] {
        try search(query).map(\.memory.name.description).sorted()
    }

    // MARK: The index

    @Test("finds the current text of a memory, and not an earlier one")
    func followsEdits() async throws {
        let memory = try await add("user=a/topic=b/x.md", "an apple")
        #expect(try names("apple") == ["x.md"])
        _ = try await tenant.edit(memory.id, content: bytes("a pear"), origin: origin)
        #expect(try names("apple") == [])
        #expect(try names("pear") == ["x.md"])
        _ = try await tenant.restore(memory.id, revision: RevisionNumber(1), origin: origin)
        #expect(try names("apple") == ["x.md"])
        #expect(try names("pear") == [])
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("finds a memory at the path that it was moved to")
    func followsMoves() async throws {
        let memory = try await add("user=a/topic=b/x.md", "an apple")
        _ = try await tenant.move(memory.id, to: NamePath("user=c/topic=d/y.md"), origin: origin)
        #expect(try search("apple").map(\.memory.path) == [NamePath("user=c/topic=d/y.md")])
    }

    @Test("passes over the trash, and finds what came back from it")
    func followsTheTrash() async throws {
        let memory = try await add("user=a/topic=b/x.md", "an apple")
        try await tenant.delete(memory.id, origin: origin)
        #expect(try names("apple") == [])
        _ = try await tenant.restore(memory.id, origin: origin)
        #expect(try names("apple") == ["x.md"])
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("finds what came in as a batch, also beside memories that could not be added")
    func batch() async throws {
        try await add("user=a/topic=b/3.md", "there before")
        let batch = try (0..<9).map {
            NewMemory(
                .bytes(bytes("fruit \($0)")),
                name: try Name("\($0).md"),
                attributes: ["user": "a", "topic": "b"]
            )
        }
        let results = try await tenant.append(contentsOf: batch, origin: origin)
        #expect(results.filter { (try? $0.get()) == nil }.count == 1)
        #expect(try names("fruit").count == 8)
        #expect(try names("3") == [])
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("says how many memories are no text or too large, and does not find them")
    func notSearched() async throws {
        _ = try await tenant.append(
            [0xFF, 0xFE] + bytes("apple"),
            at: NamePath("user=a/topic=b/binary"),
            origin: origin
        )
        try await add("user=a/topic=b/nul", "apple\0")
        let large = String(repeating: "apple ", count: Int(SearchStatus.largestText) / 6 + 1)
        try await add("user=a/topic=b/large", large)
        try await add("user=a/topic=b/text", "apple")
        #expect(try names("apple") == ["text"])
        let status = try tenant.searchStatus()
        #expect(status.indexed == 1)
        #expect(status.waiting == 0)
        #expect(status.notText == 2)
        #expect(status.tooLarge == 1)
        #expect(status.left == 3)
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("is searched while a writer commits, and never finds what is not there")
    func readersBesideAWriter() async throws {
        let memory = try await add("user=a/topic=b/x.md", "round 0")
        let tenant = tenant
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<50 {
                        let page = try tenant.search(SearchRequest(SearchQuery("round")))
                        #expect(page.hits.count == 1)
                        #expect(page.hits[0].excerpt.text.hasPrefix("round "))
                    }
                }
            }
            group.addTask {
                for round in 1...50 {
                    _ = try await tenant.edit(
                        memory.id,
                        content: bytes("round \(round)"),
                        origin: TemporaryStore.origin
                    )
                }
            }
            try await group.waitForAll()
        }
        #expect(try names("50") == ["x.md"])
        #expect(try await tenant.check(contents: true) == [])
    }

    // MARK: Queries

    @Test(
        "reads words, phrases, beginnings, exclusions and alternatives",
        arguments: [
            ("red apple", ["1", "2"]),
            ("\"red apple\"", ["1"]),
            ("app*", ["1", "2", "3"]),
            ("\"red app\"*", ["1"]),
            ("apple -red", ["3"]),
            ("apple NOT red", ["3"]),
            ("apple AND green", ["2", "3"]),
            ("pear OR green", ["2", "3", "4"]),
            ("red apple OR pear", ["1", "2", "4"]),
            ("(pear OR green) -red", ["3", "4"]),
            ("APPLE -\"green apple\"", ["1", "2"]),
            ("main()", ["5"]),
            ("don't", ["5"]),
            ("or", ["5"]),
            ("!!! pear", ["4"]),
        ]
    )
    func queries(query: String, expected: [String]) async throws {
        try await add("user=a/topic=b/1", "A red apple")
        try await add("user=a/topic=b/2", "The apple is red and green")
        try await add("user=a/topic=b/3", "A green apple")
        try await add("user=a/topic=b/4", "Pear")
        try await add("user=a/topic=b/5", "main() doesn't return; don't or do")
        #expect(try names(query) == expected)
    }

    @Test(
        "refuses a query that cannot be, and says where and how to mend it",
        arguments: [
            ("", "is empty", "Give a word"),
            ("  ", "is empty", "Give a word"),
            ("!!!", "no letter and no digit", "Give a word"),
            ("a \"b", "quote that is not closed, at character 3", "Add a \""),
            ("-a", "only what must not be there, at character 1", "must be there"),
            ("a OR", "nothing after it, at character 5", "both sides"),
            ("OR a", "nothing before it, at character 1", "both sides"),
            ("a OR OR b", "nothing after it, at character 5", "both sides"),
            ("a -", "nothing after the -, at character 3", "Put a word"),
            ("* a", "* with nothing before it, at character 1", "rotat*"),
            ("a*b", "* within a word, at character 2", "end of a word"),
            ("(a b", "( that is not closed, at character 1", "Add a )"),
            ("a b)", ") without a (", "Leave it out"),
            ("ä \0", "NUL, at character 3", "Leave it out"),
        ]
    )
    func wrongQueries(query: String, problem: String, remedy: String) throws {
        let error = #expect(throws: LociError.self) { try SearchQuery(query) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(problem) == true, "\(error?.message ?? "")")
        #expect(error?.remedy?.contains(remedy) == true, "\(error?.remedy ?? "")")
    }

    @Test(
        "takes what looks like the engine's language for words",
        arguments: [
            "text : apple", "{text} : apple", "NEAR(apple, pear)", "apple^2", "apple + pear",
            "^apple", "\"\"", "apple\"; DROP TABLE memory; --\"", "' OR 1=1", "a\\\"b",
            "memory_text MATCH 'x'", "%00", "*)", "rowid:1",
        ]
    )
    func injection(query: String) async throws {
        try await add("user=a/topic=b/1", "some words")
        // Refused by the reader, or answered with nothing: never an error of the engine.
        do {
            #expect(try names(query) == [])
        } catch let error as LociError {
            #expect(error.code == .invalidArgument, "\(error)")
        }
        #expect(try tenant.counts() == (1, 0))
        #expect(try names("words") == ["1"])
    }

    @Test("refuses more words than it can answer soon")
    func tooManyWords() throws {
        let words = String(repeating: "a ", count: SearchQuery.mostWords + 1)
        #expect(throws: LociError.self) { try SearchQuery(words) }
        #expect(throws: LociError.self) { try SearchQuery("\"\(words)\"") }
        let sentence = String(repeating: "語", count: SearchQuery.mostWords + 1)
        #expect(throws: LociError.self) { try SearchQuery(sentence) }
        let nested = String(repeating: "(", count: 100) + "a" + String(repeating: ")", count: 100)
        #expect(throws: LociError.self) { try SearchQuery(nested) }
    }

    @Test(
        "finds its line in a text of one line of a mebibyte that is full of it",
        .timeLimit(.minutes(1))
    )
    func longLine() async throws {
        let text = String(repeating: "a, ", count: (1 << 20) / 3)
        for number in 0..<3 { try await add("user=a/topic=b/\(number)", text) }
        #expect(try names("a").count == 3)
        #expect(try names("\"a a a a\"").count == 3)
        #expect(throws: LociError.self) {
            try SearchQuery(String(repeating: "a* ", count: SearchQuery.mostBeginnings + 1))
        }
    }

    // MARK: Words

    @Test(
        "takes case, accents and both normal forms of Unicode for one word",
        arguments: ["café", "cafe\u{301}", "CAFÉ", "cafe"]
    )
    func normalForms(query: String) async throws {
        try await add("user=a/topic=b/composed", "Ein caf\u{E9}.")
        try await add("user=a/topic=b/decomposed", "Ein cafe\u{301}.")
        #expect(try names(query) == ["composed", "decomposed"])
    }

    @Test(
        "finds words of scripts that put no space between words",
        arguments: [
            ("記憶", ["ja"]), ("宮殿", ["ja"]), ("記憶の宮殿", ["ja"]), ("憶記", []), ("が", ["ja"]),
            ("か\u{3099}", ["ja"]), ("数据库", ["zh"]), ("Swift语言", ["zh"]), ("语言 swift", ["zh"]),
            ("บ้าน", ["th"]), ("기억", ["ko"]), ("记*", []),
        ]
    )
    func unspacedScripts(query: String, expected: [String]) async throws {
        try await add("user=a/topic=b/ja", "これが記憶の宮殿です。")
        try await add("user=a/topic=b/zh", "Swift语言和数据库")
        try await add("user=a/topic=b/th", "ฉันอยู่บ้าน")
        try await add("user=a/topic=b/ko", "기억 궁전")
        #expect(try names(query) == expected)
    }

    // MARK: Hits

    @Test("shows the line with the most of the words, its number, and where they are")
    func excerpts() async throws {
        try await add(
            "user=a/topic=b/x",
            "# Tokens\n\ntoken here\nA token of rotation, and a Token.\r\nrotation token\n"
        )
        let hit = try #require(try search("rotation token").first)
        #expect(hit.excerpt.line == 4)
        #expect(hit.excerpt.text == "A token of rotation, and a Token.")
        let text = Array(hit.excerpt.text.utf8)
        let shown = hit.excerpt.matches.map { String(decoding: text[$0], as: UTF8.self) }
        #expect(shown == ["token", "rotation", "Token"])
    }

    @Test("cuts a long line around its first match, between characters")
    func longLines() async throws {
        let filler = String(repeating: "ä ", count: 500)
        let line = filler + "apple " + filler
        try await add("user=a/topic=b/x", "first\n" + line)
        let hit = try #require(try search("apple").first)
        #expect(hit.excerpt.line == 2)
        #expect(hit.excerpt.text.hasPrefix("…") && hit.excerpt.text.hasSuffix("…"))
        #expect(hit.excerpt.text.utf8.count < 200)
        #expect(!hit.excerpt.text.contains("\u{FFFD}"))
        let range = try #require(hit.excerpt.matches.first)
        #expect(String(decoding: Array(hit.excerpt.text.utf8)[range], as: UTF8.self) == "apple")
    }

    @Test("ranks a text that is about the words above one that only names them")
    func ranking() async throws {
        try await add("user=a/topic=b/about", "apple apple apple")
        for number in 0..<20 { try await add("user=a/topic=b/\(number)", "nothing here \(number)") }
        let filler = String(repeating: "other words ", count: 200)
        try await add("user=a/topic=b/names", "apple " + filler)
        #expect(try search("apple").map(\.memory.name.description) == ["about", "names"])
    }

    @Test("keeps to attributes, a directory of any live layout, and a time")
    func filters() async throws {
        try await add("user=a/topic=b/1", "apple")
        try await add("user=a/topic=c/2", "apple")
        made.advance(.seconds(60))
        let since = made.now
        try await add("user=d/topic=b/3", "apple")
        func found(_ hits: [SearchHit]) -> [String] { hits.map(\.memory.name.description).sorted() }
        #expect(found(try search("apple", attributes: ["topic": "b"])) == ["1", "3"])
        #expect(found(try search("apple", attributes: ["topic": "b", "user": "a"])) == ["1"])
        #expect(found(try search("apple", under: "user=a")) == ["1", "2"])
        #expect(found(try search("apple", under: "user=a/topic=c")) == ["2"])
        #expect(found(try search("apple", under: "")) == ["1", "2", "3"])
        #expect(found(try search("apple", since: since)) == ["3"])
        #expect(await failure { _ = try search("apple", under: "user=nobody") } == .notFound)
    }

    @Test("hands out every hit once, page by page")
    func pages() async throws {
        let batch = try (0..<1234).map {
            NewMemory(
                .bytes(bytes("apple \($0)")),
                name: try Name("\($0)"),
                attributes: ["user": "a", "topic": "b"]
            )
        }
        _ = try await tenant.append(contentsOf: batch, origin: origin)
        var request = SearchRequest(try SearchQuery("apple"), limit: 100)
        var names: [String] = []
        repeat {
            let page = try tenant.search(request)
            #expect(page.total == nil)
            names += page.hits.map(\.memory.name.description)
            request.cursor = page.next
        } while request.cursor != nil
        #expect(names.count == 1234)
        #expect(Set(names).count == 1234)
        for offset in [0, 100, 999, 1000, 1200, 1233] {
            var later = SearchRequest(try SearchQuery("apple"), limit: 1)
            later.offset = offset
            let hit = try tenant.search(later).hits.first
            #expect(hit?.memory.name.description == names[offset], "\(offset)")
        }
    }
}

import Catalog
import Linux
import Model
import SQL
import Testing

@testable import Loci

@Suite("A tenant")
struct MemoryTests {
    let origin = TemporaryStore.origin
    let scheme: Scheme
    let made: TemporaryStore
    let tenant: Tenant

    init() throws {
        scheme = try Scheme("user={user}/topic={topic}")
        made = try TemporaryStore(scheme: scheme)
        tenant = try made.tenant()
    }

    private func add(_ path: String, _ text: String = "text") async throws -> Memory {
        try await tenant.append(bytes(text), at: NamePath(path), origin: origin)
    }

    @Test("keeps what was appended, byte for byte")
    func append() async throws {
        let memory = try await tenant.append(
            bytes("tea\n"),
            name: try Name("x.md"),
            attributes: ["user": "bob", "mood": "good"],
            origin: origin
        )
        #expect(memory.path == (try NamePath("user=bob/topic=_/x.md")))
        #expect(memory.revision == RevisionNumber(1))
        #expect(memory.size == 4)
        #expect(try tenant.memory(memory.id) == memory)
        #expect(try await tenant.content(of: memory.id) == bytes("tea\n"))
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("takes attributes from the path of a new memory")
    func appendAtPath() async throws {
        let memory = try await tenant.append(
            [],
            at: NamePath("user=bob/topic=a%2Fb/x.md"),
            attributes: ["topic": "other", "mood": "good"],
            origin: origin
        )
        #expect(memory.attributes == ["user": "bob", "topic": "a/b", "mood": "good"])
        #expect(try tenant.memory(at: NamePath("user=bob/topic=a%2Fb/x.md")) == memory)
    }

    @Test(
        "refuses a new memory that cannot be, and changes nothing",
        arguments: [
            ("user=bob/topic=a/.hidden", LociError.Code.invalidName),
            ("user=bob/x.md", .pathDoesNotFit),
            ("bob/topic=a/x.md", .pathDoesNotFit),
            ("", .isADirectory),
        ]
    )
    func refusesPaths(path: String, code: LociError.Code) async throws {
        #expect(await failure { _ = try await add(path) } == code)
        #expect(try tenant.counts() == (0, 0))
        #expect(try await tenant.check() == [])
    }

    @Test("refuses attributes that no scheme could show, and times to come")
    func refusesAttributes() async throws {
        func code(
            _ attributes: [String: String],
            _ created: Timestamp? = nil
        ) async
            -> LociError.Code?
        {
            await failure {
                _ = try await tenant.append(
                    [],
                    name: try Name("x.md"),
                    attributes: attributes,
                    created: created,
                    origin: origin
                )
            }
        }
        #expect(await code(["id": "x"]) == .immutableField)
        #expect(await code(["created": "x"]) == .immutableField)
        #expect(await code(["": "x"]) == .invalidArgument)
        #expect(await code(["a\u{0}b": "x"]) == .invalidArgument)
        #expect(await code(["user": String(repeating: "x", count: 300)]) == .nameTooLong)
        #expect(await code([:], made.now + .seconds(9)) == .futureDate)
        #expect(try tenant.counts() == (0, 0))
    }

    @Test("refuses a second memory at one path")
    func nameTaken() async throws {
        _ = try await add("user=bob/topic=a/x.md")
        #expect(await failure { _ = try await add("user=bob/topic=a/x.md") } == .nameTaken)
        #expect(try await tenant.check() == [])
    }

    @Test("adds a batch, and what cannot be added fails by itself")
    func batch() async throws {
        let file = made.path + "/source.txt"
        try StoreFiles.write(bytes("from a file"), to: file)
        let batch = [
            NewMemory(.bytes([1]), name: try Name("a.md"), attributes: ["user": "bob"]),
            NewMemory(.bytes([2]), name: try Name("a.md"), attributes: ["user": "bob"]),
            NewMemory(
                .file(bytes(file)),
                name: try Name("b.txt"),
                modified: Timestamp(nanoseconds: 5)
            ),
            NewMemory(.file(bytes("/nowhere/x")), name: try Name("c.txt")),
            NewMemory(.bytes([3]), name: try Name(".dot")),
            NewMemory(.bytes([4]), name: try Name("d.md")),
        ]
        let results = try await tenant.append(contentsOf: batch, origin: origin)
        let codes = results.map { result -> LociError.Code? in
            if case .failure(let error) = result { error.code } else { nil }
        }
        #expect(codes == [nil, .nameTaken, nil, .notFound, .invalidName, nil])
        #expect(try await tenant.content(of: try results[2].get().id) == bytes("from a file"))
        #expect(try tenant.counts().live == 3)
        let entry = try tenant.entries(of: NamePath("user=_/topic=_")).first
        #expect(entry?.modified == Timestamp(nanoseconds: 5))
        #expect(try await tenant.check(contents: true) == [])
        #expect(StoreFiles.exists(file))
    }

    @Test("adds more than one transaction's worth, in order")
    func largeBatch() async throws {
        let batch = try (0..<2_300).map { index in
            NewMemory(
                .bytes(bytes("\(index)")),
                name: try Name("\(index).md"),
                attributes: ["user": "u\(index % 40)"]
            )
        }
        let feed = ProgressFeed()
        async let reports = Array(feed)
        let results = try await tenant.append(
            contentsOf: batch,
            origin: origin,
            progress: feed
        )
        #expect(try results.map { try $0.get().name } == batch.map(\.name))
        #expect(await reports.last == Loci.Progress(done: 2_300, total: 2_300))
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("gives a memory a new revision with each edit, and keeps the old ones")
    func edit() async throws {
        let memory = try await add("user=bob/topic=a/x.md", "one")
        let edited = try await tenant.edit(memory.id, content: bytes("two"), origin: origin)
        #expect(edited.revision == RevisionNumber(2))
        #expect(edited.path == memory.path)
        #expect(try await tenant.content(of: memory.id) == bytes("two"))
        #expect(
            try await tenant.content(of: memory.id, revision: RevisionNumber(1)) == bytes("one")
        )
        let revisions = try tenant.revisions(of: memory.id)
        #expect(revisions.map(\.isCurrent) == [false, true])
        #expect(revisions.map(\.actor) == ["tester", "tester"])
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("refuses an edit of another revision than the caller knows")
    func ifRevision() async throws {
        let memory = try await add("user=bob/topic=a/x.md")
        _ = try await tenant.edit(memory.id, content: [1], origin: origin)
        let first = memory.revision
        #expect(
            await failure {
                _ = try await tenant.edit(
                    memory.id,
                    content: [2],
                    ifRevision: first,
                    origin: origin
                )
            } == .revisionConflict
        )
        #expect(
            await failure {
                _ = try await tenant.set(
                    memory.id,
                    attributes: [:],
                    ifRevision: first,
                    origin: origin
                )
            } == .revisionConflict
        )
        #expect(
            await failure {
                try await tenant.delete(memory.id, ifRevision: first, origin: origin)
            } == .revisionConflict
        )
        #expect(try await tenant.content(of: memory.id) == [1])
    }

    @Test("keeps all of many edits at once, each with a blob of its own")
    func concurrentEdits() async throws {
        let memory = try await add("user=bob/topic=a/x.md")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for value in 0..<20 {
                group.addTask { [tenant, origin] in
                    _ = try await tenant.edit(memory.id, content: [UInt8(value)], origin: origin)
                }
            }
            try await group.waitForAll()
        }
        let revisions = try tenant.revisions(of: memory.id)
        #expect(revisions.map(\.number.rawValue) == Array(1...21))
        var contents: Set<[UInt8]> = []
        for revision in revisions.dropFirst() {
            contents.insert(try await tenant.content(of: memory.id, revision: revision.number))
        }
        #expect(contents.count == 20)
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("goes back to an earlier revision by making it the newest")
    func restoreRevision() async throws {
        let memory = try await add("user=bob/topic=a/x.md", "one")
        _ = try await tenant.edit(memory.id, content: bytes("two"), origin: origin)
        let back = try await tenant.restore(
            memory.id,
            revision: RevisionNumber(1),
            origin: origin
        )
        #expect(back.revision == RevisionNumber(3))
        #expect(try await tenant.content(of: memory.id) == bytes("one"))
        #expect(
            await failure {
                _ = try await tenant.restore(
                    memory.id,
                    revision: RevisionNumber(9),
                    origin: origin
                )
            } == .notFound
        )
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("moves a memory where its attributes change, and changes them where it moves")
    func setAndMove() async throws {
        let memory = try await add("user=bob/topic=a/x.md")
        let set = try await tenant.set(
            memory.id,
            attributes: ["user": "eve", "mood": "good"],
            origin: origin
        )
        #expect(set.path == (try NamePath("user=eve/topic=a/x.md")))
        let removed = try await tenant.set(memory.id, attributes: ["mood": nil], origin: origin)
        #expect(removed.attributes == ["user": "eve", "topic": "a"])
        let moved = try await tenant.move(
            memory.id,
            to: NamePath("user=eve/topic=b/y.md"),
            origin: origin
        )
        #expect(moved.attributes == ["user": "eve", "topic": "b"])
        #expect(moved.name == (try Name("y.md")))
        #expect(moved.id == memory.id)
        #expect(try await tenant.content(of: memory.id) == bytes("text"))
        #expect(try await tenant.check() == [])
    }

    @Test("says where a memory is now, when asked for a path that it had")
    func pathsOfThePast() async throws {
        let memory = try await add("user=bob/topic=a/x.md")
        _ = try await tenant.move(
            memory.id,
            to: NamePath("user=eve/topic=b/y.md"),
            origin: origin
        )
        let error = #expect(throws: LociError.self) {
            _ = try tenant.memory(at: NamePath("user=bob/topic=a/x.md"))
        }
        #expect(error?.code == .notFound)
        #expect(error?.message.contains("\"/user=eve/topic=b/y.md\"") == true)
        try await tenant.delete(memory.id, origin: origin)
        let trashed = #expect(throws: LociError.self) {
            _ = try tenant.memory(at: NamePath("user=eve/topic=b/y.md"))
        }
        #expect(trashed?.remedy?.contains("\(memory.id)") == true)
        let never = #expect(throws: LociError.self) {
            _ = try tenant.memory(at: NamePath("user=bob/topic=a/never.md"))
        }
        #expect(never?.message == "There is nothing at \"/user=bob/topic=a/never.md\".")
    }

    @Test("names the new path of a memory when asked for one of a retired layout")
    func retiredPaths() async throws {
        _ = try await add("user=bob/topic=a/x.md")
        let old = try tenant.addLayout("topic={topic}", listed: true)
        #expect(try tenant.memory(at: NamePath("user=bob/topic=a/x.md")).name.description == "x.md")
        for isCleared in [false, true] {
            try tenant.catalog.write(.full, origin: origin) { tx in
                let layout = try #require(try tx.reader.layouts()[old])
                if isCleared {
                    try tx.clear(
                        try tx.reader.endedEntries(of: layout, after: nil, limit: 100),
                        of: layout
                    )
                    try tx.finishClearing(layout)
                } else {
                    try tx.end(layout, operation: .layoutRetired)
                }
            }
            let error = #expect(throws: LociError.self) {
                _ = try tenant.memory(at: NamePath("user=bob/topic=a/x.md"))
            }
            #expect(error?.message.contains("\"/topic=a/x.md\"") == true, "\(isCleared)")
        }
        #expect(try await tenant.check() == [])
    }

    @Test("reads a new path by the layout that claims it")
    func pathsOfTwoLayouts() async throws {
        let first = try await add("user=bob/topic=a/x.md")
        _ = try tenant.addLayout("topic={topic}/user={user}", listed: false)
        let second = try await add("topic=b/user=bob/x.md")
        #expect(second.path == (try NamePath("user=bob/topic=b/x.md")))
        let moved = try await tenant.move(
            first.id,
            to: NamePath("topic=c/user=bob/x.md"),
            origin: origin
        )
        #expect(moved.path == (try NamePath("user=bob/topic=c/x.md")))
        let layouts = try tenant.layouts()
        #expect(layouts.map(\.status) == [.live, .live])
        #expect(
            try tenant.path(of: second.id, in: layouts[1].number)
                == (try NamePath("topic=b/user=bob/x.md"))
        )
    }
}

extension Tenant {
    /// Makes another layout live with all memories, and lists it where asked.
    ///
    /// Returns the layout that was listed before.
    func addLayout(_ text: String, listed: Bool) throws -> LayoutNumber {
        try catalog.write(.full, origin: TemporaryStore.origin) { tx in
            let before = try tx.reader.layouts().listed.number
            let layout = try tx.beginLayout(try Scheme(text), apart: false)
            for memory in try tx.reader.memories(after: 0, limit: .max) {
                let fields = try tx.reader.fields(of: memory)
                try tx.place(memory, fields, in: layout, isPrimary: false, since: memory.since)
            }
            try tx.makeLive(layout)
            if listed {
                let live = try #require(try tx.reader.layouts()[layout.number])
                _ = try tx.list(live, operation: .layoutListed)
            }
            return before
        }
    }
}

extension Array where Element == Loci.Progress {
    init(_ feed: ProgressFeed) async {
        self = []
        for await report in feed { append(report) }
    }
}

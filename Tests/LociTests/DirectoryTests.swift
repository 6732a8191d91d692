import Catalog
import Linux
import Model
import SQL
import TestSupport
import Testing

@testable import Loci

@Suite("The trash and the directories of a tenant")
struct DirectoryTests {
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

    @Test("puts a memory into the trash and takes it back with its history")
    func trash() async throws {
        let memory = try await add("user=bob/topic=a/x.md")
        try await tenant.delete(memory.id, origin: origin)
        #expect(try tenant.memory(memory.id).isTrashed)
        #expect(try tenant.memory(memory.id).path == nil)
        #expect(try tenant.listTrash().memories.map(\.id) == [memory.id])
        #expect(await failure { try await tenant.delete(memory.id, origin: origin) } == .notFound)
        #expect(
            await failure { _ = try await tenant.edit(memory.id, content: [], origin: origin) }
                == .notFound
        )
        let back = try await tenant.restore(memory.id, origin: origin)
        #expect(back.path == memory.path)
        #expect(
            await failure { _ = try await tenant.restore(memory.id, origin: origin) }
                == .wrongState
        )
        #expect(
            try tenant.history(of: memory.id).compactMap(\.operation) == [.restore, .delete, .add]
        )
        #expect(try await tenant.check() == [])
    }

    @Test("takes a memory back to another path where its own is taken")
    func restoreElsewhere() async throws {
        let memory = try await add("user=bob/topic=a/x.md")
        try await tenant.delete(memory.id, origin: origin)
        _ = try await add("user=bob/topic=a/x.md", "new")
        #expect(
            await failure { _ = try await tenant.restore(memory.id, origin: origin) }
                == .nameTaken
        )
        let back = try await tenant.restore(
            memory.id,
            to: NamePath("user=eve/topic=a/y.md"),
            origin: origin
        )
        #expect(back.attributes["user"] == "eve")
        #expect(try await tenant.check() == [])
    }

    @Test("takes back all that was deleted below a path since a time, and nothing else")
    func restoreUnder() async throws {
        let early = try await add("user=bob/topic=a/early.md")
        try await tenant.delete(early.id, origin: origin)
        made.advance(.seconds(3600))
        let since = made.now
        var deleted: [Memory] = []
        for path in ["user=bob/topic=a/1.md", "user=bob/topic=b/2.md", "user=eve/topic=a/3.md"] {
            let memory = try await add(path)
            deleted.append(memory)
            try await tenant.delete(memory.id, origin: origin)
        }
        let taken = try await add("user=bob/topic=b/2.md", "another")
        let dry = try await tenant.restore(
            under: NamePath("user=bob"),
            since: since,
            dryRun: true,
            origin: origin
        )
        #expect(dry.untrashed == 2)
        #expect(try tenant.counts() == (1, 4))
        let report = try await tenant.restore(
            under: NamePath("user=bob"),
            since: since,
            origin: origin
        )
        #expect(report.untrashed == 1)
        #expect(report.failures.map(\.memory) == [deleted[1].id])
        #expect(try tenant.memory(at: NamePath("user=bob/topic=a/1.md")).id == deleted[0].id)
        #expect(try tenant.memory(at: NamePath("user=bob/topic=b/2.md")).id == taken.id)
        #expect(try tenant.memory(deleted[2].id).isTrashed)
        #expect(try tenant.memory(early.id).isTrashed)
        #expect(try await tenant.check() == [])
    }

    @Test("lists memories in pages that neither miss nor repeat any")
    func list() async throws {
        for index in 0..<25 {
            _ = try await add("user=\(index.isMultiple(of: 2) ? "bob" : "eve")/topic=a/\(index).md")
        }
        for (path, count) in [("", 25), ("user=bob", 13), ("user=eve/topic=a", 12)] {
            var names: [Name] = []
            var cursor: ListCursor?
            repeat {
                let page = try tenant.list(under: NamePath(path), after: cursor, limit: 4)
                names += page.memories.map(\.name)
                cursor = page.next
            } while cursor != nil
            #expect(names.count == count)
            #expect(Set(names).count == count)
        }
        #expect(await failure { _ = try tenant.list(under: NamePath("user=no")) } == .notFound)
    }

    @Test("lists the names of a directory in order, with their kinds")
    func entries() async throws {
        let memory = try await add("user=bob/topic=a/x.md")
        _ = try await add("user=bob/topic=a/b.md")
        #expect(try tenant.entries(of: NamePath()).map(\.kind) == [.directory])
        let names = try tenant.entries(of: NamePath("user=bob/topic=a"))
        #expect(names.map(\.name.description) == ["b.md", "x.md"])
        #expect(names.last?.memory == memory.id)
        #expect(names.last?.size == 4)
        #expect(
            await failure { _ = try tenant.entries(of: NamePath("user=bob/topic=a/x.md")) }
                == .notADirectory
        )
    }

    @Test("moves a directory with its memories")
    func moveDirectory() async throws {
        let memory = try await add("user=bob/topic=a/x.md")
        _ = try await add("user=bob/topic=b/y.md")
        let count = try await tenant.moveDirectory(
            from: NamePath("user=bob"),
            to: NamePath("user=eve"),
            origin: origin
        )
        #expect(count == 2)
        #expect(try tenant.memory(memory.id).path == (try NamePath("user=eve/topic=a/x.md")))
        #expect(await failure { _ = try tenant.entries(of: NamePath("user=bob")) } == .notFound)
        #expect(
            await failure {
                _ = try await tenant.moveDirectory(
                    from: NamePath("user=eve"),
                    to: NamePath("user=eve/topic=q"),
                    origin: origin
                )
            } == .invalidArgument
        )
        #expect(try await tenant.check() == [])
    }

    @Test("a move in batches that was interrupted is known by its directory, not by its path")
    func interruptedMove() async throws {
        let faults = Faults()
        let made = try TemporaryStore(scheme: Scheme("user={user}")) { environment in
            environment.wrapSQL = { faults.around($0) }
        }
        let tenant = try made.tenant()
        for user in ["a", "b"] {
            for name in ["1", "2", "3"] {
                _ = try await tenant.append(
                    [1],
                    at: NamePath("user=\(user)/\(name)"),
                    origin: origin
                )
            }
        }
        let (a, b) = (try NamePath("user=a"), try NamePath("user=b"))
        let (c, d) = (try NamePath("user=c"), try NamePath("user=d"))
        for (old, new) in [(a, c), (b, d)] {
            faults.mend()
            var steps = 0
            faults.arm(Faults.Failing.all[0], at: .max)
            // After the record and one memory.
            while steps < 40, faults.steps.count(where: { $0 == "commit" }) < 2 {
                faults.arm(Faults.Failing.all[0], at: steps)
                _ = try? await tenant.moveDirectory(from: old, to: new, atOnce: 1, origin: origin)
                steps += 1
            }
            faults.mend()
        }
        #expect(try tenant.isMoving(from: a, to: c) && tenant.isMoving(from: b, to: d))
        #expect(try !tenant.isMoving(from: a, to: d))
        for (old, new) in [(a, c), (b, d)] {
            _ = try await tenant.moveDirectory(from: old, to: new, origin: origin)
            #expect(try !tenant.isMoving(from: old, to: new))
            #expect(try tenant.entries(of: new).map(\.name.description) == ["1", "2", "3"])
        }
        // Another directory of that name is another directory.
        _ = try await tenant.append([1], at: NamePath("user=a/4"), origin: origin)
        #expect(
            await failure {
                _ = try await tenant.moveDirectory(from: a, to: c, origin: origin)
            } == .notEmpty
        )
        #expect(try await tenant.check() == [])
    }

    @Test("moves a directory of more memories than one transaction may move, in batches")
    func moveLargeDirectory() async throws {
        let folders = try TemporaryStore()
        let tenant = try folders.tenant()
        let batch = try (0..<Tenant.movedAtOnce + 500).map { index in
            NewMemory(
                .bytes([]),
                name: try Name("\(index).md"),
                attributes: ["folder": "big/\(index % 3)"]
            )
        }
        _ = try await tenant.append(contentsOf: batch, origin: origin)
        let count = try await tenant.moveDirectory(
            from: NamePath("big"),
            to: NamePath("very/large"),
            origin: origin
        )
        #expect(count == batch.count)
        #expect(try tenant.entries(of: NamePath()).map(\.name.description) == ["very"])
        #expect(try tenant.memory(at: NamePath("very/large/1/7.md")).size == 0)
        #expect(try await tenant.check() == [])
    }
}

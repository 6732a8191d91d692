import Catalog
import Glibc
import Linux
import Loci
import Model
import Mount
import SQL
import Testing

@Suite("Files that were saved over a memory, and are not yet its next revision")
struct StagedReplacementTests {
    @Test("saves over many memories are one transaction, also where one of them has to be first")
    func savedTogether() async throws {
        let bench = try StagingBench()
        let names = (0..<20).map { "\($0).md" }
        for name in names { try bench.make(name, "old") }
        bench.settle()
        let batches = bench.batches.list.count
        for name in names {
            try bench.make("temporary", "new")
            try bench.rename("temporary", to: name)
            #expect(try bench.read(name) == "new")
        }
        #expect(bench.batches.list.count == batches)
        try bench.make("temporary", "newer")
        try bench.rename("temporary", to: names[7])
        #expect(bench.batches.list.count == batches + 1)
        bench.settle()
        for name in names {
            let memory = try #require(try bench.row(at: name))
            let expected = ["old", "new"] + (name == names[7] ? ["newer"] : [])
            #expect(try bench.revisions(memory) == expected)
            #expect(
                try bench.operations(of: memory).dropFirst()
                    == expected.dropFirst().map { _ in .edit }[...]
            )
        }
        try await bench.expectSound()
    }

    @Test("a revision that another process made after a save over the memory is a conflict")
    func replacedAndEdited() async throws {
        let bench = try StagingBench()
        let memory = try bench.memory("a.md", "old")
        try bench.make("temporary", "mine")
        try bench.rename("temporary", to: "a.md")
        let other = try Store.open(at: bench.path).tenant(.main)
        _ = try await other.edit(
            memory.id,
            content: Array("theirs".utf8),
            origin: bench.caller.origin
        )
        bench.settle()
        #expect(try bench.read("a.md") == "mine")
        #expect(try bench.revisions(memory) == ["old", "theirs", "mine"])
        #expect(try bench.operations(of: memory) == [.add, .edit, .conflict])
        try await bench.expectSound()
    }

    @Test("a memory that another process trashed after a save over it stays there; the save is one")
    func replacedAndTrashed() async throws {
        let bench = try StagingBench()
        let memory = try bench.memory("a.md", "old")
        try bench.make("temporary", "new")
        try bench.rename("temporary", to: "a.md")
        try bench.tenant.catalog.write(.normal, origin: bench.caller.origin) {
            _ = try $0.trash(memory)
        }
        bench.settle()
        #expect(try bench.trash() == ["a.md"])
        #expect(try bench.revisions(memory) == ["old"])
        #expect(try bench.read("a.md") == "new")
        #expect(try bench.row(at: "a.md")?.id != memory.id)
        try await bench.expectSound()
    }

    @Test(
        "a memory that another process renamed after a save over it is as it was; the save is one"
    )
    func replacedAndRenamed() async throws {
        let bench = try StagingBench()
        let memory = try bench.memory("a.md", "old")
        try bench.make("temporary", "new")
        try bench.rename("temporary", to: "a.md")
        let view = try bench.view.number
        try bench.tenant.catalog.write(.normal, origin: bench.caller.origin) {
            _ = try $0.change(
                memory,
                name: bench.name("moved.md"),
                primary: view,
                operation: .rename
            )
        }
        bench.settle()
        #expect(try bench.names() == ["a.md", "moved.md"])
        #expect(try bench.read("a.md") == "new")
        #expect(try bench.read("moved.md") == "old")
        #expect(try bench.revisions(memory) == ["old"])
        try await bench.expectSound()
    }

    @Test("what was saved over a memory goes where that goes next", arguments: ["trash", "name"])
    func replacedAndGone(to place: String) async throws {
        let bench = try StagingBench()
        let memory = try bench.memory("a.md", "old")
        try bench.make("temporary", "new")
        try bench.rename("temporary", to: "a.md")
        if place == "trash" {
            try bench.unlink("a.md")
        } else {
            try bench.rename("a.md", to: "b.md")
        }
        #expect(try bench.lookup("a.md") == nil)
        bench.settle()
        #expect(try bench.trash() == (place == "trash" ? ["a.md"] : []))
        #expect(try bench.names() == (place == "trash" ? [] : ["b.md"]))
        #expect(try bench.revisions(memory) == ["old", "new"])
        try await bench.expectSound()
    }

    @Test("a save that cannot be written down leaves the memory and the file as they were")
    func refused() async throws {
        let bench = try StagingBench()
        let memory = try bench.memory("a.md", "old")
        let node = try bench.make("temporary", "new")
        let journal = try #require(try Self.journal(of: bench))
        let full = try File.open("/dev/full", .writeOnly)
        let kept = dup(journal)
        try #require(dup2(full.descriptor, journal) == journal)
        #expect(throws: LociError.self) { try bench.rename("temporary", to: "a.md") }
        try #require(dup2(kept, journal) == journal)
        close(kept)
        #expect(try bench.lookup("a.md") == memory.node)
        #expect(try bench.lookup("temporary") == node)
        #expect(bench.staging.isUnborn(node))
        try bench.rename("temporary", to: "b.md")
        bench.settle()
        #expect(try bench.names() == ["a.md", "b.md"])
        #expect(try bench.revisions(memory) == ["old"])
        #expect(try bench.read("b.md") == "new")
        try await bench.expectSound()
    }

    /// The descriptor of the bench's journal.
    private static func journal(of bench: StagingBench) throws -> Int32? {
        for entry in try File.open("/proc/self/fd", [.readOnly, .directory]).entries() {
            let name = String(decoding: entry.name, as: UTF8.self)
            let link = try? File.workingDirectory.readSymbolicLink("/proc/self/fd/\(name)")
            let path = link.map { String(decoding: $0, as: UTF8.self) } ?? ""
            if path.hasPrefix(bench.path), path.hasSuffix("/journal") { return Int32(name) }
        }
        return nil
    }
}

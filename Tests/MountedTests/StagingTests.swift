import Catalog
import Linux
import Loci
import Model
import Mount
import SQL
import Synchronization
import Testing

@Suite("Staged files")
struct StagingTests {
    @Test("an unborn file is found, listed and read by its name before it is a memory")
    func unborn() async throws {
        let bench = try StagingBench()
        let node = try bench.create("b.md")
        try bench.write(node, "text")
        #expect(bench.staging.isUnborn(node))
        #expect(try bench.lookup("b.md") == node)
        #expect(bench.staging.list(StagingBench.root).files.map(\.node) == [node])
        #expect(bench.staging.hasNames(in: StagingBench.root))
        #expect(bench.staging.attributes(of: node)?.size == 4)
        #expect(try bench.names() == [])
        bench.settle()
        #expect(!bench.staging.isUnborn(node))
        #expect(bench.staging.lookup(bench.name("b.md"), in: StagingBench.root) == nil)
        #expect(try bench.lookup("b.md") == node, "the number stays")
        #expect(try bench.read("b.md") == "text")
        #expect(bench.batches.list.count == 1)
        try await bench.expectSound()
    }

    @Test("what is written while a copy is being committed is the next revision, not a conflict")
    func writtenDuringCommit() async throws {
        let writer = MidCommit()
        let bench = try StagingBench(probe: writer.probe)
        let node = try bench.make("b.md", "one")
        let (staging, caller) = (bench.staging, bench.caller)
        let catalog = bench.tenant.catalog
        writer.does {
            let reader = try catalog.makeReader()
            try unsafe Array("two!".utf8).withUnsafeBytes {
                try unsafe staging.write(node, $0, at: 0, by: caller, reader)
            }
        }
        bench.clock.pass(.seconds(1))
        staging.commitDue()
        #expect(try bench.read("b.md") == "two!")
        #expect(!staging.isUnborn(node))
        bench.settle()
        let row = try #require(try bench.row(at: "b.md"))
        #expect(try bench.revisions(row) == ["one", "two!"])
        #expect(try bench.operations(of: row) == [.add, .edit])
        try await bench.expectSound()
    }

    @Test("a revision that another process made meanwhile is a conflict, and both are kept")
    func conflict() async throws {
        let bench = try StagingBench()
        let memory = try bench.memory("a.md", "old")
        try bench.write(memory.node, "mine")
        let other = try Store.open(at: bench.path).tenant(.main)
        _ = try await other.edit(
            memory.id,
            content: Array("theirs".utf8),
            origin: bench.caller.origin
        )
        bench.settle()
        #expect(try bench.revisions(memory) == ["old", "theirs", "mine"])
        #expect(try bench.operations(of: memory) == [.add, .edit, .conflict])
        try await bench.expectSound()
    }

    @Test("a name that another process took meanwhile: the file is its next revision, a conflict")
    func nameTaken() async throws {
        let bench = try StagingBench()
        let node = try bench.make("a.md", "mine")
        let other = try Store.open(at: bench.path).tenant(.main)
        let theirs = try await other.append(
            Array("theirs".utf8),
            name: bench.name("a.md"),
            origin: bench.caller.origin
        )
        bench.settle()
        let row = try #require(try bench.row(at: "a.md"))
        #expect(row.id == theirs.id)
        #expect(row.node == node)
        #expect(try bench.revisions(row) == ["theirs", "mine"])
        #expect(try bench.names() == ["a.md"])
        try await bench.expectSound()
    }

    @Test("bytes written to a file that was replaced are kept beside, and read back by who has it")
    func nameless() async throws {
        let bench = try StagingBench()
        let memory = try bench.memory("a.md", "old")
        try bench.make("temporary", "new")
        try bench.rename("temporary", to: "a.md")
        try bench.write(memory.node, "late")
        bench.settle()
        #expect(try bench.read("a.md") == "new")
        #expect(try bench.read(memory.node) == "late")
        #expect(try bench.revisions(memory).sorted() == ["late", "new", "old"])
        #expect(
            try Set(bench.operations(of: memory)) == [.add, .edit, .conflict]
        )
        try await bench.expectSound()
    }

    @Test("bytes written just before a removal are in the trash with the memory")
    func removed() async throws {
        let bench = try StagingBench()
        let memory = try bench.memory("a.md", "old")
        try bench.write(memory.node, "new")
        try bench.unlink("a.md")
        bench.settle()
        #expect(try bench.trash() == ["a.md"])
        #expect(try bench.revisions(memory) == ["old", "new"])
        try await bench.expectSound()
    }

    @Test("an unlinked unborn file is readable until it is forgotten, and never a memory")
    func unlinkedUnborn() async throws {
        let bench = try StagingBench()
        let node = try bench.make("temporary", "text")
        try bench.unlink("temporary")
        #expect(try bench.lookup("temporary") == nil)
        try bench.write(node, "more", at: 4)
        #expect(try bench.read(node) == "textmore")
        bench.settle()
        #expect(bench.staging.status().files == 1)
        bench.staging.forget(node)
        #expect(bench.staging.status().files == 0)
        #expect(try bench.names() == [])
        try await bench.expectSound()
    }

    @Test("a command takes what is over, waits for what was begun before it asked, names the rest")
    func command() async throws {
        let bench = try StagingBench(isRealTime: true)
        try bench.make("quiet.md", "text")
        let busy = try bench.make("busy.md", "text")
        let (isWriting, isDone) = (Flag(), Flag())
        let (staging, caller, catalog) = (bench.staging, bench.caller, bench.tenant.catalog)
        let writer = try Thread.spawn(name: "writer") {
            guard let reader = try? catalog.makeReader() else { return }
            while !isDone.isSet {
                try? unsafe Array("more".utf8).withUnsafeBytes {
                    try unsafe staging.write(busy, $0, at: 0, by: caller, reader)
                }
                isWriting.set()
                SystemClock.sleep(.milliseconds(2))
            }
        }
        while !isWriting.isSet { SystemClock.sleep(.milliseconds(1)) }
        let start = SystemClock.monotonic()
        let report = staging.commitNow(.command)
        let elapsed = Duration.nanoseconds(SystemClock.monotonic() - start)
        isDone.set()
        writer.join()
        #expect(report.committed == 1)
        #expect(report.left == [busy])
        #expect(try bench.names() == ["quiet.md"])
        // The wait, and the commit itself on a machine that has other work.
        #expect(elapsed < .milliseconds(1_200))
        #expect(elapsed >= .milliseconds(150))
    }

    @Test("a command waits for no file that was made after it asked")
    func commandUnderStorm() async throws {
        let bench = try StagingBench(isRealTime: true)
        try bench.make("before.md", "text")
        let isDone = Flag()
        let (staging, caller, catalog) = (bench.staging, bench.caller, bench.tenant.catalog)
        let view = try bench.view
        let thread = try Thread.spawn(name: "storm") {
            guard let reader = try? catalog.makeReader() else { return }
            var number = 0
            while !isDone.isSet {
                number += 1
                guard let name = try? Name("storm-\(number).md") else { return }
                _ = try? staging.create(
                    name,
                    in: StagingBench.root,
                    view: view,
                    permissions: 0o644,
                    by: caller,
                    reader
                )
                SystemClock.sleep(.milliseconds(2))
            }
        }
        let start = SystemClock.monotonic()
        let report = staging.commitNow(.command)
        let elapsed = Duration.nanoseconds(SystemClock.monotonic() - start)
        isDone.set()
        thread.join()
        #expect(try bench.names().contains("before.md"))
        // Those that were made meanwhile: it did not wait until none was.
        #expect(!report.left.isEmpty)
        #expect(elapsed < .milliseconds(1_200))
    }

    private final class Flag: Sendable {
        private let value = Atomic<Bool>(false)
        var isSet: Bool { value.load(ordering: .acquiring) }
        func set() { value.store(true, ordering: .releasing) }
    }

    @Test("an unmount takes everything and leaves no folder")
    func unmount() async throws {
        let bench = try StagingBench()
        try bench.staging.start()
        for number in 0..<20 { try bench.make("\(number).md", "text \(number)") }
        let report = bench.staging.stop()
        #expect(report.left.isEmpty)
        #expect(try bench.names().count == 20)
        let folders = try File.open(bench.tenant.directory + "/staging", [.readOnly, .directory])
        #expect(try folders.entries().filter { $0.kind == .directory }.isEmpty)
        try await bench.expectSound()
    }

    @Test("a future date and a directory that is no partition are refused when the file is made")
    func refused() throws {
        let bench = try StagingBench(scheme: Scheme("year={created:year}"))
        let error = #expect(throws: LociError.self) { try bench.create("a.md") }
        #expect(error?.code == .pathDoesNotFit)
    }

    @Test("chmod, chown and touch of an unborn file are the memory's; touch -d survives the commit")
    func attributes() async throws {
        let bench = try StagingBench()
        let node = try bench.make("a.md", "text")
        let shown = try bench.staging.setAttributes(
            of: node,
            permissions: 0o600,
            uid: 7,
            gid: 8,
            mtime: 99
        )
        #expect(shown?.permissions == 0o600)
        bench.settle()
        bench.reader.end()
        let row = try #require(try bench.reader.node(node))
        #expect(row.mode == 0o100600)
        #expect(row.uid == 7)
        #expect(row.gid == 8)
        #expect(row.mtime == 99)
        try bench.write(node, "TEXT")
        #expect(try bench.staging.setAttributes(of: node, permissions: 0o777, mtime: 123) != nil)
        bench.settle()
        bench.reader.end()
        #expect(try bench.reader.node(node)?.mtime == 123)
        #expect(try bench.reader.node(node)?.mode == 0o100600)
    }

    @Test("more files than descriptors may stay open are staged and committed")
    func many() async throws {
        let bench = try StagingBench()
        for number in 0..<600 { try bench.make("\(number).md", "text \(number)") }
        for number in stride(from: 0, to: 600, by: 7) {
            #expect(try bench.read("\(number).md") == "text \(number)")
        }
        bench.settle()
        #expect(try bench.names().count == 600)
        #expect(bench.staging.status().files == 0)
        try await bench.expectSound()
    }

    @Test("a write is read at once through the node, 1,000 times while commits go on")
    func readsOwnWrites() async throws {
        let bench = try StagingBench(isRealTime: true)
        try bench.staging.start()
        let memory = try bench.create("a.md")
        for round in 0..<1_000 {
            let text = "round \(round) \(String(repeating: "x", count: round % 50))"
            try bench.truncate(memory)
            try bench.write(memory, text)
            if round.isMultiple(of: 3) { bench.staging.closed(memory) }
            #expect(try bench.read(memory) == text)
            if round.isMultiple(of: 50) { _ = bench.staging.commitNow(.snapshot) }
            #expect(try bench.read(memory) == text)
        }
        #expect(bench.staging.stop().left.isEmpty)
        let row = try #require(try bench.row(at: "a.md"))
        #expect(try bench.operations(of: row).filter { $0 == .conflict }.isEmpty)
        try await bench.expectSound()
    }

    @Test("what is written to a large file after it was hashed is in the revision, and its hash")
    func writtenAfterHash() async throws {
        let writer = MidCommit(before: .seal)
        let bench = try StagingBench(probe: writer.probe)
        let node = try bench.create("b.md")
        try bench.truncate(node, to: (16 << 20) + 1)
        let (staging, caller) = (bench.staging, bench.caller)
        let catalog = bench.tenant.catalog
        writer.does {
            let reader = try catalog.makeReader()
            try unsafe Array("late".utf8).withUnsafeBytes {
                try unsafe staging.write(node, $0, at: 0, by: caller, reader)
            }
        }
        bench.settle()
        let row = try #require(try bench.row(of: node))
        let blob = try bench.tenant.openBlob(shownBy: node, reader: bench.reader)
        #expect(try blob.read(count: 4, at: 0) == Array("late".utf8))
        #expect(row.revision == RevisionNumber(1))
        try await bench.expectSound()
    }
}

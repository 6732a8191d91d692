import Glibc
import Linux
import Model
import Synchronization
import Testing

@testable import Loci
@testable import Mount

/// What a rename replaces is there until the rename succeeds, and gone then.
@Suite(.serialized, .timeLimit(.minutes(20)))
struct RenameOverTests {
    typealias Failed = MountedTenant.Failed

    @Test("a memory that may not move leaves the unborn file that has the name")
    func refusedOverUnborn() async throws {
        let mounted = try MountedTenant("year={created:year}", "quiet=10s")
        try await mounted.add("year=2019/y.md", "old")
        try mounted.makeDirectory("year=2020")
        try mounted.write("year=2020/x.md", "precious")
        #expect(throws: Failed(code: EPERM)) {
            try mounted.rename("year=2019/y.md", "year=2020/x.md")
        }
        #expect(try mounted.read("year=2020/x.md") == "precious")
        #expect(try mounted.read("year=2019/y.md") == "old")
        _ = mounted.daemon.staging.commitNow(.unmount)
        let born = try mounted.outside.memory(at: try NamePath("year=2020/x.md"))
        #expect(!born.isTrashed)
    }

    @Test("a memory that may not move leaves the memory that has the name")
    func refusedOverMemory() async throws {
        let mounted = try MountedTenant("year={created:year}")
        try await mounted.add("year=2019/y.md", "old")
        let there = try await mounted.add("year=2020/x.md", "precious")
        #expect(throws: Failed(code: EPERM)) {
            try mounted.rename("year=2019/y.md", "year=2020/x.md")
        }
        #expect(try !mounted.outside.memory(there.id).isTrashed)
        #expect(try mounted.read("year=2020/x.md") == "precious")
    }

    @Test("a memory that moves over an unborn file takes its place")
    func overUnborn() async throws {
        let mounted = try MountedTenant("{folder...}", "quiet=10s")
        let moved = try await mounted.add("a.md", "moved")
        try mounted.write("b.md", "gone")
        try mounted.rename("a.md", "b.md")
        #expect(try mounted.read("b.md") == "moved")
        _ = mounted.daemon.staging.commitNow(.unmount)
        #expect(try mounted.list() == ["b.md"])
        #expect(try mounted.outside.memory(at: try NamePath("b.md")).id == moved.id)
    }

    @Test("a tool's file that moves over an unborn file takes its place")
    func foreignOverUnborn() throws {
        let mounted = try MountedTenant("{folder...}", "quiet=10s")
        try mounted.write(".a", "moved")
        try mounted.write("b.md", "gone")
        try mounted.rename(".a", "b.md")
        #expect(try mounted.read("b.md") == "moved")
        _ = mounted.daemon.staging.commitNow(.unmount)
        #expect(try mounted.list() == ["b.md"])
        #expect(try mounted.read("b.md") == "moved")
    }

    @Test("a tool's file that moves over a tool's file ends it, but for who has it open")
    func foreignOverForeign() throws {
        let mounted = try MountedTenant("{folder...}")
        try mounted.write(".a", "new")
        try mounted.write(".b", "old")
        let file = unsafe open(mounted.full(".b"), O_RDONLY)
        try #require(file >= 0)
        try mounted.rename(".a", ".b")
        var bytes = [UInt8](repeating: 0, count: 3)
        #expect(unsafe pread(file, &bytes, 3, 0) == 3)
        close(file)
        #expect(String(decoding: bytes, as: UTF8.self) == "old")
        #expect(try mounted.list() == [".b"])
        #expect(try mounted.read(".b") == "new")
    }

    @Test("a save over a memory shows at once and once, however its directory is listed")
    func listedOnce() async throws {
        let mounted = try MountedTenant("{folder...}", "quiet=10s")
        try await mounted.add("r.md", "tried with it")
        for number in 0..<300 { try await mounted.add("d/\(number).md", "old \(number)") }
        let expected = (0..<300).map { "\($0).md" }.sorted()
        for number in 0..<300 {
            try mounted.write("d/t.tmp", "new \(number)!")
            try mounted.rename("d/t.tmp", "d/\(number).md")
            guard number % 20 == 0 else { continue }
            // For one that looks at files, and for one that wants names.
            #expect(try mounted.list("d").sorted() == expected)
            let list: @Sendable () throws -> [String] = {
                _ = try mounted.list()
                return try mounted.list("d")
            }
            let none: () throws -> Void = {}
            let names = try Thread.inParallel(name: "lister", list, none).0.get()
            #expect(names.sorted() == expected)
            #expect(try mounted.read("d/\(number).md") == "new \(number)!")
            #expect(try mounted.status("d/\(number).md").st_size == "new \(number)!".utf8.count)
        }
        _ = mounted.daemon.staging.commitNow(.unmount)
        for number in [0, 20, 299] {
            let memory = try mounted.outside.memory(at: try NamePath("d/\(number).md"))
            #expect(memory.revision.rawValue == 2)
        }
    }

    @Test("who has the old file open reads it on after a save over it, and after its commit")
    func oldFileStays() async throws {
        let mounted = try MountedTenant("{folder...}", "quiet=10s")
        try await mounted.add("a.md", "old")
        let file = unsafe open(mounted.full("a.md"), O_RDONLY)
        try #require(file >= 0)
        defer { close(file) }
        try mounted.write("t", "new")
        try mounted.rename("t", "a.md")
        for _ in 1...2 {
            var bytes = [UInt8](repeating: 0, count: 3)
            #expect(unsafe pread(file, &bytes, 3, 0) == 3)
            #expect(String(decoding: bytes, as: UTF8.self) == "old")
            #expect(try mounted.read("a.md") == "new")
            _ = mounted.daemon.staging.commitNow(.unmount)
        }
    }

    @Test("attributes that are set right after a save move the memory with what was saved")
    func movedAfterSave() async throws {
        let mounted = try MountedTenant("user={user}", "quiet=10s")
        let memory = try await mounted.add("user=bob/a.md", "old")
        try mounted.write("user=bob/t.md", "new")
        try mounted.rename("user=bob/t.md", "user=bob/a.md")
        try mounted.write(".loci/meta/user=bob/a.md", #"{"attributes":{"user":"eve"}}"#)
        let moved = try mounted.eventually { try mounted.walk() == ["user=eve/a.md"] }
        #expect(moved != nil)
        #expect(try mounted.read("user=eve/a.md") == "new")
        let after = try mounted.outside.memory(at: try NamePath("user=eve/a.md"))
        #expect(after.id == memory.id && after.revision.rawValue == 2)
    }

    @Test("unborn files are renamed over unborn ones while others are born")
    func unbornOverUnborn() throws {
        let mounted = try MountedTenant("{folder...}")
        try whileCommitting(mounted) {
            for round in 0..<100 {
                try mounted.write("a.md", "old \(round)")
                try mounted.write("t.md", "new \(round)")
                try mounted.rename("t.md", "a.md")
                #expect(try mounted.read("a.md") == "new \(round)")
            }
        }
        #expect(try mounted.list() == ["a.md"])
    }

    @Test("a file can be removed while it is born")
    func removedAtBirth() throws {
        let mounted = try MountedTenant("{folder...}")
        try whileCommitting(mounted) {
            for round in 0..<200 {
                try mounted.write("a\(round).md", "text")
                try mounted.remove("a\(round).md")
            }
        }
        #expect(try mounted.list() == [])
    }

    /// Runs `body` while a thread commits without pause.
    private func whileCommitting(_ mounted: MountedTenant, _ body: () throws -> Void) throws {
        let isDone = Atomic<Bool>(false)
        let committer = try Thread.spawn(name: "committer") { [daemon = mounted.daemon] in
            while !isDone.load(ordering: .acquiring) { _ = daemon.staging.commitNow(.unmount) }
        }
        defer {
            isDone.store(true, ordering: .releasing)
            committer.join()
        }
        try body()
    }

    @Test("a file that is saved by one path and at once moved by another is not what it was before")
    func savedAndMoved() async throws {
        let mounted = try MountedTenant()
        for topic in ["t0", "t1"] { try await mounted.add("user=bob/topic=\(topic)/b.md", "b") }
        try await mounted.add("user=bob/topic=t1/a.md", "0")
        _ = try mounted.addLayout("topic={topic}/user={user}")
        for round in 1...200 {
            let (from, to) = round.isMultiple(of: 2) ? ("t0", "t1") : ("t1", "t0")
            let (here, there) = ("topic=\(from)/user=bob", "topic=\(to)/user=bob")
            // The kernel knows the other path, and what it leads to.
            let known = try mounted.eventually {
                try mounted.read("\(here)/a.md") == "\(round - 1)"
            }
            #expect(known != nil)
            try mounted.write("user=bob/topic=\(from)/a.tmp", "\(round)")
            try mounted.rename("user=bob/topic=\(from)/a.tmp", "user=bob/topic=\(from)/a.md")
            try mounted.rename("\(here)/a.md", "\(there)/a.md")
            let moved = try mounted.eventually {
                try mounted.read("\(there)/a.md") == "\(round)"
            }
            try #require(moved != nil, "round \(round)")
        }
    }

    @Test(
        "a file that is saved by one path and at once written by another has what was written last"
    )
    func savedAndWritten() async throws {
        let mounted = try MountedTenant()
        try await mounted.add("user=bob/topic=t/a.md", "old 0")
        _ = try mounted.addLayout("topic={topic}/user={user}")
        let (here, there) = ("user=bob/topic=t", "topic=t/user=bob")
        for round in 1...200 {
            // The kernel knows the other path, and what it leads to.
            let known = try mounted.eventually {
                try mounted.read("\(there)/a.md") == "old \(round - 1)"
            }
            try #require(known != nil, "round \(round)")
            try mounted.write("\(here)/a.tmp", "new")
            try mounted.rename("\(here)/a.tmp", "\(here)/a.md")
            try mounted.write("\(there)/a.md", "old \(round)", flags: O_TRUNC)
        }
        let file = unsafe open(mounted.full("\(here)/a.md"), O_RDWR)
        defer { close(file) }
        try mounted.write("\(here)/a.tmp", "new")
        try mounted.rename("\(here)/a.tmp", "\(here)/a.md")
        #expect(ftruncate(file, 3) == 0, "who has the old file open may go on with it")
        #expect(try mounted.read("\(here)/a.md") == "new")
    }

    @Test("a name with a suffix that moves is the memory's name")
    func suffix() async throws {
        let mounted = try MountedTenant("user={user}/topic={topic}")
        try await mounted.add("user=bob/topic=t/x.md", "1")
        try await mounted.add("user=eve/topic=t/x.md", "2")
        try await mounted.add("user=eve/topic=u/y.md", "3")
        let two = try mounted.addLayout("topic={topic}")
        try mounted.list(layout: two)
        _ = try mounted.eventually { try mounted.list() == ["topic=t", "topic=u"] }
        let names = try mounted.list("topic=t")
        let suffixed = try #require(names.first { $0 != "x.md" })
        let text = try mounted.read("topic=t/\(suffixed)")
        try mounted.rename("topic=t/\(suffixed)", "topic=u/\(suffixed)")
        #expect(try mounted.read("topic=u/\(suffixed)") == text)
        #expect(try mounted.list("topic=u").contains(suffixed))
        let memory = try mounted.outside.memory(at: try NamePath("topic=u/\(suffixed)"))
        #expect(memory.name.description == suffixed)
    }

    @Test("a suffix goes where the name without it is asked for")
    func suffixGoes() async throws {
        let mounted = try MountedTenant("user={user}/topic={topic}")
        try await mounted.add("user=bob/topic=t/x.md", "1")
        try await mounted.add("user=eve/topic=t/x.md", "2")
        let two = try mounted.addLayout("topic={topic}")
        try mounted.list(layout: two)
        _ = try mounted.eventually { try mounted.list() == ["topic=t"] }
        let suffixed = try #require(try mounted.list("topic=t").first { $0 != "x.md" })
        let text = try mounted.read("topic=t/\(suffixed)")
        #expect(try mounted.read("user=eve/topic=t/x.md") == text)
        try mounted.rename("topic=t/\(suffixed)", "topic=t/x.md")
        #expect(try mounted.list("topic=t") == ["x.md"])
        #expect(try mounted.outside.memory(at: try NamePath("topic=t/x.md")).name == Name("x.md"))
        #expect(try mounted.read("topic=t/x.md") == text)
        #expect(try mounted.read("user=eve/topic=t/x.md") == text)
        #expect(throws: LociError.self) {
            try mounted.outside.memory(at: try NamePath("topic=t/\(suffixed)"))
        }
        try mounted.rename("topic=t/x.md", "topic=t/y.md")
        #expect(try mounted.list("topic=t") == ["y.md"])
    }

    @Test("what a memory leaves that goes back may have to take a suffix")
    func leavesSuffixed() async throws {
        let mounted = try MountedTenant("user={user}", "quiet=10s")
        for (path, topic, text) in [("kept.md", "u", "other"), ("a.md", "t", "old")] {
            _ = try await mounted.outside.append(
                Array(text.utf8),
                at: try NamePath("user=bob/" + path),
                attributes: ["topic": topic],
                origin: MountedTenant.origin
            )
        }
        _ = try mounted.addLayout("topic={topic}")
        try mounted.rename("user=bob/a.md", "user=bob/b.md")
        try mounted.write("user=bob/a.md", "new")
        // By the other layout, in which that name is free.
        try mounted.rename("topic=t/b.md", "topic=t/kept.md")
        #expect(mounted.daemon.staging.commitNow(.unmount).failures.map(\.error.message) == [])
        #expect(try mounted.read("user=bob/a.md") == "new")
        #expect(try mounted.read("topic=t/kept.md") == "old")
        #expect(try mounted.list("user=bob").count == 3)
    }

    @Test("another mount's conflict shows here")
    func conflict() async throws {
        let one = try MountedTenant("{folder...}", "quiet=10s")
        let two = try MountedTenant(beside: one, "quiet=10s")
        defer { two.unmount() }
        let memory = try await one.add("a.md", "0000")
        #expect(try one.read("a.md") == "0000")
        try one.write("a.md", "1111")
        try two.write("a.md", "2222")
        _ = two.daemon.staging.commitNow(.unmount)
        #expect(try two.read("a.md") == "2222")
        _ = one.daemon.staging.commitNow(.unmount)
        #expect(try one.outside.memory(memory.id).revision == memory.revision.next.next)
        let shown = try two.eventually { try two.read("a.md") == "1111" }
        #expect(shown != nil)
    }
}

import Blobs
import Catalog
import Linux
import Loci
import Model
import SQL
import Synchronization
import Testing

@testable import Mount

/// Ends the process at a step, once.
private final class Crash: Sendable {
    private let armed: Mutex<CommitProbe.Step?>

    init(at step: CommitProbe.Step?) { armed = Mutex(step) }

    func arm(_ step: CommitProbe.Step) { armed.withLock { $0 = step } }

    var probe: CommitProbe {
        CommitProbe { [self] (step) throws(LociError) in
            let isHere = armed.withLock { armed in
                guard armed == step else { return false }
                armed = nil
                return true
            }
            guard isHere else { return }
            // A code that is not tried again item by item, as a killed process tries nothing.
            throw LociError(.inputOutput, subject: step.rawValue, message: "The test ends here.")
        }
    }
}

@Suite("Recovery of staged files")
struct StagingRecoveryTests {
    @Test("a killed process loses nothing that was written, synced or not")
    func killed() async throws {
        let bench = try StagingBench()
        let memory = try bench.memory("a.md", "old")
        try bench.truncate(memory.node)
        try bench.write(memory.node, "new")
        try bench.make("b.md", "second")
        try bench.create("empty.md")
        try bench.make("temporary", "x")
        try bench.unlink("temporary")
        let report = try bench.crashAndRecover()
        #expect(report.sessions == 1)
        #expect(report.committed == 3)
        #expect(report.trashed == 0)
        #expect(try bench.names() == ["a.md", "b.md", "empty.md"])
        #expect(try bench.revisions(memory) == ["old", "new"])
        #expect(try bench.read("b.md") == "second")
        #expect(try bench.read("empty.md") == "")
        #expect(try StagingRecovery.run(bench.tenant).sessions == 0, "the folder is gone")
        try await bench.expectSound()
    }

    @Test("few bytes that become many, and many that become few, survive a kill")
    func grownAndCut() async throws {
        let bench = try StagingBench()
        let many = String(repeating: "0123456789abcdef", count: 2000)
        let grown = try bench.make("grown.md", "few")
        try bench.write(grown, many, at: 3)
        let cut = try bench.memory("cut.md", many)
        try bench.truncate(cut.node)
        try bench.write(cut.node, "few")
        let kept = try bench.memory("kept.md", many)
        try bench.write(kept.node, "X")
        let patched = try bench.memory("patched.md", "little")
        try bench.write(patched.node, "LE", at: 4)
        #expect(try bench.read("grown.md") == "few" + many)
        _ = try bench.crashAndRecover()
        #expect(try bench.read("grown.md") == "few" + many)
        #expect(try bench.read("cut.md") == "few")
        #expect(try bench.read("kept.md") == "X" + many.dropFirst())
        #expect(try bench.read("patched.md") == "littLE")
        try await bench.expectSound()
    }

    @Test("few bytes need no file of their own, and are synced by one sync of the journal")
    func inline() throws {
        let bench = try StagingBench()
        let node = try bench.make("a.md", "text")
        let folder = "\(bench.tenant.directory)/staging/\(bench.tenant.session)"
        let files = try File.open(folder, [.readOnly, .directory]).entries()
            .map { String(decoding: $0.name, as: UTF8.self) }
        #expect(Set(files) == ["boot", "journal", "lock"])
        #expect(try bench.staging.fsync(node))
    }

    @Test("names, owners and times of unborn files survive a kill")
    func attributes() async throws {
        let bench = try StagingBench(scheme: Scheme("year={created:year}"))
        let year = try bench.tenant.catalog.write(.full, origin: bench.caller.origin) { tx in
            let since = try tx.record(.mkdir)
            return try tx.makeDirectory(
                bench.name("year=2019"),
                in: StagingBench.root,
                layouts: tx.reader.layouts().listed.bit,
                mode: 0o755,
                uid: 0,
                gid: 0,
                since: since
            )
        }
        bench.reader.end()
        let node = try bench.create("b.md", in: year)
        try bench.write(node, "text")
        let june = try #require(Timestamp(seconds: 1_560_000_000)).nanoseconds
        _ = try bench.staging.setAttributes(of: node, permissions: 0o600, mtime: june)
        try bench.staging.rename(
            node,
            to: bench.name("c.md"),
            in: year,
            view: bench.view,
            by: bench.caller,
            bench.reader
        )
        _ = try bench.crashAndRecover()
        let row = try #require(try bench.row(of: node))
        #expect(row.name == bench.name("c.md"))
        #expect(row.created.nanoseconds == june)
        let shown = try #require(try bench.reader.node(node))
        #expect(shown.mode & 0o7777 == 0o600)
        #expect(shown.uid == 1_000)
        #expect(shown.mtime == june)
        try await bench.expectSound()
    }

    @Test("after a power cut, what was synced is committed and the rest is in the trash")
    func powerCut() async throws {
        let bench = try StagingBench()
        let memory = try bench.memory("a.md", "old")
        let synced = try bench.make("synced.md", "kept")
        #expect(try bench.staging.fsync(synced))
        try bench.write(memory.node, "OLD")
        try bench.make("b.md", "doubtful")
        try restartMachine(bench)
        let report = try bench.crashAndRecover()
        #expect(report.committed == 1)
        #expect(report.trashed == 2)
        #expect(try bench.names() == ["a.md", "synced.md"])
        #expect(try bench.trash() == ["a.md", "b.md"])
        #expect(try bench.revisions(memory) == ["old"])
        #expect(try bench.read("synced.md") == "kept")
        try await bench.expectSound()
    }

    @Test("after a power cut, a save that was synced before its rename is the next revision")
    func powerCutAfterSave() async throws {
        let bench = try StagingBench()
        let saved = try bench.memory("a.md", "old")
        #expect(try bench.staging.fsync(try bench.make("temporary", "new")))
        try bench.rename("temporary", to: "a.md")
        let doubtful = try bench.memory("b.md", "old")
        try bench.make("temporary", "doubtful")
        try bench.rename("temporary", to: "b.md")
        try restartMachine(bench)
        let report = try bench.crashAndRecover()
        #expect(report.trashed == 1)
        #expect(try bench.revisions(saved) == ["old", "new"])
        #expect(try bench.revisions(doubtful) == ["old"])
        #expect(try bench.read("a.md") == "new")
        #expect(try bench.read("b.md") == "old")
        try await bench.expectSound()
    }

    /// The session's folder says that another boot wrote it.
    private func restartMachine(_ bench: StagingBench) throws {
        let folders = try File.open(bench.tenant.directory + "/staging", [.readOnly, .directory])
        let folder = try #require(try folders.entries().first { $0.kind == .directory })
        let session = String(decoding: folder.name, as: UTF8.self)
        let boot = try folders.open("\(session)/boot", [.writeOnly, .truncate])
        try boot.write(Array("another boot".utf8))
    }

    @Test("a session whose process lives is left alone")
    func alive() throws {
        let bench = try StagingBench()
        try bench.make("b.md", "text")
        let other = try Store.open(at: bench.path).tenant(.main)
        #expect(try StagingRecovery.run(other).sessions == 0)
        #expect(try bench.read("b.md") == "text")
    }

    @Test("a crash at any step of a commit loses nothing", arguments: CommitProbe.Step.allCases)
    func crash(step: CommitProbe.Step) async throws {
        let crash = Crash(at: nil)
        let bench = try StagingBench(probe: crash.probe)
        let memory = try bench.memory("a.md", "old")
        let gone = try bench.memory("gone.md", "gone")
        let away = try bench.memory("away.md", "away")
        try bench.truncate(memory.node)
        try bench.write(memory.node, "new")
        try bench.make("b.md", "second")
        try bench.unlink("gone.md")
        try bench.make("gone.md", "back")
        try bench.rename("away.md", to: "away.old")
        try bench.make("away.md", "again")
        crash.arm(step)
        bench.clock.pass(.seconds(1))
        bench.staging.commitDue()
        _ = try bench.crashAndRecover()
        #expect(try bench.names() == ["a.md", "away.md", "away.old", "b.md", "gone.md"])
        #expect(try bench.trash() == [])
        #expect(try bench.revisions(memory) == ["old", "new"])
        #expect(try bench.revisions(gone) == ["gone", "back"])
        #expect(try bench.revisions(away) == ["away", "again"])
        #expect(try bench.row(at: "away.md")?.id == away.id)
        #expect(try bench.read("b.md") == "second")
        try await bench.expectSound()
    }

    @Test(
        "a crash at any step of a rename over a memory leaves the old or the new content",
        arguments: CommitProbe.Step.allCases
    )
    func crashInReplace(step: CommitProbe.Step) async throws {
        let crash = Crash(at: nil)
        let bench = try StagingBench(probe: crash.probe)
        let memory = try bench.memory("a.md", "old")
        try bench.make("temporary", "new")
        crash.arm(step)
        do { try bench.rename("temporary", to: "a.md") } catch {}
        _ = try bench.crashAndRecover()
        #expect(try bench.row(at: "a.md")?.id == memory.id)
        #expect(try bench.trash() == [])
        let names = try bench.names()
        // A rename that reported its failure left the file at its name.
        #expect(names == ["a.md"] || names == ["a.md", "temporary"])
        if names.count == 1 { #expect(try bench.read("a.md") == "new") }
        try await bench.expectSound()
    }

    @Test("a rename over a memory that waits while its file is born leaves both as they are")
    func replaceMeetsBirth() async throws {
        let rival = Rival()
        let bench = try StagingBench(probe: rival.probe)
        let memory = try bench.memory("a.md", "old")
        let node = try bench.make("temporary", "new")
        // Held by the thread alone: a crash lets go of the staging.
        rival.arm { [staging = bench.staging, caller = bench.caller] in
            #expect(throws: LociError.self) {
                try staging.replace(memory.row, shownBy: memory.node, by: node, caller)
            }
        }
        bench.settle()
        try rival.end()
        #expect(try bench.crashAndRecover().sessions == 1)
        #expect(try bench.read("a.md") == "old")
        #expect(try bench.read("temporary") == "new")
        #expect(try bench.revisions(try #require(try bench.row(of: node))) == ["new"])
        try await bench.expectSound()
    }

    @Test("a rename over a new file that is born meanwhile is told so, and never shows two")
    func renameMeetsBirth() async throws {
        let rival = Rival()
        let bench = try StagingBench(probe: rival.probe)
        let born = try bench.make("a.md", "first")
        bench.clock.pass(.milliseconds(400))
        let node = try bench.make("temporary", "second")
        bench.clock.pass(.milliseconds(200))
        let (staging, caller, view, tenant) =
            (bench.staging, bench.caller, try bench.view, bench.tenant)
        rival.arm {
            #expect(throws: LociError.self) {
                try staging.rename(
                    node,
                    to: Name(unchecked: Array("a.md".utf8)),
                    in: Catalog.rootNode,
                    over: born,
                    view: view,
                    by: caller,
                    tenant.catalog.makeReader()
                )
            }
        }
        bench.staging.commitDue()
        try rival.end()
        try bench.rename("temporary", to: "a.md")
        bench.settle()
        #expect(try bench.names() == ["a.md"])
        #expect(try bench.read("a.md") == "second")
        #expect(
            try bench.revisions(try #require(try bench.row(at: "a.md"))) == ["first", "second"]
        )
        try await bench.expectSound()
    }

    @Test("a file that gets a tool's name while it is born is a memory by then")
    func foreignMeetsBirth() async throws {
        let rival = Rival()
        let bench = try StagingBench(probe: rival.probe)
        let node = try bench.make("a.md", "text")
        let (staging, caller, tenant) = (bench.staging, bench.caller, bench.tenant)
        rival.arm {
            let found = staging.find(node)
            #expect(throws: LociError.self) {
                if let found {
                    _ = try staging.letGo(
                        found,
                        to: Name(unchecked: Array("a.md~".utf8)),
                        in: Catalog.rootNode,
                        by: caller
                    )
                }
            }
        }
        bench.settle()
        try rival.end()
        #expect(try bench.read("a.md") == "text")
        #expect(
            try !File.open(tenant.directory + "/foreign", [.readOnly, .directory]).entries()
                .contains { String(decoding: $0.name, as: UTF8.self) == "\(node)" }
        )
        try await bench.expectSound()
    }

    @Test("an error that goes away costs nothing: the commit is tried again")
    func triedAgain() async throws {
        let crash = Crash(at: .place)
        let bench = try StagingBench(probe: crash.probe)
        try bench.make("b.md", "text")
        bench.clock.pass(.seconds(1))
        bench.staging.commitDue()
        #expect(bench.staging.status().failures.count == 1)
        #expect(try bench.read("b.md") == "text")
        bench.settle()
        #expect(bench.staging.status().failures.isEmpty)
        #expect(try bench.names() == ["b.md"])
        try await bench.expectSound()
    }

    @Test("a foreign file that got a memory's name survives a power cut")
    func adoptedPowerCut() async throws {
        let bench = try StagingBench()
        try bench.make("temporary", "kept")
        try bench.renameToForeign("temporary", to: ".x")
        let node = try #require(
            try bench.reader.entry(
                in: StagingBench.root,
                named: bench.name(".x"),
                layouts: .foreign
            )?.node
        )
        _ = try bench.staging.adopt(
            node,
            as: bench.name("x.md"),
            in: StagingBench.root,
            at: ListingPosition(node),
            view: bench.view,
            by: bench.caller,
            bench.reader
        )
        try restartMachine(bench)
        let report = try bench.crashAndRecover()
        #expect(report.committed == 1)
        #expect(report.trashed == 0)
        #expect(try bench.read("x.md") == "kept")
        try await bench.expectSound()
    }
}

/// A thread that meets a commit: it begins in the middle of one, and the commit lets it come to
/// what it wants and wait, or find it done.
private final class Rival: Sendable {
    private let body = Mutex<(@Sendable () -> Void)?>(nil)
    private let thread = Mutex<Thread?>(nil)

    /// To be given to the staging that commits.
    var probe: CommitProbe {
        CommitProbe { step throws(LociError) in
            guard step == .commit, let body = self.body.withLock({ $0.take() }) else { return }
            self.thread.withLock { $0 = try? Thread.spawn(name: "rival", body) }
            SystemClock.sleep(.milliseconds(100))
        }
    }

    func arm(_ body: @escaping @Sendable () -> Void) { self.body.withLock { $0 = body } }

    /// Waits for the thread, which must have begun.
    func end() throws { try #require(thread.withLock { $0.take() }).join() }
}

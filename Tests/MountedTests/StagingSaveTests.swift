import Catalog
import Linux
import Loci
import Model
import Mount
import SQL
import Testing

@Suite("Ways of saving a file")
struct StagingSaveTests {
    /// One memory with two revisions, a node of its own, and nothing else anywhere.
    private func expectOneRevisionMore(
        _ bench: StagingBench,
        _ before: MemoryRow,
        old: String,
        new: String,
        sameNode: Bool = false,
        _ location: SourceLocation = #_sourceLocation
    ) async throws {
        let after = try #require(try bench.row(at: "a.md"), sourceLocation: location)
        #expect(after.id == before.id, "the ULID changed", sourceLocation: location)
        #expect(try bench.revisions(after) == [old, new], sourceLocation: location)
        #expect(try bench.read("a.md") == new, sourceLocation: location)
        #expect((after.node == before.node) == sameNode, sourceLocation: location)
        #expect(try bench.names() == ["a.md"], sourceLocation: location)
        #expect(try bench.trash() == [], sourceLocation: location)
        #expect(bench.staging.status().files == 0, sourceLocation: location)
        try await bench.expectSound(location)
    }

    @Test("writing in place is one new revision of the same node")
    func inPlace() async throws {
        let bench = try StagingBench()
        let before = try bench.memory("a.md", "old")
        try bench.truncate(before.node)
        try bench.write(before.node, "ne")
        try bench.write(before.node, "w", at: 2)
        #expect(try bench.read("a.md") == "new")
        bench.staging.closed(before.node)
        bench.settle()
        try await expectOneRevisionMore(bench, before, old: "old", new: "new", sameNode: true)
    }

    @Test("a rename of a temporary over the memory (sed -i) shows at once and is its next revision")
    func renameOver() async throws {
        let bench = try StagingBench()
        let before = try bench.memory("a.md", "old")
        try bench.make("sedAbCdEf", "new")
        try bench.rename("sedAbCdEf", to: "a.md")
        #expect(try bench.read("a.md") == "new")
        #expect(try bench.lookup("sedAbCdEf") == nil)
        bench.settle()
        try await expectOneRevisionMore(bench, before, old: "old", new: "new")
        #expect(try bench.operations(of: before) == [.add, .edit])
        #expect(try bench.read(before.node) == "old", "an open file reads on")
    }

    @Test("a temporary that was synced before its rename leaves nothing either")
    func syncedRenameOver() async throws {
        let bench = try StagingBench()
        let before = try bench.memory("a.md", "old")
        let node = try bench.make("tmp-1", "new")
        #expect(try bench.staging.fsync(node))
        try bench.rename("tmp-1", to: "a.md")
        bench.settle()
        try await expectOneRevisionMore(bench, before, old: "old", new: "new")
    }

    @Test("a rename away within the directory and a create keep the ULID; the backup is its own")
    func renameAway() async throws {
        let bench = try StagingBench()
        let before = try bench.memory("a.md", "old")
        try bench.rename("a.md", to: "a.md.bak")
        try bench.make("a.md", "new")
        #expect(try bench.read("a.md") == "new")
        #expect(try bench.read("a.md.bak") == "old")
        bench.settle()
        let after = try #require(try bench.row(at: "a.md"))
        let backup = try #require(try bench.row(at: "a.md.bak"))
        #expect(after.id == before.id)
        #expect(try bench.revisions(after) == ["old", "new"])
        #expect(backup.node == before.node)
        #expect(backup.id != before.id)
        #expect(try bench.revisions(backup) == ["old"])
        #expect(try bench.names() == ["a.md", "a.md.bak"])
        #expect(try bench.trash() == [])
        try await bench.expectSound()
    }

    @Test("a backup that gets another name while the memory goes back keeps that name")
    func renamedDuringCommit() async throws {
        let other = MidCommit()
        let bench = try StagingBench(probe: other.probe)
        let before = try bench.memory("a.md", "old")
        try bench.rename("a.md", to: "backup.md")
        try bench.make("a.md", "new")
        let view = try bench.view.number
        let row = try #require(try bench.row(at: "backup.md"))
        other.writes(to: bench.tenant.catalog) { transaction in
            try transaction.change(
                row,
                name: Name(unchecked: Array("kept.md".utf8)),
                primary: view,
                operation: .rename
            )
        }
        bench.settle()
        #expect(other.isDone)
        #expect(try bench.names() == ["a.md", "kept.md"])
        #expect(try bench.row(at: "a.md")?.id == before.id)
        #expect(try bench.read("a.md") == "new")
        #expect(try bench.read("kept.md") == "old")
        try await bench.expectSound()
    }

    @Test("content whose memory moves while it is committed is moved, too")
    func movedDuringCommit() async throws {
        let other = MidCommit()
        let bench = try StagingBench(probe: other.probe)
        let memory = try bench.memory("a.md", "old")
        try bench.write(memory.node, "new")
        let view = try bench.view.number
        other.writes(to: bench.tenant.catalog) { transaction in
            try transaction.change(
                memory,
                attributes: [AttributeChange(key: "folder", value: "elsewhere")],
                primary: view,
                operation: .set
            )
        }
        bench.settle()
        #expect(other.isDone)
        let row = try #require(try bench.row(of: memory.node))
        #expect(try bench.revisions(row) == ["old", "new"])
        let revision = try bench.reader.revision(of: row.row, row.revision)
        #expect(revision != nil && revision?.layout == nil)
        try await bench.expectSound()
    }

    @Test("a rename away, a create and a removal of the backup leave one memory with its history")
    func renameAwayAndRemove() async throws {
        let bench = try StagingBench()
        let before = try bench.memory("a.md", "old")
        try bench.rename("a.md", to: "backup.md")
        try bench.make("a.md", "new")
        try bench.unlink("backup.md")
        bench.settle()
        try await expectOneRevisionMore(bench, before, old: "old", new: "new")
    }

    @Test("an unlink and a create (perl -i) keep the ULID")
    func unlinkAndCreate() async throws {
        let bench = try StagingBench()
        let before = try bench.memory("a.md", "old")
        try bench.unlink("a.md")
        #expect(try bench.lookup("a.md") == nil)
        try bench.make("a.md", "new")
        #expect(try bench.read(before.node) == "old", "perl still reads the old file")
        bench.settle()
        try await expectOneRevisionMore(bench, before, old: "old", new: "new")
    }

    @Test("vim with a backup (rename to a.md~, create, unlink a.md~) keeps the ULID")
    func vim() async throws {
        let bench = try StagingBench()
        let before = try bench.memory("a.md", "old")
        try bench.renameToForeign("a.md", to: "a.md~")
        let foreign = try #require(try bench.lookup("a.md~"))
        #expect(foreign == before.node)
        let kept = try File.open(bench.tenant.directory + "/foreign/\(foreign)")
        #expect(try kept.readAll(limit: 100) == Array("old".utf8))
        let node = try bench.make("a.md", "new")
        #expect(try bench.staging.fsync(node))
        bench.settle()
        try bench.tenant.catalog.write(.normal, origin: bench.caller.origin) {
            try $0.removeForeign(node: foreign)
        }
        try File.workingDirectory.unlink(bench.tenant.directory + "/foreign/\(foreign)")
        try await expectOneRevisionMore(bench, before, old: "old", new: "new")
    }

    @Test("a write to a temporary, an unlink and a rename to the lost name keep the ULID")
    func unlinkAndRename() async throws {
        let bench = try StagingBench()
        let before = try bench.memory("a.md", "old")
        try bench.make("temporary", "new")
        try bench.unlink("a.md")
        try bench.rename("temporary", to: "a.md")
        bench.settle()
        try await expectOneRevisionMore(bench, before, old: "old", new: "new")
    }

    @Test("a backup that is moved back is the memory as it was, without a new revision")
    func backupMovedBack() async throws {
        let bench = try StagingBench()
        let before = try bench.memory("a.md", "old")
        try bench.renameToForeign("a.md", to: "a.md~")
        let foreign = try #require(try bench.lookup("a.md~"))
        _ = try bench.staging.adopt(
            foreign,
            as: bench.name("a.md"),
            in: StagingBench.root,
            at: ListingPosition(foreign),
            view: bench.view,
            by: bench.caller,
            bench.reader
        )
        #expect(try bench.lookup("a.md~") == nil)
        #expect(try bench.read("a.md") == "old")
        bench.settle()
        let after = try #require(try bench.row(at: "a.md"))
        #expect(after.id == before.id)
        #expect(try bench.revisions(after) == ["old"])
        #expect(try bench.trash() == [])
        try await bench.expectSound()
    }

    @Test("a foreign file renamed over a memory is its next revision")
    func foreignOver() async throws {
        let bench = try StagingBench()
        let before = try bench.memory("a.md", "old")
        try bench.make("x.md", "new")
        try bench.renameToForeign("x.md", to: ".a.md.Xy12")
        let foreign = try #require(try bench.lookup(".a.md.Xy12"))
        try bench.staging.replace(before.row, shownBy: before.node, by: foreign, bench.caller)
        #expect(try bench.lookup(".a.md.Xy12") == nil)
        try await expectOneRevisionMore(bench, before, old: "old", new: "new")
    }

    @Test(
        "after two seconds, or by another user, a create is a new memory",
        arguments: [true, false]
    )
    func tooLate(isOtherUser: Bool) async throws {
        let bench = try StagingBench()
        let before = try bench.memory("a.md", "old")
        try bench.unlink("a.md")
        if isOtherUser { bench.caller.origin.uid = 1_001 } else { bench.clock.pass(.seconds(2)) }
        try bench.make("a.md", "new")
        bench.settle()
        #expect(try bench.row(at: "a.md")?.id != before.id)
        #expect(try bench.trash() == ["a.md"])
        try await bench.expectSound()
    }

    @Test("saving the same content makes no revision", arguments: ["inPlace", "over", "again"])
    func sameContent(way: String) async throws {
        let bench = try StagingBench()
        let before = try bench.memory("a.md", "old")
        switch way {
        case "inPlace":
            try bench.truncate(before.node)
            try bench.write(before.node, "old")
        case "over":
            try bench.make("temporary", "old")
            try bench.rename("temporary", to: "a.md")
        default:
            try bench.unlink("a.md")
            try bench.make("a.md", "old")
        }
        bench.settle()
        let after = try #require(try bench.row(at: "a.md"))
        #expect(after.id == before.id)
        #expect(try bench.revisions(after) == ["old"])
        #expect(try bench.names() == ["a.md"])
        try await bench.expectSound()
    }

    @Test("a new file that is saved by renames before it is born is one memory with one revision")
    func unbornSavedAgain() async throws {
        let bench = try StagingBench()
        try bench.make("a.md", "first")
        try bench.make("tmp-2", "second")
        try bench.rename("tmp-2", to: "a.md")
        bench.settle()
        let after = try #require(try bench.row(at: "a.md"))
        #expect(try bench.revisions(after) == ["second"])
        #expect(try bench.names() == ["a.md"])
        #expect(try bench.trash() == [])
        try await bench.expectSound()
    }

    @Test("bytes that were in the old file when it was replaced are a revision before the new one")
    func dirtyTarget() async throws {
        let bench = try StagingBench()
        let before = try bench.memory("a.md", "old")
        try bench.write(before.node, "OLD")
        try bench.make("temporary", "new")
        try bench.rename("temporary", to: "a.md")
        bench.settle()
        #expect(try bench.revisions(before) == ["old", "OLD", "new"])
        try await bench.expectSound()
    }

    @Test("an empty file that is renamed over a memory empties it, also through a kill")
    func emptied() async throws {
        for isKilled in [false, true] {
            let bench = try StagingBench()
            let before = try bench.memory("a.md", "old")
            try bench.create("temporary")
            try bench.rename("temporary", to: "a.md")
            #expect(try bench.read("a.md") == "")
            if isKilled { _ = try bench.crashAndRecover() } else { bench.settle() }
            #expect(try bench.revisions(before) == ["old", ""])
            #expect(try bench.names() == ["a.md"])
            try await bench.expectSound()
        }
    }

    @Test("saves by rename, one after the other, are a revision each")
    func savedTwice() async throws {
        let bench = try StagingBench()
        let before = try bench.memory("a.md", "old")
        for text in ["first", "second"] {
            try bench.make("temporary", text)
            try bench.rename("temporary", to: "a.md")
            #expect(try bench.read("a.md") == text)
        }
        bench.settle()
        #expect(try bench.revisions(before) == ["old", "first", "second"])
        try await bench.expectSound()
    }

    @Test("a time that is set over equal content stays, and is no revision")
    func touchedSameContent() async throws {
        let bench = try StagingBench()
        let before = try bench.memory("a.md", "old")
        try bench.truncate(before.node)
        try bench.write(before.node, "old")
        let june = try #require(Timestamp(seconds: 1_560_000_000)).nanoseconds
        _ = try bench.staging.setAttributes(of: before.node, mtime: june)
        bench.settle()
        #expect(try bench.reader.node(before.node)?.mtime == june)
        #expect(try bench.revisions(before) == ["old"])
        #expect(try bench.operations(of: before) == [.add, .set])
        try await bench.expectSound()
    }
}

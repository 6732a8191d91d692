import Catalog
import Linux
import Model
import SQL
import Testing

@testable import Loci

@Suite("A moment of the past")
struct MomentTests {
    let origin = TemporaryStore.origin
    let made: TemporaryStore
    let tenant: Tenant

    init() throws {
        made = try TemporaryStore(scheme: try Scheme("user={user}"))
        tenant = try made.tenant()
    }

    private func add(_ path: String, _ text: String = "text") async throws -> Memory {
        try await tenant.append(bytes(text), at: NamePath(path), origin: origin)
    }

    private func paths(_ moment: PastMoment) throws -> [String] {
        try tenant.list(when: moment).memories.compactMap { $0.path?.description }.sorted()
    }

    @Test("is a change, a time or a snapshot, and all three mean the same")
    func threeNames() async throws {
        let memory = try await add("user=bob/x.md", "one")
        let number = try tenant.lastChange()
        let time = made.now
        _ = try await tenant.takeSnapshot("then", origin: origin)
        _ = try await tenant.edit(memory.id, content: bytes("two"), origin: origin)
        _ = try await tenant.move(memory.id, to: NamePath("user=eve/y.md"), origin: origin)
        for moment in [PastMoment.change(number), .time(time), .snapshot("then")] {
            #expect(try paths(moment) == ["user=bob/x.md"])
            let then = try tenant.memory(at: NamePath("user=bob/x.md"), when: moment)
            #expect(then.id == memory.id && then.attributes == ["user": "bob"])
            let content = try await tenant.content(of: then.id, revision: then.revision)
            #expect(content == bytes("one"))
            #expect(
                await failure { _ = try tenant.memory(at: NamePath("user=eve/y.md"), when: moment) }
                    == .notFound
            )
        }
    }

    @Test("is read from what people write; a name that looks like a time wants its prefix")
    func parsing() throws {
        let now = made.now
        #expect(try PastMoment("17", now: now) == .change(ChangeNumber(17)))
        #expect(try PastMoment("-2h", now: now) == .time(now - .seconds(7200)))
        #expect(try PastMoment("before", now: now) == .snapshot("before"))
        #expect(try PastMoment("snapshot:17", now: now) == .snapshot("17"))
        for text in ["", "-x"] {
            #expect(throws: LociError.self) { try PastMoment(text, now: now) }
        }
    }

    @Test("that is still to come, was never, or is no snapshot, is an error")
    func wrong() async throws {
        _ = try await add("user=bob/x.md")
        let next = ChangeNumber(try tenant.lastChange().rawValue + 1)
        #expect(await failure { _ = try paths(.change(next)) } == .futureDate)
        let later = made.now + .seconds(3600)
        #expect(await failure { _ = try paths(.time(later)) } == .futureDate)
        #expect(await failure { _ = try paths(.snapshot("none")) } == .snapshotNotFound)
        #expect(await failure { _ = try paths(.change(ChangeNumber(0))) } == .notFound)
    }

    @Test("older than retention keeps is an error and no wrong tree; a snapshot of it is whole")
    func retention() async throws {
        let memory = try await add("user=bob/x.md", "one")
        _ = try await add("user=bob/other.md")
        _ = try await tenant.takeSnapshot("kept", origin: origin)
        let snapshot = try tenant.lastChange()
        made.advance(.seconds(3600))
        _ = try await tenant.edit(memory.id, content: bytes("two"), origin: origin)
        let lost = try tenant.lastChange()
        let lostTime = made.now
        _ = try await tenant.edit(memory.id, content: bytes("three"), origin: origin)
        _ = try await tenant.set(memory.id, attributes: ["user": "eve"], origin: origin)
        made.advance(.seconds(100 * 86_400))
        let recent = try tenant.lastChange()
        let report = try await tenant.applyRetention(origin: origin)
        #expect(report.revisions == 1)
        _ = try await tenant.collect(delete: true, origin: origin)

        for moment in [PastMoment.change(lost), .time(lostTime)] {
            let error = #expect(throws: LociError.self) { try paths(moment) }
            #expect(error?.code == .notFound)
            #expect(error?.message.contains("no longer kept") == true)
        }
        #expect(try paths(.change(recent)) == ["user=bob/other.md", "user=eve/x.md"])
        #expect(try paths(.time(made.now)) == ["user=bob/other.md", "user=eve/x.md"])
        for moment in [PastMoment.snapshot("kept"), .change(snapshot)] {
            #expect(try paths(moment) == ["user=bob/other.md", "user=bob/x.md"])
            let then = try tenant.memory(memory.id, when: moment)
            let content = try await tenant.content(of: then.id, revision: then.revision)
            #expect(content == bytes("one"))
        }
        // Without the snapshot nothing answers for it any more.
        try await tenant.deleteSnapshot("kept", origin: origin)
        #expect(await failure { _ = try paths(.change(snapshot)) } == .notFound)
    }

    @Test("of one memory comes back whole, also out of the trash and from another place")
    func restoreMemory() async throws {
        let memory = try await add("user=bob/x.md", "one")
        let then = PastMoment.change(try tenant.lastChange())
        _ = try await tenant.edit(memory.id, content: bytes("two"), origin: origin)
        _ = try await tenant.set(
            memory.id,
            attributes: ["user": "eve", "mood": "good"],
            origin: origin
        )
        try await tenant.delete(memory.id, origin: origin)
        let back = try await tenant.restore(memory.id, to: then, origin: origin)
        #expect(back.path?.description == "user=bob/x.md" && back.attributes == ["user": "bob"])
        #expect(try await tenant.content(of: memory.id) == bytes("one"))
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("of a memory whose place is taken is refused, and the memory stays where it is")
    func placeTaken() async throws {
        let memory = try await add("user=bob/x.md", "one")
        let then = PastMoment.change(try tenant.lastChange())
        _ = try await tenant.set(memory.id, attributes: ["user": "eve"], origin: origin)
        _ = try await add("user=bob/x.md", "in the way")
        #expect(
            await failure { _ = try await tenant.restore(memory.id, to: then, origin: origin) }
                == .nameTaken
        )
        #expect(try tenant.memory(memory.id).path?.description == "user=eve/x.md")
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("of a partition comes back, and nothing outside of it changes")
    func restorePartition() async throws {
        let kept = try await add("user=bob/kept.md", "one")
        let left = try await add("user=bob/left.md")
        let gone = try await add("user=bob/gone.md")
        let visitor = try await add("user=eve/visitor.md")
        let outside = try await add("user=eve/outside.md", "before")
        let then = PastMoment.change(try tenant.lastChange())
        _ = try await tenant.edit(kept.id, content: bytes("two"), origin: origin)
        _ = try await tenant.set(left.id, attributes: ["user": "ann"], origin: origin)
        try await tenant.delete(gone.id, origin: origin)
        _ = try await tenant.set(visitor.id, attributes: ["user": "bob"], origin: origin)
        _ = try await tenant.edit(outside.id, content: bytes("after"), origin: origin)
        let new = try await add("user=bob/new.md")

        let bob = try NamePath("user=bob")
        let before = try tenant.lastChange()
        let dry = try await tenant.restore(under: bob, to: then, dryRun: true, origin: origin)
        #expect(try tenant.lastChange() == before)
        let report = try await tenant.restore(under: bob, to: then, origin: origin)
        #expect(report.failures == [])
        #expect(report.contents == 1 && report.places == 2 && report.trashed == 1)
        #expect(
            dry.contents == 1 && dry.places == 2 && dry.trashed == 1
                && dry.untrashed == report.untrashed
        )
        #expect(Set(dry.paths) == Set(report.paths))
        let paths = try tenant.list(under: bob).memories.compactMap { $0.path?.description }
        #expect(Set(paths) == ["user=bob/kept.md", "user=bob/left.md", "user=bob/gone.md"])
        #expect(try await tenant.content(of: kept.id) == bytes("one"))
        #expect(try tenant.memory(visitor.id).path == visitor.path)
        #expect(try await tenant.content(of: outside.id) == bytes("after"))
        #expect(try tenant.memory(new.id).isTrashed)
        #expect(try await tenant.check(contents: true) == [])
    }

    @Test("below a path that never was is no restore of nothing")
    func restoreNowhere() async throws {
        let memory = try await add("user=bob/1.md", "one")
        let then = PastMoment.change(try tenant.lastChange())
        let typo = try NamePath("user=bbo")
        #expect(
            await failure {
                _ = try await tenant.restore(under: typo, to: then, origin: origin)
            } == .notFound
        )
        // Where nothing has changed since, or all is gone now, there is such a path.
        let bob = try NamePath("user=bob")
        let report = try await tenant.restore(under: bob, to: then, origin: origin)
        #expect(report == RestoreReport())
        try await tenant.delete(memory.id, origin: origin)
        #expect(try await tenant.restore(under: bob, to: then, origin: origin).untrashed == 1)
    }

    @Test("is not lost while it is needed: what is kept and for how long is told")
    func summary() async throws {
        let memory = try await add("user=bob/x.md", "one")
        _ = try await tenant.edit(memory.id, content: bytes("other"), origin: origin)
        var summary = try tenant.historySummary()
        #expect(summary.retention == Tenant.defaultRetention && summary.wholeSince == nil)
        #expect(summary.revisions == 1 && summary.bytes == 3 && summary.snapshots == 0)
        made.advance(.seconds(91 * 86_400))
        _ = try await tenant.takeSnapshot("s", origin: origin)
        _ = try await tenant.applyRetention(origin: origin)
        summary = try tenant.historySummary()
        #expect(summary.revisions == 0 && summary.bytes == 0 && summary.snapshots == 1)
        #expect(summary.wholeSince != nil)
    }
}

import Linux
import Loci
import Model
import Testing

@testable import Commands

/// In and out: `import(export(x))` is `x`.
@Suite("An archive")
struct ArchiveTests {
    static let origin = Origin(actor: "tester", uid: 0)

    /// A store in a directory of its own, removed with it.
    private final class Rig: Sendable {
        let path: String
        let tenant: Tenant

        init(scheme: String) throws {
            path = "/tmp/loci-archive-" + Hex.text(try Machine.random(count: 8))
            let store = try Store.create(at: path, scheme: Scheme(scheme), origin: origin)
            tenant = try store.tenant(.main)
        }

        deinit {
            let command = Child.Command(executable: "/bin/rm", arguments: ["rm", "-rf", path])
            _ = try? Child.spawn(command).wait()
        }
    }

    private static func export(_ tenant: Tenant, history: Bool) throws -> [[UInt8]] {
        var bytes: [UInt8] = []
        var run = ArchiveExport()
        let scheme = try tenant.listedLayout().scheme
        try run.run(tenant, scheme: scheme, history: history, at: nil) { bytes += $0 }
        #expect(run.gaps.isEmpty)
        return bytes.split(separator: UInt8(ascii: "\n")).map { Array($0) }
    }

    private static func bring(
        _ lines: [[UInt8]],
        into tenant: Tenant
    ) async throws -> ArchiveReport {
        var run = ArchiveImport(tenant: tenant, isDry: false, origin: origin)
        for (index, line) in lines.enumerated() { try await run.take(line, line: index + 1) }
        try await run.finish()
        return run.report
    }

    /// All that an archive is to bring back, by id.
    private static func all(_ tenant: Tenant) throws -> [MemoryID: ArchivedMemory] {
        var all: [MemoryID: ArchivedMemory] = [:]
        try tenant.archive(
            history: true,
            missing: { _ in Issue.record("a gap") },
            each: { all[$0.id] = $0 }
        )
        return all
    }

    /// Memories with every kind of past: revisions, moves, attributes, trash, odd names and bytes.
    private static func fill(_ tenant: Tenant, seed: UInt64) async throws {
        var random = SeededGenerator(seed)
        let names: [[UInt8]] = [
            Array("a.md".utf8), Array("é ß.md".utf8), [0x66, 0xFF, 0x2E], Array("long~x".utf8),
            Array("q\"\\\n.md".utf8),
        ]
        let contents: [[UInt8]] = [
            [], Array("text\n".utf8), [0, 1, 0xFF, 0xFE], Array("e\u{301}\r\n\u{1}".utf8),
            Array(repeating: 0x61, count: 100_000),
        ]
        var ids: [MemoryID] = []
        for step in 0..<60 {
            switch ids.isEmpty ? 0 : Int.random(in: 0..<8, using: &random) {
            case 0, 1, 2:
                let memory = NewMemory(
                    .bytes(contents.randomElement(using: &random) ?? []),
                    name: Name(unchecked: names.randomElement(using: &random) ?? []),
                    attributes: ["user": "u\(step)", "odd \u{301}": "\n\"\(step)"],
                    created: Timestamp(nanoseconds: Int64.random(in: -9...9, using: &random)),
                    modified: Timestamp(nanoseconds: 1_600_000_000_123_456_789 + Int64(step)),
                    permissions: [0o644, 0o600, 0o755].randomElement(using: &random) ?? 0
                )
                let added = try await tenant.append(contentsOf: [memory], origin: origin)
                ids.append(try added[0].get().id)
            case 3, 4, 5:
                let id = ids.randomElement(using: &random) ?? ids[0]
                guard try !tenant.memory(id).isTrashed else { continue }
                let content = (contents.randomElement(using: &random) ?? []) + [UInt8(step)]
                _ = try await tenant.edit(id, content: content, origin: origin)
            case 6:
                let id = ids.randomElement(using: &random) ?? ids[0]
                guard try !tenant.memory(id).isTrashed else { continue }
                _ = try await tenant.set(id, attributes: ["mood": "m\(step)"], origin: origin)
            default:
                let id = ids.randomElement(using: &random) ?? ids[0]
                guard try !tenant.memory(id).isTrashed else { continue }
                try await tenant.delete(id, origin: origin)
            }
        }
    }

    @Test(
        "brings back content, attributes, names, times, trash and history, whatever they were",
        arguments: [UInt64]([1, 2, 3, 4, 5])
    )
    func roundTrip(seed: UInt64) async throws {
        let from = try Rig(scheme: "user={user}")
        try await Self.fill(from.tenant, seed: seed)
        let lines = try Self.export(from.tenant, history: true)
        let to = try Rig(scheme: "user={user}")
        let report = try await Self.bring(lines, into: to.tenant)
        let before = try Self.all(from.tenant)
        #expect(report.added == before.count && report.failed.isEmpty)
        #expect(try Self.all(to.tenant) == before)
        let live = try from.tenant.list().memories
        for memory in live {
            let there = try to.tenant.memory(memory.id)
            #expect(there.path == memory.path && there.updated == memory.updated)
            #expect(there.revision == memory.revision && there.hash == memory.hash)
        }
        #expect(try to.tenant.counts() == from.tenant.counts())
        #expect(try await to.tenant.check(contents: true) == [])
        // The archive of what came in is the same to the byte, and nothing comes in twice.
        #expect(try Self.export(to.tenant, history: true) == lines)
        let again = try await Self.bring(lines, into: to.tenant)
        #expect(again.added == 0 && again.equal == before.count)
        // What it brought can be looked at, gone back in and edited.
        if let memory = live.first {
            _ = try await to.tenant.edit(memory.id, content: [7], origin: Self.origin)
            #expect(try to.tenant.memory(memory.id).revision > memory.revision)
            let changed = try await Self.bring(lines, into: to.tenant)
            #expect(changed.differing == [memory.id])
        }
    }

    @Test("that was cut, or whose bytes changed, is refused, and says where")
    func damaged() async throws {
        let from = try Rig(scheme: "user={user}")
        try await Self.fill(from.tenant, seed: 9)
        let lines = try Self.export(from.tenant, history: false)
        let to = try Rig(scheme: "user={user}")
        await #expect(throws: LociError.self) {
            _ = try await Self.bring(Array(lines.dropLast()), into: to.tenant)
        }
        await #expect(throws: LociError.self) {
            _ = try await Self.bring([Array("{}".utf8)] + lines.dropFirst(), into: to.tenant)
        }
        let other = try Rig(scheme: "user={user}")
        let wrong = lines.map { line in
            let text = String(decoding: line, as: UTF8.self)
            guard let range = text.firstRange(of: "text\\n") else { return line }
            return Array(text.replacingCharacters("TEXT\\n", at: range).utf8)
        }
        #expect(wrong != lines)
        let report = try await Self.bring(wrong, into: other.tenant)
        #expect(!report.failed.isEmpty && report.failed.allSatisfy { $0.error.code == .corrupt })
        #expect(try await other.tenant.check(contents: true) == [])
    }

    // MARK: Faults

    /// The lines of an archive of memories `0.md` and so on, the first of three revisions.
    private static func lines(of count: Int, history: Bool = true) async throws -> [[UInt8]] {
        let from = try Rig(scheme: "by={by}")
        for index in 0..<count {
            let memory = try await from.tenant.append(
                Array("text \(index)".utf8),
                name: try Name("\(index).md"),
                attributes: ["user": "u\(index)"],
                origin: origin
            )
            guard index == 0 else { continue }
            for step in 0..<2 {
                _ = try await from.tenant.edit(memory.id, content: [UInt8(step)], origin: origin)
            }
        }
        return try export(from.tenant, history: history)
    }

    private static func replacing(_ old: String, by new: String, in line: [UInt8]) -> [UInt8] {
        let text = String(decoding: line, as: UTF8.self)
        guard let range = text.firstRange(of: old) else {
            Issue.record("\(old) is not in \(text)")
            return line
        }
        return Array(text.replacingCharacters(new, at: range).utf8)
    }

    @Test("with a memory that has no place here brings the others, and names that one")
    func unplaceable() async throws {
        var lines = try await Self.lines(of: 3)
        let long = String(repeating: "x", count: 300)
        lines[2] = Self.replacing("\"u1\"", by: "\"\(long)\"", in: lines[2])
        let to = try Rig(scheme: "user={user}")
        let report = try await Self.bring(lines, into: to.tenant)
        #expect(report.added == 2)
        #expect(report.failed.map(\.line) == [3] && report.failed[0].error.code == .nameTooLong)
        #expect(report.failed[0].id != nil)
        #expect(try to.tenant.counts().live == 2)
        #expect(try await to.tenant.check(contents: true) == [])
    }

    @Test(
        "with one line that tells no memory brings the others, and says which line that is",
        arguments: [
            ("\"created\":\"2", "\"created\":\"x"), ("\"id\":\"0", "\"id\":\"u"),
            ("\"sha256\":\"", "\"sha256\":\"x"), ("\"name\":\"1", "\"name\":\"/"),
            ("\"name\":\"1", "\"name\":\"."), ("\"mode\":", "\"mode\":-"),
            ("\"uid\":", "\"uid\":99999999999"), ("\"gid\":", "\"gid\":4294967295,\"x\":"),
            ("\"size\":", "\"size\":9"), ("\"created\":\"20", "\"created\":\"22"), ("{", "!"),
            ("\"number\":1", "\"number\":9223372036854775807"),
            ("\"number\":1", "\"number\":4294967297"), ("\"number\":1", "\"number\":0"),
        ]
    )
    func unreadable(old: String, new: String) async throws {
        var lines = try await Self.lines(of: 3)
        lines[2] = Self.replacing(old, by: new, in: lines[2])
        let to = try Rig(scheme: "user={user}")
        let report = try await Self.bring(lines, into: to.tenant)
        #expect(report.added == 2)
        #expect(report.failed.map(\.line) == [3])
        #expect(try await to.tenant.check(contents: true) == [])
    }

    @Test("may have the greatest number of a revision that is taken, and edits go on from it")
    func greatestNumber() async throws {
        var lines = try await Self.lines(of: 2)
        lines[2] = Self.replacing("\"number\":1", by: "\"number\":4294967296", in: lines[2])
        let to = try Rig(scheme: "user={user}")
        #expect(try await Self.bring(lines, into: to.tenant).added == 2)
        let id = try to.tenant.memory(at: NamePath("user=u1/1.md")).id
        let edited = try await to.tenant.edit(id, content: [1], origin: Self.origin)
        #expect(edited.revision == RevisionNumber(4_294_967_297))
    }

    @Test("that lacks a line, has one more or a changed one says so plainly")
    func miscounted() async throws {
        let lines = try await Self.lines(of: 3)
        func message(_ lines: [[UInt8]]) async throws -> String {
            let to = try Rig(scheme: "user={user}")
            var run = ArchiveImport(tenant: to.tenant, isDry: false, origin: Self.origin)
            for (index, line) in lines.enumerated() { try await run.take(line, line: index + 1) }
            do {
                try await run.finish()
                return ""
            } catch {
                #expect(error.code == .corrupt)
                return error.message
            }
        }
        var missing = lines
        missing.remove(at: 2)
        let lacks = try await message(missing)
        #expect(lacks.hasPrefix("Line 4, the archive's last, tells of 3 memories, and 2 came"))
        #expect(lacks.contains("lines are missing"))
        let doubled = try await message(Array(lines[...2]) + lines[2...])
        #expect(doubled.contains("tells of 3 memories, and 4 came before it: lines are doubled"))
        let after = try await message(lines + [lines[1]])
        #expect(after.hasPrefix("Line 6 of the archive stands after its end."))
        var fewer = lines
        fewer[4] = Self.replacing("\"revisions\":5", by: "\"revisions\":6", in: fewer[4])
        let changed = try await message(fewer)
        #expect(changed.contains("tells of 6 revisions, and 5 came before it: a line was changed"))
    }

    @Test("that has one memory twice brings the first in, and says where that was")
    func twice() async throws {
        var lines = try await Self.lines(of: 2)
        lines.insert(lines[1], at: 3)
        lines[4] = Self.replacing("\"memories\":2", by: "\"memories\":3", in: lines[4])
        lines[4] = Self.replacing("\"revisions\":4", by: "\"revisions\":7", in: lines[4])
        let to = try Rig(scheme: "user={user}")
        let report = try await Self.bring(lines, into: to.tenant)
        #expect(report.added == 2 && report.failed.map(\.line) == [4])
        #expect(report.failed[0].error.message.contains("twice, first in line 2"))
    }

    @Test("differs where it has revisions that the store lacks, or only one of both has it trashed")
    func compares() async throws {
        let to = try Rig(scheme: "user={user}")
        let lines = try await Self.lines(of: 2)
        // The current revision alone, as an archive without history has it.
        var short = lines
        let text = String(decoding: lines[1], as: UTF8.self)
        let second = try #require(text.firstRange(of: "{\"number\":3"))
        let first = try #require(text.firstRange(of: "{\"number\":1"))
        short[1] = Array((text[..<first.lowerBound] + text[second.lowerBound...]).utf8)
        short[3] = Self.replacing("\"revisions\":4", by: "\"revisions\":2", in: short[3])
        #expect(try await Self.bring(short, into: to.tenant).added == 2)
        #expect(try await Self.bring(short, into: to.tenant).equal == 2)
        let id = try to.tenant.memory(at: NamePath("user=u0/0.md")).id
        let report = try await Self.bring(lines, into: to.tenant)
        #expect(report.equal == 1 && report.differing == [id])

        let whole = try Rig(scheme: "user={user}")
        #expect(try await Self.bring(lines, into: whole.tenant).added == 2)
        // Fewer revisions than the store has are no difference.
        #expect(try await Self.bring(short, into: whole.tenant).equal == 2)
        try await whole.tenant.delete(id, origin: Self.origin)
        #expect(try await Self.bring(lines, into: whole.tenant).differing == [id])
        let trashed = try Self.export(whole.tenant, history: true)
        _ = try await whole.tenant.restore(id, origin: Self.origin)
        #expect(try await Self.bring(trashed, into: whole.tenant).differing == [id])
    }

    @Test("puts what was in the trash there without a name, even where a file has its place")
    func trashed() async throws {
        let from = try Rig(scheme: "by={by}")
        let memory = try await from.tenant.append(
            [1],
            name: Name("a.md"),
            attributes: ["user": "gone"],
            origin: Self.origin
        )
        try await from.tenant.delete(memory.id, origin: Self.origin)
        let lines = try Self.export(from.tenant, history: true)

        let to = try Rig(scheme: "user={user}")
        _ = try await to.tenant.append(
            [2],
            name: Name("a.md"),
            attributes: ["user": "gone"],
            origin: Self.origin
        )
        let empty = try Rig(scheme: "user={user}")
        for tenant in [to.tenant, empty.tenant] {
            #expect(try await Self.bring(lines, into: tenant).added == 1)
            #expect(try tenant.memory(memory.id).isTrashed)
            #expect(try await tenant.check(contents: true) == [])
        }
        var shown: [NamePath] = []
        try TreeReader(empty.tenant).walk(nil) { shown.append($0.path) }
        #expect(shown.isEmpty)
        let back = try await empty.tenant.restore(memory.id, origin: Self.origin)
        #expect(back.path == (try NamePath("user=gone/a.md")))
        #expect(try await empty.tenant.check(contents: true) == [])
    }
}

extension String {
    fileprivate func replacingCharacters(_ new: String, at range: Range<Index>) -> String {
        String(self[..<range.lowerBound]) + new + String(self[range.upperBound...])
    }
}

/// A generator that repeats itself for a seed.
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}

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
        try run.run(tenant, history: history, at: nil) { bytes += $0 }
        return bytes.split(separator: UInt8(ascii: "\n")).map { Array($0) }
    }

    private static func bring(
        _ lines: [[UInt8]],
        into tenant: Tenant
    ) async throws -> ArchiveImport.Report {
        var run = ArchiveImport(tenant: tenant, isDry: false, origin: origin)
        for (index, line) in lines.enumerated() { try await run.take(line, line: index + 1) }
        try await run.finish()
        return run.report
    }

    /// All that an archive is to bring back, by id.
    private static func all(_ tenant: Tenant) throws -> [MemoryID: ArchivedMemory] {
        var all: [MemoryID: ArchivedMemory] = [:]
        try tenant.archive(history: true) { all[$0.id] = $0 }
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

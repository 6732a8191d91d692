import Linux
import Model
import Testing

@testable import Loci

@Suite("The audit")
struct AuditTests {
    private let made: TemporaryStore
    private let tenant: Tenant
    private let bob = Origin(actor: "bob", uid: 1000, process: "vim", reason: "tidy")
    private let eve = Origin(actor: "eve", uid: 1001)

    init() throws {
        made = try TemporaryStore(scheme: try Scheme("user={user}"))
        tenant = try made.tenant()
    }

    private func seqs(_ change: (inout ChangeFilter) -> Void) throws -> [String] {
        var filter = ChangeFilter()
        change(&filter)
        return try tenant.audit(filter).changes.map { found in
            "\(found.change.operation?.rawValue ?? "?") \(found.path?.description ?? "-")"
        }
    }

    @Test("finds changes by who made them, what they did, where and when")
    func filters() async throws {
        let first = try await tenant.append([1], at: NamePath("user=bob/x.md"), origin: bob)
        _ = try await tenant.append([1], at: NamePath("user=eve/y.md"), origin: eve)
        made.advance(.seconds(100))
        let middle = made.now
        made.advance(.seconds(100))
        _ = try await tenant.move(first.id, to: NamePath("user=carl/x.md"), origin: eve)
        try await tenant.delete(first.id, origin: bob)
        let all = [
            "delete user=carl/x.md", "rename user=carl/x.md", "add user=eve/y.md",
            "add user=bob/x.md",
        ]
        #expect(try seqs { $0.actors = ["eve"] } == [all[1], all[2]])
        #expect(try seqs { $0.operations = [.add] } == [all[2], all[3]])
        #expect(try seqs { $0.memory = first.id } == [all[0], all[1], all[3]])
        #expect(try seqs { $0.path = try? NamePath("user=bob") } == [all[1], all[3]])
        #expect(try seqs { $0.path = try? NamePath("user=carl/x.md") } == [all[0], all[1]])
        #expect(try seqs { $0.since = middle } == [all[0], all[1]])
        #expect(
            try seqs { filter in
                filter.until = middle
                filter.operations = [.add]
            } == [all[2], all[3]]
        )
    }

    @Test("comes in pages that together tell every change once")
    func pages() async throws {
        for number in 0..<10 {
            _ = try await tenant.append([1], at: NamePath("user=u/\(number)"), origin: bob)
        }
        let whole = try tenant.audit().changes.map(\.change.number)
        #expect(whole.first == (try tenant.lastChange()))
        var seen: [ChangeNumber] = []
        var cursor: ChangeNumber?
        repeat {
            let page = try tenant.audit(before: cursor, limit: 3)
            #expect(page.changes.count <= 3)
            seen += page.changes.map(\.change.number)
            cursor = page.next
        } while cursor != nil
        #expect(seen == whole)
    }

    @Test("is followed by ten readers that see the same, through restarts of each and of writers")
    func followers() async throws {
        let start = try tenant.lastChange()
        let writers = 4
        let each = 50
        let last = ChangeNumber(start.rawValue + Int64(writers * each))
        let followers = (0..<10).map { number in
            Task { [made] in
                var seen: [Change] = []
                var cursor = start
                while cursor < last {
                    // Each a process of its own that stops after some changes and begins again.
                    let tenant = try made.reopened()
                    var feed = tenant.changes(following: cursor).makeAsyncIterator()
                    for _ in 0...(number + 3) where cursor < last {
                        guard let change = try await feed.next() else { break }
                        seen.append(change)
                        cursor = change.number
                    }
                }
                return seen
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<writers {
                group.addTask { [made, bob] in
                    for number in 0..<each {
                        _ = try await made.reopened().append(
                            [1],
                            at: NamePath("user=w\(writer)/\(number)"),
                            origin: bob
                        )
                    }
                }
            }
            try await group.waitForAll()
        }
        for follower in followers {
            let seen = try await follower.value
            #expect(seen.map(\.number.rawValue) == Array(start.rawValue + 1...last.rawValue))
            #expect(Set(seen.map(\.memory)).count == writers * each)
        }
        #expect(try await tenant.verifyAudit().broken == nil)
    }

    @Test("refuses to go on where retention has cut what comes next")
    func gap() async throws {
        let memory = try await tenant.append([1], at: NamePath("user=bob/x"), origin: bob)
        for value in 0..<5 {
            _ = try await tenant.edit(memory.id, content: [UInt8(value)], origin: bob)
        }
        let cursor = ChangeNumber(2)
        #expect(try tenant.feed(after: cursor).first?.number == ChangeNumber(3))
        made.advance(.seconds(100 * 86_400))
        _ = try await tenant.applyRetention(origin: bob)
        #expect(await failure { _ = try tenant.feed(after: cursor) } == .notFound)
        let begins = try tenant.logBegins()
        #expect(try tenant.feed(after: begins).first?.number.rawValue == begins.rawValue + 1)
        #expect(try await tenant.check(contents: true) == [])
    }
}

import Model
import SQL
import Testing

@testable import Catalog

@Suite("Layouts")
struct LayoutTests {
    /// A catalog with two layouts, of which the second is listed.
    private func cutOver() throws -> (TemporaryCatalog, MemoryRow) {
        let temporary = try TemporaryCatalog()
        let memory = try temporary.add("x.md", ["user": "bob", "topic": "auth"])
        let second = try temporary.addLayout("topic={topic}/user={user}")
        try temporary.write { tx in _ = try tx.list(second, operation: .layoutListed) }
        return (temporary, memory)
    }

    @Test("are not two in the making")
    func oneBuilding() throws {
        let temporary = try TemporaryCatalog()
        try temporary.write { tx in _ = try tx.beginLayout(try Scheme("a={a}"), apart: false) }
        let code = failure {
            try temporary.write { tx in
                _ = try tx.beginLayout(try Scheme("b={b}"), apart: false)
            }
        }
        #expect(code == .wrongState)
    }

    @Test("raise the scheme version with their first listing only")
    func schemeVersion() throws {
        let (temporary, _) = try cutOver()
        func version() throws -> Int64? { try temporary.read { try $0.setting("scheme_version") } }
        #expect(try version() == 2)
        try temporary.write { tx in
            _ = try tx.list(try tx.layout(LayoutNumber(1)), operation: .revert)
        }
        try temporary.write { tx in
            _ = try tx.list(try tx.layout(LayoutNumber(2)), operation: .layoutListed)
        }
        #expect(try version() == 2)
        #expect(try temporary.findings() == [])
    }

    @Test("that are retired resolve no path, and are cleared in pieces")
    func retireAndClear() throws {
        let (temporary, memory) = try cutOver()
        let first = try temporary.layout(1)
        try temporary.write { tx in try tx.end(first, operation: .layoutRetired) }
        try temporary.read { reader in
            let path = try NamePath("user=bob/topic=auth/x.md").names
            let set = try reader.layouts().resolvable
            #expect(try reader.resolve(path, from: Catalog.rootNode, layouts: set) == nil)
        }
        #expect(try temporary.paths(memory) == [2: "topic=auth/user=bob/x.md"])
        var rounds = 0
        var isLeft = true
        while isLeft {
            try temporary.write { tx in
                let layout = try tx.layout(LayoutNumber(1))
                let entries = try tx.reader.endedEntries(of: layout, after: nil, limit: 1)
                try tx.clear(entries, of: layout)
                isLeft = !entries.isEmpty
                if isLeft { rounds += 1 } else { try tx.finishClearing(layout) }
            }
        }
        #expect(rounds == 3)
        #expect(try temporary.layout(1).state == .cleared)
        #expect(try temporary.findings() == [])
        let third = try temporary.addLayout("third={user}")
        #expect(third.slot == 0)
        #expect(try temporary.paths(memory)[3] == "third=bob/x.md")
    }

    @Test("that are retired give their names to others before they are cleared")
    func takesRetiredNames() throws {
        let (temporary, _) = try cutOver()
        try temporary.write { tx in
            try tx.end(try tx.layout(LayoutNumber(1)), operation: .layoutRetired)
        }
        let second = try temporary.addLayout("user={user}/topic={topic}/{folder...}")
        #expect(second.slot == 2)
        let memory = try temporary.add("x.md", ["user": "bob", "topic": "new"], seed: 5)
        #expect(try temporary.paths(memory)[3] == "user=bob/topic=new/x.md")
        #expect(try temporary.findings() == [])
    }

    @Test("made apart have a root of their own")
    func apart() throws {
        let temporary = try TemporaryCatalog("{user}/{topic}")
        let memory = try temporary.add("x.md", ["user": "bob", "topic": "auth"])
        let second = try temporary.addLayout("{topic}/{user}", apart: true)
        #expect(second.root != Catalog.rootNode)
        #expect(try temporary.paths(memory)[2] == "auth/bob/x.md")
        #expect(try temporary.names("", second.bit) == [])
        #expect(try temporary.findings() == [])
    }
}

@Suite("The past")
struct PastTests {
    @Test("tells what a memory was at any change that a snapshot keeps")
    func past() throws {
        let temporary = try TemporaryCatalog()
        let memory = try temporary.add("x.md", ["user": "bob"])
        let first = try temporary.write { try $0.takeSnapshot("first") }
        let second = try temporary.write { tx in
            let renamed = try tx.change(
                memory,
                attributes: [AttributeChange(key: "user", value: "eve")],
                name: try Name("y.md"),
                primary: LayoutNumber(1),
                operation: .rename
            )
            _ = try tx.addRevision(renamed, content: .sample("k2"), mtime: 0)
            return try tx.takeSnapshot("second")
        }
        try temporary.write { tx in
            _ = try tx.trash(try #require(try tx.reader.memory(row: memory.row)))
        }
        try temporary.read { reader in
            let now = try #require(try reader.memory(row: memory.row))
            let then = try #require(try reader.past(of: now, at: first.number))
            #expect(then.name == memory.name)
            #expect(then.attributes == ["user": "bob"])
            #expect(then.revision == RevisionNumber(1))
            #expect(!then.isTrashed)
            let later = try #require(try reader.past(of: now, at: second.number))
            #expect(later.name.description == "y.md")
            #expect(later.attributes == ["user": "eve"])
            #expect(later.revision == RevisionNumber(2))
            #expect(!later.isTrashed)
            let last = try #require(try reader.past(of: now, at: try reader.lastChange()))
            #expect(last.isTrashed)
            #expect(try reader.past(of: now, at: ChangeNumber(0)) == nil)
        }
    }

    @Test("is let go by retention, but for what a snapshot needs")
    func retention() throws {
        let temporary = try TemporaryCatalog()
        var memory = try temporary.add("x.md", ["user": "bob"])
        memory = try temporary.write { tx in
            try tx.addRevision(memory, content: .sample("k2"), mtime: 0)
        }
        let snapshot = try temporary.write { try $0.takeSnapshot("keep") }
        try temporary.write { tx in
            let moved = try tx.change(
                memory,
                attributes: [AttributeChange(key: "user", value: "eve")],
                primary: LayoutNumber(1),
                operation: .set
            )
            _ = try tx.addRevision(moved, content: .sample("k3"), mtime: 0)
        }
        temporary.advance(.seconds(100))
        let outcome = try temporary.write { tx in
            try tx.applyRetention(horizon: tx.now, limit: 100)
        }
        #expect(outcome.revisions == 1)
        try temporary.read { reader in
            #expect(try reader.revisions(of: memory.row).map(\.number.rawValue) == [2, 3])
            #expect(try reader.use(ofBlobKey: "\(memory.id).1").isCollectable)
            let now = try #require(try reader.memory(row: memory.row))
            #expect(
                try reader.past(of: now, at: snapshot.number)?.attributes == ["user": "bob"]
            )
        }
        try temporary.write { tx in try tx.deleteSnapshot("keep") }
        let rest = try temporary.write { tx in
            try tx.applyRetention(horizon: tx.now, limit: 100)
        }
        #expect(rest.revisions == 1)
        #expect(rest.pastRows > 0)
        #expect(try temporary.findings() == [])
    }

    @Test("is let go a few thousand memories at a time, each looked at once")
    func retentionOfMany() throws {
        let temporary = try TemporaryCatalog()
        let first = try temporary.add("first.md", ["user": "bob"])
        for batch in 0..<6 {
            try temporary.write { tx in
                for number in 0..<1000 {
                    _ = try tx.addSample(
                        "\(batch)-\(number)",
                        ["user": "bob"],
                        seed: UInt64(100_000 + batch * 1000 + number),
                        primary: LayoutNumber(1)
                    )
                }
            }
        }
        let last = try temporary.add("last.md", ["user": "bob"], seed: 1)
        for (turn, memory) in [first, last].enumerated() {
            try temporary.write { tx in
                for number in 0..<3 {
                    let now = try #require(try tx.reader.memory(row: memory.row))
                    let key = "new-\(turn)-\(number)"
                    _ = try tx.addRevision(now, content: .sample(key), mtime: 0)
                }
            }
        }
        // What the log says stays, so that revisions alone make it go on.
        _ = try temporary.write { try $0.takeSnapshot("now") }
        temporary.advance(.seconds(100))
        var (cursor, found) = (RetentionCursor(0), [Int]())
        while true {
            let outcome = try temporary.write { tx in
                try tx.applyRetention(horizon: tx.now, limit: 2, after: cursor)
            }
            found.append(outcome.revisions)
            guard let next = outcome.next else { break }
            cursor = next
        }
        // Two, then the rest of the first thousands, then those of the last memory.
        #expect(found == [2, 1, 2, 1])
        #expect(try temporary.findings() == [])
    }

    @Test("in the change log goes too, from its beginning, and the log says so")
    func changesAreLetGo() throws {
        let temporary = try TemporaryCatalog()
        let memory = try temporary.add("x.md", ["user": "bob"])
        for value in 0..<20 {
            try temporary.write { tx in
                let now = try #require(try tx.reader.memory(row: memory.row))
                _ = try tx.change(
                    now,
                    attributes: [AttributeChange(key: "n", value: "\(value)")],
                    primary: LayoutNumber(1),
                    operation: .set
                )
            }
        }
        let last = try temporary.read { try $0.lastChange() }
        temporary.advance(.seconds(100))
        while try temporary.write({ tx in
            try tx.applyRetention(horizon: tx.now, limit: 5).isPartial
        }) {}
        let left = try temporary.read { try $0.changes(after: ChangeNumber(0), limit: 99) }
        #expect(left.last?.operation == .retention)
        #expect(left.allSatisfy { $0.number > last || $0.operation == .set })
        #expect(try temporary.read { try $0.logAnchor().number } >= last.rawValue - 1)
        #expect(try temporary.findings() == [])
    }

    @Test("keeps nothing of a savepoint that was taken back")
    func savepoint() throws {
        let temporary = try TemporaryCatalog()
        let before = try temporary.read { try $0.lastChange() }
        let code = failure {
            try temporary.write { tx in
                let primary = LayoutNumber(1)
                _ = try tx.addSample("a.md", [:], seed: 1, primary: primary)
                #expect(
                    failure {
                        try tx.savepoint {
                            _ = try tx.addSample("b.md", [:], seed: 2, primary: primary)
                            _ = try tx.addSample("a.md", [:], seed: 3, primary: primary)
                        }
                    } == .nameTaken
                )
                _ = try tx.addSample("c.md", [:], seed: 4, primary: primary)
            }
        }
        #expect(code == nil)
        #expect(try temporary.read { try $0.memoryCounts().live } == 2)
        let numbers = try temporary.read { try $0.changes(after: before, limit: 9) }
        #expect(numbers.map(\.number.rawValue) == [before.rawValue + 1, before.rawValue + 2])
        #expect(try temporary.findings() == [])
    }
}

@Suite("A check of the catalog")
struct CheckTests {
    @Test(
        "finds what breaks a rule",
        arguments: [
            (1, "DELETE FROM revision"),
            (1, "UPDATE node SET size = 99 WHERE kind = 2"),
            (2, "DELETE FROM entry WHERE node IN (SELECT node FROM memory)"),
            (2, "DELETE FROM node WHERE kind = 2"),
            (2, "UPDATE memory SET trashed = 1"),
            (3, "INSERT INTO collectable SELECT blob_key, 0, 'moved' FROM revision"),
            (7, "DELETE FROM change"),
        ]
    )
    func finds(rule: Int, damage: String) throws {
        let temporary = try TemporaryCatalog()
        try temporary.add("x.md", ["user": "bob"])
        #expect(try temporary.findings() == [])
        try temporary.write { tx in try tx.reader.connection.execute(damage) }
        #expect(try temporary.findings().contains { $0.rule == rule })
    }
}

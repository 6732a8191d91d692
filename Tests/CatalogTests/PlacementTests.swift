import Model
import SQL
import Testing

@testable import Catalog

@Suite("The mapping")
struct PlacementTests {
    @Test("places a memory once in every live layout")
    func placement() throws {
        let temporary = try TemporaryCatalog()
        _ = try temporary.addLayout("topic={topic}/user={user}")
        let memory = try temporary.add("x.md", ["user": "bob", "topic": "auth"])
        #expect(
            try temporary.paths(memory)
                == [1: "user=bob/topic=auth/x.md", 2: "topic=auth/user=bob/x.md"]
        )
        #expect(try temporary.findings() == [])
    }

    @Test("serves a layout that is building, which no path resolves by")
    func building() throws {
        let temporary = try TemporaryCatalog()
        let layout = try temporary.write { tx in
            try tx.beginLayout(try Scheme("topic={topic}"), apart: false)
        }
        let memory = try temporary.add("x.md", ["user": "bob", "topic": "auth"])
        #expect(try temporary.paths(memory)[2] == "topic=auth/x.md")
        try temporary.read { reader in
            let path = try NamePath("topic=auth/x.md").names
            let resolvable = try reader.layouts().resolvable
            #expect(
                try reader.resolve(path, from: Catalog.rootNode, layouts: resolvable) == nil
            )
            #expect(
                try reader.resolve(path, from: Catalog.rootNode, layouts: layout.bit) != nil
            )
        }
    }

    @Test("lists a name that another memory gets where it was, and nothing else there")
    func positions() throws {
        let temporary = try TemporaryCatalog("{folder...}")
        let one = try temporary.add("x.md")
        let other = try temporary.add("y.md", seed: 1)
        func listed() throws -> [String: UInt64] {
            try temporary.read { reader in
                var positions: [String: UInt64] = [:]
                let all = try reader.layouts().resolvable
                try reader.list(Catalog.rootNode, layouts: all) { entry, _ in
                    positions[entry.name.description] = entry.position.rawValue
                    return true
                }
                return positions
            }
        }
        let (x, y) = (one.node.rawValue, other.node.rawValue)
        #expect(try listed() == ["x.md": x, "y.md": y])
        let layout = try temporary.layout(1).number
        let (trashed, renamed) = try temporary.write { tx in
            let trashed = try tx.trash(one)
            let name = try Name("x.md")
            let renamed = try tx.change(other, name: name, primary: layout, operation: .rename)
            return (trashed, renamed)
        }
        #expect(try listed() == ["x.md": x])
        _ = try temporary.write { tx in
            _ = try tx.change(
                renamed,
                name: try Name("z.md"),
                primary: layout,
                operation: .rename
            )
        }
        #expect(try listed() == ["z.md": x], "renamed within its directory")
        _ = try temporary.write { tx in try tx.untrash(trashed, primary: layout) }
        let positions = try listed()
        #expect(Set(positions.keys) == ["x.md", "z.md"])
        #expect(positions["z.md"] == x)
        #expect(positions["x.md"].map { $0 > y } == true)
        #expect(try temporary.findings() == [])
    }

    @Test("refuses a name that is taken in the layout by which it was given")
    func nameTaken() throws {
        let temporary = try TemporaryCatalog()
        try temporary.add("x.md", ["user": "bob"])
        #expect(
            failure { try temporary.add("x.md", ["user": "bob"], seed: 1) } == .nameTaken
        )
        #expect(try temporary.read { try $0.memoryCounts().live } == 1)
        #expect(try temporary.findings() == [])
    }

    @Test("gives a suffix to the later memory where another layout has the name")
    func suffix() throws {
        let temporary = try TemporaryCatalog()
        _ = try temporary.addLayout("topic={topic}")
        let first = try temporary.add("x.md", ["user": "bob", "topic": "auth"])
        let second = try temporary.add("x.md", ["user": "eve", "topic": "auth"], seed: 1)
        let id = second.id.description.suffix(CollisionSuffix.shortest)
        #expect(try temporary.paths(first)[2] == "topic=auth/x.md")
        #expect(try temporary.paths(second)[2] == "topic=auth/x~\(id).md")
        #expect(try temporary.paths(second)[1] == "user=eve/topic=auth/x.md")
        let operations = try temporary.read { reader in
            try reader.changes(ofMemory: second.row, limit: 9).compactMap(\.operation)
        }
        #expect(operations == [.suffix, .add])
    }

    @Test("keeps a suffix as long as its place stays, and drops it where the memory moves")
    func suffixIsStored() throws {
        let temporary = try TemporaryCatalog()
        _ = try temporary.addLayout("topic={topic}")
        let first = try temporary.add("x.md", ["user": "bob", "topic": "auth"])
        let second = try temporary.add("x.md", ["user": "eve", "topic": "auth"], seed: 1)
        let before = try temporary.paths(second)[2]
        try temporary.write { tx in _ = try tx.trash(first) }
        #expect(try temporary.paths(second)[2] == before)
        let moved = try temporary.write { tx in
            try tx.change(
                second,
                attributes: [AttributeChange(key: "topic", value: "ui")],
                primary: LayoutNumber(1),
                operation: .set
            )
        }
        #expect(try temporary.paths(moved)[2] == "topic=ui/x.md")
        #expect(try temporary.findings() == [])
    }

    @Test("refuses a value that another live layout claims in a directory that both share")
    func claims() throws {
        let temporary = try TemporaryCatalog("{folder...}")
        _ = try temporary.addLayout("topic={topic}")
        #expect(
            failure { try temporary.add("x.md", ["folder": "topic=a"]) } == .pathDoesNotFit
        )
        #expect(failure { try temporary.add("topic=a", [:], seed: 1) } == .pathDoesNotFit)
        let memory = try temporary.add("x.md", ["folder": "b"], seed: 2)
        let change = AttributeChange(key: "folder", value: "topic=a/b")
        #expect(
            failure {
                try temporary.write { tx in
                    _ = try tx.change(
                        memory,
                        attributes: [change],
                        primary: LayoutNumber(1),
                        operation: .set
                    )
                }
            } == .pathDoesNotFit
        )
        #expect(try temporary.paths(memory)[1] == "b/x.md")
    }

    @Test("removes a directory of an unlisted layout with its last entry, and keeps a listed one")
    func prune() throws {
        let temporary = try TemporaryCatalog()
        let second = try temporary.addLayout("topic={topic}/user={user}")
        let memory = try temporary.add("x.md", ["user": "bob", "topic": "auth"])
        #expect(try temporary.names("topic=auth", second.bit) == ["user=bob"])
        try temporary.write { tx in _ = try tx.trash(memory) }
        let first = try temporary.layout(1)
        #expect(try temporary.names("", second.bit) == [])
        #expect(try temporary.names("", first.bit) == ["user=bob"])
        #expect(try temporary.names("user=bob", first.bit) == ["topic=auth"])
        #expect(try temporary.findings() == [])
    }

    @Test("moves a directory with its node, and its memories follow in every layout")
    func directoryMoves() throws {
        let temporary = try TemporaryCatalog()
        _ = try temporary.addLayout("topic={topic}/user={user}")
        let one = try temporary.add("1.md", ["user": "bob", "topic": "auth"])
        let two = try temporary.add("2.md", ["user": "bob", "topic": "ui"], seed: 1)
        let node = try temporary.write { tx in
            let root = Catalog.rootNode
            let view = try tx.layout(LayoutNumber(1))
            let entry = try #require(
                try tx.reader.entry(in: root, named: try Name("user=bob"), layouts: view.bit)
            )
            try tx.moveDirectory(entry, to: root, as: try Name("user=eve"), view: view, limit: 9)
            return entry.node
        }
        #expect(
            try temporary.paths(one)
                == [1: "user=eve/topic=auth/1.md", 2: "topic=auth/user=eve/1.md"]
        )
        #expect(try temporary.paths(two)[2] == "topic=ui/user=eve/2.md")
        let moved = try temporary.read { reader in
            try reader.entry(
                in: Catalog.rootNode,
                named: try Name("user=eve"),
                layouts: try reader.layouts().resolvable
            )
        }
        #expect(moved?.node == node)
        #expect(try temporary.read { try $0.attributes(of: one.row) }["user"] == "eve")
        #expect(try temporary.findings() == [])
    }

    @Test("refuses to move a directory of more memories than one transaction may move")
    func largeDirectory() throws {
        let temporary = try TemporaryCatalog()
        for seed in 0..<3 {
            try temporary.add("\(seed).md", ["user": "bob"], seed: UInt64(seed))
        }
        let code = failure {
            try temporary.write { tx in
                let view = try tx.layout(LayoutNumber(1))
                let entry = try #require(
                    try tx.reader.entry(
                        in: Catalog.rootNode,
                        named: try Name("user=bob"),
                        layouts: view.bit
                    )
                )
                try tx.moveDirectory(
                    entry,
                    to: Catalog.rootNode,
                    as: try Name("user=eve"),
                    view: view,
                    limit: 2
                )
            }
        }
        #expect(code == .busy)
        #expect(try temporary.findings() == [])
    }

    @Test("removes a directory only when it is empty")
    func rmdir() throws {
        let temporary = try TemporaryCatalog()
        let memory = try temporary.add("x.md", ["user": "bob", "topic": "a"])
        func remove() throws {
            try temporary.write { tx in
                let view = try tx.layout(LayoutNumber(1))
                let user = try #require(
                    try tx.reader.entry(
                        in: Catalog.rootNode,
                        named: try Name("user=bob"),
                        layouts: view.bit
                    )
                )
                let topic = try #require(
                    try tx.reader.entry(
                        in: user.node,
                        named: try Name("topic=a"),
                        layouts: view.bit
                    )
                )
                try tx.removeDirectory(topic, view: view)
            }
        }
        #expect(failure(remove) == .notEmpty)
        try temporary.write { tx in _ = try tx.trash(memory) }
        try remove()
        #expect(try temporary.names("user=bob", try temporary.layout(1).bit) == [])
    }

    @Test("marks the blobs of a memory to be moved where the target's path for it changed")
    func misplaced() throws {
        let temporary = try TemporaryCatalog()
        let memory = try temporary.write { tx in
            var generator = SeededGenerator(seed: 9)
            let fields = MemoryFields(
                id: MemoryID(time: tx.now, using: &generator),
                created: tx.now,
                attributes: ["user": "bob"]
            )
            var content = try PlacedContent.sample("k")
            content.layout = LayoutNumber(1)
            return try tx.addMemory(
                fields,
                name: try Name("x.md"),
                content: content,
                appearance: NodeAppearance(permissions: 0o644, uid: 0, gid: 0, mtime: 0),
                primary: LayoutNumber(1)
            )
        }
        let target = LayoutNumber(1)
        #expect(try temporary.read { try $0.misplacedCount(target: target) } == 0)
        try temporary.write { tx in
            _ = try tx.change(
                memory,
                attributes: [AttributeChange(key: "mood", value: "good")],
                primary: target,
                operation: .set
            )
        }
        #expect(try temporary.read { try $0.misplacedCount(target: target) } == 0)
        try temporary.write { tx in
            _ = try tx.change(
                memory,
                attributes: [AttributeChange(key: "user", value: "eve")],
                primary: target,
                operation: .set
            )
        }
        #expect(try temporary.read { try $0.misplacedCount(target: target) } == 1)
    }
}

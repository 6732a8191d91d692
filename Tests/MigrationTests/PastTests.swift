import Catalog
import Loci
import Migration
import SQL
import Testing

/// What a tenant showed at a moment: the observation that the past is compared with.
private struct Shown: Equatable {
    struct File: Equatable {
        let id: MemoryID
        let attributes: [String: String]
        let revision: RevisionNumber
        let text: String
    }

    var scheme: String
    var directories: Set<String> = []
    var files: [String: File] = [:]

    /// Through the verbs for now, or for a moment.
    init(_ tenant: Tenant, at moment: PastMoment?) async throws {
        let listed =
            if let moment {
                try tenant.listedLayout(at: moment)
            } else {
                try #require(try tenant.layouts().first { $0.isListed })
            }
        scheme = listed.scheme.text
        var pending = [NamePath()]
        while let path = pending.popLast() {
            let entries =
                if let moment {
                    try tenant.entries(of: path, when: moment)
                } else {
                    try tenant.entries(of: path)
                }
            for entry in entries {
                let below = path.appending(entry.name)
                if entry.kind == .directory {
                    directories.insert(below.description)
                    pending.append(below)
                    continue
                }
                let memory =
                    if let moment {
                        try tenant.memory(at: below, when: moment)
                    } else {
                        try tenant.memory(at: below)
                    }
                #expect(memory.path == below && memory.size == entry.size)
                #expect(memory.id == entry.memory)
                let text = try await tenant.content(of: memory.id, revision: memory.revision)
                files[below.description] = File(
                    id: memory.id,
                    attributes: memory.attributes,
                    revision: memory.revision,
                    text: String(decoding: text, as: UTF8.self)
                )
            }
        }
    }
}

/// Random changes of everything that a tree shows, with layouts that come, are listed and end, and
/// slots that are used again: at the end every moment shows what it showed.
@Suite("Every moment")
struct PastTests {
    private static let seeds: [UInt64] = [1, 2, 3, 4, 5, 6, 7, 8]

    @Test("lists at the end exactly the tree and the bytes that it had", arguments: seeds)
    func everyMoment(seed: UInt64) async throws {
        var walk = try PastWalk(seed: seed)
        var recorded: [(ChangeNumber, Timestamp, Shown)] = []
        for step in 0..<120 {
            do {
                try await walk.step()
            } catch let error as LociError {
                // A name that is taken, a state that does not allow it: nothing happened.
                let fine: [LociError.Code] = [
                    .nameTaken, .wrongState, .notEmpty, .schemesDispute, .invalidArgument,
                ]
                #expect(fine.contains(error.code), "seed \(seed), step \(step): \(error)")
            }
            let now = try walk.tenant.lastChange()
            let shown = try await Shown(walk.tenant, at: nil)
            recorded.append((now, walk.rig.scratch.clock.time, shown))
        }
        try await walk.rig.settle()
        for (number, time, shown) in recorded {
            let past = try await Shown(walk.tenant, at: .change(number))
            #expect(past == shown, "seed \(seed), change \(number)")
            #expect(try walk.tenant.change(at: .time(time)) == number)
        }
        for (path, file) in recorded.last?.2.files ?? [:] {
            let byID = try walk.tenant.memory(file.id, when: .change(recorded.last?.0 ?? .init(0)))
            #expect(byID.path?.description == path)
        }
        try await walk.tenant.expectClean()
        #expect(walk.layoutSteps > 1, "the layouts changed: seed \(seed)")
    }
}

private struct PastWalk {
    let rig: Rig
    var layoutSteps = 0
    private var random: Seeded
    private var made = 0

    var tenant: Tenant { rig.tenant }
    private let origin = Scratch.origin

    init(seed: UInt64) throws {
        let scratch = try Scratch()
        rig = Rig(scratch, try scratch.create("user={user}/topic={topic}"))
        random = Seeded(seed)
    }

    mutating func step() async throws {
        switch random.below(17) {
        case 0, 1, 2, 16: try await changeLayouts()
        case 3: try await rig.settle()
        case 4, 5, 6: try await add()
        case 7: try await makeOrRemoveDirectory()
        case 8: try await moveDirectory()
        default: try await changeMemory()
        }
    }

    /// Layouts that share directories, and such as do not.
    private static let schemes = [
        "user={user}/topic={topic}", "topic={topic}/user={user}", "user={user}/kind={kind}",
        "user={user}", "by={user}/{topic}",
    ]

    private mutating func changeLayouts() async throws {
        switch random.below(4) {
        case 0:
            try await rig.start(
                random.pick(Self.schemes),
                .with {
                    $0.takeSnapshotFirst = false
                    $0.onCollision = .suffix
                }
            )
        case 1, 2: try random.below(3) > 0 ? rig.migrator.cutover() : rig.migrator.revert()
        default:
            try random.below(2) > 0 ? rig.migrator.retire() : rig.migrator.abort()
            // Its rows are cleared, and its slot is free for the next one.
            try await rig.settle()
        }
        layoutSteps += 1
    }

    private var fields: [String: String] {
        mutating get {
            var fields: [String: String] = [:]
            for key in ["user", "topic", "kind"] where random.below(4) > 0 {
                fields[key] = random.pick(["a", "b", "c d"])
            }
            return fields
        }
    }

    private mutating func add() async throws {
        made += 1
        // Few names, so that some are taken, and in other layouts get a suffix.
        _ = try await tenant.append(
            Array("text \(made)".utf8),
            name: Name("n\(random.below(4)).md"),
            attributes: fields,
            origin: origin
        )
    }

    private var firstKey: Substring {
        get throws {
            let listed = try #require(try tenant.layouts().first { $0.isListed })
            return listed.scheme.text.prefix { $0 != "=" }
        }
    }

    private mutating func makeOrRemoveDirectory() async throws {
        let key = try firstKey
        let path = try NamePath("\(key)=\(random.pick(["a", "b", "new"]))")
        if random.below(2) == 0 {
            try tenant.makeDirectories([path], origin: origin)
        } else {
            try tenant.removeDirectories(under: path, origin: origin)
        }
    }

    private mutating func moveDirectory() async throws {
        let key = try firstKey
        let directories = try tenant.entries(of: NamePath()).filter { $0.kind == .directory }
        guard !directories.isEmpty else { return }
        let name = random.pick(directories).name
        guard name.description.hasPrefix(key) else { return }
        _ = try await tenant.moveDirectory(
            from: NamePath([name]),
            to: NamePath("\(key)=m\(random.below(3))"),
            origin: origin
        )
    }

    private mutating func changeMemory() async throws {
        let live = try tenant.list().memories
        let gone = try tenant.listTrash().memories
        if random.below(6) == 0, !gone.isEmpty {
            _ = try await tenant.restore(random.pick(gone).id, origin: origin)
            return
        }
        guard !live.isEmpty else { return }
        let memory = random.pick(live)
        switch random.below(6) {
        case 0: try await tenant.delete(memory.id, origin: origin)
        case 1:
            made += 1
            _ = try await tenant.edit(memory.id, content: Array("e \(made)".utf8), origin: origin)
        case 2: try replaceNode(memory)
        case 3:
            guard let path = memory.path else { return }
            _ = try await tenant.move(
                memory.id,
                to: path.parent.appending(Name("m\(random.below(4)).md")),
                origin: origin
            )
        default:
            let new = fields
            _ = try await tenant.set(
                memory.id,
                attributes: ["user": new["user"], "topic": new["topic"], "mood": new["kind"]],
                origin: origin
            )
        }
    }

    /// What a save by an editor does: another node has the memory's names from now on.
    private func replaceNode(_ memory: Memory) throws {
        try tenant.catalog.write(.full, origin: origin) { transaction in
            guard let row = try transaction.reader.memory(memory.id) else { return }
            let since = try transaction.record(.edit, memory: row.row)
            _ = try transaction.replaceNode(
                of: row,
                by: NodeAppearance(permissions: 0o644, uid: 0, gid: 0, mtime: 7),
                since: since
            )
            // What only a mount that is gone could have open.
            try transaction.deletePinnedNodes()
        }
    }
}

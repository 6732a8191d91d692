import Linux
import Loci
import Migration
import Synchronization
import Testing

/// Undo at every point: any order of start, cut-over, revert, abort and retirement, with memories
/// that are made, moved and deleted by paths of every live layout in between.
@Suite("Undo")
struct UndoTests {
    private static let seeds: [UInt64] = [1, 2, 3, 4, 5, 6]

    @Test(
        "in any order each step does what the model says, and every path stays right",
        arguments: seeds
    )
    func anyOrder(seed: UInt64) async throws {
        var walk = try UndoWalk(seed: seed)
        for step in 0..<120 {
            try await walk.step()
            try await walk.compare()
            if step % 30 == 29 { try await walk.rig.tenant.expectClean() }
        }
        try await walk.rig.settle()
        try await walk.compare()
        try await walk.rig.tenant.expectClean()
        #expect(walk.refused > 5 && walk.allowed > 5, "the walk tried both: seed \(seed)")
    }

    private func twoLayouts() async throws -> Rig {
        let scratch = try Scratch()
        let tenant = try scratch.create("user={user}/topic={topic}")
        try await tenant.add("user=ann/topic=db/n.md")
        let rig = Rig(scratch, tenant)
        try await rig.start("topic={topic}/user={user}")
        return rig
    }

    @Test("after an abort of a later migration the one before it can be listed and reverted")
    func earlierMigration() async throws {
        let rig = try await twoLayouts()
        try await rig.start("by={user}")
        try rig.migrator.abort()
        try rig.migrator.cutover()
        #expect(try rig.tenant.listedPaths() == ["topic=db/user=ann/n.md"])
        try await rig.start("by={user}")
        try rig.migrator.abort()
        try rig.migrator.revert()
        #expect(try rig.tenant.listedPaths() == ["user=ann/topic=db/n.md"])
    }

    @Test(
        "a blob that goes back to a key that was due to be collected is not collected there",
        arguments: [0, 700]
    )
    func backToADueKey(clockSteps seconds: Int) async throws {
        let scratch = try Scratch()
        let tenant = try scratch.create("user={user}/topic={topic}")
        for number in 0..<20 { try await tenant.add("user=u\(number)/topic=t/n.md", "\(number)") }
        let rig = Rig(scratch, tenant, stoppingAt: .collect)
        try rig.migrator.throttle(.none)
        try await rig.start("topic={topic}/user={user}")
        // All is moved, and what it left is due, when the process ends.
        #expect(await code { try await rig.settle() } == .cancelled)
        #expect(try rig.migrator.status().collectable == 20)
        try rig.migrator.abort()
        var tuning = rig.tuning
        let hasLinked = Atomic<Bool>(false)
        tuning.interrupt = { step in
            switch step {
            case .collect:
                // The first look at the network's time: what was put off is due all the same.
                if !hasLinked.load(ordering: .acquiring) {
                    scratch.clock.advance(.seconds(seconds))
                }
                for _ in 0..<1000 where !hasLinked.load(ordering: .acquiring) {
                    SystemClock.sleep(.milliseconds(1))
                }
            case .syncLinks: hasLinked.store(true, ordering: .releasing)
            case .commit: SystemClock.sleep(.milliseconds(100))
            default: break
            }
            return nil
        }
        for try await _ in MigrationWorker(tenant, tuning: tuning).runUntilReady() {}
        for number in 0..<20 {
            #expect(try await tenant.text("user=u\(number)/topic=t/n.md") == "\(number)")
        }
        try await tenant.expectClean()
    }

    @Test("a revert passes over a layout that has ended, to the one before it")
    func overAnEndedLayout() async throws {
        let rig = try await twoLayouts()
        try rig.migrator.cutover()
        try await rig.start("by={user}")
        try rig.migrator.cutover()
        try rig.migrator.retire(LayoutNumber(2))
        try rig.migrator.revert()
        #expect(try rig.tenant.listedPaths() == ["user=ann/topic=db/n.md"])
    }

    @Test("after a retirement abort and revert name a migration back, and not each other")
    func remedies() async throws {
        let rig = try await twoLayouts()
        try rig.migrator.cutover()
        try rig.migrator.retire()
        let back = "loci migrate start 'user={user}/topic={topic}'"
        let abort = #expect(throws: LociError.self) { try rig.migrator.abort() }
        let revert = #expect(throws: LociError.self) { try rig.migrator.revert() }
        #expect(abort?.remedy?.contains(back) == true, "\(abort?.remedy ?? "")")
        #expect(revert?.remedy?.contains(back) == true, "\(revert?.remedy ?? "")")
        let cutover = #expect(throws: LociError.self) { try rig.migrator.cutover() }
        #expect(cutover?.remedy?.contains("revert") == false)
    }

    @Test(
        "a start with a live layout's scheme names the verb that lists it, or the one that ends it"
    )
    func liveScheme() async throws {
        let rig = try await twoLayouts()
        func remedy(_ scheme: String) async -> String {
            let error = await #expect(throws: LociError.self) { try await rig.start(scheme) }
            return error?.remedy ?? ""
        }
        #expect(await remedy("topic={topic}/user={user}").contains("cutover"))
        try rig.migrator.cutover()
        #expect(await remedy("user={user}/topic={topic}").contains("revert"))
        try rig.migrator.revert()
        try await rig.start("by={user}")
        try rig.migrator.cutover()
        #expect(await remedy("topic={topic}/user={user}").contains("retire 2"))
    }
}

/// A tenant and its model, in the same random steps.
private struct UndoWalk {
    let rig: Rig
    var model = UndoModel()
    var allowed = 0
    var refused = 0
    private var random: Seeded
    private var made = 0

    private var tenant: Tenant { rig.tenant }
    private let origin = Scratch.origin

    init(seed: UInt64) throws {
        let scratch = try Scratch()
        rig = Rig(scratch, try scratch.create(UndoModel.shapes[0].scheme))
        random = Seeded(seed)
    }

    mutating func step() async throws {
        switch random.below(10) {
        case 0: try await start()
        case 1:
            try expect(model.cutover) { try $0.cutover() }
            if let layout = model.cutover { model.listed = layout }
        case 2:
            try expect(model.revert) { try $0.revert() }
            if let layout = model.revert { model.listed = layout }
        case 3:
            try expect(model.abort) { try $0.abort() }
            if let layout = model.abort { model.layouts[layout].isLive = false }
        case 4: try retire()
        case 5: try await rig.settle(batchSize: 1 + random.below(8))
        case 6, 7: try await create()
        case 8: try await move()
        default:
            if random.below(3) == 0 { try await edit() } else { try await deleteOrRestore() }
        }
    }

    /// Does a step that the model allows or not.
    private mutating func expect(
        _ answer: Int?,
        _ body: (Migrator) throws -> Void
    ) throws {
        do {
            try body(rig.migrator)
            allowed += 1
            #expect(answer != nil, "allowed, against the model")
        } catch let error as LociError {
            refused += 1
            #expect(error.code == .wrongState && answer == nil, "\(error)")
        }
    }

    private mutating func start() async throws {
        let shape = random.pick(UndoModel.shapes)
        let isLive = model.live.contains { model.layouts[$0].shape == shape }
        let migrator = rig.migrator
        let code = await code { [rig] in
            try await rig.start(shape.scheme, .with { $0.takeSnapshotFirst = false })
        }
        #expect(code == (isLive ? .wrongState : nil), "\(migrator)")
        guard !isLive else { return }
        model.layouts.append(UndoModel.Layout(shape: shape))
        model.runs.append((from: model.listed, to: model.layouts.count - 1))
    }

    private mutating func retire() throws {
        if random.below(2) == 0 {
            let layout = model.retire
            try expect(layout) { try $0.retire() }
            if let layout { model.layouts[layout].isLive = false }
        } else {
            let layout = random.below(model.layouts.count)
            let may = model.mayRetire(layout)
            try expect(may ? layout : nil) { try $0.retire(LayoutNumber(layout + 1)) }
            if may { model.layouts[layout].isLive = false }
        }
    }

    // MARK: Memories

    /// At a path of any live layout: what that one does not show stays unknown.
    private mutating func create() async throws {
        made += 1
        let shape = model.layouts[random.pick(model.live)].shape
        var memory = UndoModel.Memory(name: "n\(made).md", attributes: [:], text: "text \(made)")
        for field in shape.fields where random.below(4) > 0 {
            memory.attributes[field] = random.pick(UndoModel.values)
        }
        let path = try NamePath(shape.path(memory))
        let stored = try await tenant.append(Array(memory.text.utf8), at: path, origin: origin)
        model.memories[stored.id] = memory
    }

    private mutating func some(trashed: Bool) -> (MemoryID, UndoModel.Memory)? {
        let all = model.memories.filter { $0.value.isTrashed == trashed }
            .sorted { $0.key < $1.key }
        return all.isEmpty ? nil : random.pick(all.map { ($0.key, $0.value) })
    }

    private mutating func move() async throws {
        guard let (id, old) = some(trashed: false) else { return }
        var memory = old
        let shape = model.layouts[random.pick(model.live)].shape
        memory.name = random.below(2) == 0 ? memory.name : "m\(memory.name)"
        for field in shape.fields where random.below(2) == 0 {
            memory.attributes[field] = random.below(5) == 0 ? nil : random.pick(UndoModel.values)
        }
        let path = try NamePath(shape.path(memory))
        // Onto itself is no move.
        if model.memories[id] == memory { return }
        _ = try await tenant.move(id, to: path, origin: origin)
        model.memories[id] = memory
    }

    private mutating func deleteOrRestore() async throws {
        let trashed = random.below(2) == 0
        guard let (id, _) = some(trashed: trashed) else { return }
        if trashed {
            _ = try await tenant.restore(id, origin: origin)
        } else {
            try await tenant.delete(id, origin: origin)
        }
        model.memories[id]?.isTrashed.toggle()
    }

    private mutating func edit() async throws {
        guard let (id, memory) = some(trashed: false) else { return }
        let text = memory.text + "+"
        _ = try await tenant.edit(id, content: Array(text.utf8), origin: origin)
        model.memories[id]?.text = text
    }

    // MARK: Looking

    /// Every memory by every path of every live layout, none by those of ended ones, and the
    /// listing.
    func compare() async throws {
        #expect(try tenant.listedPaths() == model.listedPaths)
        let live = Set(model.live.map { model.layouts[$0].shape })
        let ended = Set(model.layouts.map(\.shape)).subtracting(live)
        for (id, memory) in model.memories {
            for shape in live {
                let path = try NamePath(shape.path(memory))
                guard !memory.isTrashed else {
                    #expect(try !tenant.has(path.description), "\(path)")
                    continue
                }
                #expect(try tenant.memory(at: path).id == id, "\(path)")
            }
            for shape in ended { #expect(try !tenant.has(shape.path(memory))) }
            let bytes = try await tenant.content(of: id)
            #expect(String(decoding: bytes, as: UTF8.self) == memory.text)
        }
    }
}

import Catalog
import Loci
import Migration
import TestSupport
import Testing

/// Everything that a migration does to a tenant.
enum MigrationOperation: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case start, startMapped, retry, move, moveHurried, moveVerified, moveTrash, cutover, revert
    case abortPreparing, abort, clear, retire, retireAndClear, pause, resume, throttle

    var testDescription: String { rawValue }

    private static let scheme = "topic={topic}/user={user}"
    private static let mapped = "kind={kind}/user={user}"
    private static let mapper = ClosureMapper(identity: "kind/1") { input in
        .fields(["kind": String(decoding: try await input.content().prefix(1), as: UTF8.self)])
    }

    /// Whether a worker does it: it pauses with the reason where it cannot go on.
    var isWork: Bool {
        switch self {
        case .move, .moveHurried, .moveVerified, .moveTrash, .clear, .abort, .retireAndClear: true
        default: false
        }
    }

    /// What was done before.
    func prepare(_ rig: Rig) async throws {
        switch self {
        case .start, .startMapped, .throttle: break
        case .resume:
            try await rig.start(Self.scheme)
            try rig.migrator.pause(reason: "tests", origin: Scratch.origin)
        case .retry:
            let failing = ClosureMapper(identity: "kind/1") { _ in .error(reason: "not now") }
            _ = await code {
                try await rig.migrator.start(
                    to: try Scheme(Self.mapped),
                    mapper: failing,
                    options: Self.options
                )
            }
        case .abortPreparing:
            let stopped = Rig(rig.scratch, rig.tenant, stoppingAt: .prepare, after: 1)
            _ = await code { try await stopped.start(Self.scheme, Self.options) }
        case .moveVerified: try await rig.start(Self.scheme, .with { $0.verify = .full })
        case .move, .moveTrash, .cutover, .pause: try await rig.start(Self.scheme)
        case .moveHurried:
            try rig.migrator.throttle(.none)
            try await rig.start(Self.scheme)
        case .revert, .retire, .retireAndClear:
            try await rig.start(Self.scheme)
            try await rig.settle()
            try rig.migrator.cutover(origin: Scratch.origin)
        case .abort, .clear:
            try await rig.start(Self.scheme)
            try await rig.settle()
            if self == .clear { try rig.migrator.abort(origin: Scratch.origin) }
        }
    }

    private static let options = MigrationOptions.with { $0.batchSize = 3 }

    func run(_ rig: Rig) async throws {
        let migrator = rig.migrator
        switch self {
        case .start: try await rig.start(Self.scheme, Self.options)
        case .startMapped, .retry:
            try await migrator.start(
                to: try Scheme(Self.mapped),
                mapper: Self.mapper,
                options: Self.options,
                origin: Scratch.origin
            )
        case .move, .moveVerified, .moveTrash, .clear: try await rig.settle(batchSize: 4)
        case .moveHurried: try await rig.settle(batchSize: 2)
        case .cutover: try migrator.cutover(origin: Scratch.origin)
        case .revert: try migrator.revert(origin: Scratch.origin)
        case .abortPreparing: try migrator.abort(origin: Scratch.origin)
        case .abort:
            if try rig.state != .aborted { try migrator.abort(origin: Scratch.origin) }
            try await rig.settle(batchSize: 4)
        case .retire: try migrator.retire(origin: Scratch.origin)
        case .retireAndClear:
            if try rig.state == .complete { try migrator.retire(origin: Scratch.origin) }
            try await rig.settle(batchSize: 4)
        case .pause: try migrator.pause(reason: "tests", origin: Scratch.origin)
        case .resume: try migrator.resume(origin: Scratch.origin)
        case .throttle: try migrator.throttle(.perSecond(5), origin: Scratch.origin)
        }
    }

    /// What a reader, and who looks at the migration, could see.
    func state(_ rig: Rig) async throws -> [String] {
        let (tenant, status) = (rig.tenant, try rig.migrator.status())
        var lines = [
            "\(status.state) listed \(status.listed) misplaced \(status.misplaced)",
            "paused \(status.isPaused) throttle \(status.throttle)",
            "errors \(try rig.migrator.errors().failures.count)",
        ]
        for page in [try tenant.list(), try tenant.listTrash()] {
            for memory in page.memories {
                let content = String(
                    decoding: try await tenant.content(of: memory.id),
                    as: UTF8.self
                )
                var line = "\(memory.name) \(memory.revision) \(content)"
                for layout in try tenant.layouts() where layout.status == .live {
                    let path = try? tenant.path(of: memory.id, in: layout.number)
                    line += " \(path?.description ?? "-")"
                }
                lines.append(line)
            }
        }
        if isWork { lines.append("collectable \(status.collectable)") }
        return lines.sorted()
    }
}

/// A migration stopped before each of its durable steps, by the end of the process or by an error
/// of the disk: nothing is lost or passed over, whoever works says why it waits, and the same
/// command goes on.
@Suite("A migration that fails at every durable step")
struct DurableMigrationTests {
    private let faults = Faults()

    private func filled(_ operation: MigrationOperation) async throws -> Scratch {
        let scratch = try Scratch()
        let tenant = try scratch.create("user={user}/topic={topic}")
        for number in 0..<7 {
            let path = "user=u\(number % 2)/topic=t\(number % 3)/note\(number).md"
            let memory = try await tenant.add(path, "\(number % 2) first")
            if number % 3 == 0 {
                let text = Array("\(number % 2) second".utf8)
                _ = try await tenant.edit(memory.id, content: text, origin: Scratch.origin)
            }
            if number == 5 || operation == .moveTrash && number % 2 == 0 {
                try await tenant.delete(memory.id, origin: Scratch.origin)
            }
        }
        try await operation.prepare(Rig(scratch, tenant))
        return scratch
    }

    private func rig(_ scratch: Scratch) throws -> Rig {
        var rig = Rig(scratch, try scratch.reopen(faults))
        let faults = faults
        rig.tuning.interrupt = { step in
            // The others are seen in the catalog and in the store of blobs.
            guard step == .syncAccount, let kind = faults.next("sync the log") else { return nil }
            return LociError(errno: kind.errno, subject: "catalog.db-wal")
        }
        return rig
    }

    @Test("loses nothing, and the same command goes on", arguments: MigrationOperation.allCases)
    func fails(_ operation: MigrationOperation) async throws {
        let template = try await filled(operation)
        let whole = try rig(template.copied())
        let before = try await operation.state(whole)
        faults.mend()
        try await operation.run(whole)
        let steps = faults.steps
        let after = try await operation.state(whole)
        #expect(!steps.isEmpty && before != after)

        for failing in Faults.Failing.all {
            for step in Faults.worthFailing(steps, failing) {
                let scratch = try template.copied()
                faults.arm(failing, at: step)
                let place = "\(failing) \(step): \(steps[step])"
                try await fail(operation, rig(scratch), failing, (before, after), place)
            }
        }
        print(Faults.row("migration's \(operation)", steps))
    }

    private func fail(
        _ operation: MigrationOperation,
        _ failing: Rig,
        _ fault: Faults.Failing,
        _ states: (before: [String], after: [String]),
        _ place: String
    ) async throws {
        var failure: (any Error)?
        do { try await operation.run(failing) } catch { failure = error }
        // Batches follow the time that they take: the last steps may not be met again.
        #expect(faults.hasStruck == (failure != nil), "\(place)")
        faults.mend()
        var rig = failing
        if fault.kind == .crash {
            rig = Rig(failing.scratch, try failing.scratch.reopen())
        } else if operation.isWork, failure != nil {
            try expectPaused(operation, rig, fault, failure, place)
        }
        try await rig.tenant.expectClean()
        let state = try await operation.state(rig)
        if state != states.after { try await operation.run(rig) }
        let again = try await operation.state(rig)
        #expect(again == states.after, "\(place)")
        try await rig.tenant.expectClean()
    }

    /// The worker waits, and says why; where not even that could be written, its own answer does.
    private func expectPaused(
        _ operation: MigrationOperation,
        _ rig: Rig,
        _ fault: Faults.Failing,
        _ failure: (any Error)?,
        _ place: String
    ) throws {
        if fault.kind == .noSpace { #expect((failure as? LociError)?.code == .noSpace, "\(place)") }
        let status = try rig.migrator.status()
        // Two of the operations begin with a command that may be what failed.
        let isWorkOnly = operation != .abort && operation != .retireAndClear
        if isWorkOnly && !fault.isLasting { #expect(status.isPaused, "\(place)") }
        guard status.isPaused else { return }
        #expect(status.pauseReason?.isEmpty == false, "\(place)")
        try rig.migrator.resume(origin: Scratch.origin)
    }
}

import ArgumentParser
import Linux
import Loci
import Migration

extension MigrateVerb {
    struct Status: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "status",
                abstract: "Tell how far a migration is.",
                discussion: "Exit 0 in every state. With --json one object a tenant and line."
            )
        }

        @Flag(name: .long, help: "Go on telling until nothing moves.") var watch = false
        @OptionGroup var place: TenantsOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            while true {
                var isMoving = false
                let outcome = try await MigrateVerb.each(place) { tenant, several in
                    let status = try Migrator(tenant).status()
                    if status.state == .preparing || status.state == .moving { isMoving = true }
                    try show(status, several)
                }
                try outcome.finish(speech)
                if !watch || !isMoving { return }
                SystemClock.sleep(.seconds(1))
            }
        }

        private func show(_ status: MigrationStatus, _ several: Bool) throws(LociError) {
            let lines = StatusText.lines(status)
            let text =
                several
                ? "\(status.tenant)  \(([lines[0]] + waits(status)).joined(separator: "   "))"
                : lines.joined(separator: "\n")
            try speech.print(text) { status.json }
        }

        /// In a row of several tenants a word each; the pause and its reason stand there already.
        private func waits(_ status: MigrationStatus) -> [String] {
            let kinds = status.waits.map(\.kind).filter { $0 != .paused && $0 != .throttle }
            return kinds.isEmpty
                ? [] : ["waits: " + kinds.map(\.rawValue).joined(separator: ", ")]
        }
    }

    struct Wait: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "wait",
                abstract: "Wait until a migration is live, ready or complete.",
                discussion: "Exit 1 when the time is up, 6 when it will never be."
            )
        }

        enum Goal: String, CaseIterable, ExpressibleByArgument, Sendable {
            case live
            case ready
            case complete

            func isReached(_ status: MigrationStatus) -> Bool {
                switch self {
                case .live: [.moving, .ready, .complete, .retired].contains(status.state)
                case .ready:
                    [.ready, .complete, .retired].contains(status.state) && status.misplaced == 0
                case .complete: [.complete, .retired].contains(status.state)
                }
            }
        }

        @Argument(help: "live, ready or complete.") var goal: Goal
        @Option(name: .long, help: ArgumentHelp("At most so long: 90s, 15m.", valueName: "time"))
        var timeout: String?
        @OptionGroup var place: TenantsOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let limit = try timeout.map { try LociDuration.parse($0).wholeNanoseconds }
            let deadline = limit.map { SystemClock.monotonic() + $0 }
            var isLate = false
            let outcome = try await MigrateVerb.each(place) { tenant, several in
                guard let status = try wait(for: tenant, until: deadline) else {
                    isLate = true
                    return
                }
                guard several else { return }
                try speech.print("\(tenant.id): \(status.state.rawValue)") { status.json }
            }
            try outcome.finish(speech)
            if isLate { throw ExitStatus.no }
        }

        /// Returns nil where the time is up.
        private func wait(
            for tenant: Tenant,
            until deadline: Int64?
        ) throws -> MigrationStatus? {
            while true {
                let status = try Migrator(tenant).status()
                if goal.isReached(status) { return status }
                guard status.state != .none, status.state != .aborted else {
                    throw LociError(
                        .wrongState,
                        subject: tenant.id.rawValue,
                        message: "The migration of \(tenant.id) is \(status.state.rawValue), and "
                            + "will not be \(goal.rawValue).",
                        remedy: "Begin one with:  loci migrate start SCHEME"
                    )
                }
                if let deadline, SystemClock.monotonic() >= deadline {
                    Words.note(
                        "the migration of \(tenant.id) is still \(status.state.rawValue)."
                    )
                    return nil
                }
                SystemClock.sleep(.milliseconds(50))
            }
        }
    }
}

/// The state of a migration for people.
enum StatusText {
    private static let barWidth = 20

    /// The state with its progress, and what can be done next.
    static func lines(_ status: MigrationStatus) -> [String] {
        var line = status.state.rawValue
        if let (done, total) = progress(status) {
            line += "  \(bar(done, total)) \(Grouped.text(done))/\(Grouped.text(total))"
            line += "  \(Grouped.percent(done, of: total))"
            if let rate = status.rate, status.state == .moving {
                line += "  \(Grouped.text(Int64(rate)))/s"
            }
            if status.state == .moving {
                let eta = status.eta.map { LociDuration.text(.seconds($0.components.seconds)) }
                line += "  ETA \(eta ?? "unknown")"
            }
        }
        if let paths = paths(status) { line += "   \(paths)" }
        if status.state == .moving || status.throttleUntil != nil {
            line += "   throttle: \(throttle(status))"
        }
        if status.isPaused { line += "   paused: \(reason(status))" }
        let waits = status.waits.map { "waits: \($0.message)" }
        return [line] + layouts(status) + counts(status) + waits + ["next: \(next(status))"]
    }

    private static func reason(_ status: MigrationStatus) -> String {
        status.pauseReason.map { Name.printable($0) } ?? "no reason given"
    }

    /// A process, which calls itself what it likes.
    private static func name(_ worker: MigrationStatus.Worker) -> String {
        "\(Name.printable(worker.command)), process \(worker.process)"
    }

    /// Which layouts "old" and "new" are.
    private static func layouts(_ status: MigrationStatus) -> [String] {
        guard let run = status.run else { return [] }
        return ["old: \(run.from)  \(run.fromScheme)   new: \(run.to)  \(run.toScheme)"]
    }

    /// How fast blobs may move, until when, and how fast then.
    static func throttle(_ status: MigrationStatus) -> String {
        guard let until = status.throttleUntil else { return "\(status.throttle)" }
        return "\(status.throttle) until \(until), then \(status.throttleAfterwards)"
    }

    /// What came of each content, and whose work that is; nothing where no migration is under way.
    private static func counts(_ status: MigrationStatus) -> [String] {
        guard [.preparing, .moving, .ready, .complete].contains(status.state) else { return [] }
        var line = [
            ("done", status.done), ("in place", status.inPlace), ("to move", status.misplaced),
            ("busy", status.busy), ("failed", status.failed), ("unmapped", status.unmapped),
        ].map { "\($0) \(Grouped.text($1))" }.joined(separator: "   ")
        if status.misplaced > 0, let worker = status.worker {
            line += "   moved by \(name(worker))"
        }
        if status.state == .preparing, let preparer = status.preparer {
            line += "   prepared by \(name(preparer))"
        }
        return [line]
    }

    /// Who moves what is to be moved, as a sentence.
    static func movers(_ status: MigrationStatus) -> String {
        if let worker = status.worker {
            return "Moved by \(name(worker))."
        }
        return status.misplaced == 0
            ? "Nothing has to be moved." : "No worker: mount the tenant, or run  loci migrate run"
    }

    /// What is done and how much there is, where something is under way.
    private static func progress(_ status: MigrationStatus) -> (Int64, Int64)? {
        switch status.state {
        case .preparing: status.run.map { ($0.prepared, $0.total) }
        case .moving: (status.moved, status.revisions)
        default: nil
        }
    }

    private static func bar(_ done: Int64, _ total: Int64) -> String {
        let full = total > 0 ? Int(min(total, max(0, done)) * Int64(barWidth) / total) : barWidth
        return "▕" + String(repeating: "█", count: full)
            + String(repeating: "░", count: barWidth - full) + "▏"
    }

    private static func paths(_ status: MigrationStatus) -> String? {
        guard status.run != nil else { return nil }
        return switch status.state {
        case .none, .planned, .aborted: nil
        case .preparing: "old: open, listed   new: not yet"
        case .moving, .ready: "old: open, listed   new: open"
        case .complete:
            "old: open\(status.oldPaths == .nodelete ? ", nodelete" : "")   new: open, listed"
        case .retired: "old: gone   new: open, listed"
        }
    }

    private static func next(_ status: MigrationStatus) -> String {
        let control = status.isPaused ? "resume" : "pause"
        let resume = status.isPaused && status.misplaced > 0 ? "resume, " : ""
        return switch status.state {
        case .none, .aborted, .retired: "plan SCHEME, start SCHEME"
        case .planned: "start"
        case .preparing where status.errors > 0 && status.preparer == nil:
            status.isPaused ? "resume, then errors, retry; abort" : "errors, retry, abort"
        case .preparing where status.preparer == nil: "the same start again, abort"
        case .preparing: "\(control), abort; it goes live by itself"
        case .moving: "cutover (need not wait for the blobs), \(control), throttle, abort"
        case .ready: "cutover, abort"
        case .complete: "\(resume)retire, revert"
        }
    }
}

extension MigrationStatus {
    /// One object a tenant, as `--json` prints it.
    var json: JSON {
        [
            "tenant": .string(tenant.rawValue),
            "state": .string(state.rawValue),
            "from": run.map { .integer(Int64($0.from.rawValue)) } ?? .null,
            "to": run.map { .integer(Int64($0.to.rawValue)) } ?? .null,
            "fromScheme": run.map { .string($0.fromScheme.text) } ?? .null,
            "toScheme": run.map { .string($0.toScheme.text) } ?? .null,
            "listed": .integer(Int64(listed.rawValue)),
            "target": .integer(Int64(target.rawValue)),
            "live": .array(live.map { .integer(Int64($0.rawValue)) }),
            "oldPaths": .string(oldPaths.rawValue),
            "total": .integer(revisions),
            "moved": .integer(moved),
            "misplaced": .integer(misplaced),
            "prepared": run.map { .integer($0.prepared) } ?? .null,
            "done": .integer(done),
            "inPlace": .integer(inPlace),
            "busy": .integer(busy),
            "failed": .integer(failed),
            "unmapped": .integer(unmapped),
            "collectable": .integer(collectable),
            "errors": .integer(errors),
            "skipped": .integer(skipped),
            "rate": rate.map { .number($0) } ?? .null,
            "etaSeconds": eta.map { .integer($0.components.seconds) } ?? .null,
            "paused": .bool(isPaused),
            "pauseReason": pauseReason.map { .string($0) } ?? .null,
            "throttle": .string(throttle.description),
            "throttleUntil": throttleUntil.map { .string($0.description) } ?? .null,
            "throttleAfterwards": .string(throttleAfterwards.description),
            "worker": worker?.json ?? .null,
            "preparer": preparer?.json ?? .null,
            "waits": .array(
                waits.map { ["kind": .string($0.kind.rawValue), "message": .string($0.message)] }
            ),
        ]
    }
}

extension MigrationStatus.Worker {
    fileprivate var json: JSON {
        ["pid": .integer(Int64(process)), "command": .string(command)]
    }
}

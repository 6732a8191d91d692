import Linux
import Loci
import Migration
import Mount

/// What a mount shows of its tenant's migration, and the commands that it takes.
enum MountPanel {
    static func panel(of tenant: Tenant) -> MigrationPanel {
        MigrationPanel(
            text: { (report) throws(LociError) in Array(try text(report, tenant).utf8) },
            control: { (line, origin) throws(LociError) in
                try control(line, tenant, origin)
            }
        )
    }

    // MARK: What is shown

    private static func text(
        _ report: MigrationPanel.Report,
        _ tenant: Tenant
    ) throws(LociError) -> String {
        let migrator = Migrator(tenant)
        return switch report {
        case .status: lines(StatusText.lines(try migrator.status()))
        case .statusJSON: try migrator.status().json.text(.pretty) + "\n"
        case .who: try who(migrator)
        case .errors: try errors(migrator)
        }
    }

    private static func who(_ migrator: Migrator) throws(LociError) -> String {
        var table = Table(WhoTable.header)
        var names = UserNames()
        for use in try migrator.who(limit: .max) { table.append(WhoTable.cells(use, &names)) }
        return table.isEmpty ? "" : lines(table.lines(aligned: true, color: false))
    }

    /// The most memories that the file lists; `loci migrate errors` lists all.
    private static let errorsShown = 1000

    private static func errors(_ migrator: Migrator) throws(LociError) -> String {
        let page = try migrator.errors(at: [.map, .place, .verify], limit: errorsShown)
        guard !page.failures.isEmpty else { return "" }
        var table = Table(FailureTable.header)
        for failure in page.failures { table.append(FailureTable.cells(failure)) }
        let more = page.next == nil ? [] : ["and more: loci migrate errors"]
        return lines(table.lines(aligned: true, color: false) + more)
    }

    private static func lines(_ lines: [String]) -> String {
        lines.joined(separator: "\n") + "\n"
    }

    // MARK: What is taken

    /// Does what a command line says, as another process would: with a session of its own, so that
    /// the mount drops from the kernel's caches what it changes.
    private static func control(
        _ line: String,
        _ tenant: Tenant,
        _ origin: Origin
    ) throws(LociError) {
        let step = try step(line)
        let outside = try tenant.store.tenant(tenant.id)
        let migrator = Migrator(outside)
        switch step {
        case .pause: try migrator.pause(reason: origin.reason, origin: origin)
        case .resume: try migrator.resume(origin: origin)
        case .throttle(let rate, let duration):
            try migrator.throttle(rate, for: duration, origin: origin)
        case .cutover(let oldPaths): try migrator.cutover(oldPaths: oldPaths, origin: origin)
        case .revert: try migrator.revert(origin: origin)
        }
    }

    private enum Step {
        case pause
        case resume
        case throttle(MoveRate, Duration?)
        case cutover(OldPaths)
        case revert
    }

    private static func step(_ line: String) throws(LociError) -> Step {
        let words = line.split { $0 == " " || $0 == "\t" }.map(String.init)
        switch (words.first, words.count) {
        case ("pause", 1): return .pause
        case ("resume", 1): return .resume
        case ("throttle", 2): return .throttle(try MoveRate(words[1]), nil)
        case ("throttle", 3):
            return .throttle(try MoveRate(words[1]), try LociDuration.parse(words[2]))
        case ("cutover", 1): return .cutover(.rw)
        case ("cutover", 2) where words[1] == OldPaths.nodelete.rawValue:
            return .cutover(.nodelete)
        case ("revert", 1): return .revert
        default:
            throw .unreadable(
                Name.printable(line),
                as: "a command of .loci/migration/ctl",
                remedy: "Write one line: pause, resume, throttle RATE|polite|none [TIME], "
                    + "cutover [nodelete], or revert."
            )
        }
    }
}

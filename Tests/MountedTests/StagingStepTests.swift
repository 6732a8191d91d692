import Catalog
import Linux
import Loci
import Model
import Mount
import TestSupport
import Testing

/// What a mount does with what was written through it, and what must come of it.
enum StagedOperation: String, CaseIterable, Sendable, CustomTestStringConvertible {
    /// New files, a save in place, and memories that a create takes back, in one commit.
    case commit
    /// A new file renamed over a memory, and the commit that follows.
    case replace
    /// A memory renamed to a name that tools use, and a foreign file to a memory's name.
    case becomeForeign, adopt

    var testDescription: String { rawValue }

    func prepare(_ bench: StagingBench) throws {
        for name in ["a.md", "gone.md", "away.md"] { _ = try bench.memory(name, "old " + name) }
        switch self {
        case .commit:
            let memory = try #require(try bench.row(at: "a.md"))
            try bench.truncate(memory.node)
            try bench.write(memory.node, "new")
            try bench.make("b.md", "second")
            try bench.unlink("gone.md")
            try bench.make("gone.md", "back")
            try bench.rename("away.md", to: "away.old")
            try bench.make("away.md", "again")
            bench.clock.pass(.seconds(1))
        case .replace: try bench.make("temporary", "new")
        case .becomeForeign: break
        case .adopt:
            try bench.make("temporary", "kept")
            try bench.renameToForeign("temporary", to: ".x")
        }
    }

    func run(_ bench: StagingBench) throws {
        switch self {
        case .commit: bench.staging.commitDue()
        case .replace:
            try bench.rename("temporary", to: "a.md")
            bench.clock.pass(.seconds(1))
            bench.staging.commitDue()
        case .becomeForeign: try bench.renameToForeign("a.md", to: ".a.md")
        case .adopt:
            guard let node = try foreign(".x", bench) else { return }
            _ = try bench.staging.adopt(
                node,
                as: bench.name("x.md"),
                in: StagingBench.root,
                at: ListingPosition(node),
                view: bench.view,
                by: bench.caller,
                bench.reader
            )
        }
    }

    private func foreign(_ name: String, _ bench: StagingBench) throws -> NodeNumber? {
        bench.reader.end()
        return try bench.reader.entry(
            in: StagingBench.root,
            named: bench.name(name),
            layouts: .foreign
        )?.node
    }

    /// Every name with its content, the trash, and how many revisions each memory has.
    func state(_ bench: StagingBench) throws -> [String] {
        var lines: [String] = []
        for name in try bench.names() {
            let row = try #require(try bench.row(at: name))
            lines.append("\(name) \(try bench.revisions(row))")
        }
        lines += try bench.trash().map { "trash \($0)" }
        for name in [".a.md", ".x"] {
            if let node = try foreign(name, bench) {
                lines.append("foreign \(name) \(try content(node, bench))")
            }
        }
        return lines
    }

    private func content(_ node: NodeNumber, _ bench: StagingBench) throws -> String {
        let file = try File.open("\(bench.tenant.directory)/foreign/\(node)")
        return String(decoding: try file.readAll(limit: 100), as: UTF8.self)
    }
}

/// The committer and its neighbours, stopped before each durable step of the catalog and of the
/// store of blobs, by the end of the process or by an error of the disk.
@Suite("A failure at every durable step of a mount's commit")
struct StagingStepTests {
    private let faults = Faults()

    private func bench(_ operation: StagedOperation) throws -> StagingBench {
        let faults = faults
        var environment = StoreEnvironment()
        environment.wrapSQL = { faults.around($0) }
        environment.wrapBlobs = { faults.around($0) }
        let bench = try StagingBench(environment: environment)
        try operation.prepare(bench)
        return bench
    }

    @Test("loses nothing, and is made good", arguments: StagedOperation.allCases)
    func fails(_ operation: StagedOperation) async throws {
        // What a crash leaves where the operation never began.
        let unbegun = try bench(operation)
        _ = try unbegun.crashAndRecover()
        unbegun.settle()
        let before = try operation.state(unbegun)
        let whole = try bench(operation)
        faults.mend()
        try operation.run(whole)
        let steps = faults.steps
        whole.settle()
        let after = try operation.state(whole)
        #expect(!steps.isEmpty)

        for failing in Faults.Failing.all {
            for step in Faults.worthFailing(steps, failing) {
                let place = "\(failing) \(step): \(steps[step])"
                let bench = try bench(operation)
                faults.arm(failing, at: step)
                var failure: (any Error)?
                do { try operation.run(bench) } catch { failure = error }
                #expect(faults.hasStruck, "\(place)")
                faults.mend()
                if failing.kind == .crash {
                    _ = try bench.crashAndRecover()
                } else if failure != nil {
                    // What was refused was not done: who asked for it asks again.
                    try operation.run(bench)
                }
                bench.settle()
                let state = try operation.state(bench)
                #expect(
                    state == after || failing.kind == .crash && state == before,
                    "\(place): \(state)"
                )
                #expect(bench.staging.status().failures.isEmpty, "\(place)")
                try await bench.expectSound()
            }
        }
        print(Faults.row("mount's \(operation)", steps))
    }
}

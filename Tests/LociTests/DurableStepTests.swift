import Catalog
import Linux
import Model
import TestSupport
import Testing

@testable import Loci

/// Every operation, stopped before each of its durable steps by the end of its process or by an
/// error of the disk: everything is as it was or as it should become, and the same call goes on.
@Suite("A failure at every durable step")
struct DurableStepTests {
    private let faults = Faults()

    private func environment(_ environment: inout StoreEnvironment) {
        let faults = faults
        environment.wrapSQL = { faults.around($0) }
        environment.wrapBlobs = { faults.around($0) }
    }

    @Test(
        "leaves everything as it was or as it should become",
        arguments: DurableOperation.allCases
    )
    func fails(_ operation: DurableOperation) async throws {
        let template = try TemporaryStore(scheme: try Scheme("user={user}"), environment)
        try await DurableOperation.prepare(template)
        try operation.damage(template)
        let whole = try template.copied(environment)
        let witness = try whole.tenant()
        let before = try await operation.state(witness)
        faults.mend()
        try await operation.run(witness)
        let steps = faults.steps
        let after = try await operation.state(witness)
        #expect(!steps.isEmpty)
        #expect(!operation.isVisible || before != after)

        for failing in Faults.Failing.all {
            for step in Faults.worthFailing(steps, failing) {
                let made = try template.copied(environment)
                let place = "\(failing) \(step): \(steps[step])"
                try await fail(operation, made, failing, step, (before, after), place)
            }
        }
        print(Faults.row("\(operation)", steps))
    }

    private func fail(
        _ operation: DurableOperation,
        _ made: TemporaryStore,
        _ failing: Faults.Failing,
        _ step: Int,
        _ states: (before: [String], after: [String]),
        _ place: String
    ) async throws {
        let failed = try made.tenant()
        faults.arm(failing, at: step)
        var failure: (any Error)?
        do { try await operation.run(failed) } catch { failure = error }
        #expect(faults.hasStruck, "\(place)")
        let told = (failure as? LociError)?.code
        faults.mend()
        if failing.kind == .noSpace { #expect([nil, .noSpace].contains(told), "\(place)") }
        // Whoever goes on after a disk error is the same process; after a crash another.
        let tenant = failing.kind == .crash ? try made.reopened() : failed
        if !operation.isRepair {
            #expect(try await tenant.check(contents: true) == [], "\(place)")
        }
        let state = try await operation.state(tenant)
        if !operation.isInParts { #expect([states.before, states.after].contains(state)) }
        if failure == nil { #expect(state == states.after, "\(place): said to be done") }
        // Not all that a repair has to do can be seen.
        if state != states.after || operation.isRepair {
            try await operation.run(tenant)
            let again = try await operation.state(tenant)
            #expect(again == states.after, "\(place)")
        }
        #expect(try await tenant.check(contents: true) == [], "\(place)")
        made.advance(Tenant.placingGrace + .seconds(60))
        _ = try await tenant.collect(delete: true, origin: TemporaryStore.origin)
        #expect(try tenant.read { try $0.collectableCount() } == 0, "\(place)")
        #expect(try await tenant.check(contents: true) == [], "\(place)")
    }
}

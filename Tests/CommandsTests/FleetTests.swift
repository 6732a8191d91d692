import Model
import Testing

/// Many tenants by one command.
@Suite("Fleets", .serialized)
struct FleetTests {
    /// `count` tenants t-00, t-01, … with two memories each.
    private static func fleet(_ count: Int) throws -> Sandbox {
        let sandbox = try Sandbox(store: nil)
        try sandbox.must(
            """
            mkdir -p source/ann/db source/bob/db
            echo 1 >source/ann/db/one.md; echo 2 >source/bob/db/two.md
            loci init store --tenant t-00 --scheme 'user={user}/topic={topic}'
            for n in $(seq 1 \(count - 1)); do
                loci tenant create t-$(printf %02d $n) --scheme 'user={user}/topic={topic}' -q
            done
            for n in $(seq 0 \(count - 1)); do
                loci import source --tenant t-$(printf %02d $n) -q \
                    --scheme-of-source '{user}/{topic}'
            done
            """
        )
        return sandbox
    }

    private static let scheme = "'topic={topic}/user={user}'"

    @Test("twenty tenants go through a whole migration, a row each, with few descriptors")
    func whole() throws {
        let sandbox = try Self.fleet(20)
        // With a catalog open for each, 48 would not do.
        func each(_ command: String) throws -> Sandbox.Outcome {
            try sandbox.must("ulimit -n 48; loci migrate \(command) --all-tenants")
        }
        let rows = try each("start \(Self.scheme)").lines
        #expect(rows.count == 20)
        #expect(rows[3].hasPrefix("t-03: Started."))
        let states = try each("status --json").json
        #expect(states.count == 20)
        #expect(states.allSatisfy { $0["state"]?.stringValue == "moving" })
        #expect(try each("run").lines.count == 20)
        #expect(try each("wait ready --timeout 5s").lines.count == 20)
        #expect(try each("cutover --check").lines.count == 20)
        #expect(try each("cutover").lines.count == 20)
        #expect(try sandbox.run("loci migrate retire --all-tenants").status == 2)
        #expect(try each("retire --yes").lines.count == 20)
        let ended = try each("status --json").json
        #expect(ended.allSatisfy { $0["state"]?.stringValue == "retired" })
        #expect(ended.allSatisfy { $0["collectable"]?.integerValue == 0 })
        let clean = try sandbox.must("ulimit -n 48; loci fsck --all-tenants").lines
        #expect(clean.count == 20)
        let paths = try sandbox.must("loci ls -R --tenant t-07").output
        #expect(paths.contains("topic=db"))
    }

    @Test("one tenant that fails is named with its reason, exit 7, and all others go on")
    func oneFails() throws {
        let sandbox = try Self.fleet(6)
        try sandbox.must(
            """
            loci add - --name two.md --set user=ann --set topic=db --tenant t-03 </dev/null
            """
        )
        let plan = try sandbox.run("loci migrate plan 'of={topic}' --tenant 't-*'")
        #expect(plan.status == 7)
        #expect(plan.errors.contains("t-03: 1 memories would get a path"))
        let plans = try sandbox.run("loci migrate plan 'of={topic}' --json --tenant 't-*'").json
        #expect(plans.filter { $0["tenant"] != nil }.count == 6)
        #expect(plans.filter { $0["refused"]?.stringValue != nil }.count == 1)
        let check = try sandbox.run("loci migrate start 'of={topic}' --check --tenant 't-*'")
        #expect(check.status == 7 && check.lines.count == 5)
        let start = try sandbox.run("loci migrate start 'of={topic}' --json --tenant 't-*'")
        #expect(start.status == 7)
        #expect(start.errors.contains("1 of 6 tenants failed"))
        let objects = try start.json
        #expect(objects.filter { $0["state"]?.stringValue == "moving" }.count == 5)
        let failed = objects.filter { $0["tenant"]?.stringValue == "t-03" }
        #expect(failed.count == 1)
        #expect(failed.first?["error"]?["code"]?.stringValue == "collision")
        let run = try sandbox.run("loci migrate run --tenant 't-0[!x]' --tenant 't-*'")
        #expect(run.status == 2, "a pattern knows * and ? only")
        #expect(try sandbox.must("loci migrate run --tenant 't-*'").lines.count == 6)
        let wait = try sandbox.run("loci migrate wait ready --timeout 1s --tenant 't-*'")
        #expect(wait.status == 7 && wait.lines.count == 5)
        #expect(wait.errors.contains("t-03: The migration of t-03 is none"))
    }

    @Test("wait of several tells which are late, exit 1, and does not stop at the first")
    func late() throws {
        let sandbox = try Self.fleet(4)
        try sandbox.must(
            """
            loci migrate start \(Self.scheme) --all-tenants -q
            loci migrate run --tenant t-03 -q
            """
        )
        let wait = try sandbox.run("loci migrate wait ready --timeout 0s --all-tenants")
        #expect(wait.status == 1)
        #expect(wait.lines == ["t-03: ready"])
        #expect(wait.errors.contains("t-00 is still moving"))
        #expect(wait.errors.contains("t-02 is still moving"))
    }

    @Test("every step that can be refused tells with --check why, exit 6, and changes nothing")
    func checks() throws {
        let sandbox = try Self.fleet(1)
        for step in ["cutover", "revert", "abort", "retire"] {
            let outcome = try sandbox.run("loci migrate \(step) --check")
            #expect(outcome.status == 6, "\(step)")
            #expect(outcome.errors.contains("There was no migration yet."))
        }
        let refused = [
            "'user={user}/topic={topic}'": "is live already",
            "'user={topic}/of={user}'": "one name could be",
            "'topic={topic}'": "",
        ]
        for (scheme, reason) in refused {
            let outcome = try sandbox.run("loci migrate start \(scheme) --check")
            #expect(outcome.status == (reason.isEmpty ? 0 : 6), "\(scheme): \(outcome.errors)")
            #expect(reason.isEmpty || outcome.errors.contains(reason))
        }
        #expect(try sandbox.must("loci migrate status --json").json[0]["state"] == "none")
        try sandbox.must("loci migrate start \(Self.scheme) -q; loci migrate cutover --check")
        #expect(try sandbox.run("loci migrate revert --check").status == 6)
        #expect(try sandbox.must("loci migrate status --json").json[0]["listed"] == 1)
    }
}

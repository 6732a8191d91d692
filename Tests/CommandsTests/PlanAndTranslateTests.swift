import Model
import Testing

@Suite("Plan and translate", .serialized)
struct PlanAndTranslateTests {
    private static func filled(_ files: [String: String]) throws -> Sandbox {
        let sandbox = try Sandbox(store: "user={user}/topic={topic}")
        for (path, text) in files {
            try sandbox.must(
                "mkdir -p \"$(dirname 'src/\(path)')\"; printf '%s' '\(text)' >'src/\(path)'"
            )
        }
        try sandbox.must("loci import src --scheme-of-source '{user}/{topic}' -q")
        return sandbox
    }

    @Test("a plan that collides shows it, exits 6 as the start would, and names the way out")
    func collides() throws {
        let sandbox = try Self.filled(["ann/db/n.md": "1", "bob/db/n.md": "2"])
        let plan = try sandbox.run("loci migrate plan 'topic={topic}'")
        #expect(plan.status == 6)
        #expect(plan.output.contains("collisions 1   topic=db/n.md"))
        #expect(plan.lines.last == "Nothing has been changed. A start would be refused.")
        #expect(plan.errors.contains("--on-collision suffix"))
        let start = try sandbox.run("loci migrate start 'topic={topic}'")
        #expect(start.status == 6 && start.errors == plan.errors)
        let json = try sandbox.run("loci migrate plan 'topic={topic}' --json").json
        #expect(json.first?["refused"]?.stringValue?.contains("another memory has") == true)
        let suffix = try sandbox.must("loci migrate plan 'topic={topic}' --on-collision suffix")
        #expect(
            suffix.lines.last
                == "Nothing has been changed. Start it with:  loci migrate start 'topic={topic}' "
                + "--on-collision suffix"
        )
        try sandbox.must("loci migrate start 'topic={topic}' --on-collision suffix -q")
        let live = try sandbox.run("loci migrate plan 'topic={topic}'")
        #expect(live.status == 6 && live.errors.contains("is live already"))
    }

    @Test("a plan tells fan-out, depth, links and a time, in words and as JSON")
    func predicts() throws {
        let sandbox = try Self.filled([
            "ann/db/n.md": "see [x](../topic=ui/m.md)", "ann/ui/m.md": "m",
        ])
        let plan = try sandbox.must("loci migrate plan 'topic={topic}/user={user}' --links").output
        for part in [
            "new directories 4   entries in one: 1.0 on average, 1 at most",
            "deepest  topic=", "relative links that break 1   user=ann/topic=db/n.md: ../topic=ui",
            "at full speed (throttle none)",
        ] {
            #expect(plan.contains(part), "\(part) in \(plan)")
        }
        let json = try sandbox.must("loci migrate plan 'topic={topic}/user={user}' --json").json[0]
        #expect(json["newDirectories"] == 4 && json["entriesMost"] == 1)
        #expect(json["brokenLinks"] == .null && json["refused"] == .null)
        guard case .number(let seconds)? = json["estimateSeconds"] else {
            Issue.record("no time")
            return
        }
        #expect(seconds > 0)
    }

    @Test("translate streams standard input, by lines and by NUL, and lists what it cannot")
    func translates() throws {
        let sandbox = try Self.filled(["ann/db/n.md": "1", "bob/ui/m.md": "2"])
        try sandbox.must(
            """
            loci migrate start 'topic={topic}/user={user}' -q; loci migrate cutover -q
            printf 'user=ann/topic=db/n.md\\nuser=bob/topic=ui/m.md\\n' >both
            """
        )
        #expect(
            try sandbox.must("loci layout translate <both").lines
                == ["topic=db/user=ann/n.md", "topic=ui/user=bob/m.md"]
        )
        #expect(
            try sandbox.must("tr '\\n' '\\0' <both | loci layout translate -0 - | tr '\\0' '+'")
                .output == "topic=db/user=ann/n.md+topic=ui/user=bob/m.md+"
        )
        let some = try sandbox.run(
            "{ echo user=no/topic=such/x.md; echo ../..; cat both; } | loci layout translate --json"
        )
        #expect(some.status == 7)
        #expect(some.errors.contains("There is no memory at \"/user=no/topic=such/x.md\"."))
        #expect(some.errors.contains("2 paths could not be translated"))
        let objects = try some.json
        #expect(objects[0]["error"]?["code"] == "notFound" && objects[1]["error"] != nil)
        #expect(objects[2]["to"] == "topic=db/user=ann/n.md")
        // An answer comes before the input ends.
        let live = try sandbox.must(
            """
            mkfifo in; loci layout translate <in >out & exec 7>in
            head -1 both >&7; for i in $(seq 100); do [ -s out ] && break; sleep 0.1; done
            cat out; exec 7>&-; wait
            """
        )
        #expect(live.output == "topic=db/user=ann/n.md\n")
    }

    @Test(
        "after retirement old paths are translated, and stat of one exits 4 and names the new one"
    )
    func afterRetirement() throws {
        let sandbox = try Self.filled(["ann/db/n.md": "1"])
        try sandbox.must(
            """
            loci migrate start 'topic={topic}/user={user}' -q; loci migrate cutover -q
            loci migrate retire --yes -q; loci migrate run -q
            loci add - --name late.md --set user=eve --set topic=db </dev/null
            """
        )
        #expect(
            try sandbox.must(
                "loci layout translate user=ann/topic=db/n.md user=eve/topic=db/late.md"
            ).lines == ["topic=db/user=ann/n.md", "topic=db/user=eve/late.md"]
        )
        let stat = try sandbox.run("loci stat user=ann/topic=db/n.md")
        #expect(stat.status == 4 && stat.errors.contains("topic=db/user=ann/n.md"))
        let late = try sandbox.run("loci stat user=eve/topic=db/late.md")
        #expect(late.status == 4)
        #expect(late.errors.contains("loci layout translate --from 1"))
        let wrong = try sandbox.run("loci layout translate --from 1 topic=db/user=ann/n.md")
        #expect(wrong.status == 7 && wrong.errors.contains("does not fit"))
    }

    @Test("with --verify full a damaged content is listed, and run exits 7")
    func verifies() throws {
        let sandbox = try Self.filled(["ann/db/n.md": "1", "bob/ui/m.md": "2"])
        try sandbox.must(
            """
            blob=$(find store/main/data -path '*user=ann*' -type f)
            chmod u+w "$blob"; printf X >"$blob"
            loci migrate start 'topic={topic}/user={user}' --verify full -q
            """
        )
        let run = try sandbox.run("loci migrate run")
        #expect(run.status == 7 && run.errors.contains("loci migrate errors"), "\(run.errors)")
        let errors = try sandbox.must("loci migrate errors --json").json
        #expect(errors.count == 1 && errors[0]["step"] == "verify" && errors[0]["name"] == "n.md")
        #expect(try sandbox.must("loci migrate status --json").json[0]["state"] == "ready")
        #expect(try sandbox.must("cat store/main/data/topic=ui/user=bob/*").output == "2")
    }
}

import Linux
import Model
import Testing

/// Mappers by command: what is refused, what is told, what a kill leaves.
@Suite("Mappers by command")
struct MapperCommandTests {
    /// A mapper that notes each name that it is asked about; `$fault` is a line of Python about
    /// `memory`.
    private static func mapper(_ fault: String = "pass") -> String {
        """
        cat >mapper.py <<'END'
        import json, os, sys, time
        for line in sys.stdin:
            memory = json.loads(line)
            with open("asked", "a") as asked: asked.write(memory["name"] + "\\n")
            \(fault)
            print(json.dumps({"id": memory["id"], "fields": {"topic": "db"}}), flush=True)
        END

        """
    }

    private static let start = "loci migrate start 'topic={topic}/user={user}'"
    private static let withMapper = start + " --mapper 'python3 mapper.py'"

    /// A store with `ann/1.md` to `ann/<count>.md`.
    private static func filled(_ count: Int, _ fault: String = "pass") throws -> Sandbox {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            mkdir -p source/ann; for n in $(seq \(count)); do echo $n >source/ann/$n.md; done
            loci import source --scheme-of-source '{user}' -q

            """ + mapper(fault)
        )
        return sandbox
    }

    @Test(
        "what cannot be a mapper is refused with exit 2, and nothing is written",
        arguments: [
            ("--mapper 'nothing x'", "The mapper's program 'nothing' was not found in PATH."),
            ("--mapper ./mapper.py", "'./mapper.py' cannot be executed. Make it executable with"),
            ("--mapper ./nowhere", "The mapper's program './nowhere' is not there."),
            ("--mapper ''", "The mapper's command is empty."),
            ("--mapper \"'python3\"", "has a quote that is not closed."),
            ("--mapper 'python3 mapper.py | tee x'", "has a '|', and no shell reads it."),
            ("--mapper 'python3 $HOME/x.py'", "has a '$', and no shell reads it."),
            ("--mapper 'python3 mapper.py' --mapper-jobs 0", "--mapper-jobs takes 1 to 256."),
            ("--mapper 'python3 mapper.py' --mapper-timeout soon", "'soon' is not a "),
            ("--mapper 'python3 mapper.py' --mapper-timeout 0s", "'0s' is not a time that"),
            ("--mapper-jobs 2", "go with --mapper."),
            ("--mapper 'python3 nowhere.py'", "The mapper's script 'nowhere.py' is not there."),
            ("--mapper 'python3 -u x/no.py 7'", "The mapper's script 'x/no.py' is not there."),
            ("--mapper 'sh nowhere'", "The mapper's script 'nowhere' is not there."),
            ("--mapper node", "The mapper 'node' is given no script."),
            ("--mapper /tmp", "The mapper's program '/tmp' is a directory."),
            ("--mapper mapper.py", "was not found in PATH. Name the one that lies here with its "),
        ]
    )
    func refuses(_ options: String, _ words: String) throws {
        let sandbox = try Self.filled(1)
        let outcome = try sandbox.run("\(Self.start) \(options)")
        #expect(outcome.status == 2, "\(outcome.errors)")
        #expect(outcome.errors.contains(words), "\(outcome.errors)")
        #expect(try sandbox.must("loci migrate status --json").json.first?["state"] == "none")
    }

    @Test("one that is no program is refused with exit 9 before anything is written")
    func refusesNoProgram() throws {
        let sandbox = try Self.filled(1)
        let outcome = try sandbox.run(
            "echo text >tool; chmod +x tool; \(Self.start) --mapper ./tool"
        )
        #expect(outcome.status == 9)
        #expect(
            outcome.errors.contains("The mapper './tool' cannot be started: it is no program")
        )
        #expect(try sandbox.must("loci migrate status --json").json.first?["state"] == "none")
    }

    @Test(
        "its identity has the hash of each word that is a file, also within sh -c",
        arguments: [
            ("python3 mapper.py", 2), ("python3 -u mapper.py words.txt", 3),
            ("sh -c \"cat words.txt | python3 mapper.py\"", 3), ("python3 -c 'import mapper'", 1),
        ]
    )
    func identity(_ command: String, _ files: Int) throws {
        let sandbox = try Self.filled(1)
        try sandbox.must("echo words >words.txt")
        // It answers nothing of use: only its identity is looked at.
        _ = try sandbox.run("\(Self.start) --mapper '\(command.replacing("'", with: "\""))'")
        let mapper = try sandbox.must("loci migrate history --json").json.first?["mapper"]
        let hashes = mapper?.stringValue?.split(separator: "sha256:").last?.split(separator: "+")
        #expect(hashes?.count == files, "\(command)")
    }

    @Test("a plan with the mapper exits as the start would, and does not run it")
    func plans() throws {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            for user in ann bob; do mkdir -p source/$user; echo 1 >source/$user/1.md; done
            loci import source --scheme-of-source '{user}' -q

            """ + Self.mapper()
        )
        let plan = "loci migrate plan 'topic={topic}' --json"
        let bare = try sandbox.run(plan)
        #expect(try bare.status == 6 && bare.json.first?["collisions"]?.integerValue == 1)
        let mapped = try sandbox.must("\(plan) --mapper 'python3 mapper.py'")
        #expect(try mapped.json.first?["toMap"]?.integerValue == 2)
        #expect(try sandbox.run("ls asked").status != 0)
        #expect(try sandbox.run("\(plan) --mapper 'python3 nowhere.py'").status == 2)
    }

    @Test("a retry says what stopped the mapper, and how much was not asked about")
    func tellsHindrance() throws {
        let sandbox = try Self.filled(
            60,
            "if memory['name'] == '2.md' or os.path.exists('away'): sys.exit(5)"
        )
        let start = try sandbox.run("touch away; \(Self.withMapper)")
        #expect(start.status == 9)
        #expect(start.errors.contains("failed again and again"))
        let retry = try sandbox.run("loci migrate retry --mapper 'python3 mapper.py' --json")
        #expect(retry.status == 9)
        let report = try #require(try retry.json.first)
        #expect(report["undecided"]?.integerValue == 60 && report["tried"]?.integerValue == 0)
        #expect(report["hindrance"]?.stringValue?.contains("failed again and again") == true)
        #expect(try sandbox.must("loci migrate errors").output.isEmpty)
        let rest = try sandbox.run("rm away; loci migrate retry --mapper 'python3 mapper.py'")
        #expect(rest.status == 9)
        let again = try sandbox.run("touch away; loci migrate retry --mapper 'python3 mapper.py'")
        #expect(again.status == 7)
        #expect(again.errors.contains("1 memory failed again. 1 memory could not be mapped"))
    }

    @Test("abort leaves what the mapper found, and --forget-mapped takes it back, also later")
    func forgets() throws {
        let sandbox = try Self.filled(3)
        let topics = "loci ls -R --json | grep -c '\"topic\"' || true"
        try sandbox.must("\(Self.withMapper) -q; loci migrate abort -q")
        #expect(try sandbox.must(topics).output == "3\n")
        let outcome = try sandbox.must("loci migrate abort --forget-mapped")
        #expect(outcome.output.contains("given up, and what its mapper found with it."))
        #expect(try sandbox.must(topics).output == "0\n")
        try sandbox.must("\(Self.withMapper) -q; loci migrate abort --forget-mapped -q")
        #expect(try sandbox.must(topics).output == "0\n")
        #expect(try sandbox.must("loci fsck").status == 0)
    }

    @Test("quotes make words, as in a shell, and jq is a mapper")
    func words() throws {
        let sandbox = try Self.filled(3)
        try sandbox.must(
            """
            cat >'my mapper.py' <<'END'
            import json, sys
            for line in sys.stdin:
                print(json.dumps({"id": json.loads(line)["id"], "fields": {"topic": sys.argv[1]}}),
                      flush=True)
            END
            \(Self.start) --mapper "python3 'my mapper.py' \\"the \\\\\\"topic\\\\\\" of\\"\\\\ it"
            """
        )
        #expect(
            try sandbox.must("loci ls -R --json").json.first?["attributes"]?["topic"]
                == "the \"topic\" of it"
        )
    }

    @Test("a start goes on with the same mapper only; with another one exit 10 names both")
    func refusesOthers() throws {
        let sandbox = try Self.filled(3, "if memory['name'] == '2.md': sys.exit(1)")
        #expect(try sandbox.run(Self.withMapper).status == 9)
        #expect(try sandbox.run("sleep 0; \(Self.withMapper)").status == 9)
        let none = try sandbox.run(Self.start)
        #expect(none.status == 10)
        #expect(none.errors.contains("began with the mapper 'python3 mapper.py sha256:"))
        #expect(none.errors.contains("and now none is given"))
        let other = try sandbox.run(Self.mapper() + Self.withMapper)
        #expect(other.status == 10)
        #expect(other.errors.contains("and this is 'python3 mapper.py sha256:"))
        #expect(other.errors.contains("loci migrate retry --mapper CMD"))
        #expect(try sandbox.run("\(Self.withMapper) --check").status == 6)
    }

    @Test("errors lists each memory; retry tells what came of it, and takes a mended mapper")
    func retries() throws {
        let sandbox = try Self.filled(
            5,
            "if memory['name'] in ('2.md', '4.md'): print('too hard', file=sys.stderr); sys.exit(7)"
        )
        let start = try sandbox.run(Self.withMapper)
        #expect(start.status == 9)
        #expect(start.errors.contains("mapper: too hard\n"))
        #expect(start.errors.contains("2 memories could not be mapped"), "\(start.errors)")
        #expect(start.errors.contains("Then: loci migrate retry"))
        let rows = try sandbox.must("loci migrate errors").lines
        #expect(rows.count == 2)
        #expect(rows[0].contains("user=ann/2.md") && rows[0].contains("\tmap\t3\t"))
        #expect(rows[0].hasSuffix("exit code 7 instead of answering; it last said: 'too hard'"))
        let error = try #require(try sandbox.must("loci migrate errors --json").json.last)
        #expect(error["path"] == "user=ann/4.md" && error["step"] == "map")
        #expect(error["attempts"]?.integerValue == 3 && error["time"]?.stringValue != nil)
        let bare = try sandbox.run("loci migrate retry")
        #expect(bare.status == 2)
        #expect(bare.errors.contains("Give the mapper again: loci migrate retry --mapper CMD"))
        let again = try sandbox.run("loci migrate retry --mapper 'python3 mapper.py'")
        #expect(again.status == 7)
        #expect(again.output == "Tried 2 again: 0 done, 2 failed. The layout is not live yet.\n")
        #expect(again.errors.contains("2 memories failed again."))
        let attempts = try sandbox.must("loci migrate errors --json").json.last?["attempts"]
        #expect(attempts?.integerValue == 6)
        try sandbox.must(Self.mapper())
        let retry = "loci migrate retry --mapper 'python3 mapper.py'"
        let one = try sandbox.must("\(retry) user=ann/4.md --json").json.first
        #expect(one?["tried"]?.integerValue == 1 && one?["done"]?.integerValue == 1)
        #expect(one?["state"] == "preparing" && one?["errors"]?.integerValue == 1)
        let rest = try sandbox.must(retry)
        #expect(rest.output.hasPrefix("Tried 1 again: 1 done, 0 failed. The layout is live. "))
        #expect(try sandbox.must("loci migrate errors").output.isEmpty)
        #expect(try sandbox.must("loci fsck").status == 0)
    }

    @Test("a field that somebody sets by hand mends an error without the mapper being asked")
    func mendsByHand() throws {
        let sandbox = try Self.filled(2, "if memory['name'] == '2.md': sys.exit(1)")
        #expect(try sandbox.run(Self.withMapper).status == 9)
        try sandbox.must("loci set user=ann/2.md topic=mine -q; rm asked; touch asked")
        try sandbox.must(Self.withMapper)
        #expect(try sandbox.must("cat asked").output.isEmpty)
        #expect(try sandbox.must("loci cat topic=mine/user=ann/2.md").output == "2\n")
    }

    @Test("what the mapper passed over is no error, and is listed apart")
    func listsSkips() throws {
        let skip =
            "print(json.dumps({'id': memory['id'], 'skip': 'no idea'}), flush=True); continue"
        let sandbox = try Self.filled(3, "if memory['name'] != '1.md': \(skip)")
        try sandbox.must(Self.withMapper)
        let errors = try sandbox.must("loci migrate errors")
        #expect(errors.output.isEmpty)
        #expect(errors.errors.contains("2 more; they are listed by: loci migrate errors --skipped"))
        let skipped = try sandbox.must("loci migrate errors --skipped --json").json
        #expect(skipped.map { $0["reason"] } == ["no idea", "no idea"])
        #expect(skipped.allSatisfy { $0["step"] == "skip" })
    }

    @Test("more than a page of errors is listed whole")
    func listsAll() throws {
        let error = "print(json.dumps({'id': memory['id'], 'error': 'away'}), flush=True); continue"
        let sandbox = try Self.filled(2300, error)
        let outcome = try sandbox.run("\(Self.withMapper) --mapper-jobs 2")
        #expect(outcome.status == 9)
        #expect(outcome.errors.contains("2300 memories could not be mapped"))
        let names = try sandbox.must("loci migrate errors --json").json.map { $0["name"] }
        #expect(names.count == 2300 && Set(names).count == 2300)
        #expect(try sandbox.must("loci migrate errors").lines.count == 2300)
        try sandbox.must("\(Self.withMapper) --leave-unmapped -q")
        #expect(try sandbox.must("loci migrate errors --skipped").lines.count == 2300)
    }

    @Test("history tells who, when, why, from, to, with what, and what came of it")
    func history() throws {
        let sandbox = try Self.filled(4)
        try sandbox.must(
            """
            \(Self.withMapper) --on-collision suffix --actor ann --reason 'topics first' -q
            loci migrate abort -q
            loci migrate start 'by={user}' --actor bob -q; loci migrate run -q
            loci migrate cutover -q; loci migrate retire --force --yes -q
            """
        )
        let runs = try sandbox.must("loci migrate history --json").json
        #expect(runs.count == 2)
        let (new, old) = (runs[0], runs[1])
        #expect(new["actor"] == "bob" && new["outcome"] == "retired" && new["mapper"] == .null)
        #expect(new["moved"]?.integerValue == 4 && new["total"]?.integerValue == 4)
        #expect(new["fromScheme"] == "user={user}" && new["toScheme"] == "by={user}")
        #expect(old["actor"] == "ann" && old["reason"] == "topics first")
        #expect(old["outcome"] == "aborted" && old["prepared"]?.integerValue == 4)
        #expect(old["mapper"]?.stringValue?.hasPrefix("python3 mapper.py sha256:") == true)
        #expect(old["options"]?["onCollision"] == "suffix")
        for run in runs {
            #expect(run["started"]?.stringValue != nil && run["ended"]?.stringValue != nil)
            #expect(run["seconds"] != .null && run["liveSeconds"] != .null)
        }
        let mapper = try #require(old["mapper"]?.stringValue)
        let rows = try sandbox.must("loci migrate history").lines
        #expect(rows[1].contains("python3 mapper.py sha256:") && !rows[1].contains(mapper))
        #expect(rows.count == 2)
        #expect(rows[1].contains("\tann\taborted\t") && rows[1].contains("topics first"))
    }
}

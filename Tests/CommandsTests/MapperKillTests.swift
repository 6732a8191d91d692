import Linux
import Model
import Testing

/// A start with a mapper that is killed in the middle.
@Suite("Mappers and kills")
struct MapperKillTests {
    private static let start =
        "loci migrate start 'topic={topic}/user={user}' --mapper 'python3 mapper.py'"

    /// Answers forty memories, then nothing until there is a file `go`; notes its process and what
    /// it is asked.
    private static func stalled() throws -> Sandbox {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            mkdir -p source/ann; for n in $(seq 200); do echo $n >source/ann/$n.md; done
            loci import source --scheme-of-source '{user}' -q
            cat >mapper.py <<'END'
            import json, os, sys, time
            with open("pid", "w") as pid: pid.write("%d" % os.getpid())
            for count, line in enumerate(sys.stdin):
                memory = json.loads(line)
                with open("asked", "a") as asked: asked.write(memory["name"] + "\\n")
                while count >= 40 and not os.path.exists("go"): time.sleep(0.01)
                topic = "t" + memory["name"].split(".")[0]
                print(json.dumps({"id": memory["id"], "fields": {"topic": topic}}), flush=True)
            END
            """
        )
        return sandbox
    }

    private static let decided = """
        decided() { loci ls -R --json | grep -c '"topic"'; }
        begin() {
            \(start) -q & start=$!
            for n in $(seq 3000); do
                [ "$(decided)" = 40 ] && [ -s pid ] && return; sleep 0.02
            done
            return 1
        }

        """

    @Test("after kill -9 what was decided is not asked again, and at most what was in flight is")
    func goesOn() throws {
        let sandbox = try Self.stalled()
        try sandbox.must(
            Self.decided
                + """
                begin; kill -9 $start; wait $start || true
                cp asked before; touch go; \(Self.start) -q
                """
        )
        let before = try sandbox.must("cat before").lines
        let all = try sandbox.must("cat asked").lines
        #expect(before.count == 41)
        #expect(Set(all).count == 200)
        // The one that the killed mapper was at.
        #expect(all.count == 201)
        #expect(Set(all[41...]).isDisjoint(with: before[..<40]))
        let state = try sandbox.must("loci migrate status --json").json.first
        #expect(state?["state"] == "moving" && state?["prepared"]?.integerValue == 200)
        for memory in try sandbox.must("loci ls -R --json").json {
            let name = memory["name"]?.stringValue ?? ""
            #expect(memory["attributes"]?["topic"]?.stringValue == "t" + name.dropLast(3))
        }
        try sandbox.must("loci fsck")
    }

    @Test("no mapper outlives its start, also where that is killed while the mapper hangs")
    func diesToo() throws {
        let sandbox = try Self.stalled()
        try sandbox.must(
            Self.decided
                + """
                begin; kill -9 $start; wait $start || true
                for n in $(seq 500); do
                    [ -d /proc/$(cat pid) ] || exit 0; sleep 0.02
                done
                exit 1
                """
        )
    }

    @Test("an interrupted start ends its mapper, and goes on later")
    func interrupted() throws {
        let sandbox = try Self.stalled()
        try sandbox.must(
            Self.decided
                + """
                begin; kill -TERM $start; wait $start || true
                for n in $(seq 500); do [ -d /proc/$(cat pid) ] || break; sleep 0.02; done
                [ ! -d /proc/$(cat pid) ]
                touch go; \(Self.start) -q
                """
        )
        #expect(try sandbox.must("loci migrate status --json").json.first?["state"] == "moving")
    }

    @Test(
        "a signal ends what the mapper started too, says how to go on, and ends the start as ever",
        arguments: [("TERM", 143), ("HUP", 129)]
    )
    func takesAlong(_ signal: String, _ status: Int) throws {
        let sandbox = try Sandbox(store: "user={user}")
        let outcome = try sandbox.must(
            """
            mkdir -p source/ann; echo 1 >source/ann/1.md
            loci import source --scheme-of-source '{user}' -q
            cat >mapper.py <<'END'
            import os, signal, sys, time
            with open("pid.new", "w") as pid: pid.write("%d" % os.getpid())
            os.rename("pid.new", "pid")
            time.sleep(600)
            END
            loci migrate start 'topic={topic}/user={user}' \
                --mapper "sh -c 'cat | python3 mapper.py'" 2>errors & start=$!
            for n in $(seq 1000); do [ -s pid ] && break; sleep 0.02; done
            kill -\(signal) $start
            status=0; wait $start || status=$?
            for n in $(seq 500); do [ -d /proc/$(cat pid) ] || break; sleep 0.02; done
            [ ! -d /proc/$(cat pid) ]
            echo $status; cat errors
            """
        )
        #expect(
            outcome.lines == [
                "\(status)", "loci: interrupted; the same command goes on where it was.",
            ]
        )
    }
}

import Model
import Testing

/// `.loci/migration` of real mounts, by the tools that people use.
@Suite("The files of .loci/migration", .serialized)
struct ControlFileTests {
    private static let there = "mnt/.loci/migration"

    /// Twenty memories, mounted, with a migration that is paused before it moves anything.
    private func moving() throws -> Sandbox {
        let sandbox = try Sandbox(store: "user={user}/topic={topic}")
        try sandbox.must(
            """
            mkdir mnt; for i in $(seq 20); do mkdir -p src/u$i/t; echo $i >src/u$i/t/$i.md; done
            loci import src --scheme-of-source '{user}/{topic}' -q
            loci migrate start 'topic={topic}/user={user}' -q; loci migrate pause -q
            loci mount store mnt
            """
        )
        return sandbox
    }

    private func status(_ sandbox: Sandbox) throws -> JSON {
        try JSON(parsing: try sandbox.must("cat \(Self.there)/status.json").output)
    }

    /// What commands change.
    private func settings(_ sandbox: Sandbox) throws -> [JSON?] {
        let status = try status(sandbox)
        return ["state", "listed", "live", "paused", "throttle", "oldPaths"].map { status[$0] }
    }

    @Test("are listed with their true sizes, and ctl is the owner's alone")
    func listing() throws {
        let sandbox = try moving()
        let listed = try sandbox.must("cd \(Self.there); stat -c '%n %a %s' *").lines
        #expect(
            listed.map { $0.split(separator: " ").prefix(2).joined(separator: " ") }
                == ["ctl 600", "errors 444", "status 444", "status.json 444", "who 444"]
        )
        #expect(listed[0] == "ctl 600 0")
        for name in ["status", "status.json", "who", "errors"] {
            try sandbox.must(
                "exec 3<\(Self.there)/\(name); test $(stat -Lc %s /proc/$$/fd/3) = $(wc -c <&3)"
            )
        }
        try sandbox.must("test \"$(stat -c %u mnt/.loci/migration/ctl)\" = \"$(stat -c %u store)\"")
    }

    @Test("tell what the command tells, and one that is open stays as it was")
    func reports() throws {
        let sandbox = try moving()
        let told = try sandbox.must("loci migrate status --json").json.first
        #expect(try status(sandbox) == told)
        #expect(
            try sandbox.must("cat \(Self.there)/status").output
                == sandbox.must("loci migrate status").output
        )
        let open = try sandbox.must(
            """
            exec 3<\(Self.there)/status; cat \(Self.there)/status >before
            echo cutover >\(Self.there)/ctl; cat <&3 | cmp - before; cat \(Self.there)/status
            """
        )
        #expect(open.output.hasPrefix("complete"), "\(open.output)")
    }

    @Test("ctl is of whom the store is, though uid= shows everything as another's")
    func owner() throws {
        let sandbox = try moving()
        try sandbox.must("loci umount mnt; loci mount store mnt -o uid=33")
        let owners = try sandbox.must(
            "stat -c %u store/main \(Self.there)/ctl \(Self.there)/status"
        ).lines
        #expect(owners[0] == owners[1] && owners[2] == "33", "\(owners)")
    }

    @Test("a reason for a pause forges no line of status, in the file and of the command")
    func escapesReasons() throws {
        let sandbox = try moving()
        try sandbox.must("loci migrate pause -q --reason $'x\\nnext: evil \\e[31m'")
        for command in ["cat \(Self.there)/status", "loci migrate status"] {
            let lines = try sandbox.must(command).lines
            #expect(lines.count { $0.hasPrefix("next: ") } == 1, "\(lines)")
            #expect(lines.contains { $0.contains("x%0Anext: evil %1B[31m") }, "\(lines)")
        }
        #expect(try status(sandbox)["pauseReason"] == "x\nnext: evil \u{1B}[31m")
        try sandbox.must(
            """
            loci migrate abort -q
            loci migrate start 'by={user}' -q --actor $'ann\\e[31m' --reason $'x\\ny'
            """
        )
        let rows = try sandbox.must("loci migrate history").output
        #expect(rows.contains("ann%1B[31m") && rows.contains("x%0Ay"), "\(rows)")
    }

    @Test("who and errors list what the commands list")
    func lists() throws {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            mkdir mnt; for i in 1 2; do echo $i | loci add --name $i.md --set user=u$i -q; done
            cat >mapper <<'END'
            #!/usr/bin/env python3
            import json, sys
            for line in sys.stdin:
                print(json.dumps({"id": json.loads(line)["id"], "error": "no idea"}), flush=True)
            END
            chmod +x mapper
            loci mount store mnt; test -z "$(cat \(Self.there)/who \(Self.there)/errors)"
            """
        )
        let start = try sandbox.run("loci migrate start 'topic={topic}' --mapper ./mapper -q")
        #expect(start.status != 0)
        let errors = try sandbox.must("cat \(Self.there)/errors").lines
        #expect(errors.count == 3 && errors[0].hasPrefix("PATH"), "\(errors)")
        #expect(errors.dropFirst().allSatisfy { $0.hasSuffix("no idea") })
        let json = try status(sandbox)
        #expect(json["unmapped"] == 2 && json["failed"] == 0)
        #expect(json["waits"]?.arrayValue?.map { $0["kind"] } == ["errors"])
        try sandbox.must(
            """
            loci migrate abort -q; loci migrate start 'by={user}' -q; loci migrate cutover -q
            cat mnt/user=u1/1.md; loci migrate who >/dev/null
            """
        )
        let who = try sandbox.must("cat \(Self.there)/who").lines
        #expect(who.count == 2 && who[1].contains("user=u1") && who[1].contains("cat"), "\(who)")
    }

    @Test("a line that is written to ctl is done as the command does it, and listed at once")
    func control() throws {
        let sandbox = try moving()
        func write(_ line: String) throws -> JSON {
            try sandbox.must("echo '\(line)' >\(Self.there)/ctl")
            return try status(sandbox)
        }
        let slow = try write("throttle 5")
        #expect(slow["throttle"] == "5" && slow["throttleUntil"] == .null)
        let fast = try write("throttle none 1h")
        #expect(fast["throttle"] == "none" && fast["throttleAfterwards"] == "5")
        #expect(fast["throttleUntil"]?.stringValue != nil)
        #expect(try write("pause")["paused"] == true)
        #expect(try write("resume")["paused"] == false)
        try sandbox.must("loci migrate wait ready --timeout 60s")
        #expect(try write("cutover nodelete")["oldPaths"] == "nodelete")
        #expect(try sandbox.must("ls mnt").lines == ["topic=t"])
        #expect(try write("revert")["listed"] == 1)
        #expect(try sandbox.must("ls mnt").lines.count == 20)
        try sandbox.must("echo pause >>\(Self.there)/ctl; printf resume >\(Self.there)/ctl")
        let last = try sandbox.changes("resume").last
        #expect(last?["process"] == "bash" && last?["actor"] == "root" || last?["uid"] != 0)
        try sandbox.must("loci umount mnt; loci fsck -q")
    }

    @Test(
        "what is no command, or more than one, is EINVAL with a sentence in last-error",
        arguments: [
            "stop", "cutover rw", "retire --yes", "abort", "throttle", "throttle fast",
            "throttle 5 0s", "throttle 5 soon", "", "pause\nresume", "\u{FF}",
        ]
    )
    func refusesLines(_ line: String) throws {
        let sandbox = try moving()
        let before = try settings(sandbox)
        try sandbox.must("cat >line <<'END'\n\(line)\nEND")
        let outcome = try sandbox.run("cat line >\(Self.there)/ctl")
        #expect(outcome.status == 1 && outcome.errors.contains("Invalid argument"))
        let words = try sandbox.must("cat mnt/.loci/last-error").output
        #expect(words.contains("path:   .loci/migration/ctl"), "\(words)")
        #expect(words.contains("errno:  EINVAL") && words.count > 80, "\(words)")
        #expect(try settings(sandbox) == before)
    }

    @Test("a step that the state does not allow is EBUSY, and says why")
    func refusesSteps() throws {
        let sandbox = try moving()
        let outcome = try sandbox.run("echo revert >\(Self.there)/ctl")
        #expect(outcome.errors.contains("Device or resource busy"), "\(outcome.errors)")
        let words = try sandbox.must("cat mnt/.loci/last-error").output
        #expect(words.contains("there is nothing to revert"), "\(words)")
        #expect(words.contains("loci migrate abort"), "\(words)")
    }

    @Test("other files take no writes, a write elsewhere than at 0 is refused, -o ro takes none")
    func refusesWrites() throws {
        let sandbox = try moving()
        for name in ["who", "errors", "status", "status.json", "new"] {
            #expect(try sandbox.run("echo x >\(Self.there)/\(name)").status == 1, "\(name)")
        }
        #expect(try sandbox.run("rm -f \(Self.there)/ctl").status == 1)
        let late = try sandbox.run(
            "printf pause | dd of=\(Self.there)/ctl bs=1 seek=5 conv=notrunc status=none"
        )
        #expect(late.errors.contains("Invalid argument"), "\(late.errors)")
        try sandbox.must("loci umount mnt; loci mount store mnt -o ro")
        let outcome = try sandbox.run("echo resume >\(Self.there)/ctl")
        #expect(outcome.errors.contains("Read-only file system"), "\(outcome.errors)")
        try sandbox.must("loci umount mnt; loci mount store mnt -o subdir=user=u1")
        #expect(try sandbox.run("ls \(Self.there)").status != 0)
        #expect(try !sandbox.must("ls mnt/.loci").lines.contains("migration"))
    }

    @Test("readers and writers of the mount go on while commands are written, and none is lost")
    func busy() throws {
        let sandbox = try moving()
        try sandbox.must(
            """
            loci migrate wait live
            work() { for i in $(seq 60); do echo $i >mnt/user=w$1/topic=t/$i.md || exit 1
              grep -rq . mnt/user=u$1 || exit 1; done; }
            steer() { for i in $(seq 40); do echo cutover >\(Self.there)/ctl
              echo revert >\(Self.there)/ctl; echo resume >\(Self.there)/ctl; done 2>/dev/null; }
            for n in 1 2 3; do mkdir -p mnt/user=w$n/topic=t; work $n & workers="$workers $!"; done
            for n in 1 2 3 4 5 6 7 8 9 10; do steer & steerers="$steerers $!"; done
            for p in $workers; do wait $p; done; for p in $steerers; do wait $p || true; done
            loci umount mnt; test "$(loci ls -R | wc -l)" = 200; loci fsck
            """
        )
    }
}

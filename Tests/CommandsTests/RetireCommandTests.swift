import Model
import Testing

/// Whom retiring a layout would cost their paths: real processes on real mounts.
@Suite("Who is in the way of retiring", .serialized)
struct RetireCommandTests {
    /// A mount on `mnt` after a cut-over: `user=…/topic=…` is old, `topic=…/user=…` is listed.
    private func complete(to scheme: String = "topic={topic}/user={user}") throws -> Sandbox {
        let sandbox = try Sandbox(store: "user={user}/topic={topic}")
        try sandbox.must(
            """
            mkdir -p src/bob/auth src/ann/db mnt; echo a >src/bob/auth/a.md; echo b >src/ann/db/b.md
            loci import src --scheme-of-source '{user}/{topic}' -q; loci mount store mnt
            loci migrate start '\(scheme)' -q; loci migrate cutover -q
            """
        )
        return sandbox
    }

    /// Waits, in a shell, until the process `$!` has exec'd what it is to be; ends it at the end.
    private static let begun = """
        holder=$!; trap 'kill $holder' EXIT
        for i in $(seq 100); do grep -q sleep /proc/$holder/comm && break; sleep 0.05; done
        """

    private func blockers(_ outcome: Sandbox.Outcome) throws -> [JSON] {
        try #require(try outcome.json.last?["blockers"]?.arrayValue)
    }

    @Test("a use is told by prefix, user's name and command, though the process has ended")
    func usesKeepCommands() throws {
        let sandbox = try complete()
        try sandbox.must("for i in 1 2; do cat mnt/user=bob/topic=auth/a.md; done")
        let uses = try sandbox.must("loci migrate who --json").json
        #expect(uses.map { $0["prefix"] } == ["user=bob"])
        #expect(uses.first?["process"] == "cat")
        #expect(uses.first?["layout"] == 1)
        let id = try sandbox.must("id -u; id -un").lines
        #expect(uses.first?["user"]?.integerValue.map(String.init) == id[0])
        #expect(uses.first?["userName"]?.stringValue == id[1])
        let rows = try sandbox.must("loci migrate who").output
        #expect(rows.contains("\(id[1]) (\(id[0]))\tcat\t"), "\(rows)")
    }

    @Test("a use of the old layout's own tree below .loci/layouts is one too")
    func usesOfViews() throws {
        let sandbox = try complete(to: "user={user}/subject={topic}")
        try sandbox.must("cat mnt/.loci/layouts/2/user=bob/subject=auth/a.md")
        #expect(try sandbox.must("loci migrate who --json").json == [])
        try sandbox.must("cat mnt/.loci/layouts/1/user=bob/topic=auth/a.md")
        let uses = try sandbox.must("loci migrate who --json").json
        #expect(uses.map { $0["prefix"] } == [".loci/layouts/1/user=bob"])
        #expect(try sandbox.run("loci migrate retire --check").status == 6)
    }

    @Test("a layout that never was listed has its readers too, who are in the way of retiring it")
    func usesOfUnlisted() throws {
        let sandbox = try complete()
        try sandbox.must(
            """
            loci migrate start 'subject={topic}/user={user}' -q
            cat mnt/subject=auth/user=bob/a.md
            loci migrate start 'person={user}/topic={topic}' -q; loci migrate cutover -q
            cat mnt/subject=db/user=ann/b.md
            """
        )
        let uses = try sandbox.must("loci migrate who --json").json
        #expect(uses.map { $0["layout"] } == [3, 3])
        #expect(Set(uses.map { $0["prefix"] }) == ["subject=auth", "subject=db"])
        #expect(try sandbox.run("loci migrate retire 3 --check").status == 6)
    }

    @Test("a use by a thread is told by its process")
    func usesOfThreads() throws {
        let sandbox = try complete()
        try sandbox.must(
            """
            python3 -c 'import os, threading
            def use(): open("mnt/user=bob/topic=auth/a.md").read()
            thread = threading.Thread(target=use); thread.start(); thread.join()
            open("pid", "w").write(str(os.getpid()))'
            """
        )
        let uses = try sandbox.must("loci migrate who --json").json
        let pid = try sandbox.must("cat pid").output
        #expect(uses.map { $0["pid"]?.integerValue.map(String.init) } == [pid])
        #expect(uses.first?["process"] == "python3")
    }

    @Test("a use within the quiet period is named; what is older is not in the way")
    func quietPeriod() throws {
        let sandbox = try complete()
        try sandbox.must("cat mnt/user=bob/topic=auth/a.md")
        let refused = try sandbox.run("loci migrate retire --yes --json")
        #expect(refused.status == 6)
        #expect(refused.errors.contains("cat (process "), "\(refused.errors)")
        let blockers = try blockers(refused)
        #expect(blockers.map { $0["kind"] } == ["use"])
        #expect(blockers.first?["command"] == "cat" && blockers.first?["path"] == "user=bob")
        #expect(blockers.first?["at"]?.stringValue != nil)
        let open = try sandbox.must("loci migrate retire --check --quiet-period 0s --json")
        #expect(try self.blockers(open) == [])
        try sandbox.must("loci migrate retire --yes --quiet-period 0s; loci fsck -q")
        let run = try sandbox.must("loci migrate history --json").json.first
        #expect(run?["outcome"] == "retired")
    }

    @Test("a process that works in a directory that only the old layout has is in the way")
    func workingDirectory() throws {
        let sandbox = try complete()
        let outcome = try sandbox.run(
            """
            (cd mnt/user=bob; exec sleep 60) & \(Self.begun)
            loci migrate retire --check --quiet-period 0s --json; status=$?; echo $holder >pid
            exit $status
            """
        )
        #expect(outcome.status == 6)
        let found = try blockers(outcome)
        #expect(found.map { $0["kind"] } == ["working-directory"])
        #expect(found.first?["command"] == "sleep")
        let pid = try sandbox.must("cat pid").lines[0]
        #expect(found.first?["pid"]?.integerValue.map(String.init) == pid)
        #expect(found.first?["path"]?.stringValue == sandbox.root + "/mnt/user=bob")
        #expect(outcome.errors.contains("sleep (process \(pid)"), "\(outcome.errors)")
    }

    @Test("a process that has such a directory open is in the way, in each view of it")
    func openDirectory() throws {
        let sandbox = try complete()
        let outcome = try sandbox.run(
            """
            sleep 60 3<mnt/user=ann/topic=db 4<mnt/.loci/layouts/1/user=ann & \(Self.begun)
            loci migrate retire --check --quiet-period 0s --json
            """
        )
        #expect(outcome.status == 6)
        let found = try blockers(outcome)
        #expect(Set(found.map { $0["kind"] }) == ["open-directory"])
        #expect(
            Set(found.compactMap { $0["path"]?.stringValue })
                == [
                    sandbox.root + "/mnt/user=ann/topic=db",
                    sandbox.root + "/mnt/.loci/layouts/1/user=ann",
                ]
        )
    }

    @Test("who works in what the listed layout has too, or has a file open, is not in the way")
    func sharedDirectories() throws {
        let sandbox = try complete(to: "user={user}/subject={topic}")
        let outcome = try sandbox.run(
            """
            (cd mnt/user=bob; exec sleep 60 3<topic=auth/a.md 4<../.loci/layouts/2) & \(Self.begun)
            loci migrate retire --check --quiet-period 0s
            """
        )
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output == "Nothing is in the way.\n")
    }

    @Test("a mount that pins the old layout is in the way, by layout= and by subdir=")
    func pins() throws {
        let sandbox = try complete()
        try sandbox.must("mkdir mnt2 mnt3; loci mount store mnt2 -o layout=1")
        try sandbox.must("loci mount store mnt3 -o subdir=user=bob")
        let outcome = try sandbox.run("loci migrate retire --check --quiet-period 0s --json")
        #expect(outcome.status == 6)
        let found = try blockers(outcome)
        #expect(found.map { $0["kind"] } == ["mount", "mount"])
        #expect(
            Set(found.compactMap { $0["path"]?.stringValue })
                == [sandbox.root + "/mnt2", sandbox.root + "/mnt3"]
        )
        try sandbox.must(
            "loci umount mnt2; loci umount mnt3; loci migrate retire --check \\"
                + "\n--quiet-period 0s"
        )
    }

    @Test(
        "a mount that does not answer is named, exit 6: whom it saw is not known; --force ends it"
    )
    func silentMount() throws {
        let sandbox = try complete()
        let outcome = try sandbox.run(
            """
            pid=$(loci mounts --json | grep -F "$PWD/mnt" | sed 's/.*"pid": *\\([0-9]*\\).*/\\1/')
            trap 'kill -CONT $pid' EXIT; kill -STOP $pid
            loci migrate retire --yes --quiet-period 0s --json; test $? = 6 || exit 90
            loci migrate retire --yes --quiet-period 0s --force || exit 91
            """
        )
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.errors.contains("mnt, process "), "\(outcome.errors)")
        #expect(outcome.errors.contains("does not answer"), "\(outcome.errors)")
        #expect(outcome.output.contains("\"busy\""), "\(outcome.output)")
        let run = try sandbox.must("loci migrate history --json").json.first
        #expect(run?["outcome"] == "retired-by-force")
    }

    @Test("a process that calls itself after the terminal's commands is told without them")
    func escapesCommands() throws {
        let sandbox = try complete()
        try sandbox.must("cp \"$(command -v sleep)\" $'ev\\e[31m'")
        let outcome = try sandbox.run(
            """
            here=$PWD; (cd mnt/user=bob; exec "$here/"$'ev\\e[31m' 60) &
            holder=$!; trap 'kill $holder' EXIT
            for i in $(seq 100); do grep -q ^ev /proc/$holder/comm && break; sleep 0.05; done
            loci migrate retire --check --quiet-period 0s
            """
        )
        #expect(outcome.status == 6)
        #expect(outcome.errors.contains("ev%1B[31m (process "), "\(outcome.errors)")
        #expect(!outcome.errors.contains("\u{1B}"))
    }

    @Test("--force overrides uses, processes and pins, and history and the change log say so")
    func force() throws {
        let sandbox = try complete()
        let outcome = try sandbox.run(
            """
            (cd mnt/user=bob; exec sleep 60) & \(Self.begun)
            mkdir mnt2; loci mount store mnt2 -o layout=1; cat mnt/user=ann/topic=db/b.md
            loci migrate retire --yes; test $? = 6 || exit 90
            loci migrate retire --force --check || exit 91
            loci migrate retire --force; test $? = 2 || exit 92
            loci migrate retire --force --yes --reason 'it is time'
            """
        )
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("It would override "), "\(outcome.output)")
        let run = try sandbox.must("loci migrate history --json").json.first
        #expect(run?["outcome"] == "retired-by-force")
        #expect(try sandbox.must("loci migrate history").output.contains("retired-by-force"))
        let text = try #require(try sandbox.changes("layoutRetired").last).text()
        for word in ["forced", "sleep", "cat", "mnt2", "it is time"] {
            #expect(text.contains(word), "\(text)")
        }
        #expect(try sandbox.must("loci migrate status --json").json.first?["state"] == "retired")
    }
}

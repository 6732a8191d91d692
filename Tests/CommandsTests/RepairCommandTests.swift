import Model
import Testing

@Suite("Repairing on the command line")
struct RepairCommandTests {
    private func damaged() throws -> Sandbox {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            for i in 1 2 3; do echo "text $i" | loci add --name $i.md --set user=bob -q; done
            loci backup create backup -q
            rm "$(find store/main/data -name '*.md' | head -1)"
            echo nobody >store/main/data/stray
            """
        )
        return sandbox
    }

    @Test("wants --yes, lists what it did, and says what is left and how to mend that")
    func repair() throws {
        let sandbox = try damaged()
        #expect(try sandbox.run("loci fsck").status == 1)
        let refused = try sandbox.run("loci fsck --repair")
        #expect(refused.status == 2)
        #expect(refused.errors.contains("--yes"))
        let half = try sandbox.run("loci fsck --repair --yes --actor eve")
        #expect(half.status == 7)
        #expect(half.output.contains("kept at lost+found/stray"))
        #expect(half.output.contains("--from BACKUP"))
        #expect(half.lines.last == "main: 1 repair, 1 finding left")
        #expect(try sandbox.must("cat store/main/lost+found/stray").output == "nobody\n")
        let whole = try sandbox.must("loci fsck --repair --yes --from backup --json")
        let json = try #require(try whole.json.first { $0["tenant"] != nil })
        #expect(json["clean"]?.boolValue == true)
        #expect(json["repairs"]?.arrayValue?.count == 1)
        try sandbox.must("loci fsck -q; loci gc --delete --yes -q; loci fsck -q")
        let texts = try sandbox.must("for i in 1 2 3; do loci cat user=bob/$i.md; done")
        #expect(texts.lines == ["text 1", "text 2", "text 3"])
        let logged = try sandbox.must("loci audit --op repair").lines
        #expect(logged.count == 2)
        #expect(logged.filter { $0.contains("eve") }.count == 1)
    }

    @Test("is refused while the tenant is mounted")
    func mounted() throws {
        let sandbox = try damaged()
        try sandbox.must("mkdir mnt; loci mount store mnt -q")
        let refused = try sandbox.run("loci fsck --repair --yes")
        #expect(refused.status == 6)
        #expect(refused.errors.contains("loci umount"))
        try sandbox.must("loci umount mnt -q")
    }

    @Test("loci stats counts, and names the fullest partitions and largest memories")
    func stats() throws {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            for i in 1 2 3; do echo "text $i" | loci add --name $i.md --set user=bob -q; done
            head -c 5000 /dev/zero | loci add --name big.bin --set user=eve -q
            loci edit user=bob/1.md -q <<<'longer text'
            """
        )
        let json = try #require(try sandbox.must("loci stats --json --top 1").json.first)
        let expected: JSON = [
            "tenant": "main", "memories": 4, "trashed": 0, "revisions": 5, "bytes": 5033,
            "supersededRevisions": 1, "supersededBytes": 7, "snapshots": 0,
            "retentionSeconds": 7_776_000, "layouts": 1,
            "partitions": [["path": "user=bob", "memories": 3]],
            "largest": [["path": "user=eve/big.bin", "bytes": 5000]],
        ]
        #expect(json == expected)
        let shown = try sandbox.must(
            """
            mkdir mnt; loci mount store mnt -q
            cat mnt/.loci/stats; echo; loci stats --top 0 | cut -f 2- | tr '\\t' ' '
            loci umount mnt -q
            """
        ).output.split(separator: "\n\n").map { $0.split(separator: "\n").map(String.init) }
        #expect(shown.count == 2)
        #expect(Array(shown[0].prefix(shown[1].count)) == shown[1])
    }

    @Test("loci doctor tells each point of machine, store and tenant, and changes nothing")
    func doctor() throws {
        let sandbox = try Sandbox(store: "user={user}")
        let points = { (outcome: Sandbox.Outcome, scope: String) in
            try outcome.json.filter { $0["scope"]?.stringValue == scope }
        }
        // Every reader of a database marks its shared memory.
        let state = "find store -type f ! -name '*-shm' | sort | xargs sha256sum"
        let before = try sandbox.must(state).output
        // Somebody else's dead mount may be on this machine.
        let well = try sandbox.run("loci doctor --json")
        #expect(try sandbox.must(state).output == before)
        let machine = try points(well, "machine").compactMap { $0["point"]?.stringValue }
        for point in ["kernel", "fuse device", "fusermount3", "libfuse3", "SQLite", "mounts"] {
            #expect(machine.contains(point))
        }
        for scope in ["store", "main"] {
            let found = try points(well, scope)
            #expect(!found.isEmpty)
            #expect(found.allSatisfy { $0["state"]?.stringValue != "failed" }, "\(found)")
        }
        let without = try sandbox.run("env -u LOCI_STORE loci doctor --json")
        // Somebody else's mounts come and go.
        let alone = try points(without, "machine").compactMap { $0["point"]?.stringValue }
        #expect(Set(alone).union(["mounts"]) == Set(machine).union(["mounts"]))
        #expect(without.lines.count == alone.count)
    }

    @Test("loci doctor fails where a tenant cannot work, each with its remedy")
    func doctorFails() throws {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            echo x | loci add --name x.md --set user=bob -q
            chown 12345 store/main/wake; chmod 711 store/main
            mkdir store/main/staging/killed; touch store/main/staging/killed/{boot,1,2}
            loci retention 0s --yes -q
            sqlite3 store/main/catalog.db 'UPDATE change SET time = time + 3600000000000'
            """
        )
        let outcome = try sandbox.run("loci doctor --json")
        #expect(outcome.status == 1)
        let found = try outcome.json.filter { $0["scope"]?.stringValue == "main" }
        let states = found.map { one in
            ["point", "state"].compactMap { one[$0]?.stringValue }.joined(separator: " ")
        }
        for state in ["files failed", "staging warning", "clock failed", "history warning"] {
            #expect(states.contains(state), "\(states)")
        }
        for point in found where point["state"]?.stringValue != "ok" {
            #expect(point["remedy"]?.stringValue?.isEmpty == false)
        }
        #expect(try sandbox.run("loci doctor --store /nowhere --json").status == 1)
    }
}

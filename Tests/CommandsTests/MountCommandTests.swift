import Model
import Testing

@Suite("Mounting by commands", .serialized)
struct MountCommandTests {
    private static let fill = """
        mkdir src; for i in $(seq 3000); do mkdir -p src/u$((i % 7))/t$((i % 11)); \
        echo "body $i" >src/u$((i % 7))/t$((i % 11))/$i.md; done
        loci import src --scheme-of-source '{user}/{topic}' -q
        """

    @Test("mount returns when the mount answers, and umount when everything is committed")
    func mountsAndUnmounts() throws {
        let sandbox = try Sandbox()
        try sandbox.must(
            """
            mkdir mnt; loci mount store mnt; echo one >mnt/a.md; cat mnt/a.md; loci umount mnt
            test "$(loci cat a.md)" = one; ! mountpoint -q mnt
            """
        )
        try sandbox.must("loci fsck -q")
    }

    @Test("a path inside a mount finds its store, and mounts and status list it")
    func findsStore() throws {
        let sandbox = try Sandbox()
        try sandbox.must("mkdir mnt; echo a | loci add --name a.md -q; loci mount store mnt")
        try sandbox.must(
            "unset LOCI_STORE; loci stat mnt/a.md; cd mnt; loci stat a.md; loci migrate status"
        )
        let mounts = try sandbox.must("loci mounts --json").json
        #expect(mounts.contains { $0["mountPoint"]?.stringValue == sandbox.root + "/mnt" })
        let status = try sandbox.must("loci status --json").json.first
        #expect(status?["mounts"]?.arrayValue?.count == 1)
        try sandbox.must("loci umount mnt")
    }

    @Test("a status.json where nothing is mounted names no store")
    func believesMountsOnly() throws {
        let sandbox = try Sandbox()
        try sandbox.must(
            """
            echo a | loci add --name a.md -q; mkdir -p fake/.loci
            printf '{"store":"%s","tenant":"main"}' "$PWD/store" >fake/.loci/status.json
            """
        )
        let outcome = try sandbox.run("unset LOCI_STORE; loci stat fake/a.md")
        #expect(outcome.status == 2, "\(outcome.output)")
        #expect(outcome.errors.contains("No store is named"), "\(outcome.errors)")
    }

    @Test("a path below .loci/layouts is looked up in that layout, also one made apart")
    func looksIntoLayouts() throws {
        let sandbox = try Sandbox(store: "user={user}/topic={topic}")
        try sandbox.must(
            """
            mkdir src; mkdir -p src/ann/auth; echo a >src/ann/auth/a.md
            loci import src --scheme-of-source '{user}/{topic}' -q; mkdir mnt; loci mount store mnt
            loci migrate start 'topic={topic}/user={user}' --apart -q
            unset LOCI_STORE
            test "$(loci cat mnt/.loci/layouts/1/user=ann/topic=auth/a.md)" = a
            test "$(loci cat mnt/.loci/layouts/2/topic=auth/user=ann/a.md)" = a
            if loci cat mnt/.loci/layouts/2/user=ann/topic=auth/a.md; then exit 1; fi
            loci umount mnt
            """
        )
    }

    @Test("umount of a busy mount exits 6 and names the process; --lazy detaches it")
    func namesUsers() throws {
        let sandbox = try Sandbox()
        try sandbox.must("mkdir mnt; echo a | loci add --name a.md -q; loci mount store mnt")
        let outcome = try sandbox.run(
            "sleep 60 <mnt/a.md & loci umount mnt; s=$?; kill $!; wait; exit $s"
        )
        #expect(outcome.status == 6)
        #expect(outcome.errors.contains("in use by sleep (process "))
        try sandbox.must("loci umount --lazy mnt; ! mountpoint -q mnt")
    }

    @Test(
        "a mount point that cannot be one is refused with its exit code and sentence",
        arguments: [
            ("mkdir full; touch full/x; loci mount store full", 6, "is not empty"),
            ("mkdir -p store/inside; loci mount store store/inside", 2, "inside the store"),
            ("loci mount store nowhere", 4, "nowhere"),
            ("mkdir mnt; loci mount nothing mnt", 3, "There is no store"),
            ("mkdir mnt; loci mount store mnt -o tenant=mian", 4, "Did you mean 'main'?"),
            ("mkdir mnt; loci mount store mnt -q; loci mount store mnt", 6, "mounted"),
        ] as [(String, Int32, String)]
    )
    func refuses(_ script: String, _ status: Int32, _ words: String) throws {
        let sandbox = try Sandbox()
        let outcome = try sandbox.run(script)
        #expect(outcome.status == status, "\(outcome.errors)")
        #expect(outcome.errors.contains(words), "\(outcome.errors)")
    }

    @Test("--foreground says READY=1 to its supervisor, and SIGTERM commits and exits 0")
    func servesSupervisors() throws {
        let sandbox = try Sandbox()
        let outcome = try sandbox.must(
            """
            mkdir mnt; cat >listen.py <<'END'
            import socket, sys
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind("notify"); s.settimeout(20)
            print(s.recv(100).decode(), flush=True)
            END
            python3 listen.py >heard & listener=$!
            while [ ! -S notify ]; do sleep 0.05; done
            NOTIFY_SOCKET=$PWD/notify loci mount store mnt --foreground & daemon=$!
            wait $listener; cat heard; echo late >mnt/late.md
            kill -TERM $daemon; wait $daemon; loci cat late.md
            """
        )
        #expect(outcome.lines == ["READY=1", "late"])
    }

    @Test("kill -9 of the mount in the middle of moving: mounted again, it finishes, nothing lost")
    func survivesKill() throws {
        let sandbox = try Sandbox(store: "user={user}/topic={topic}")
        try sandbox.must(Self.fill)
        try sandbox.must(
            """
            loci migrate throttle 2000 -q; mkdir mnt; loci mount store mnt
            loci migrate start 'topic={topic}/user={user}' -q
            sleep 0.4; kill -9 $(loci mounts --json | grep "$PWD/mnt" | python3 -c \
            'import json,sys; m=json.loads(sys.stdin.readline()); print(m["keeper"], m["pid"])')
            sleep 0.1
            """
        )
        let after = try sandbox.must("loci migrate status --json").json.first
        #expect(after?["state"] == "moving")
        #expect(try #require(after?["moved"]?.integerValue) > 0)
        try sandbox.must(
            """
            loci migrate throttle none -q; loci mount store mnt
            loci migrate wait ready --timeout 60s
            for t in mnt/user=*/topic=*; do u=${t#mnt/user=}; u=${u%%/*}; k=${t##*topic=}; \
            diff -r $t src/$u/$k; diff -r mnt/topic=$k/user=$u src/$u/$k; done
            loci umount mnt; loci fsck -q
            """
        )
    }

    @Test("kill -9 of the worker without a mount: run again, it finishes, nothing lost")
    func workerSurvivesKill() throws {
        let sandbox = try Sandbox(store: "user={user}/topic={topic}")
        try sandbox.must(Self.fill)
        try sandbox.must(
            """
            loci migrate start 'topic={topic}/user={user}' -q; loci migrate throttle 2000 -q
            loci migrate run -q & sleep 0.4; kill -9 $!; wait $! || true
            """
        )
        let after = try sandbox.must("loci migrate status --json").json.first
        #expect(after?["state"] == "moving")
        try sandbox.must(
            """
            loci migrate throttle none -q; loci migrate run -q; loci migrate cutover -q
            loci fsck -q; loci export out -q
            for f in $(cd out; find . -name '*.md'); do t=${f#./topic=}; k=${t%%/*}; u=${t#*user=}; \
            cmp out/$f src/${u%%/*}/$k/${f##*/}; done
            """
        )
        #expect(try sandbox.must("loci ls -R").lines.count == 3000)
    }
}

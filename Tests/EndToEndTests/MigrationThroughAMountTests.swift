import Testing

/// A migration as its consumers see it: not at all.
@Suite("A migration through a mount", .serialized)
struct MigrationThroughAMountTests {
    static let old = "section={section}/package={package}/{folder...}"
    static let new = "package={package}/section={section}/{folder...}"

    private static func notes(_ count: Int) -> [String: String] {
        var files: [String: String] = [:]
        for number in 0..<count {
            files["section=s\(number % 3)/package=p\(number % 7)/deep/n\(number).md"] =
                "note \(number)"
        }
        return files
    }

    @Test("an open file, a mapping and a current directory work through all of it")
    func heldOpen() throws {
        let tenant = try MountedStore(scheme: Self.old, files: Self.notes(40))
        try tenant.must(
            """
            cat >"$W/hold.py" <<'END'
            import mmap, os, sys
            mount, control = sys.argv[1], sys.argv[2]
            directory = mount + '/section=s0/package=p0/deep'
            os.chdir(directory)
            fd = os.open('n0.md', os.O_RDWR)
            mapped = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
            def look(state):
                assert os.pread(fd, 100, 0) == b'note 0\\n', state
                assert mapped[:] == b'note 0\\n', state
                assert open('n0.md', 'rb').read() == b'note 0\\n', state
                assert 'n0.md' in os.listdir('.'), state
                print(state, os.getcwd() == directory, flush=True)
            for line in sys.stdin:
                look(line.strip())
            END
            mkfifo "$W/control"
            python3 "$W/hold.py" "$M" x <"$W/control" >"$W/seen" 2>&1 &
            exec 9>"$W/control"
            say() { echo "$1" >&9; for i in $(seq 50); do grep -q "^$1 " "$W/seen" && return; sleep 0.1; done; cat "$W/seen"; false; }
            say mounted
            loci migrate start '\(Self.new)' --store "$S"
            say live
            loci migrate wait ready --timeout 60s --store "$S"
            say ready
            loci migrate cutover --store "$S"
            say complete
            loci migrate revert --store "$S"
            say reverted
            loci migrate cutover --store "$S"
            say again
            exec 9>&-
            wait
            """
        )
        let seen = try tenant.must("cat \"$W/seen\"").lines
        #expect(
            seen
                == ["mounted", "live", "ready", "complete", "reverted", "again"].map {
                    $0 + " True"
                }
        )
    }

    @Test("an open file reads on after its layout was retired")
    func heldThroughRetirement() throws {
        let tenant = try MountedStore(scheme: Self.old, files: Self.notes(20))
        let text = try tenant.must(
            """
            exec 8<"$M/section=s0/package=p0/deep/n0.md"
            loci migrate start '\(Self.new)' --store "$S" >/dev/null
            loci migrate wait ready --timeout 60s --store "$S" >/dev/null
            loci migrate cutover --store "$S" >/dev/null
            loci migrate retire --store "$S" --yes --force >/dev/null
            sleep 0.2
            test ! -e "$M/section=s0"
            cat <&8
            """
        ).output
        #expect(text == "note 0\n")
    }

    @Test("a walk meets each memory exactly once in every state")
    func walks() throws {
        let tenant = try MountedStore(scheme: Self.old, files: Self.notes(300))
        let outcome = try tenant.must(
            """
            touch "$W/go"
            cat >"$W/walk.py" <<'END'
            import os, sys
            mount, go = sys.argv[1], sys.argv[2]
            walks = bad = 0
            while os.path.exists(go):
                met = {}
                for directory, _, names in os.walk(mount):
                    for name in names:
                        if name.startswith('n'):
                            met[name] = met.get(name, 0) + 1
                walks += 1
                if len(met) != 300 or max(met.values()) != 1:
                    bad += 1
                    print('met', len(met), max(met.values(), default=0), file=sys.stderr)
            print(walks > 5, bad)
            END
            python3 "$W/walk.py" "$M" "$W/go" >"$W/walked" &
            loci migrate start '\(Self.new)' --store "$S"
            loci migrate wait ready --timeout 60s --store "$S"
            for i in 1 2 3; do
                loci migrate cutover --store "$S"; sleep 0.3
                loci migrate revert --store "$S"; sleep 0.3
            done
            loci migrate cutover --store "$S"
            loci migrate retire --store "$S" --yes --force
            sleep 0.5
            rm "$W/go"
            wait
            cat "$W/walked"
            """
        )
        #expect(outcome.lines.last == "True 0", "\(outcome.errors)")
    }

    @Test("killed in the middle of moving, a mount that is started again finishes it")
    func killed() throws {
        let tenant = try MountedStore(scheme: Self.old, files: [:], mounted: false)
        try tenant.must(
            """
            for i in $(seq 0 1999); do
                d="$W/source/s$((i % 3))/p$((i % 40))"
                mkdir -p "$d"; echo "note $i" >"$d/n$i.md"
            done
            loci import "$W/source" --store "$S" --scheme-of-source '{section}/{package}/{folder...}'
            (cd "$W/source" && find . -type f -exec sha256sum {} + | sed 's#\\./.*/##' | sort) >"$W/before"
            loci mount "$S" "$M"
            loci migrate throttle 200 --store "$S"
            loci migrate start '\(Self.new)' --store "$S"
            sleep 1
            loci migrate status --store "$S" --json >"$W/status"
            pids=$(loci mounts --json | grep -F "$M" |
                sed 's/.*"pid":\\([0-9]*\\),"keeper":\\([0-9]*\\).*/\\2 \\1/')
            kill -9 $pids
            sleep 0.2
            umount -l "$M"
            loci migrate throttle none --store "$S"
            loci mount "$S" "$M"
            loci migrate wait ready --timeout 60s --store "$S"
            loci migrate cutover --store "$S"
            (cd "$M" && find . -type f -exec sha256sum {} + | sed 's#\\./.*/##' | sort) >"$W/after"
            cmp "$W/before" "$W/after"
            loci umount "$M"
            """
        )
        #expect(try tenant.must("cat \"$W/status\"").output.contains("moving"))
        #expect(try tenant.check() == nil)
    }

    @Test("a dead mount at the mount point is cleaned up by the next mount")
    func deadMount() throws {
        let tenant = try MountedStore(files: ["a.md": "here"])
        try tenant.must(
            """
            pids=$(loci mounts --json | grep -F "$M" |
                sed 's/.*"pid":\\([0-9]*\\),"keeper":\\([0-9]*\\).*/\\2 \\1/')
            kill -9 $pids; sleep 0.2
            if ls "$M" 2>/dev/null; then exit 1; fi
            loci mount "$S" "$M"
            test "$(cat "$M/a.md")" = here
            """
        )
    }
}

import Testing

/// What was written through a mount that is killed, all of it.
@Suite("A mount that is killed", .serialized)
struct KilledMountTests {
    /// Writes through a mount and kills its processes before it can commit that.
    private static let writeAndKill = """
        cat >"$W/kill.py" <<'END'
        import json, os, signal, subprocess, sys
        mount, text = sys.argv[1:]
        rows = subprocess.run(['loci', 'mounts', '--json'], capture_output=True, text=True)
        rows = [json.loads(line) for line in rows.stdout.splitlines()]
        row, = [row for row in rows if row['mountPoint'] == mount]
        for name in ('a.md', 'new.md'):
            with open(f'{mount}/{name}', 'w') as file: file.write(text + '\\n')
        # The keeper first: it would start another one.
        for process in ('keeper', 'pid'): os.kill(row[process], signal.SIGKILL)
        END

        """

    @Test("it is there when the mount comes again at once")
    func again() throws {
        let tenant = try MountedStore(files: ["a.md": "old"])
        try tenant.must(
            Self.writeAndKill
                + """
                for round in $(seq 10); do
                    python3 "$W/kill.py" "$M" "text $round"
                    loci mount "$S" "$M"
                    for name in a.md new.md; do
                        test "$(cat "$M/$name")" = "text $round" || {
                            echo "$name: $(cat "$M/$name"), not text $round"; exit 1; }
                    done
                done
                """
        )
        #expect(try tenant.memories() == 2)
        #expect(try tenant.check() == nil)
    }

    @Test("it shows through another mount that lives")
    func other() throws {
        let tenant = try MountedStore(files: ["a.md": "old"])
        defer { _ = try? tenant.shell("loci umount \"$W/two\" || umount -l \"$W/two\"") }
        try tenant.must(
            Self.writeAndKill
                + """
                mkdir "$W/two"; loci mount "$S" "$W/two"
                cat "$W/two/a.md"; if cat "$W/two/new.md" 2>/dev/null; then exit 1; fi
                python3 "$W/kill.py" "$M" text
                for i in $(seq 600); do
                    test "$(cat "$W/two/new.md" 2>/dev/null)" = text && break; sleep 0.1
                done
                test "$(cat "$W/two/new.md")" = text; test "$(cat "$W/two/a.md")" = text
                ls "$S/main/staging" | grep -cvE 'lock|recovery' | grep -qx 1
                """
        )
        #expect(try tenant.memories() == 2)
        #expect(try tenant.check() == nil)
    }
}

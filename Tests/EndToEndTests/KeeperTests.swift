import Testing

/// The process that serves a mount ends; the one that holds it starts another.
@Suite("A daemon that dies", .serialized)
struct KeeperTests {
    /// `process pid|keeper` prints a process of the mount; `dead` waits for another worker.
    private static let words = """
        process() {
            loci mounts --json | python3 -c 'import json, sys
        for line in sys.stdin:
            row = json.loads(line)
            if row["mountPoint"] == sys.argv[2]: print(row[sys.argv[1]])' "$1" "${2:-$M}"
        }

        """

    @Test("is started again: what is open, unborn or being read goes on")
    func goesOn() throws {
        let tenant = try MountedStore(files: ["a.md": "old"])
        try tenant.must(
            Self.words
                + """
                echo one >"$M/new.md"; exec 5<"$M/a.md" 6>>"$M/new.md"
                first=$(process pid); kill -9 $first
                echo two >&6; test "$(cat <&5)" = old; exec 5<&- 6>&-
                test "$(cat "$M/new.md")" = "one
                two"
                mv "$M/new.md" "$M/moved.md"; mkdir "$M/d"; rmdir "$M/d"
                kill -9 $(process pid)
                test ! -e "$M/new.md"; test -e "$M/moved.md"
                second=$(process pid); test $first != $second
                loci status --store "$S" --json | grep -q '"restarts":2,"lastDeath":"[^"]*killed by signal 9'
                loci umount "$M"
                ! kill -0 $second
                """
        )
        #expect(try tenant.memories() == 2)
        #expect(try tenant.check() == nil)
    }

    @Test("is given up on when it dies too often, and the reason is shown")
    func givenUp() throws {
        let tenant = try MountedStore(files: ["a.md": "here"], mounted: false)
        let outcome = try tenant.shell(
            Self.words
                + """
                set -e
                loci mount "$S" "$M" -o restarts=1,log="$W/log" --foreground 2>"$W/words" & keeper=$!
                until grep -qs serving "$W/log"; do sleep 0.05; done
                for round in 1 2; do
                    worker=$(process pid); kill -9 $worker
                    while [ $round = 1 ] && [ "$(process pid)" = $worker ]; do sleep 0.05; done
                done
                set +e; wait $keeper; status=$?; set -e
                ! mountpoint -q "$M"; grep -q 'given up on' "$W/log"; cat "$W/words"
                loci status --store "$S" --json | grep -o '"givenUp":.*'; loci status --store "$S"
                loci mount "$S" "$M"; test "$(cat "$M/a.md")" = here
                loci status --store "$S" --json | grep -q '"givenUp":\\[\\]'
                loci umount "$M"; exit $status
                """
        )
        #expect(outcome.status == 3, "\(outcome.output)\(outcome.errors)")
        let reason = "it died 2 times within a minute; the last time it was killed by signal 9"
        #expect(outcome.lines.filter { $0.contains(reason) }.count == 2, "\(outcome.output)")
        #expect(outcome.errors.contains("was given up on at"), "\(outcome.errors)")
    }

    @Test("whose keeper died serves on, and commits when it is unmounted")
    func keeperDies() throws {
        let tenant = try MountedStore(files: ["a.md": "old"])
        try tenant.must(
            Self.words
                + """
                kill -9 $(process keeper)
                echo new >"$M/b.md"; test "$(cat "$M/a.md")" = old
                until [ "$(process keeper)" = None ]; do sleep 0.05; done
                worker=$(process pid); kill -TERM $worker
                while kill -0 $worker 2>/dev/null; do sleep 0.05; done
                ! mountpoint -q "$M"; test "$(loci cat b.md --store "$S")" = new
                """
        )
        #expect(try tenant.check() == nil)
    }

    @Test("is replaced by another program while files are open, and stays where that one refuses")
    func upgraded() throws {
        let tenant = try MountedStore(files: ["a.md": "old"])
        let outcome = try tenant.must(
            Self.words
                + """
                echo one >"$M/new.md"; exec 5<"$M/a.md" 6>>"$M/new.md"; first=$(process pid)
                loci mount --upgrade "$M"
                echo two >&6; test "$(cat <&5)" = old; exec 5<&- 6>&-
                test "$(wc -l <"$M/new.md")" = 2; second=$(process pid); test $first != $second
                session=$(ls "$S/main/staging" | grep -vE 'lock|recovery')
                cd "$S/main/staging/$session"; cat >"$W/ask.py" <<'END'
                import socket, sys
                keeper = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                keeper.connect('keeper'); keeper.send(b'{"upgrade":"/bin/false"}')
                print(keeper.recv(65536).decode())
                END
                python3 "$W/ask.py"; cd /
                test $second = $(process pid); test "$(cat "$M/a.md")" = old
                loci umount "$M"
                """
        )
        #expect(outcome.output.contains("was not replaced: it ended with exit code 1."))
        #expect(try tenant.memories() == 2)
        let refused = try tenant.shell("loci mount --upgrade \"$M\"")
        #expect(refused.status == 4)
        #expect(try tenant.check() == nil)
    }

    @Test("is started again for a user who mounts with fusermount3")
    func ordinaryUser() throws {
        let tenant = try MountedStore(files: ["a.md": "old"], mounted: false)
        try tenant.must(
            Self.words
                + """
                [ $(id -u) = 0 ] || exit 0
                chmod 755 "$W/.." "$W"; chown -R nobody "$S" "$M"
                as() { setpriv --reuid=nobody --clear-groups "$@"; }
                as test -w /dev/fuse || exit 0
                as loci mount "$S" "$M"
                as sh -c 'echo new >"$M/new.md"'
                worker=$(as loci mounts --json | python3 -c 'import json, sys
                for line in sys.stdin:
                    row = json.loads(line)
                    if row["mountPoint"] == sys.argv[1]: print(row["pid"])' "$M")
                kill -9 $worker
                test "$(as cat "$M/new.md")" = new; test "$(as cat "$M/a.md")" = old
                as loci mount --upgrade "$M"
                test "$(as cat "$M/new.md")" = new
                as loci umount "$M"
                """
        )
        #expect(try tenant.check() == nil)
    }

    @Test("in the middle of much work, ten times, is noticed by nobody")
    func kills() throws {
        let program =
            #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
            + "/Tools/kills"
        let tenant = try MountedStore(mounted: false)
        let outcome = try tenant.shell(
            "TMPDIR=\"$W\" '\(program)' --kills 10 --readers 4 --writers 2 --seed 5 "
                + "--loci \"$(command -v loci)\""
        )
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.lines.contains("kills          10"))
        #expect(outcome.lines.suffix(2) == ["errors         0", "wrong          0"])
    }
}

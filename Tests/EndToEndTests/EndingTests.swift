import Testing

/// How a mount comes to its end, and what people and the system see of it.
@Suite("A mount ends well", .serialized, .timeLimit(.minutes(20)))
struct EndingTests {
    /// The daemon of the mount, as the mount and the arguments of processes know it.
    private static let daemon = """
        daemon() { python3 -c 'import json,sys; print(json.load(sys.stdin)["pid"])' \
            <"$M/.loci/status.json"; }
        # For a moment after a close the daemon itself has the file open.
        calmly() { for i in $(seq 100); do "$@" "$M" && return 0; sleep 0.1; done; exit 1; }
        daemons() { for p in /proc/[0-9]*; do
            if tr '\\0' ' ' <$p/cmdline 2>/dev/null | grep -qF "mount $S $M --foreground"; then
            echo ${p#/proc/}; fi; done; }
        gone() { for i in $(seq 1200); do
            test -d /proc/$1 && ! grep -q 'State:.Z' /proc/$1/status || return 0; sleep 0.05
        done; echo "process $1 does not end"; exit 1; }

        """

    @Test(
        "however it is unmounted, what was written a moment ago is a memory then",
        arguments: ["calmly umount", "calmly fusermount3 -u", "loci umount \"$M\"", "kill $pid"]
    )
    func commits(_ ending: String) throws {
        let tenant = try MountedStore(files: ["old.md": "old"])
        try tenant.must(
            Self.daemon
                + """
                pid=$(daemon); echo new >"$M/new.md"; echo changed >"$M/old.md"; echo tool >"$M/.tool"
                \(ending); gone $pid
                if mountpoint -q "$M"; then echo "still mounted"; exit 1; fi
                test "$(loci cat --store "$S" new.md)" = new
                test "$(loci cat --store "$S" old.md)" = changed
                test -z "$(ls -A "$M")"; test -z "$(ls "$S/main/staging" | grep -vE 'lock|recovery')"
                loci mount "$S" "$M"; test "$(cat "$M/.tool")" = tool; test "$(cat "$M/new.md")" = new
                """
        )
        #expect(try tenant.memories() == 2)
        #expect(try tenant.check() == nil)
    }

    @Test("SIGTERM commits and detaches also while somebody works in the mount")
    func terminatedWhileBusy() throws {
        let tenant = try MountedStore(files: ["old.md": "old"])
        try tenant.must(
            Self.daemon
                + """
                pid=$(daemon); cd "$M"; exec 9>busy.md; echo written >&9
                kill $pid; gone $pid; cd /; exec 9>&-
                if mountpoint -q "$M"; then echo "still mounted"; exit 1; fi
                test "$(loci cat --store "$S" busy.md)" = written
                """
        )
        #expect(try tenant.check() == nil)
    }

    @Test("findmnt and df show the store and the numbers of its volume")
    func shown() throws {
        let tenant = try MountedStore(files: ["old.md": "old"])
        try tenant.must(
            """
            test "$(findmnt -n -o FSTYPE "$M")" = fuse.loci
            test "$(findmnt -n -o SOURCE "$M")" = "$S"
            test "$(findmnt -n -o TARGET -T "$M/old.md")" = "$M"
            numbers() { df --output=size,itotal "$1" | tail -1; }
            test "$(numbers "$M")" = "$(numbers "$S")"
            test "$(df --output=fstype "$M" | tail -1)" = fuse.loci
            test "$(df --output=target "$M/old.md" | tail -1)" = "$M"
            """
        )
    }

    @Test("a dead mount says so, and the next mount takes its place")
    func dead() throws {
        let tenant = try MountedStore(files: ["old.md": "old"])
        try tenant.must(
            Self.daemon
                + """
                # Whatever keeps a daemon alive ends first.
                for p in $(daemons); do kill -9 $p; done
                for i in $(seq 600); do
                    # Who was waiting for an answer hears another word first.
                    ls "$M" >"$W/out" 2>&1 || grep -q 'Transport endpoint' "$W/out" && break
                    sleep 0.05
                done
                grep -q 'Transport endpoint' "$W/out"
                loci mounts | grep -F "$M" | grep -q '(dead)'
                loci mount "$S" "$M"; test "$(cat "$M/old.md")" = old
                test "$(grep -cF " $M fuse" /proc/mounts)" = 1
                """
        )
    }

    @Test("a mount that does not answer keeps nobody waiting, and can be detached")
    func silent() throws {
        let tenant = try MountedStore(files: ["old.md": "old"])
        let outcome = try tenant.must(
            Self.daemon
                + """
                echo new >"$M/new.md"
                all=$(daemons); kill -STOP $all
                trap 'kill -CONT $all 2>/dev/null' EXIT
                loci mounts | grep -F "$M" | grep -q 'does not answer'
                loci mounts --json | grep -F "\\"$M\\"" | grep -q '"alive":false'
                status=0; loci umount "$M" 2>"$W/words" || status=$?
                cat "$W/words"; test $status = 3; grep -qF " $M fuse" /proc/mounts
                loci umount --lazy "$M"; if grep -qF " $M fuse" /proc/mounts; then exit 1; fi
                kill -CONT $all; for p in $all; do gone $p; done; trap - EXIT
                test "$(loci cat --store "$S" new.md)" = new
                """
        )
        #expect(outcome.output.contains("is stopped"), "\(outcome.output)")
        #expect(outcome.output.contains("kill -CONT"), "\(outcome.output)")
        #expect(outcome.output.contains("loci umount --lazy"), "\(outcome.output)")
        #expect(try tenant.check() == nil)
    }
}

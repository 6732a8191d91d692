import Testing

/// A purge of a memory that everything has had a hand in.
@Suite("The traces of a purge")
struct PurgeTraceTests {
    /// Random words for its text, name and attribute, and what tells which files have one of them.
    private static let words = """
        random() { head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \\n'; }
        body=b$(random) name=n$(random) note=a$(random)
        # FIRST LAST: many more texts, so that the index merges its segments.
        others() {
            rm -rf source; mkdir -p source/user=u/topic=t
            python3 -c 'import random, sys
        for number in range(int(sys.argv[1]), int(sys.argv[2])):
            words = " ".join("w%x" % random.randrange(5000) for _ in range(60))
            open("source/user=u/topic=t/%d.md" % number, "w").write(words + "\\n")' $1 $2
            loci import source --scheme-of-source 'user={user}/topic={topic}' -q
        }
        traces() {
            { grep -rail -e $body -e $name -e $note store || true
              find store | grep -i -e $body -e $name -e $note || true; } | sort -u
        }

        """

    @Test(
        "none of its text, name and attributes is in any file after index, staging, a kill, snapshots and a migration"
    )
    func leavesNone() throws {
        let sandbox = try Sandbox(store: "user={user}/topic={topic}")
        let outcome = try sandbox.must(
            Self.words
                + """
                others 0 150
                mkdir mnt; loci mount store mnt
                mkdir -p mnt/user=bob/topic=auth; file=mnt/user=bob/topic=auth/$name.md
                echo "first $body" >$file
                loci ls -q
                loci set user=bob/topic=auth/$name.md note=$note -q
                [ "$(loci search $body | wc -l)" -ge 1 ]
                # In staging when the worker is killed, which brings it back.
                exec 3>>$file; echo "second $body" >&3
                kill -9 $(loci mounts --json | python3 -c 'import json, os, sys
                for line in sys.stdin:
                    row = json.loads(line)
                    if row["mountPoint"] == os.getcwd() + "/mnt": print(row["pid"])')
                echo "third $body" >&3; exec 3>&-
                loci ls -q
                loci snapshot create held -q
                mv $file mnt/user=bob/topic=auth/$name-moved.md
                others 150 300
                loci migrate start 'topic={topic}/user={user}' -q
                loci migrate wait ready --timeout 60s -q
                loci migrate cutover -q
                loci migrate retire --force --yes -q
                echo "fourth $body" >>mnt/topic=auth/user=bob/$name-moved.md
                loci ls -q
                others 300 450
                echo files with it $(traces | wc -l)
                rm mnt/topic=auth/user=bob/$name-moved.md
                loci snapshot delete held --yes -q; loci snapshot delete before-layout-2 --yes -q
                loci purge topic=auth/user=bob/$name-moved.md --yes -q
                loci umount mnt -q
                # Where its blobs moved away from, links stay for a grace of some seconds.
                for turn in $(seq 30); do
                    loci gc --delete --yes -q || true
                    [ -n "$(traces)" ] || break
                    sleep 0.5
                done
                traces
                loci fsck -q
                """
        )
        let count = outcome.lines.first?.split(separator: " ").last.flatMap { Int($0) } ?? 0
        // The database, and a blob of each revision.
        #expect(count >= 4, "\(outcome.output)")
        #expect(outcome.lines.dropFirst() == [])
    }
}

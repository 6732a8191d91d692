import Testing

/// `loci backup create` and `restore`, killed at random moments.
@Suite("Backups and kills")
struct BackupKillTests {
    /// Exports of a store, and a command that is killed after a part of the time that it takes.
    private static let words = """
        export_of() { rm -rf "$2"; loci export "$2" --store "$1" -q; }
        # SECONDS COMMAND…
        killed_after() {
            local after=$1 child; shift
            "$@" 2>/dev/null & child=$!
            sleep "$after"; kill -9 $child 2>/dev/null || true; wait $child 2>/dev/null || true
        }
        RANDOM=7
        mkdir -p source/user=a
        for n in $(seq 100); do echo "text $n" >source/user=a/$n.md; done
        loci import source --scheme-of-source 'user={user}' -q
        began=$EPOCHREALTIME; loci backup create timed -q
        took=$(awk -v a=$began -v b=$EPOCHREALTIME 'BEGIN { print b - a }')
        moment() { awk -v took=$took -v part=$((RANDOM % 100)) 'BEGIN { print took * part / 90 }'; }

        """

    @Test("a backup that was killed is whole or not taken for one, and the next one is whole")
    func create() throws {
        let sandbox = try Sandbox(store: "user={user}")
        let outcome = try sandbox.must(
            Self.words
                + """
                export_of store new
                for round in $(seq 4); do
                    [ $((round % 2)) = 1 ] && rm -rf backup
                    rm -rf old; mv new old
                    echo "round $round" | loci edit user=a/$round.md - -q
                    loci rm user=a/$((round + 50)).md -q
                    loci purge user=a/$((round + 50)).md --yes -q
                    export_of store new
                    killed_after $(moment) loci backup create backup -q
                    if loci backup verify backup -q 2>/dev/null; then
                        rm -rf again; loci backup restore backup again -q
                        export_of again out
                        diff -rq out new >/dev/null || diff -rq out old >/dev/null
                        echo whole
                    else
                        echo not
                    fi
                    loci backup create backup -q
                    loci backup verify backup -q
                    rm -rf again; loci backup restore backup again -q
                    export_of again out; diff -r out new
                done
                loci fsck -q
                """
        )
        #expect(outcome.lines.count == 4)
    }

    @Test("a restore that was killed leaves no tenant or a whole one, and is done again")
    func restore() throws {
        let sandbox = try Sandbox(store: "user={user}")
        let outcome = try sandbox.must(
            Self.words
                + """
                export_of store all
                for round in $(seq 4); do
                    rm -rf again
                    killed_after $(moment) loci backup restore timed again -q
                    if [ -e again/main ]; then echo there; else
                        loci backup restore timed again -q; echo again
                    fi
                    export_of again out; diff -r out all
                    loci fsck --store again -q
                done
                """
        )
        #expect(outcome.lines.count == 4)
    }

    @Test("what has no whole backup is refused with what makes one")
    func refused() throws {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            "echo a | loci add --name a.md --set user=a -q; loci backup create backup -q"
        )
        try sandbox.must("rm backup/main/catalog.db* backup/backup.json")
        for verb in ["verify backup", "restore backup again"] {
            let refused = try sandbox.run("loci backup \(verb)")
            #expect(refused.status != 0)
            #expect(refused.errors.contains("The backup of main in"))
            #expect(refused.errors.contains("was not finished"))
        }
        try sandbox.must("loci backup create backup -q; loci backup verify backup -q")
    }
}

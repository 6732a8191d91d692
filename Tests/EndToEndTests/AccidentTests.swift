import Testing

/// What people do to old paths after a cut-over, and what it costs them.
@Suite("Accidents by old paths", .serialized)
struct AccidentTests {
    private static let old = "user={user}/topic={topic}"
    private static let new = "topic={topic}/user={user}"

    /// A tenant in the new layout with a backup of the old one, and a memory that came after it.
    private static func cutOver(_ oldPaths: String) throws -> MountedStore {
        let tenant = try MountedStore(
            scheme: old,
            files: [
                "user=ann/topic=db/one.md": "1", "user=ann/topic=ui/two.md": "2",
                "user=bob/topic=db/three.md": "3",
            ]
        )
        try tenant.must(
            """
            mkdir "$W/backup"; cp -a "$M/user=ann" "$M/user=bob" "$W/backup"
            loci migrate start '\(new)' --store "$S" -q
            loci migrate wait ready --timeout 60s --store "$S"
            loci migrate cutover --old-paths \(oldPaths) --store "$S" -q
            echo 4 >"$M/topic=db/user=ann/later.md"
            loci stat "$M/topic=db/user=ann/later.md" >/dev/null
            """
        )
        return tenant
    }

    private static let mirror = "rsync -a --delete \"$W/backup/user=ann/\" \"$M/user=ann/\""

    @Test("rsync --delete of an old backup deletes what came later; with nodelete it cannot")
    func mirrored() throws {
        let writable = try Self.cutOver("rw")
        #expect(try writable.memories() == 4)
        try writable.must(Self.mirror)
        #expect(try writable.memories() == 3, "what the test would have lost")

        let safe = try Self.cutOver("nodelete")
        let outcome = try safe.shell(Self.mirror)
        #expect(outcome.status != 0)
        #expect(outcome.errors.contains("Read-only file system"), "\(outcome.errors)")
        #expect(try safe.memories() == 4)
        #expect(try safe.must("cat \"$M/topic=db/user=ann/later.md\"").output == "4\n")
        let why = try safe.must("cat \"$M/.loci/last-error\"").output
        #expect(why.contains("EROFS") || why.contains("old"), "\(why)")
        // The new paths are as writable as ever, and so are contents by old ones.
        try safe.must(
            """
            echo 5 >>"$M/user=ann/topic=db/later.md"
            rm "$M/topic=db/user=ann/later.md"
            """
        )
        #expect(try safe.memories() == 3)
        #expect(try safe.check() == nil)
    }

    /// Moves each note by hand, as a script does that knows nothing of two names of one file.
    private static let byHand = """
        python3 - "$M" <<'END'
        import os, sys
        m = sys.argv[1]
        old, new = m + '/user=bob/topic=db/three.md', m + '/topic=db/user=bob/three.md'
        text = open(old, 'rb').read()
        open(new, 'wb').write(text)
        os.unlink(old)
        END
        """

    @Test("copying from the old path to the new and removing the old loses it; with nodelete not")
    func movedByHand() throws {
        let writable = try Self.cutOver("rw")
        try writable.must(Self.byHand)
        #expect(try writable.memories() == 3, "what the test would have lost")
        #expect(try writable.shell("test -e \"$M/topic=db/user=bob/three.md\"").status == 1)

        let safe = try Self.cutOver("nodelete")
        let outcome = try safe.shell(Self.byHand)
        #expect(outcome.status != 0 && outcome.errors.contains("Errno 30"))
        #expect(try safe.memories() == 4)
        #expect(try safe.must("cat \"$M/topic=db/user=bob/three.md\"").output == "3\n")
        for command in [
            "cp \"$M/user=bob/topic=db/three.md\" \"$M/topic=db/user=bob/three.md\"; "
                + "rm \"$M/user=bob/topic=db/three.md\"",
            "mv \"$M/user=bob/topic=db/three.md\" \"$M/topic=db/user=bob/other.md\"",
            "touch \"$M/user=bob/topic=db/new.md\"", "mkdir \"$M/user=bob/topic=new\"",
            "rm -r \"$M/user=bob\"", "rmdir \"$M/user=bob/topic=db\"",
        ] {
            let outcome = try safe.shell(command)
            #expect(outcome.status != 0, "\(command)")
            #expect(outcome.errors.contains("Read-only file system"), "\(outcome.errors)")
        }
        #expect(try safe.memories() == 4)
    }

    @Test("restore --under takes back an rm -r by old or new path, with ULIDs and places")
    func restored() throws {
        for path in ["user=ann", "topic=db"] {
            let tenant = try Self.cutOver("rw")
            let id = try tenant.stat("topic=db/user=ann/one.md", "id")
            let before = try tenant.must("cd \"$M\"; find . -name '*.md' | sort").output
            let count = try tenant.memories()
            try tenant.must("rm -r \"$M/\(path)\"")
            let lost = count - (try tenant.memories())
            #expect(lost >= 2)
            let dry = try tenant.must(
                "loci restore --under \"$M/\(path)\" --since 10m --dry-run"
            ).output
            #expect(dry.hasPrefix("Would bring back \(lost) from the trash."))
            #expect(try tenant.memories() == count - lost)
            let done = try tenant.must("loci restore --under \"$M/\(path)\" --since 10m").output
            #expect(done.hasPrefix("Brought back \(lost) from the trash."))
            try tenant.must(
                """
                for i in $(seq 50); do
                    cat "$M/topic=db/user=ann/one.md" 2>/dev/null && break; sleep 0.1
                done
                """
            )
            #expect(try tenant.must("cd \"$M\"; find . -name '*.md' | sort").output == before)
            #expect(try tenant.must("cat \"$M/user=ann/topic=db/one.md\"").output == "1\n")
            #expect(try tenant.stat("topic=db/user=ann/one.md", "id") == id)
            #expect(try tenant.check() == nil)
        }
    }

    @Test("a place that was taken since is listed and stays taken, exit 7; all else comes back")
    func taken() throws {
        let tenant = try Self.cutOver("rw")
        try tenant.must(
            """
            rm -r "$M/user=ann"
            mkdir -p "$M/topic=db/user=ann"; echo new >"$M/topic=db/user=ann/one.md"
            loci stat "$M/topic=db/user=ann/one.md" >/dev/null
            """
        )
        // Longer ago than an editor takes to save.
        let outcome = try tenant.shell("loci restore --under user=ann --since 10m --store \"$S\"")
        #expect(outcome.status == 7, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.hasPrefix("Brought back 2 from the trash."))
        #expect(try tenant.must("cat \"$M/topic=db/user=ann/one.md\"").output == "new\n")
    }

    @Test("rm -r and find -delete by old paths succeed, and leave no directory behind")
    func emptied() throws {
        let tenant = try Self.cutOver("rw")
        try tenant.must(
            """
            rm -r "$M/user=ann"
            if ls "$M/user=ann" 2>/dev/null; then exit 1; fi
            find "$M/user=bob" -delete
            if ls "$M/user=bob" 2>/dev/null; then exit 1; fi
            ! rmdir "$M/user=bob" 2>/dev/null
            """
        )
        #expect(try tenant.memories() == 0)
        #expect(try tenant.check() == nil)
    }
}

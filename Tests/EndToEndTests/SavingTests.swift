import Testing

/// Every way in which programs save a file keeps the memory: the same ULID, one new revision, and
/// nothing left beside it.
@Suite("Saving", .serialized)
struct SavingTests {
    static let manners: [(name: String, command: String)] = [
        ("the shell, truncating", "printf 'changed\\n' >\"$F\""),
        ("vim", "vim -u NONE -N -es -c 'set backupskip=' -c '%s/first/changed/' -c 'wq' \"$F\""),
        (
            "vim with backup",
            "vim -u NONE -N -es -c 'set backup backupskip= backupcopy=no' -c '%s/first/changed/' "
                + "-c 'wq' \"$F\"; rm -f \"$F~\""
        ),
        (
            "vim, copying the backup",
            "vim -u NONE -N -es -c 'set backup backupskip= backupcopy=yes' "
                + "-c '%s/first/changed/' -c 'wq' \"$F\"; rm -f \"$F~\""
        ),
        ("sed -i", "sed -i s/first/changed/ \"$F\""),
        ("perl -i", "perl -i -pe 's/first/changed/' \"$F\""),
        ("perl with a backup", "perl -i~ -pe 's/first/changed/' \"$F\"; rm -f \"$F~\""),
        ("nano", Terminal.driving(["nano", "-I"], typing: Terminal.nano)),
        (
            "nano with a backup",
            Terminal.driving(["nano", "-I", "-B"], typing: Terminal.nano) + "rm \"$F~\""
        ),
        (
            "vim in a terminal, with a swap file",
            Terminal.driving(
                ["vim", "-u", "NONE", "-N"],
                typing: Terminal.vim,
                whenThere: ".oauth.md.swp"
            )
        ),
        ("ed", "printf '1s/first/changed/\\nw\\nq\\n' | ed -s \"$F\""),
        (
            "a Python temporary renamed over",
            """
            python3 - "$F" <<'END'
            import os, sys, tempfile
            path = sys.argv[1]
            fd, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
            os.write(fd, open(path, 'rb').read().replace(b'first', b'changed'))
            os.fsync(fd)
            os.close(fd)
            os.replace(temporary, path)
            END
            """
        ),
        (
            "rename away and create",
            "mv \"$F\" \"$F.old\" && printf 'changed\\n' >\"$F\" && rm \"$F.old\""
        ),
        ("unlink and create", "rm \"$F\" && printf 'changed\\n' >\"$F\""),
        ("cp over it", "printf 'changed\\n' >\"$W/new\" && cp \"$W/new\" \"$F\""),
        ("mv over it from elsewhere", "printf 'changed\\n' >\"$W/new\" && mv \"$W/new\" \"$F\""),
    ]

    @Test("keeps the memory, with one new revision and no junk", arguments: manners.indices)
    func keepsTheMemory(index: Int) throws {
        let manner = Self.manners[index]
        let tenant = try MountedStore(
            scheme: "user={user}/topic={topic}",
            files: ["user=bob/topic=auth/oauth.md": "first"]
        )
        let path = "user=bob/topic=auth/oauth.md"
        let before = try tenant.stat(path, "id")
        try tenant.must("F=\"$M/\(path)\"\n" + manner.command)
        #expect(try tenant.must("cat \"$M/\(path)\"").output == "changed\n", "\(manner.name)")
        // A command does not take a file that was written within the last 50 ms.
        try tenant.must(
            """
            for i in $(seq 300); do
                loci stat "$M/\(path)" --json | grep -q '"revision" *: *[2-9]' && break; sleep 0.1
            done
            """
        )
        #expect(try tenant.stat(path, "id") == before, "\(manner.name)")
        #expect(try tenant.stat(path, "revision") == "2", "\(manner.name)")
        let names = try tenant.must("ls -A \"$M/user=bob/topic=auth\"; ls -A \"$M\"").lines
        #expect(names == ["oauth.md", "user=bob"], "\(manner.name)")
        #expect(try tenant.memories() == 1, "\(manner.name)")
        try tenant.must("loci umount \"$M\"")
        let left = try tenant.must("loci stat \"\(path)\" --store \"$S\" --json").output
        #expect(left.contains("\"revision\":2,"), "\(manner.name): \(left)")
        #expect(try tenant.check() == nil, "\(manner.name)")
    }

    @Test("git checkout keeps each memory, and .git is foreign")
    func gitCheckout() throws {
        let tenant = try MountedStore(files: ["a/one.md": "first", "two.md": "first"])
        let before = try tenant.stat("a/one.md", "id")
        try tenant.must(
            """
            cd "$M"
            git init -q . && git add -A && git commit -qm first
            test -z "$(git status --porcelain)"
            printf 'changed\\n' >a/one.md
            git commit -qam second
            git checkout -q HEAD~1 -- a/one.md
            """
        )
        #expect(try tenant.must("cat \"$M/a/one.md\"").output == "first\n")
        #expect(try tenant.stat("a/one.md", "id") == before)
        #expect(try tenant.memories() == 2)
        #expect(try tenant.must("cd \"$M\"; git fsck 2>&1; git status --porcelain").status == 0)
        try tenant.must("loci umount \"$M\"")
        #expect(try tenant.check() == nil)
    }
}

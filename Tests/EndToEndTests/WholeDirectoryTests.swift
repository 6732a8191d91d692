import Testing

/// Tools that walk everything, over a `.loci` that has something of all: layouts, history, snapshots,
/// trash.
@Suite("A whole .loci")
struct WholeDirectoryTests {
    private static func filled() throws -> MountedStore {
        var files: [String: String] = [:]
        for index in 0..<60 {
            files["user=u\(index % 4)/topic=t\(index % 7)/\(index).md"] = "text \(index)"
        }
        let tenant = try MountedStore(scheme: "user={user}/topic={topic}", files: files)
        try tenant.must(
            """
            for n in 0 1 2 3; do echo "more $n" >>"$M/user=u0/topic=t0/0.md"; sync "$M"; done
            mkdir "$M/.loci/snapshots/before"
            rm -r "$M/user=u1"
            loci migrate start 'topic={topic}/user={user}' --store "$S" -q
            loci migrate wait ready --timeout 60s --store "$S"
            loci migrate cutover --store "$S" -q
            mkdir "$M/.loci/snapshots/after"
            """
        )
        return tenant
    }

    @Test(
        "is come to an end with by every tool that walks",
        arguments: [
            "grep -r text \"$M/.loci\" | wc -l",
            "rsync -a \"$M/.loci/\" \"$W/copy/\" && find \"$W/copy\" -type f | wc -l",
            "du -s --apparent-size \"$M/.loci\" | cut -f1",
            "tar -cf - -C \"$M\" .loci | tar -tf - | wc -l",
            "git init -q \"$W/git\" && git --git-dir=\"$W/git/.git\" --work-tree=\"$M/.loci\" add -A"
                + " && git --git-dir=\"$W/git/.git\" ls-files | wc -l",
            "find \"$M/.loci\" -type f -exec cat {} + | wc -c",
            "find -L \"$M/.loci\" -type f | wc -l",
        ]
    )
    func ends(_ command: String) async throws {
        let tenant = try Self.filled()
        let outcome = try await tenant.longShell(
            "set -eo pipefail; M=$M; export M W S; timeout 120 bash -eo pipefail -c '\(command)'"
        )
        #expect(outcome.status == 0, "\(command): \(outcome.errors)")
        #expect(outcome.errors.isEmpty, "\(command): \(outcome.errors)")
        #expect((Int(outcome.output.trimmed) ?? 0) > 100, "\(command): \(outcome.output)")
        #expect(try tenant.memories() == 45)
        #expect(try tenant.check() == nil)
    }

    @Test("has sizes that are true: what find tells is what can be read")
    func sizes() throws {
        let tenant = try Self.filled()
        let told = try tenant.must(
            """
            cd "$M/.loci"
            find history snapshots trash layouts -type f -printf '%s\n' | awk '{n += $1} END {print n}'
            find history snapshots trash layouts -type f -exec cat {} + | wc -c
            """
        ).lines
        #expect(told.count == 2 && told[0] == told[1], "\(told)")
    }

    @Test("has snapshots whose archive stays the same through edits, a migration and a gc")
    func stableArchive() throws {
        let tenant = try Self.filled()
        let sum = """
            tar --sort=name -cf - -C "$M/.loci/snapshots" before | sha256sum
            """
        let before = try tenant.must(sum).output
        try tenant.must(
            """
            loci migrate retire --force --yes --store "$S" -q
            find "$M" -name '*.md' -type f | head -30 | while read f; do echo edited >>"$f"; done
            mv "$M/topic=t2" "$M/topic=other"
            loci retention 0s --yes --store "$S" -q
            loci umount "$M"
            loci gc --delete --yes --store "$S" -q
            """
        )
        try tenant.remount()
        #expect(try tenant.must(sum).output == before)
        #expect(
            try tenant.must("ls \"$M/.loci/snapshots/before\"").lines
                == (0..<4).map { "user=u\($0)" }
        )
        let after = try tenant.must("ls \"$M/.loci/snapshots/after\" | head -1").lines
        #expect(after == ["topic=t0"])
    }
}

import Testing

/// A vault as people have them: imported as it stands, mounted, exported, and migrated.
@Suite("A vault as it stands")
struct VaultTests {
    private static let vault = """
        mkdir -p "$W/vault/Projects/2024/Loci/Design/Notes" "$W/vault/.obsidian" "$W/vault/My Notes"
        cd "$W/vault"
        printf '# Top\\n' >top.md
        printf 'deep\\n' >Projects/2024/Loci/Design/Notes/deep.md
        printf 'a b\\n' >'My Notes/with spaces.md'
        head -c 5000 /dev/urandom >image.png
        printf '{}' >.obsidian/app.json
        printf 'nfc\\n' >"$(printf 'caf\\303\\251.md')"
        printf 'nfd\\n' >"$(printf 'cafe\\314\\201.md')"
        printf 'latin\\n' >"$(printf 'latin-\\351.md')"
        printf '\\r\\nno newline at end' >crlf.md
        : >empty.md
        """

    @Test("is exported as it came, through the command and through the mount")
    func roundTrip() throws {
        let tenant = try MountedStore(mounted: false)
        try tenant.must(Self.vault)
        try tenant.must(
            """
            loci import "$W/vault" --store "$S"
            loci mount "$S" "$M"
            diff -r --no-dereference "$W/vault" "$M"
            loci umount "$M"
            loci export "$W/out" --store "$S"
            diff -r --no-dereference "$W/vault" "$W/out"
            loci import "$W/vault" --store "$S"
            """
        )
        #expect(try tenant.check() == nil)
    }

    @Test("is migrated to a layout by topic, and every byte is there")
    func migrated() throws {
        let tenant = try MountedStore(mounted: false)
        try tenant.must(Self.vault)
        try tenant.must(
            """
            loci import "$W/vault" --store "$S"
            loci mount "$S" "$M"
            loci migrate start 'topic={topic}/{folder...}' --store "$S"
            loci migrate wait ready --timeout 30s --store "$S"
            loci migrate cutover --store "$S"
            cmp "$W/vault/top.md" "$M/topic=_/top.md"
            cmp "$W/vault/Projects/2024/Loci/Design/Notes/deep.md" \\
                "$M/topic=_/Projects/2024/Loci/Design/Notes/deep.md"
            cmp "$W/vault/Projects/2024/Loci/Design/Notes/deep.md" \\
                "$M/Projects/2024/Loci/Design/Notes/deep.md"
            cmp "$W/vault/image.png" "$M/topic=_/image.png"
            test "$(ls "$M")" = topic=_
            cat "$M/.obsidian/app.json" >/dev/null
            loci umount "$M"
            """
        )
        #expect(try tenant.check() == nil)
    }
}

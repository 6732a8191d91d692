import Linux
import Testing

/// A store on a disk of its own that is really full; only root can mount one.
@Suite("A full disk", .serialized, .enabled(if: EffectiveUser.id == 0, "needs root"))
struct FullDiskTests {
    /// A store on a small disk, not mounted yet, with 30 memories that `$W/source` has as well.
    private func small(_ options: String) throws -> MountedStore {
        let tenant = try MountedStore(mounted: false)
        try tenant.must(
            """
            rm -rf "$S"; mkdir "$S"
            mount -t tmpfs -o \(options) tmpfs "$S"
            for i in $(seq 30); do
                mkdir -p "$W/source/user=u$((i % 3))/topic=t$((i % 2))"
                head -c 3000 /dev/urandom | base64 >"$W/source/user=u$((i % 3))/topic=t$((i % 2))/n$i.md"
            done
            loci init "$S" --scheme 'user={user}/topic={topic}'
            loci import "$W/source" --store "$S" --scheme-of-source 'user={user}/topic={topic}'
            """
        )
        return tenant
    }

    private func end(_ tenant: MountedStore) {
        _ = try? tenant.shell(
            """
            mountpoint -q "$M" && { loci umount "$M" || umount -l "$M"; }
            umount "$S" || umount -l "$S"
            """
        )
    }

    @Test("import and add exit 9, a write fails with ENOSPC, and what was there stays whole")
    func writesFail() throws {
        let tenant = try small("size=8m")
        defer { end(tenant) }
        let outcome = try tenant.must(
            """
            mkdir -p "$W/big/user=u9/topic=t9"
            for i in $(seq 200); do
                head -c 48000 /dev/urandom | base64 >"$W/big/user=u9/topic=t9/b$i.md"
            done
            # What the catalog needs for a mount and a file's birth, and far less than the file.
            head -c 500000 /dev/zero >"$S/reserve"
            status=0
            loci import "$W/big" --store "$S" --scheme-of-source 'user={user}/topic={topic}' \
                2>"$W/import.err" || status=$?
            echo "import $status $(cat "$W/import.err")"
            status=0
            head -c 6000000 /dev/zero | loci add - --name z.md --set user=u1 --set topic=t1 \
                --store "$S" 2>"$W/add.err" || status=$?
            echo "add $status $(cat "$W/add.err")"
            rm "$S/reserve"
            loci mount "$S" "$M"
            status=0
            dd if=/dev/zero of="$M/user=u1/topic=t1/big.md" bs=64k count=100 2>"$W/dd.err" || status=$?
            echo "dd $status $(grep -c 'No space left on device' "$W/dd.err")"
            cat "$M/.loci/last-error"
            rm "$M/user=u1/topic=t1/big.md"
            diff -r "$W/source" "$M" && echo same
            loci umount "$M"
            """
        )
        let sentence = "loci: No space is left where contents are kept. Free space there,"
        #expect(outcome.lines.contains { $0.hasPrefix("import 9 \(sentence)") })
        #expect(outcome.lines.contains { $0.hasPrefix("add 9 loci: No space is left where") })
        #expect(outcome.lines.contains("dd 1 1"))
        #expect(outcome.lines.contains("errno:  ENOSPC"))
        #expect(outcome.lines.contains("path:   user=u1/topic=t1/big.md"))
        #expect(outcome.lines.contains("Free space where the store is."))
        #expect(outcome.lines.last == "same")
        #expect(try tenant.check() == nil)
    }

    @Test("a migration pauses with its reason, and goes on when there is room")
    func migrationPauses() throws {
        let tenant = try small("size=20m,nr_inodes=120")
        defer { end(tenant) }
        let outcome = try tenant.must(
            """
            loci migrate start 'topic={topic}/user={user}' --store "$S"
            i=0
            while touch "$S/filler$i" 2>/dev/null; do i=$((i + 1)); done
            status=0
            loci migrate run --store "$S" || status=$?
            echo "run $status"
            loci migrate status --store "$S"
            loci fsck --store "$S"
            rm "$S"/filler*
            loci migrate resume --store "$S"
            loci migrate run --store "$S"
            loci migrate status --store "$S" --json
            loci mount "$S" "$M"
            diff -r "$W/source" "$M" && echo same
            loci migrate cutover --store "$S"
            loci umount "$M"
            loci ls --store "$S"
            """
        )
        #expect(outcome.lines.contains("run 9"))
        let status = try #require(outcome.lines.first { $0.hasPrefix("moving") })
        #expect(status.contains("0/30"))
        #expect(status.contains("paused: No space is left where contents are kept."))
        #expect(outcome.output.contains(#""state":"ready""#))
        #expect(outcome.lines.contains("same"))
        #expect(outcome.lines.suffix(2) == ["topic=t0", "topic=t1"])
        #expect(try tenant.check() == nil)
    }
}

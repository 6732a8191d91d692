import Testing

/// The programs that people point at a directory do on a mount what they do on any disk, and
/// nothing of what they leave beside memories becomes one.
@Suite("Tools", .serialized)
struct ToolsTests {
    /// Some files with modes and times of their own, an empty one and one of several pages.
    private static let makeSource = """
        mkdir -p "$W/source/a/deep" "$W/source/b"
        printf 'needle one\\n' >"$W/source/a/one.md"
        printf 'two\\n' >"$W/source/a/deep/two words.md"
        printf 'needle three\\n' >"$W/source/b/three.txt"
        : >"$W/source/b/empty.md"
        seq 5000 >"$W/source/b/long.txt"
        chmod 600 "$W/source/a/one.md"; chmod 755 "$W/source/b/three.txt"
        find "$W/source" -type f -exec touch -d '2021-03-04 05:06:07.123456789' {} +
        find "$W/source" -depth -type d -exec touch -d '2020-01-02 03:04:05.5' {} +

        """

    /// Modes, times to the nanosecond and sizes of all that is below a directory.
    private static let looks = """
        looks() {
            (cd "$1" && find . -type f -printf '%P %m %T@ %s\\n' -o -type d -printf '%P %T@\\n') |
                LC_ALL=C sort
        }

        """

    private func check(_ tenant: MountedStore, memories: Int) throws {
        try tenant.must("loci umount \"$M\"")
        #expect(try tenant.memories() == memories)
        #expect(try tenant.check() == nil)
    }

    // MARK: Copying

    static let copiers: [(name: String, command: String)] = [
        ("cp -a", "cp -a \"$W/source/.\" \"$M/\""),
        ("rsync -a", "rsync -a \"$W/source/\" \"$M/\""),
        ("rsync -a --inplace", "rsync -a --inplace \"$W/source/\" \"$M/\""),
        ("tar", "tar c --format=posix -C \"$W/source\" . | tar xp -C \"$M\""),
    ]

    @Test("copying in and out keeps bytes, modes and times", arguments: copiers.indices)
    func copies(index: Int) throws {
        let copier = Self.copiers[index]
        let tenant = try MountedStore()
        let script =
            Self.makeSource + Self.looks + copier.command + "\n"
                + """
                diff -r "$W/source" "$M"
                diff <(looks "$W/source") <(looks "$M")
                # Once more when all are memories.
                for i in $(seq 300); do
                    loci status --store "$S" --json | grep -q '"memories":5,' && break; sleep 0.1
                done
                diff <(looks "$W/source") <(looks "$M")
                mkdir "$W/back"; cp -a "$M/." "$W/back/"
                diff -r "$W/source" "$W/back"
                diff <(looks "$W/source") <(looks "$W/back")
                tar c --format=posix -C "$M" . | tar d -C "$W/source"
                tar c --format=posix -C "$W/source" . | tar d -C "$M"
                """
        try tenant.must(script)
        try check(tenant, memories: 5)
    }

    @Test("a second rsync -a transfers nothing, at once and when all are memories")
    func rsyncTwice() throws {
        let tenant = try MountedStore()
        let outcome = try tenant.must(
            Self.makeSource
                + """
                rsync -a "$W/source/" "$M/"
                rsync -ai "$W/source/" "$M/"
                loci umount "$M"; loci mount "$S" "$M"
                rsync -ai "$W/source/" "$M/"
                rsync -aic "$M/" "$W/source/"
                """
        )
        #expect(outcome.output == "")
        try check(tenant, memories: 5)
    }

    // MARK: Looking

    @Test("find and rg meet each memory once, with its true size and time")
    func findAndSearch() throws {
        let tenant = try MountedStore()
        let outcome = try tenant.must(
            Self.makeSource
                + """
                cp -a "$W/source/." "$M/"
                mkdir "$M/.tool"; printf 'needle hidden\\n' >"$M/.tool/state"
                cd "$M"
                echo files $(find . -type f | wc -l) $(find . -type f -printf '%i\\n' | sort -u | wc -l)
                echo empty $(find . -type f -empty)
                echo large $(find . -type f -size +10k)
                echo mode $(find . -type f -perm 600)
                touch -d '2021-03-05' "$W/mark"
                echo newer $(find . -name '*.md' -newer "$W/mark")
                echo links $(find . -type f -links 1 | wc -l)
                echo rg $(rg -l --sort path needle)
                echo hidden $(rg --hidden -l --sort path needle)
                echo listed $(rg --files | wc -l)
                echo loci $(find . -path '*.loci*' | wc -l)
                """
        )
        #expect(
            outcome.lines == [
                "files 6 6", "empty ./b/empty.md", "large ./b/long.txt", "mode ./a/one.md",
                "newer", "links 6", "rg a/one.md b/three.txt",
                "hidden .tool/state a/one.md b/three.txt", "listed 5", "loci 0",
            ]
        )
        try check(tenant, memories: 5)
    }

    @Test("cat and cp read from the disk what no cache holds, to the last byte of any size")
    func coldReads() throws {
        let tenant = try MountedStore(mounted: false)
        try tenant.must(
            """
            mkdir -p "$W/sizes"
            for size in 0 1 4095 4096 4097 65536 65537 200000; do
                head -c $size /dev/urandom >"$W/sizes/$size.md"
            done
            loci import "$W/sizes" --store "$S" --scheme-of-source '{folder...}' >/dev/null
            sync -f "$S"
            find "$S" -name '*.md' -exec python3 -c '
            import os, sys
            for path in sys.argv[1:]:
                file = os.open(path, os.O_RDONLY)
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            ' {} +
            """
        )
        try tenant.remount()
        let outcome = try tenant.must(
            """
            for file in "$W/sizes"/*; do cat "$M/${file##*/}" | cmp - "$file"; done
            cp -r "$M" "$W/copy"; rm -rf "$W/copy/.loci"
            diff -r "$W/copy" "$W/sizes" && ls "$W/copy" | wc -l
            """
        )
        #expect(outcome.output.trimmed == "8")
        #expect(try tenant.check() == nil)
    }

    @Test("inotifywait sees what happens through the mount")
    func watching() throws {
        let tenant = try MountedStore(files: ["a/one.md": "first"])
        try tenant.must(
            """
            inotifywait -m -q --format '%e %f' "$M/a" -o "$W/events" 2>"$W/errors" &
            watcher=$!
            trap 'kill $watcher' EXIT
            seen() {
                for i in $(seq 300); do
                    grep -qxF "$1" "$W/events" 2>/dev/null && return; sleep 0.1
                done
                echo "no '$1' in:"; cat "$W/events" "$W/errors"; return 1
            }
            # It is there when it reports something.
            for i in $(seq 300); do
                cat "$M/a/one.md" >/dev/null
                grep -qsxF "ACCESS one.md" "$W/events" && break; sleep 0.1
            done
            printf 'more\\n' >>"$M/a/one.md"
            seen 'MODIFY one.md'; seen 'CLOSE_WRITE,CLOSE one.md'
            printf 'new\\n' >"$M/a/two.md"
            seen 'CREATE two.md'
            mv "$M/a/two.md" "$M/a/three.md"
            seen 'MOVED_FROM two.md'; seen 'MOVED_TO three.md'
            chmod 600 "$M/a/three.md"; seen 'ATTRIB three.md'
            rm "$M/a/three.md"; seen 'DELETE three.md'
            mkdir "$M/a/deep"; seen 'CREATE,ISDIR deep'
            """
        )
        try check(tenant, memories: 1)
    }

    // MARK: Keeping things on it

    @Test("git keeps a repository on it, through checkouts and gc, and each memory")
    func git() throws {
        let tenant = try MountedStore(files: ["a/one.md": "first", "two.md": "first"])
        let before = [try tenant.stat("a/one.md", "id"), try tenant.stat("two.md", "id")]
        try tenant.must(
            """
            cd "$M"
            clean() { test -z "$(git status --porcelain)"; }
            git init -q -b main . && git add -A && git commit -qm first && clean
            git checkout -qb other
            printf 'changed\\n' >a/one.md; printf 'new\\n' >three.md
            git add -A && git commit -qm second && clean
            git gc -q --prune=now && git fsck --full --strict 2>"$W/fsck" && clean
            git checkout -q main && clean && test ! -e three.md && test "$(cat a/one.md)" = first
            git checkout -q other && clean && test "$(cat three.md)" = new
            git merge-base --is-ancestor main other
            git clone -q . "$W/clone" && diff -r -x .git . "$W/clone"
            """
        )
        #expect(try tenant.must("cat \"$M/a/one.md\"").output == "changed\n")
        #expect(try tenant.stat("a/one.md", "id") == before[0])
        #expect(try tenant.stat("two.md", "id") == before[1])
        #expect(try tenant.stat("two.md", "revision") == "1")
        try check(tenant, memories: 3)
    }

    @Test("an SQLite database in WAL mode takes two writers")
    func database() throws {
        let tenant = try MountedStore(files: ["a/one.md": "first"])
        let outcome = try tenant.must(
            """
            mkdir "$M/.app"; D="$M/.app/state.db"
            sqlite3 "$D" 'PRAGMA journal_mode=WAL; CREATE TABLE t(writer, number, text);' >/dev/null
            write() {
                { echo '.timeout 60000'
                  for i in $(seq 150); do
                      echo "INSERT INTO t VALUES ($1, $i, hex(randomblob(500)));"
                  done; } | sqlite3 -bail "$D"
            }
            write 1 & one=$!
            write 2 & two=$!
            # A third connection reads while they write, and keeps the WAL.
            for i in $(seq 20); do
                sqlite3 -cmd '.timeout 60000' -readonly "$D" 'PRAGMA integrity_check' | grep -qx ok
            done
            wait $one; wait $two
            sqlite3 -cmd '.timeout 60000' "$D" 'SELECT writer, count(*), sum(number) FROM t GROUP BY writer;
                PRAGMA integrity_check; PRAGMA wal_checkpoint(TRUNCATE);'
            cp "$D" "$W/copy.db"
            sqlite3 "$W/copy.db" 'SELECT count(*) FROM t'
            """
        )
        #expect(outcome.lines == ["1|150|11325", "2|150|11325", "ok", "0|0|0", "300"])
        #expect(try tenant.stat("a/one.md", "revision") == "1")
        try tenant.must("loci umount \"$M\"; loci mount \"$S\" \"$M\"")
        let again = try tenant.must("sqlite3 \"$M/.app/state.db\" 'PRAGMA integrity_check'")
        #expect(again.lines == ["ok"])
        try check(tenant, memories: 1)
    }
}

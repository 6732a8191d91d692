import Model
import Testing

@Suite("Export")
struct ExportTests {
    private static func filled() throws -> Sandbox {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            mkdir -p src/bob src/eve/.git
            echo one >src/bob/a.md; echo two >'src/bob/é b.md'; printf '\\377\\0' >src/eve/c.bin
            echo x >src/bob/.foreign; ln -s a.md src/bob/.link
            name=$(printf 'n%.0s' $(seq 200)).md; echo long >src/bob/$name
            touch -d 2020-01-02T03:04:05.123456789Z src/bob/a.md; chmod 600 src/bob/a.md
            loci import src --scheme-of-source '{user}' -q
            loci snapshot create then -q
            echo three | loci edit user=bob/a.md - -q
            loci rm user=eve/c.bin -q
            """
        )
        return sandbox
    }

    @Test("as a tar unpacks to what the tree is, names, modes and times too")
    func tar() throws {
        let sandbox = try Self.filled()
        try sandbox.must(
            """
            loci export tree -q; mkdir untar
            loci export - -q | tar -xpf - -C untar
            loci export out.tar --format tar -q; mkdir untar2; tar -xpf out.tar -C untar2
            diff -r --no-dereference tree untar; diff -r --no-dereference tree untar2
            list() { (cd $1; find . -type f -printf '%p %m %T@ %s\\n' | sort); }
            diff <(list tree) <(list untar)
            """
        )
        let again = try sandbox.run("loci export out.tar --format tar")
        #expect(again.status == 6 && again.errors.contains("is there already"), "\(again.errors)")
    }

    @Test("of a moment is what there was, and --manifest has its checksums")
    func moment() throws {
        let sandbox = try Self.filled()
        try sandbox.must(
            """
            loci export now -q --manifest now.sums
            loci export then -q --at then --manifest then.sums
            (cd now && sha256sum --quiet -c ../now.sums)
            (cd then && sha256sum --quiet -c ../then.sums)
            test "$(cat then/user=bob/a.md)" = one
            test "$(stat -c %y then/user=bob/a.md)" = '2020-01-02 03:04:05.123456789 +0000'
            test -e then/user=eve/c.bin; test ! -e now/user=eve/c.bin
            loci export - --at then -q | tar -tf - >list; grep -q user=eve/c.bin list
            """
        )
        #expect(try sandbox.run("loci export x --at then --layout 1").status == 2)
        #expect(try sandbox.run("loci export x --at 2001-01-01").status == 4)
        let damaged = try sandbox.run(
            "echo no >>now/user=bob/a.md; cd now; sha256sum --quiet -c ../now.sums"
        )
        #expect(damaged.status == 1)
    }

    @Test("as an archive comes in again whole, from a file, a pipe and a tree with --history")
    func archive() throws {
        let sandbox = try Self.filled()
        try sandbox.must(
            """
            loci export all.jsonl --format jsonl --history -q
            loci export tree --history -q
            for n in 1 2 3; do loci init store$n --scheme 'user={user}' -q; done
            loci import all.jsonl --dry-run --store store1 | grep 'Would import 4' >list
            test -z "$(loci ls --store store1)"
            loci import all.jsonl --store store1 -q
            loci export - --format jsonl --history -q | loci import - --store store2 -q
            loci import tree --history --store store3 -q
            for n in 1 2 3; do
                loci fsck --store store$n -q
                loci export - --format jsonl --history -q --store store$n >again$n
                diff all.jsonl again$n
                test "$(loci cat user=bob/a.md --revision 1 --store store$n)" = one
            done
            """
        )
        let again = try sandbox.must("loci import all.jsonl --store store1 --json").json[0]
        #expect(again["imported"]?.integerValue == 0 && again["equal"]?.integerValue == 4)
        try sandbox.must("echo other | loci edit user=bob/a.md - --store store1 -q")
        #expect(try sandbox.run("loci import all.jsonl --store store1").status == 7)
        let cut = try sandbox.run("head -3 all.jsonl | loci import - --store store1")
        #expect(cut.status == 9 && cut.errors.contains("ends before its end"), "\(cut.errors)")
    }

    @Test("says how many files of tools are in no directory of the layout, and so not in it")
    func foreignElsewhere() throws {
        let sandbox = try Sandbox(store: "user={user}/topic={topic}")
        try sandbox.must(
            """
            mkdir -p src/bob/auth mnt; echo a >src/bob/auth/a.md
            loci import src --scheme-of-source '{user}/{topic}' -q; loci mount store mnt
            echo x >mnt/user=bob/.one; echo y >mnt/user=bob/.two; echo z >mnt/.root
            """
        )
        let whole = try sandbox.must("loci export before --json")
        #expect(try whole.json.first?["foreign"] == 3)
        #expect(try whole.json.first?["foreignElsewhere"] == 0)
        try sandbox.must(
            """
            loci migrate start 'topic={topic}/user={user}' -q; loci migrate cutover -q
            """
        )
        let part = try sandbox.must("loci export after --json")
        let told = try #require(try part.json.first)
        #expect(told["foreign"] == 1 && told["foreignElsewhere"] == 2)
        #expect(part.errors.contains("2 files that tools keep"), "\(part.errors)")
        let old = try sandbox.must("loci export old --layout 1")
        #expect(!old.errors.contains("tools keep"), "\(old.errors)")
        try sandbox.must("loci migrate retire --force --yes -q; ls mnt/.loci/foreign")
        let ended = try sandbox.must("loci export ended")
        #expect(ended.errors.contains("2 files that tools keep"), "\(ended.errors)")
    }

    @Test("never writes a foreign file where its archive stands; an import takes that if asked")
    func foreignArchive() throws {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            loci init other --scheme 'user={user}' -q
            echo theirs | loci add --name evil.md --set user=eve --store other -q
            loci export evil.jsonl --format jsonl --store other -q
            echo mine | loci add --name a.md --set user=bob -q
            mkdir mnt; loci mount store mnt -q; cp evil.jsonl mnt/.loci-export.jsonl; loci umount mnt
            """
        )
        let tar = "x.tar --format tar"
        for line in ["tree", "tree --history", tar, "\(tar) --history"] {
            let outcome = try sandbox.run("rm -rf tree x.tar; loci export \(line) --json")
            #expect(outcome.status == 7, "\(line): \(outcome.errors)")
            #expect(outcome.errors.contains(".loci-export.jsonl: Only an export's own archive"))
            #expect(try outcome.json[0]["exported"] == .integer(1))
            #expect(try sandbox.run("grep -q theirs -r tree x.tar").status != 0, "\(line)")
        }
        // A tree that somebody else made: what lies in it is taken for an archive only if asked.
        try sandbox.must(
            """
            mkdir -p theirs/bob; echo b >theirs/bob/b.md; cp evil.jsonl theirs/.loci-export.jsonl
            loci init third --scheme 'user={user}' -q
            """
        )
        let plain = try sandbox.must("loci import theirs --scheme-of-source '{user}' --store third")
        #expect(plain.errors.contains("With --history"), "\(plain.errors)")
        #expect(try sandbox.must("loci ls -R --store third").lines == ["user=bob/b.md"])
        let none = try sandbox.run("rm theirs/.loci-export.jsonl; loci import theirs --history")
        #expect(none.status == 4 && none.errors.contains("holds no archive"), "\(none.errors)")
        #expect(try sandbox.run("loci import evil.jsonl --history").status == 2)
    }

    @Test("into a mount of the tenant or into the store is refused, whatever links lead there")
    func apart() throws {
        let sandbox = try Self.filled()
        try sandbox.must(
            """
            mkdir mnt; loci mount store mnt -q; mkdir mnt/user=new
            ln -s mnt/user=new link; ln -s store/main inside
            """
        )
        let targets = [
            "mnt/x", "mnt/user=new", "link/x", "link/x.tar --format tar",
            "link/x.jsonl --format jsonl", "store/x", "inside/x", "inside/x.tar --format tar",
            "out --manifest mnt/sums", "out --attributes inside/list",
        ]
        for target in targets {
            let outcome = try sandbox.run("timeout 60 loci export \(target)")
            #expect(outcome.status == 2, "\(target): \(outcome.errors)")
        }
        try sandbox.must("test ! -e out; test -z \"$(ls mnt/user=new)\"; loci export out -q")
        #expect(try sandbox.run("loci import inside").status == 2)
    }

    @Test("with --history comes in again with foreign files and empty directories")
    func historyOfAll() throws {
        let sandbox = try Sandbox(store: "section={section}/user={user}")
        try sandbox.must(
            """
            mkdir -p src/s/bob/.tool src/s/eve src/empty; echo a >src/s/bob/a.md
            echo t >src/s/bob/.tool/conf; echo d >src/.dot
            loci import src --scheme-of-source '{section}/{user}' -q
            echo b | loci edit section=s/user=bob/a.md - -q
            loci export tree --history -q
            loci init copy --scheme 'section={section}/user={user}' -q
            loci import tree --history --dry-run --store copy --json >dry
            test -z "$(loci ls --store copy)"
            loci import tree --history --store copy --json >real; cmp dry real
            loci export tree2 --history --store copy -q; diff -r tree tree2
            loci export flat --store copy -q; test -d flat/section=s/user=eve -a -d flat/section=empty
            test "$(loci cat section=s/user=bob/a.md --revision 1 --store copy)" = a
            loci import tree --history --store copy --json >again; loci fsck --store copy -q
            """
        )
        let real = try sandbox.must("cat real").json[0]
        #expect(real["imported"] == .integer(1) && real["foreign"] == .integer(3))
        #expect(real["emptyDirectories"] == .integer(2), "\(real)")
        let again = try sandbox.must("cat again").json[0]
        #expect(again["imported"] == .integer(0) && again["foreign"] == .integer(0))
        // What imports skip was in the tenant, and so it is missed.
        let skipped = try sandbox.run(
            "mkdir tree/.git; ln -s .dot tree/.link; loci import tree --history --store copy"
        )
        #expect(skipped.status == 7 && skipped.errors.contains(".git: It stays out: an import"))
        #expect(skipped.errors.contains(".link: It stays out: an import skips symlinks."))
    }

    @Test("of the earliest time there is ends well")
    func earliest() throws {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            echo a | loci add --name a.md --set user=bob -q
            time=1677-09-21T00:12:43.145224192Z; loci export x.jsonl --format jsonl -q
            sed -i 's/"modified":"[^"]*"/"modified":"'$time'"/g' x.jsonl
            loci init old --scheme 'user={user}' -q; loci import x.jsonl --store old -q
            loci export - --store old | tar -tf - >list; loci export tree --store old -q
            """
        )
    }

    @Test("is for its owner alone, and never over what is there")
    func modes() throws {
        let sandbox = try Self.filled()
        try sandbox.must(
            """
            umask 022
            loci export x.tar --format tar --manifest sums --attributes list -q
            loci export x.jsonl --format jsonl -q
            test "$(stat -c %a x.tar x.jsonl sums list | sort -u)" = 600
            loci export tree -q
            """
        )
        for target in ["x.tar --format tar", "x.jsonl --format jsonl", "tree"] {
            #expect(try sandbox.run("loci export \(target)").status == 6, "\(target)")
        }
    }

    @Test("goes on where a content is missing, and names its memory")
    func missing() throws {
        let sandbox = try Self.filled()
        let id = try sandbox.must("loci stat 'user=bob/é b.md' --json").json[0]["id"]?.stringValue
        let edited = try sandbox.must("loci stat user=bob/a.md --json").json[0]["id"]?.stringValue
        let (lost, old) = (try #require(id), try #require(edited))
        try sandbox.must(
            "find store/main/data -iname '\(lost).*' -delete; "
                + "find store/main/data -iname '\(old).1.*' -delete; loci stat user=bob/a.md -q"
        )
        for target in ["tree", "x.tar --format tar", "x.jsonl --format jsonl", "tree2 --history"] {
            let outcome = try sandbox.run("loci export \(target)")
            #expect(outcome.status == 7, "\(target): \(outcome.errors)")
            let named = outcome.errors.split(separator: "\n").filter { $0.contains(lost) }
            #expect(named.count == 1, "\(target): \(outcome.errors)")
            #expect(named.first?.contains("user=bob/é b.md, ") == true, "\(outcome.errors)")
            #expect(outcome.errors.contains("\(old), revision 1: ") == target.hasSuffix("history"))
        }
        try sandbox.must(
            """
            test -e tree/user=bob/a.md; test ! -e 'tree/user=bob/é b.md'
            tar -tf x.tar >list; grep -q a.md list
            loci init copy --scheme 'user={user}' -q; loci import x.jsonl --store copy -q
            test "$(loci cat user=bob/a.md --store copy)" = three
            loci init copy2 --scheme 'user={user}' -q; loci import tree2 --history --store copy2 -q
            """
        )
    }
}

import Model
import Testing

@Suite("Import and export")
struct ImportTests {
    /// Names, modes, times to the nanosecond, bytes, and empty directories.
    private static let nastyTree = #"""
        import os
        r = b"src"; os.makedirs(r)
        def w(p, b, mode=0o644):
            p = r + b"/" + p; os.makedirs(os.path.dirname(p), exist_ok=True)
            open(p, "wb").write(b); os.chmod(p, mode)
            os.utime(p, ns=(1600000000123456789, 1600000000123456789))
        w(b"top.md", b"# top\n"); w(b"a/b/c/d/e/deep.md", b"deep\n" * 1000, 0o600)
        w(b"sp ace/na me.md", b"x"); w("caf\u00e9.md".encode(), b"c"); w("cafe\u0301.md".encode(), b"d")
        w("d\u00e9/x.md".encode(), b"1"); w("de\u0301/x.md".encode(), b"2")
        w(b"bin/\xff\xfe.md", b"n"); w(b"img/p.png", bytes(range(256)) * 20, 0o755); w(b"empty.txt", b"")
        w(b".obsidian/app.json", b"{}"); w(b".obsidian/plugins/p/main.js", b"js", 0o755)
        w(b"a/.hidden", b"h"); w(b"a/b/x.md~", b"backup"); w(b"a/b/#x#", b"e")
        w(b"50%20off/%41.md", b"pct"); w(b"_/u.md", b"u"); w(b"x=y/z.md", b"eq"); w(b"k={v}/z.md", b"br")
        w(b"new\nline/l.md", b"nl"); w(b"4913/n.md", b"p"); w(b"crlf.md", b"---\r\ntitle: T\r\n---\r\nb\r\n")
        os.makedirs(r + b"/emptydir/inner"); os.makedirs(r + b"/a/emptied"); os.makedirs(r + b"/.dot/x")
        """#

    private static let compare = #"""
        import os, sys, hashlib
        def tree(r):
            d = {}
            for p, ds, fs in os.walk(r):
                d[os.path.relpath(p, r)] = "dir"
                for f in fs:
                    q = os.path.join(p, f); s = os.lstat(q)
                    d[os.path.relpath(q, r)] = (s.st_mode, s.st_mtime_ns, hashlib.sha256(open(q, "rb").read()).digest())
            return d
        a, b = tree(sys.argv[1].encode()), tree(sys.argv[2].encode())
        for k in sorted(set(a) | set(b)):
            if a.get(k) != b.get(k): print(k, a.get(k), b.get(k))
        sys.exit(a != b)
        """#

    private func made(_ sandbox: Sandbox) throws {
        try sandbox.must("cat >make.py <<'END'\n\(Self.nastyTree)\nEND\npython3 make.py")
        try sandbox.must("cat >compare.py <<'END'\n\(Self.compare)\nEND")
    }

    @Test(
        "what is exported equals what was imported: names, bytes, times, modes, empty directories"
    )
    func roundTrips() throws {
        let sandbox = try Sandbox()
        try made(sandbox)
        let report = try sandbox.must("loci import src --json").json.first
        #expect(report?["imported"]?.integerValue == 17)
        #expect(report?["foreign"]?.integerValue == 10)
        #expect(report?["twins"]?.arrayValue?.count == 2)
        try sandbox.must("loci export out -q; python3 compare.py src out; loci fsck -q")
    }

    @Test("a tree taken apart into attributes comes out equal too")
    func roundTripsAttributes() throws {
        let sandbox = try Sandbox(store: "section={section}/package={package}/{folder...}")
        try sandbox.must(
            """
            mkdir -p src/s1/p1/x/y src/s1/p2 'src/s 2/50%20'
            echo a >src/s1/p1/x/y/a.md; echo b >src/s1/p2/b.md; echo c >'src/s 2/50%20/c.md'
            cat >compare.py <<'END'
            \(Self.compare)
            END
            loci import src --scheme-of-source '{section}/{package}/{folder...}' -q
            loci migrate start '{section}/{package}/{folder...}' --apart -q
            loci export out --layout 2 -q; python3 compare.py src out
            """
        )
    }

    @Test("a second run skips what is equal and lists what differs, unless --update")
    func runsAgain() throws {
        let sandbox = try Sandbox()
        try sandbox.must("mkdir src; echo a >src/a.md; echo b >src/b.md; loci import src -q")
        let again = try sandbox.must("loci import src --json").json.first
        #expect(again?["equal"]?.integerValue == 2)
        #expect(again?["imported"]?.integerValue == 0)
        try sandbox.must("echo changed >src/a.md")
        let differs = try sandbox.run("loci import src")
        #expect(differs.status == 7)
        #expect(differs.errors.contains("a.md: differs from the memory that is there."))
        #expect(try sandbox.must("loci cat a.md").output == "a\n")
        try sandbox.must("loci import src --update -q")
        #expect(try sandbox.must("loci cat a.md").output == "changed\n")
        #expect(try sandbox.must("loci stat a.md --json").json.first?["revision"] == .integer(2))
    }

    @Test("files too shallow are listed with exit 7, and come in with --missing _")
    func listsShallowFiles() throws {
        let sandbox = try Sandbox(store: "section={section}/package={package}")
        try sandbox.must("mkdir -p src/s/p; echo a >src/s/p/a.md; echo b >src/s/b.md")
        let scheme = "--scheme-of-source '{section}/{package}'"
        let outcome = try sandbox.run("loci import src \(scheme)")
        #expect(outcome.status == 7)
        #expect(outcome.errors.contains("s/b.md: "))
        try sandbox.must("loci import src \(scheme) --missing _ -q")
        #expect(
            Set(try sandbox.must("loci ls -R").lines)
                == ["section=s/package=p/a.md", "section=s/package=_/b.md"]
        )
    }

    @Test("directories that are not UTF-8 are listed with exit 7; the rest comes in")
    func listsBrokenDirectories() throws {
        let sandbox = try Sandbox()
        try sandbox.must(
            "mkdir -p src/$'\\xff' src/ok; echo a >src/$'\\xff'/a.md; echo b >src/ok/b.md"
        )
        let outcome = try sandbox.run("loci import src")
        #expect(outcome.status == 7)
        #expect(outcome.errors.contains("is not UTF-8"))
        #expect(try sandbox.must("loci ls -R").lines == ["ok/b.md"])
    }

    @Test(".git, symbolic links and sockets are skipped and counted")
    func skips() throws {
        let sandbox = try Sandbox()
        try sandbox.must(
            """
            mkdir -p src/.git/x; echo a >src/.git/x/y; echo a >src/a.md; ln -s a.md src/link
            mkfifo src/pipe
            """
        )
        let report = try sandbox.must("loci import src --json").json.first
        #expect(report?["imported"] == .integer(1))
        #expect(report?["skipped"]?[".git"] == .integer(1))
        #expect(report?["skipped"]?["symlinks"] == .integer(1))
        #expect(report?["skipped"]?["sockets and devices"] == .integer(1))
    }

    @Test("front matter gives attributes; the path beats it, and the bytes stay")
    func readsFrontMatter() throws {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            mkdir -p src/bob
            printf -- '---\\nuser: eve\\ntopic: auth\\nid: 7\\nname: N\\ndate: 2019-05-06\\n\
            tags: [a, b]\\n---\\nbody\\n' >src/bob/a.md
            printf -- '---\\nbroken: [\\n---\\n' >src/bob/b.md
            loci import src --scheme-of-source '{user}' --front-matter read -q
            cmp src/bob/a.md <(loci cat user=bob/a.md)
            """
        )
        let stat = try #require(try sandbox.must("loci stat user=bob/a.md --json").json.first)
        let attributes = stat["attributes"]
        #expect(attributes?["user"] == "bob")
        #expect(attributes?["topic"] == "auth")
        #expect(attributes?["fm.id"] == "7")
        #expect(attributes?["fm.name"] == "N")
        #expect(attributes?["tags"] == "a, b")
        #expect(stat["created"] == "2019-05-06T00:00:00Z")
        #expect(try sandbox.must("loci ls -R").lines.count == 2)
    }

    @Test("--dry-run changes nothing, and --include and --max-size choose")
    func chooses() throws {
        let sandbox = try Sandbox()
        try sandbox.must(
            """
            mkdir src; echo a >src/a.md; echo b >src/b.txt; head -c 2000 /dev/zero >src/big.md
            loci import src --dry-run -q
            """
        )
        #expect(try sandbox.must("loci ls -R").output.isEmpty)
        try sandbox.must("loci import src --include '*.md' --max-size 1KiB --set by=me -q")
        #expect(try sandbox.must("loci ls -R").lines == ["a.md"])
        #expect(
            try sandbox.must("loci stat a.md --json").json.first?["attributes"]?["by"] == "me"
        )
    }

    @Test("export writes ids and attributes where it is asked to")
    func exportsAttributes() throws {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            "echo a | loci add --name a.md --set user=bob --set k=v -q; "
                + "loci export out --attributes list.jsonl -q"
        )
        let line = try JSON(parsing: try sandbox.must("cat list.jsonl").lines[0])
        #expect(line["path"] == "user=bob/a.md")
        #expect(line["attributes"]?["k"] == "v")
    }

    @Test(
        "two files of the source that land on one path are named, with exit 7",
        arguments: ["", " --update", " --dry-run", " --update --dry-run"]
    )
    func collides(options: String) throws {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            "mkdir -p src/_; echo 1 >src/_/a.md; echo 2 >src/a.md; echo 3 >src/_/.f; echo 4 >src/.f"
        )
        let line = "loci import src --scheme-of-source '{user}' --missing _"
        for _ in 0..<2 {
            let outcome = try sandbox.run(line + options)
            #expect(outcome.status == 7, "\(outcome.errors)")
            #expect(
                outcome.errors.contains(
                    "a.md: It would be 'user=_/a.md', and so would '_/a.md' of the same tree."
                ),
                "\(outcome.errors)"
            )
        }
        guard !options.contains("dry-run") else { return }
        #expect(try sandbox.must("loci cat user=_/a.md").output == "1\n")
        #expect(try sandbox.must("loci stat user=_/a.md --json").json[0]["revision"] == .integer(1))
    }

    @Test("an archive takes no option that changes or chooses, and a tar says what to do")
    func refusesOptions() throws {
        let sandbox = try Sandbox()
        try sandbox.must(
            """
            echo a | loci add --name a.md --set k=v -q; loci export x.jsonl --format jsonl -q
            loci export tree --history -q; loci export x.tar --format tar -q; loci init copy -q
            """
        )
        for source in ["x.jsonl", "tree --history"] {
            for option in ["--scheme-of-source '{k}'", "--set k=v", "--update"] {
                let outcome = try sandbox.run("loci import \(source) \(option) --store copy")
                #expect(outcome.status == 2, "\(source) \(option): \(outcome.errors)")
            }
        }
        for line in ["cat x.tar", "tar -cf - tree", "tar -cf - --format=gnu tree"] {
            let tar = try sandbox.run("\(line) | loci import - --store copy")
            #expect(tar.status == 2 && tar.errors.contains("tar -xf"), "\(tar.errors)")
        }
        #expect(try sandbox.run("loci import x.tar --store copy").status == 2)
        let neither = try sandbox.run("echo hello >x.txt; loci import x.txt --store copy")
        #expect(neither.status == 9 && neither.errors.contains("no archive"))
    }
}

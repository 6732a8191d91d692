import Model
import Testing

/// Bad input: the right exit code, a sentence that names the thing and the remedy, nothing changed.
@Suite("Bad input")
struct BadInputTests {
    @Test(
        "is refused with its exit code and its sentence",
        arguments: [
            (
                "loci init x --scheme 'user={user'", 2,
                "loci: The scheme 'user={user' cannot be read: at character 6, the brace is not closed."
            ),
            ("loci import src --scheme-of-source '{a:lower}'", 10, "would be lost"),
            ("loci add src/a.md --set folder=x --name 'a/b'", 2, "'a/b' cannot be a name."),
            ("loci add src/a.md --name ..", 2, "'..' cannot be a name."),
            ("loci add src/a.md --name $(printf 'n%.0s' {1..300})", 2, "at most 255."),
            (
                "loci add src/a.md --set folder=$(printf 'n%.0s' {1..300})", 2, "at most 255."
            ),
            ("loci add src/a.md --set user=$'\\xff\\xfe'", 2, "is not UTF-8."),
            ("loci ls --tenant nobody", 4, "has no tenant 'nobody'"),
            ("loci ls --store nowhere", 3, "There is no store at "),
            ("loci ls nowhere", 4, "nowhere"),
            ("loci cat nowhere.md", 4, "nowhere.md"),
            ("loci cat $'no\\e[31m\\nloci: x'", 4, "no%1B[31m%0Aloci: x"),
            ("loci snapshot show nothing", 4, "There is no snapshot 'nothing'."),
            ("loci migrate cutover", 6, "There was no migration yet."),
            ("loci migrate retire --yes", 6, "There was no migration yet."),
            ("loci migrate start '{folder...}'", 6, "loci: "),
            ("loci migrate start '{user}/{topic}'", 10, "--apart"),
            ("loci migrate throttle fast", 2, "'fast' is not a rate."),
            ("loci tenant delete main", 2, "To do it, add --yes."),
            ("loci gc --delete", 2, "To do it, add --yes."),
            ("loci restore a.md --at never", 4, "There is no snapshot \"never\""),
            ("loci import src --max-size 10XB", 2, "'10XB' is not a size."),
            ("loci init store", 6, "loci: "),
            ("loci lss", 2, "'loci lss' is not a command; did you mean 'loci ls'?"),
            ("loci migrate stauts", 2, "did you mean 'loci migrate status'?"),
            ("loci ls --jsno", 2, "Did you mean '--json'?"),
            ("loci mount store mnt -o layuot=1", 2, "Did you mean layout?"),
            ("loci umount mnt", 4, "Nothing of Loci is mounted on "),
            ("loci export src", 6, "is not empty."),
        ] as [(String, Int32, String)]
    )
    func refuses(_ script: String, _ status: Int32, _ words: String) throws {
        let sandbox = try Sandbox()
        try sandbox.must("mkdir src mnt; echo a >src/a.md; loci add src/a.md -q")
        let before = try sandbox.must("loci ls -R --json").output
        let outcome = try sandbox.run(script)
        #expect(outcome.status == status, "\(outcome.errors)")
        #expect(outcome.errors.hasPrefix("loci: "), "\(outcome.errors)")
        #expect(outcome.errors.contains(words), "\(outcome.errors)")
        #expect(try sandbox.must("loci ls -R --json").output == before)
        #expect(try sandbox.run("loci fsck -q").status == 0)
    }

    @Test("with --json is told as an object too")
    func tellsJSON() throws {
        let sandbox = try Sandbox()
        let outcome = try sandbox.run("loci cat nowhere.md --json")
        let error = try #require(try outcome.json.first?["error"])
        #expect(error["code"]?.stringValue == "notFound")
        #expect(error["exit"]?.integerValue == 4)
        #expect(error["message"]?.stringValue?.isEmpty == false)
        #expect(outcome.status == 4)
    }

    @Test("a store of a newer format is refused with exit 10, and stays as it is")
    func refusesNewerFormat() throws {
        let sandbox = try Sandbox()
        try sandbox.must("sed -i 's/\"format\" *: *1/\"format\":99/; s/:1,/:99,/' store/loci.json")
        let before = try sandbox.must("cat store/loci.json").output
        let outcome = try sandbox.run("loci ls")
        #expect(outcome.status == 10, "\(outcome.errors)")
        #expect(try sandbox.must("cat store/loci.json").output == before)
    }

    @Test("a database that is not ours is refused with exit 10")
    func refusesForeignDatabase() throws {
        let sandbox = try Sandbox()
        try sandbox.must(
            """
            rm -f store/main/catalog.db*
            python3 -c "import sqlite3; d=sqlite3.connect('store/main/catalog.db'); \
            d.execute('create table t(x)'); d.commit()"
            """
        )
        let outcome = try sandbox.run("loci ls")
        #expect(outcome.status == 10, "\(outcome.errors)")
        #expect(outcome.errors.contains("not of Loci"))
    }

    @Test("a directory that claims a future year is listed, and nothing of it comes in")
    func refusesFutureYear() throws {
        let sandbox = try Sandbox(store: "year={created:year}/{folder...}")
        try sandbox.must("mkdir -p src/year=2999; echo a >src/year=2999/a.md")
        let outcome = try sandbox.run(
            "loci import src --scheme-of-source 'year={created:year}/{folder...}'"
        )
        #expect(outcome.status == 7)
        #expect(outcome.errors.contains("2999"))
        #expect(try sandbox.must("loci ls -R").output.isEmpty)
    }

    @Test("a second start while one is under way with another scheme is refused")
    func refusesSecondMigration() throws {
        let sandbox = try Sandbox(store: "user={user}/topic={topic}")
        try sandbox.must("echo a | loci add --name a.md --set user=u --set topic=t -q")
        try sandbox.must("loci migrate start 'topic={topic}/user={user}' -q")
        let outcome = try sandbox.run("loci migrate start 'user={user}/topic={topic}'")
        #expect(outcome.status == 6)
        #expect(outcome.errors.hasPrefix("loci: "), "\(outcome.errors)")
        let state = try sandbox.must("loci migrate status --json").json.first?["state"]
        #expect(state == "moving")
    }
}

import Model
import Testing

/// What a purge, a restore, a check and a feed do where the past ends, or was cut.
@Suite("Where the past ends")
struct LimitsOfThePastTests {
    /// A store with a memory whose past was cut off, and one deleted memory from before.
    private static func cut() throws -> Sandbox {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            echo old | loci add --name old.md --set user=bob -q
            echo a | loci add --name a.md --set user=bob -q
            loci rm user=bob/old.md -q
            sleep 1.1
            loci retention 1s --yes -q
            loci gc --delete --yes -q
            """
        )
        return sandbox
    }

    @Test("what was deleted before is not brought back by a time that nobody can place")
    func restoreSince() throws {
        let sandbox = try Self.cut()
        try sandbox.must("loci rm user=bob/a.md -q")
        let outcome = try sandbox.run("loci restore --under / --since 10m")
        #expect(outcome.status == 4)
        #expect(outcome.errors.contains("no longer kept"))
        #expect(try sandbox.must("loci trash list").lines.count == 2)
    }

    @Test("a hash of a change that was cut is compared where it can be, and else refused")
    func expect() throws {
        let sandbox = try Self.cut()
        let zeros = String(repeating: "0", count: 64)
        #expect(try sandbox.run("loci audit verify --expect 2:\(zeros)").status == 1)
        let begins = try sandbox.must("loci audit verify --json").json.first?["begins"]
        let number = try #require(begins?.integerValue)
        #expect(try sandbox.run("loci audit verify --expect \(number):\(zeros)").status == 1)
    }

    @Test("a cursor ahead of the log is refused")
    func aheadOfTheLog() throws {
        let sandbox = try Sandbox(store: "user={user}")
        let outcome = try sandbox.run("loci watch --from 99999")
        #expect(outcome.status != 0)
        #expect(outcome.errors.contains("There is no change 99999 yet"))
    }

    @Test("a time with a sign is a value, not an option")
    func signedTimes() throws {
        let sandbox = try Sandbox(store: "user={user}")
        for command in ["ls --at -2h", "restore --under / --at -2h", "audit --since -1h"] {
            #expect(try sandbox.run("loci \(command)").status != 2, "\(command)")
        }
    }

    @Test("a purge takes what a failed restore had put in place")
    func purgeOfPlaced() throws {
        let sandbox = try Sandbox(store: "user={user}")
        let outcome = try sandbox.must(
            """
            echo quagga | loci add --name a.md --set user=bob -q
            id=$(loci stat user=bob/a.md --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["id"])')
            first=$(loci audit --op add --json | python3 -c 'import json,sys; print(json.loads(sys.stdin.readline())["seq"])')
            echo other | loci edit user=bob/a.md -q
            loci mv user=bob/a.md user=bob/b.md -q
            echo live | loci add --name a.md --set user=bob -q
            loci restore $id --at $first -q && exit 1
            loci rm user=bob/b.md -q
            loci purge $id --yes -q || true
            loci gc --delete --yes -q || true
            sleep 11
            loci gc --delete --yes --json
            grep -ral quagga store && exit 1
            loci fsck -q
            """
        )
        #expect(try outcome.json.first?["traces"] == .bool(false))
    }

    @Test("a memory that an archive brought back after a purge can be purged again")
    func purgedTwice() throws {
        let sandbox = try Sandbox(store: "user={user}")
        try sandbox.must(
            """
            echo one | loci add --name a.md --set user=bob -q
            loci export all.jsonl --format jsonl --history -q
            for n in 1 2 3; do
                loci rm user=bob/a.md -q
                loci purge user=bob/a.md --yes -q
                loci import all.jsonl -q
            done
            loci audit verify -q
            loci fsck -q
            """
        )
    }

    @Test("a purge by a path that several memories had names them, and removes none")
    func ambiguousPurge() throws {
        let sandbox = try Sandbox(store: "user={user}")
        let outcome = try sandbox.run(
            """
            set -e
            for n in 1 2; do
                echo $n | loci add --name a.md --set user=bob -q
                loci rm user=bob/a.md -q
            done
            loci purge user=bob/a.md --yes
            """
        )
        #expect(outcome.status == 6)
        #expect(outcome.errors.contains("Name the one that is meant by its id"))
        #expect(try sandbox.must("loci trash list").lines.count == 2)
    }

    @Test("edit, mv and rm take an id, and make no file that is called so")
    func ids() throws {
        let sandbox = try Sandbox(store: "user={user}")
        let outcome = try sandbox.must(
            """
            echo one | loci add --name a.md --set user=bob -q
            id=$(loci stat user=bob/a.md --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["id"])')
            echo two | loci edit $id
            loci mv $id user=eve/b.md
            loci cat user=eve/b.md
            loci rm $id -q
            loci ls
            """
        )
        #expect(outcome.lines == ["user=bob/a.md", "user=eve/b.md", "two", "user=bob", "user=eve"])
    }

    @Test("a search goes past what is ranked at once, and tells of a content that is missing")
    func searchOfMany() throws {
        let sandbox = try Sandbox(store: "user={user}")
        let outcome = try sandbox.must(
            """
            mkdir -p many/user=bob
            for n in $(seq 1100); do echo "alpha $n" >many/user=bob/$n.md; done
            loci import many --scheme-of-source 'user={user}' -q
            loci search alpha -n 5000 -l | sort -u | wc -l
            loci search alpha -n 300 --offset 900 -l | wc -l
            rm "$(find store -name '*.1.md' -path '*user=bob*' | head -1)"
            loci search alpha -n 5000 | grep -c alpha
            """
        )
        #expect(outcome.lines == ["1100", "200", "1099"])
    }
}

import Model
import Testing

@Suite("What a backup on the command line refuses, and says")
struct BackupRefusalTests {
    private func made() throws -> Sandbox {
        let sandbox = try Sandbox()
        try sandbox.must(
            """
            echo one | loci add --name a.md -q; echo two | loci add --name b.md -q
            loci backup create backup -q
            """
        )
        return sandbox
    }

    @Test("it goes into no store and no mount, whatever links lead there")
    func places() throws {
        let sandbox = try made()
        try sandbox.must(
            "loci init other -q; ln -s store/main link; mkdir mnt; loci mount store mnt"
        )
        for place in ["store", "store/new", "link/new", "other/main/new", "mnt/new", "mnt"] {
            let refused = try sandbox.run("loci backup create \(place)")
            #expect(refused.status == 2, "\(place): \(refused.errors)")
        }
        try sandbox.must("loci umount mnt; loci fsck -q; loci fsck -q --store other")
    }

    @Test("a backup of another store stays what it is, with exit 6")
    func another() throws {
        let sandbox = try made()
        let refused = try sandbox.run("loci init other -q; loci backup create backup --store other")
        #expect(refused.status == 6)
        #expect(refused.errors.contains("is the backup of another tenant"))
        try sandbox.must("loci backup verify backup -q; loci backup create backup -q")
    }

    @Test("a backup is mounted for reading only, and no verb writes into it, with exit 8")
    func readOnly() throws {
        let sandbox = try made()
        for verb in ["mount backup mnt", "add --store backup --name c", "rm --store backup a.md"] {
            let refused = try sandbox.run("mkdir -p mnt; echo c | loci \(verb)")
            #expect(refused.status == 8, "\(verb): \(refused.errors)")
            #expect(refused.errors.contains("is a backup"))
        }
        let text = try sandbox.must("loci mount backup mnt -o ro; cat mnt/a.md; loci umount mnt")
        #expect(text.lines.contains("one"))
        try sandbox.must("loci backup verify backup -q")
    }

    @Test("a content that is missing in the store or the backup is named, with exit 7")
    func missing() throws {
        let sandbox = try made()
        try sandbox.must("rm $(grep -rl two backup/main/data)")
        let restored = try sandbox.run("loci backup restore backup again")
        #expect(restored.status == 7)
        #expect(restored.errors.contains("b.md"))
        #expect(try sandbox.must("loci cat --store again a.md").lines == ["one"])
        try sandbox.must("rm $(grep -rl two store/main/data)")
        let created = try sandbox.run("loci backup create backup --json")
        #expect(created.status == 7)
        #expect(created.errors.contains("b.md"))
        #expect(created.errors.contains("loci fsck"))
        #expect(try created.json.first?["damagedCount"]?.integerValue == 1)
    }

    @Test("a tenant that was taken out of a backup is missed, with exit 1")
    func takenAway() throws {
        let sandbox = try made()
        try sandbox.must("loci tenant create other -q; loci backup create backup --all-tenants -q")
        try sandbox.must("rm -r backup/other")
        let outcome = try sandbox.run("loci backup verify backup")
        #expect(outcome.status == 1)
        #expect(outcome.output.contains("The backup of other, or its catalog, was taken away"))
        #expect(outcome.output.contains("clean"))
    }
}

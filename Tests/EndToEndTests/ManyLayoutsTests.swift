import Testing

/// More layouts than two, and mounts that are pinned to one.
@Suite("Many layouts through mounts", .serialized)
struct ManyLayoutsTests {
    private static let files = [
        "user=ann/topic=db/one.md": "1", "user=ann/topic=ui/two.md": "2",
        "user=bob/topic=db/three.md": "3",
    ]
    private static let paths = [
        "user=ann/topic=db/one.md", "topic=db/user=ann/one.md", "by=ann/db/one.md",
    ]

    /// Three live layouts, of which the third is listed.
    private static func chain() throws -> MountedStore {
        let tenant = try MountedStore(scheme: "user={user}/topic={topic}", files: files)
        for scheme in ["topic={topic}/user={user}", "by={user}/{topic}"] {
            try tenant.must(
                """
                loci migrate start '\(scheme)' --store "$S" -q
                loci migrate wait ready --timeout 60s --store "$S"
                loci migrate cutover --store "$S" -q
                """
            )
        }
        return tenant
    }

    /// Waits until a listing of the mount is as it must be.
    private static func awaitListing(
        _ tenant: MountedStore,
        _ mount: String,
        _ names: String
    ) throws {
        let outcome = try tenant.shell(
            """
            for i in $(seq 50); do
                [ "$(ls "\(mount)" | tr '\\n' ' ')" = "\(names) " ] && exit 0; sleep 0.1
            done
            ls "\(mount)"; exit 1
            """
        )
        #expect(outcome.status == 0, "\(outcome.output) is not \(names)")
    }

    @Test("one inode by the paths of three layouts; a save by each shows by all; one walk")
    func threeLive() throws {
        let tenant = try Self.chain()
        try Self.awaitListing(tenant, "$M", "by=ann by=bob")
        for path in Self.paths {
            try tenant.must("echo by \(path) >\"$M/\(path)\"")
            for other in Self.paths {
                try tenant.must(
                    """
                    for i in $(seq 50); do
                        [ "$(cat "$M/\(other)")" = "by \(path)" ] && exit 0; sleep 0.02
                    done; exit 1
                    """
                )
            }
        }
        let inodes = try tenant.must(
            "cd \"$M\"; stat -c %i \(Self.paths.joined(separator: " ")) | sort -u | wc -l"
        )
        #expect(inodes.output.trimmed == "1")
        #expect(try tenant.must("find \"$M\" -name '*.md' | wc -l").output.trimmed == "3")
    }

    @Test("retire of the middle layout ends its paths alone, then of the oldest")
    func retireMiddle() throws {
        let tenant = try Self.chain()
        func open() throws -> [Bool] {
            try Self.paths.map { try tenant.shell("cat \"$M/\($0)\"").status == 0 }
        }
        #expect(try open() == [true, true, true])
        try tenant.must("loci migrate retire 2 --yes --force --store \"$S\"; sleep 0.3")
        #expect(try open() == [true, false, true])
        let hint = try tenant.shell("loci stat \"$M/topic=db/user=ann/one.md\"")
        #expect(hint.status == 4 && hint.errors.contains("by=ann/db/one.md"))
        #expect(
            try tenant.must(
                "loci layout translate --from 2 topic=ui/user=ann/two.md --store \"$S\""
            )
            .output.trimmed == "by=ann/ui/two.md"
        )
        // Back over the layout that ended, and forth.
        try tenant.must("loci migrate revert --store \"$S\"")
        try Self.awaitListing(tenant, "$M", "user=ann user=bob")
        try tenant.must("loci migrate cutover --store \"$S\"")
        try tenant.must("loci migrate retire 1 --yes --force --store \"$S\"; sleep 0.3")
        #expect(try open() == [false, false, true])
        try tenant.must("loci migrate wait ready --timeout 30s --store \"$S\"")
        #expect(try tenant.check() == nil)
    }

    @Test(
        "a cut-over changes nothing in mounts that layout= and subdir= pin, and retire names them"
    )
    func pinned() throws {
        let tenant = try MountedStore(scheme: "user={user}/topic={topic}", files: Self.files)
        defer {
            _ = try? tenant.shell("for m in pin sub; do loci umount \"$W/$m\"; done")
        }
        try tenant.must(
            """
            mkdir "$W/pin" "$W/sub"
            loci mount "$S" "$W/pin" -o layout=1
            loci mount "$S" "$W/sub" -o subdir=user=ann
            loci migrate start 'topic={topic}/user={user}' --store "$S" -q
            loci migrate cutover --store "$S" -q
            """
        )
        try Self.awaitListing(tenant, "$M", "topic=db topic=ui")
        try tenant.must("sleep 0.3")
        try Self.awaitListing(tenant, "$W/pin", "user=ann user=bob")
        try Self.awaitListing(tenant, "$W/sub", "topic=db topic=ui")
        #expect(try tenant.must("cat \"$W/sub/topic=db/one.md\"").output == "1\n")
        // New names are read by the layout that is pinned.
        try tenant.must(
            """
            echo 4 >"$W/sub/topic=db/four.md"; loci stat "$W/sub/topic=db/four.md" >/dev/null
            for i in $(seq 50); do
                cat "$M/topic=db/user=ann/four.md" 2>/dev/null && break; sleep 0.1
            done
            """
        )
        #expect(try tenant.must("cat \"$M/topic=db/user=ann/four.md\"").output == "4\n")
        let retire = try tenant.shell("loci migrate retire --yes --store \"$S\"")
        #expect(retire.status == 6)
        #expect(retire.errors.contains("/pin") && retire.errors.contains("/sub"))
    }

    @Test("layouts apart: whole under .loci/layouts, alone in the root when listed, back and ended")
    func apart() throws {
        let tenant = try MountedStore(
            scheme: "{user}/{topic}",
            files: ["ann/db/one.md": "1", "bob/db/two.md": "2"]
        )
        let start = try tenant.shell("loci migrate start '{topic}/{user}' --store \"$S\"")
        #expect(start.status == 10 && start.errors.contains("--apart"))
        try tenant.must("loci migrate start '{topic}/{user}' --apart --store \"$S\" -q")
        func has(_ path: String) throws -> Bool {
            try tenant.shell("test -e \"$M/\(path)\"").status == 0
        }
        try Self.awaitListing(tenant, "$M", "ann bob")
        #expect(try has(".loci/layouts/2/db/ann/one.md") && has(".loci/layouts/1/ann/db/one.md"))
        #expect(try !has("db"))
        // Written in the layout apart, a memory is in the other one too.
        try tenant.must(
            """
            mkdir -p "$M/.loci/layouts/2/ui/eve"; echo 3 >"$M/.loci/layouts/2/ui/eve/three.md"
            loci stat "$M/.loci/layouts/2/ui/eve/three.md" >/dev/null
            for i in $(seq 50); do [ -e "$M/eve/ui/three.md" ] && break; sleep 0.1; done
            """
        )
        #expect(try tenant.must("cat \"$M/eve/ui/three.md\"").output == "3\n")
        try tenant.must("loci migrate cutover --store \"$S\" -q")
        try Self.awaitListing(tenant, "$M", "db ui")
        #expect(try has("ui/eve/three.md") && !has("eve") && has(".loci/layouts/1/eve/ui/three.md"))
        try tenant.must("loci migrate revert --store \"$S\" -q")
        try Self.awaitListing(tenant, "$M", "ann bob eve")
        try tenant.must(
            """
            loci migrate cutover --store "$S" -q; loci migrate retire --yes --force --store "$S" -q
            """
        )
        try Self.awaitListing(tenant, "$M", "db ui")
        #expect(try !has(".loci/layouts/1/ann"))
        #expect(try tenant.must("find \"$M\" -name '*.md' | wc -l").output.trimmed == "3")
        #expect(
            try tenant.must("loci layout translate --from 1 eve/ui/three.md --store \"$S\"")
                .output.trimmed == "ui/eve/three.md"
        )
        // The next one stands beside it again.
        try tenant.must("loci migrate start 'by={user}' --store \"$S\" -q; sleep 0.2")
        #expect(try has("by=eve/three.md") && has("ui/eve/three.md"))
        #expect(try tenant.check() == nil)
    }
}

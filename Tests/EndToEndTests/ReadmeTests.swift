import Linux
import Testing

/// The README's commands, run as they stand.
@Suite("The README")
struct ReadmeTests {
    private static let path =
        #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        + "/README.md"

    /// The fenced blocks of one language, in order.
    private static func blocks(_ language: String) throws -> [String] {
        let text = String(decoding: try File.open(path).readAll(limit: 1 << 20), as: UTF8.self)
        var blocks: [String] = []
        var current: [Substring]?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if let lines = current {
                if line == "```" {
                    blocks.append(lines.joined(separator: "\n"))
                    current = nil
                } else {
                    current = lines + [line]
                }
            } else if line == "```" + language {
                current = []
            }
        }
        return blocks
    }

    @Test("every command in it works, in the order in which it stands there")
    func commands() throws {
        let home = try MountedStore(mounted: false)
        try home.must(
            """
            rm -rf "$S"
            mkdir -p ~/notes/bob/auth
            echo 'rotate the keys' >~/notes/bob/auth/oauth.md
            touch -d 2026-02-03T00:00:00Z ~/notes/bob/auth/oauth.md
            """
        )
        let blocks = try Self.blocks("sh")
        #expect(blocks.count == 8)
        let mapper = try #require(try Self.blocks("python").first)
        defer { _ = try? home.shell("loci umount ~/mnt") }
        try home.must(blocks[0])
        let paths = try home.must(
            "cat ~/mnt/user=bob/topic=auth/oauth.md ~/mnt/topic=auth/user=bob/year=2026/oauth.md; ls ~/mnt"
        )
        #expect(paths.lines == ["rotate the keys", "rotate the keys", "topic=auth"])
        try home.must(blocks[1])
        let found = try home.must(blocks[2])
        #expect(found.lines.contains { $0.hasSuffix("/oauth.md:1:rotate the keys") })
        #expect(found.lines.contains("01-oauth.md"))
        try home.must("cat >~/kinds.py <<'END'\n\(mapper)\nEND")
        let mapped = try home.must(blocks[3])
        #expect(mapped.output.contains("no kind in its name"))
        let yesterday = try home.must(blocks[4])
        #expect(yesterday.output.contains("Would bring back 1 from the trash"))
        #expect(yesterday.lines.filter { $0 == "rotate the keys" }.count == 2)
        let back = try home.must("loci cat user=bob/topic=auth/oauth.md --store ~/memory")
        #expect(back.output == "rotate the keys\n")
        let audited = try home.must(blocks[5])
        #expect(audited.output.contains("Purged 1 memory, removed 1 content."))
        #expect(try home.shell("grep -rai mistake ~/memory").output == "")
        try home.must(blocks[6])
        #expect(try home.must("loci ls -R --store ~/again").output.contains("oauth.md"))
        #expect(try home.must(blocks[7]).lines.first == "main: 0 repairs, clean")
    }

    @Test("the two commands that it begins with are there and can be run")
    func tools() throws {
        let root = Self.path.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        for tool in ["Tools/demo", "Tools/check"] {
            #expect(try File.status(of: root + "/" + tool).permissions & 0o111 == 0o111)
        }
    }
}

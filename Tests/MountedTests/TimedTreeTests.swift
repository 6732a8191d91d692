import Glibc
import Linux
import Testing

@testable import Loci
@testable import Mount

@Suite(.serialized, .timeLimit(.minutes(20)))
struct TimedTreeTests {
    @Test("a memory that is there before the mount is listed and reads its bytes")
    func listsAndReads() async throws {
        let mounted = try MountedTenant()
        try await mounted.add("user=bob/topic=auth/oauth.md", "tokens")
        #expect(try mounted.list() == ["user=bob"])
        #expect(try mounted.list("user=bob/topic=auth") == ["oauth.md"])
        #expect(try mounted.read("user=bob/topic=auth/oauth.md") == "tokens")
    }

    @Test("a memory added by a command appears within 50 ms, also where it was missed before")
    func appears() async throws {
        let mounted = try MountedTenant()
        try await mounted.add("user=bob/topic=auth/a.md", "1")
        #expect(try mounted.list("user=bob/topic=auth") == ["a.md"])
        #expect(!mounted.exists("user=bob/topic=auth/b.md"))
        #expect(!mounted.exists("user=eve/topic=x/c.md"))
        try await mounted.add("user=bob/topic=auth/b.md", "2")
        try await mounted.add("user=eve/topic=x/c.md", "3")
        let time = try mounted.eventually {
            try mounted.exists("user=bob/topic=auth/b.md")
                && mounted.exists("user=eve/topic=x/c.md")
                && mounted.list("user=bob/topic=auth") == ["a.md", "b.md"]
                && mounted.list() == ["user=bob", "user=eve"]
        }
        #expect(try #require(time) < .milliseconds(50))
    }
}

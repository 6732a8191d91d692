import Linux
import Loci
import Migration
import TestSupport
import Testing

/// The README's use of the library, compiled and run.
@Suite("The README's library")
struct ReadmeTests {
    @Test("its example runs, and does what it says")
    func example() async throws {
        let scratch = try Scratch()
        let path = scratch.path + "/memory"
        // The lines between the marks are the README's, but for the store's path.
        // BEGIN
        let me = Origin(actor: "bob", uid: 1000)
        let store = try Store.create(at: path, scheme: Scheme("user={user}"), origin: me)
        let tenant = try store.tenant(.main)
        let text = Array("# Tokens\n".utf8)
        let about = ["user": "bob", "topic": "auth"]
        let note = try await tenant.append(
            text,
            name: Name("oauth.md"),
            attributes: about,
            origin: me
        )
        let report = try await tenant.migrate(to: Scheme("topic={topic}/user={user}"))
        print(report.moved, try tenant.memory(note.id).path?.description ?? "in the trash")
        // END
        #expect(report.moved == 1)
        #expect(try tenant.memory(note.id).path?.description == "topic=auth/user=bob/oauth.md")
    }

    @Test("its example is the one that the README shows")
    func text() throws {
        // Without white space: the formatter breaks lines at another column here.
        func squeezed(_ path: String) throws -> String {
            String(decoding: try File.open(path).readAll(limit: 1 << 20), as: UTF8.self)
                .filter { !$0.isWhitespace }
        }
        let here = try squeezed(#filePath)
        let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        let readme = try squeezed(root + "/README.md")
            .replacing("at:\"/tmp/memory\"", with: "at:path")
        let begin = try #require(here.firstRange(of: "//BEGIN"))
        let end = try #require(here.firstRange(of: "//END"))
        #expect(readme.contains(here[begin.upperBound..<end.lowerBound]))
    }
}

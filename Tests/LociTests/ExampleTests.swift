import Linux
import Testing

@testable import Loci

@Suite("The example of the documentation")
struct ExampleTests {
    /// The example itself, between the comments; `isTheDocumented` compares it with the page.
    private func example(_ path: String) async throws -> (RevisionNumber, String) {
        // begin
        let origin = Origin(actor: "me", uid: 0)
        let store = try Store.create(at: path, scheme: try Scheme("user={user}"), origin: origin)
        let tenant = try store.tenant(.main)
        let tea = try await tenant.append(
            Array("Earl Grey\n".utf8),
            at: try NamePath("user=bob/tea.md"),
            origin: origin
        )
        _ = try await tenant.edit(tea.id, content: Array("Assam\n".utf8), origin: origin)
        _ = try await tenant.set(tea.id, attributes: ["user": "eve"], origin: origin)
        let found = try tenant.memory(at: try NamePath("user=eve/tea.md"))
        let first = try await tenant.content(of: found.id, revision: RevisionNumber(1))
        // end
        return (found.revision, String(decoding: first, as: UTF8.self))
    }

    @Test("runs, and gives the second revision and the content of the first")
    func runs() async throws {
        let path = "/tmp/loci-example-\(try Store.randomName(8))"
        defer { try? StoreFiles.removeTree(path) }
        let result = try await example(path)
        #expect(result.0 == RevisionNumber(2))
        #expect(result.1 == "Earl Grey\n")
    }

    @Test("is the one that this test runs")
    func isTheDocumented() throws {
        func lines(_ path: String, _ begin: String, _ end: String) throws -> [String] {
            let text = String(
                decoding: try File.open(path).readAll(limit: 1 << 20),
                as: UTF8.self
            )
            return text.split(separator: "\n").map { $0.drop { $0 == " " } }
                .drop { $0 != begin }.dropFirst().prefix { $0 != end }.map(String.init)
        }
        let root = StoreFiles.parent(of: StoreFiles.parent(of: StoreFiles.parent(of: #filePath)))
        let page = try lines(root + "/Sources/Loci/Loci.docc/Loci.md", "```swift", "```")
        let code = try lines(#filePath, "// begin", "// end")
        // The formatter may break lines otherwise than the page does.
        func text(_ lines: [String]) -> String { lines.joined().filter { $0 != " " } }
        #expect(!code.isEmpty)
        #expect(text(code) == text(page.dropLast()))
    }
}
